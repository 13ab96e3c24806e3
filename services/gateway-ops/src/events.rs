//! Server-sent events. Each stream is fed by a task of its own, ends with its client or with the
//! gateway, and never holds anybody else up: a client that reads slowly is told what it missed, and
//! one that does not read at all is let go.

use std::{sync::Arc, time::Duration};

use futures::Stream;
use kintsugi_core::RunId;
use kintsugi_entities::RunRow;
use poem::web::sse::{Event, SSE};
use poem_openapi::types::ToJSON;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;

use crate::{
    app::App,
    follow::{BATCH, Follow, Place, Seen, since},
    problem::Problem,
    runs,
};

/// Who follows a run looks again after this time, whatever it was told.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// At least this long between two looks: a busy run is shown in steps.
const LOOK_PAUSE: Duration = Duration::from_millis(100);

/// At least this long between two batches of everything: at most 5,120 events a second go to one
/// client, and who cannot follow that is told that it missed some.
const BATCH_PAUSE: Duration = Duration::from_millis(50);

/// History rows that are read at once.
const ROWS: u32 = 200;

/// Events that may wait for a slow client.
const WAITING_MAX: usize = 32;

/// A client that takes nothing for so long is let go.
const STUCK_MAX: Duration = Duration::from_secs(30);

/// Events that a client may have missed and still gets; beyond, it reads the lists anew.
const CATCH_UP_MAX: usize = 10_000;

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
    let (out, events) = channel();
    let feed = Feed { app: Arc::clone(app), id, after, status: None, out, _permit: permit };
    tokio::spawn(feed.run());
    Ok(Some(sse(app, events)))
}

/// Follows everything; from the event on whose id is `last`, where there is one.
///
/// # Errors
///
/// 400 when `last` is no id of an event, 503 when too many follow or the broker does not answer.
pub async fn all(app: &Arc<App>, last: Option<&str>) -> Result<SSE, Problem> {
    let last = last.map(Place::parse).transpose()?;
    let permit = permit(app)?;
    let follow = app.follows.follow().await;
    let follow = follow.ok_or_else(|| {
        Problem::unavailable("bus_unavailable", "the message broker does not answer")
    })?;
    let (out, events) = channel();
    let feed = AllFeed { app: Arc::clone(app), follow, last, out, _permit: permit };
    tokio::spawn(feed.run());
    Ok(sse(app, events))
}

fn channel() -> (Out, mpsc::Receiver<Event>) {
    let (out, events) = mpsc::channel(WAITING_MAX);
    (Out(out), events)
}

fn sse(app: &App, events: mpsc::Receiver<Event>) -> SSE {
    SSE::new(stream(events)).keep_alive(app.config.streams_keep_alive)
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

/// The client is gone, or takes nothing.
struct Gone;

/// The way to the client.
struct Out(mpsc::Sender<Event>);

impl Out {
    async fn send(&self, event: Event) -> Result<(), Gone> {
        self.0.send_timeout(event, STUCK_MAX).await.map_err(|_| Gone)
    }
}

struct AllFeed {
    app: Arc<App>,
    follow: Follow,
    /// Of the last event that the client has.
    last: Option<Place>,
    out: Out,
    _permit: OwnedSemaphorePermit,
}

impl AllFeed {
    async fn run(mut self) {
        // The client is gone, or the gateway stops: either way that is all.
        let _end = self.feed().await;
    }

    async fn feed(&mut self) -> Result<(), Gone> {
        let shutdown = self.app.shutdown.clone();
        if let Some(last) = self.last.clone() {
            match since(&self.app.bus, &last, CATCH_UP_MAX).await {
                Some(missed) => {
                    for seen in missed {
                        self.tell(Ok(seen)).await?;
                    }
                }
                None => self.tell(Ok(Seen::Gap)).await?,
            }
        }
        loop {
            let next = tokio::select! {
                next = self.follow.next() => next,
                () = self.out.0.closed() => return Err(Gone),
                () = shutdown.cancelled() => return Ok(()),
            };
            let mut next = Some(next.ok_or(Gone)?);
            let begin = Instant::now();
            for _ in 0..BATCH {
                let Some(seen) = next.take() else { break };
                self.tell(seen).await?;
                next = self.follow.try_next();
            }
            if let Some(seen) = next {
                self.tell(seen).await?;
            }
            tokio::time::sleep_until(begin + BATCH_PAUSE).await;
        }
    }

    async fn tell(&mut self, seen: Result<Seen, u64>) -> Result<(), Gone> {
        let lagged =
            |missed: Option<u64>| named("lagged", &json!({ "missed": missed }).to_string());
        let event = match seen {
            Ok(Seen::Event(place, text)) => {
                if self.last.as_ref().is_some_and(|last| !place.is_after(last)) {
                    return Ok(());
                }
                let event = named("life", &text).id(place.to_string());
                self.last = Some(place);
                event
            }
            Ok(Seen::Gap) => {
                self.last = None;
                lagged(None)
            }
            Err(missed) => lagged(Some(missed)),
        };
        self.out.send(event).await
    }
}

struct Feed {
    app: Arc<App>,
    id: RunId,
    after: i64,
    status: Option<kintsugi_core::Status>,
    out: Out,
    _permit: OwnedSemaphorePermit,
}

impl Feed {
    async fn run(mut self) {
        let app = Arc::clone(&self.app);
        let changes = app.changes.watch(&self.id).await;
        let end = app.ends.watch(&self.id).await;
        loop {
            let (next, ended, looked) = (changes.next(), end.next(), Instant::now());
            match self.look().await {
                Ok(true) | Err(Gone) => return,
                Ok(false) => {}
            }
            tokio::select! {
                () = next => {}
                () = ended => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
                () = self.out.0.closed() => return,
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
            self.out.send(named("end", &status(&row))).await?;
        }
        Ok(ended)
    }

    /// Sends the next page of history; whether there was one.
    async fn page(&mut self) -> Result<bool, Gone> {
        let rows = self.app.store.history(&self.id, self.after, ROWS).await.unwrap_or_default();
        for row in &rows {
            let Ok(entry) = runs::entry(row) else { return Err(Gone) };
            let event = named("entry", &entry.to_json_string()).id(row.seq.to_string());
            self.out.send(event).await?;
            self.after = row.seq;
        }
        Ok(!rows.is_empty())
    }

    async fn tell_status(&mut self, row: &RunRow) -> Result<(), Gone> {
        if self.status.replace(row.status) == Some(row.status) {
            return Ok(());
        }
        self.out.send(named("status", &status(row))).await
    }
}

fn status(row: &RunRow) -> String {
    json!({ "id": row.id.as_str(), "status": row.status.as_str() }).to_string()
}
