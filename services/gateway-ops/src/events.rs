//! Server-sent events. Each stream is fed by a task of its own, ends with its client or with the
//! gateway, and is read from the store: life events only say when to look.

use std::{sync::Arc, time::Duration};

use futures::Stream;
use kintsugi_core::RunId;
use kintsugi_entities::RunRow;
use kintsugi_nats::LifeEvent as Told;
use poem::web::sse::{Event, SSE};
use poem_openapi::types::ToJSON;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;

use crate::{app::App, problem::Problem, runs, types::LifeEvent};

/// Between signs of life of the stream itself, so that nothing in between closes it.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Who follows a run looks again after this time, whatever it was told.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// At least this long between two looks: a busy run is shown in steps.
const LOOK_PAUSE: Duration = Duration::from_millis(100);

/// History rows that are read at once.
const ROWS: u32 = 200;

/// Events that may wait for a slow client.
const WAITING_MAX: usize = 32;

/// After which `seq` a client wants to go on.
///
/// # Errors
///
/// 400 when the header is no number.
pub fn position(header: Option<&str>, query: Option<i64>) -> Result<i64, Problem> {
    let refused = || {
        let title = "`Last-Event-ID` must be the `seq` of an entry";
        Problem::bad_request("invalid_parameter", title)
    };
    let header = header.map(|text| text.parse::<i64>().map_err(|_| refused())).transpose()?;
    let after = header.or(query).unwrap_or(0);
    if after < 0 { Err(refused()) } else { Ok(after) }
}

/// Follows a run; `None` when it has ended and the client has all of it.
///
/// # Errors
///
/// 404, 503.
pub async fn run(app: &Arc<App>, id: RunId, after: i64) -> Result<Option<SSE>, Problem> {
    let row = runs::row(app, &id).await?;
    if row.status.is_terminal() && after >= row.version {
        return Ok(None);
    }
    let permit = permit(app)?;
    let (out, events) = mpsc::channel(WAITING_MAX);
    let feed = Feed { app: Arc::clone(app), id, after, status: None, out, _permit: permit };
    tokio::spawn(feed.run());
    Ok(Some(SSE::new(stream(events)).keep_alive(KEEP_ALIVE)))
}

/// Follows everything.
///
/// # Errors
///
/// 503 when too many do.
pub fn all(app: &Arc<App>) -> Result<SSE, Problem> {
    let permit = permit(app)?;
    let mut follow = app.life.follow();
    let shutdown = app.shutdown.clone();
    let (out, events) = mpsc::channel(WAITING_MAX);
    tokio::spawn(async move {
        let _permit = permit;
        loop {
            let next = tokio::select! {
                next = follow.next() => next,
                () = out.closed() => return,
                () = shutdown.cancelled() => return,
            };
            let event = match next {
                Some(Ok(told)) => life(&told),
                Some(Err(missed)) => named("lagged", &json!({ "missed": missed }).to_string()),
                None => return,
            };
            if out.send(event).await.is_err() {
                return;
            }
        }
    });
    Ok(SSE::new(stream(events)).keep_alive(KEEP_ALIVE))
}

fn permit(app: &App) -> Result<OwnedSemaphorePermit, Problem> {
    Arc::clone(&app.streams).try_acquire_owned().map_err(|_| {
        Problem::unavailable("too_many_streams", "too many event streams are open already")
    })
}

fn stream(events: mpsc::Receiver<Event>) -> impl Stream<Item = Event> {
    futures::stream::unfold(events, |mut events| async {
        events.recv().await.map(|event| (event, events))
    })
}

fn named(name: &str, data: &str) -> Event {
    Event::message(data).event_type(name)
}

fn life(told: &Told) -> Event {
    let event = LifeEvent {
        specversion: told.specversion.clone(),
        id: told.id.clone(),
        source: told.source.clone(),
        kind: told.kind.clone(),
        time: told.time.clone(),
        subject: Some(told.subject.clone()),
        data: Some(told.data.clone()),
    };
    named("life", &event.to_json_string())
}

/// The client is gone.
struct Gone;

struct Feed {
    app: Arc<App>,
    id: RunId,
    after: i64,
    status: Option<kintsugi_core::Status>,
    out: mpsc::Sender<Event>,
    _permit: OwnedSemaphorePermit,
}

impl Feed {
    async fn run(mut self) {
        let app = Arc::clone(&self.app);
        let watch = app.life.watch(&self.id).await;
        loop {
            let (next, looked) = (watch.next(), Instant::now());
            match self.look().await {
                Ok(true) | Err(Gone) => return,
                Ok(false) => {}
            }
            tokio::select! {
                () = next => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
                () = self.out.closed() => return,
                () = app.shutdown.cancelled() => return,
            }
            tokio::time::sleep_until(looked + LOOK_PAUSE).await;
        }
    }

    /// Sends what is new; whether that was all there will be. An outage of the store is waited out.
    async fn look(&mut self) -> Result<bool, Gone> {
        let Ok(Some(row)) = self.app.store.run_get(&self.id).await else { return Ok(false) };
        while self.after < row.version {
            if !self.page().await? {
                return Ok(false);
            }
        }
        self.tell_status(&row).await?;
        let ended = row.status.is_terminal();
        if ended {
            self.send(named("end", &status(&row))).await?;
        }
        Ok(ended)
    }

    /// Sends the next page of history; whether there was one.
    async fn page(&mut self) -> Result<bool, Gone> {
        let rows = self.app.store.history(&self.id, self.after, ROWS).await.unwrap_or_default();
        for row in &rows {
            let Ok(entry) = runs::entry(row) else { return Err(Gone) };
            let event = named("entry", &entry.to_json_string()).id(row.seq.to_string());
            self.send(event).await?;
            self.after = row.seq;
        }
        Ok(!rows.is_empty())
    }

    async fn tell_status(&mut self, row: &RunRow) -> Result<(), Gone> {
        if self.status.replace(row.status) == Some(row.status) {
            return Ok(());
        }
        self.send(named("status", &status(row))).await
    }

    async fn send(&self, event: Event) -> Result<(), Gone> {
        self.out.send(event).await.map_err(|_| Gone)
    }
}

fn status(row: &RunRow) -> String {
    json!({ "id": row.id.as_str(), "status": row.status.as_str() }).to_string()
}
