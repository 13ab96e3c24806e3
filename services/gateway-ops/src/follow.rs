//! Everything that happens, for those who follow it: one reader of the lifecycle stream serves all
//! of them, open only while somebody does.

use std::{sync::Arc, time::Duration};

use kintsugi_nats::{Bus, LifeEvent as Told, LifeFrom};
use kintsugi_runtime::Shutdown;
use poem_openapi::types::ToJSON;
use tokio::sync::{broadcast, watch};
use tracing::debug;

use crate::{
    problem::Problem,
    types::LifeEvent,
    watches::{Demand, PAUSE, Wanted},
};

/// What is followed.
const ALL: &str = "kintsugi.life.>";

/// Events that a slow follower may be behind; then it is told that it missed some.
const BEHIND_MAX: usize = 4_096;

/// How long a follower waits for the reader.
const OPENING_MAX: Duration = Duration::from_secs(5);

/// Events that are read at once.
pub(crate) const BATCH: usize = 256;

/// A place in the stream: which stream, since positions count anew in one that was made anew, and
/// the position. Clients get it as `<digits>-<position>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    stream: Arc<str>,
    /// The position.
    pub(crate) seq: u64,
}

/// What a follower sees.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    /// An event, as JSON.
    Event(Place, Arc<str>),
    /// The stream was made anew, or the reader began anew: what was in between nobody knows.
    Gap,
}

/// The door to the reader.
pub(crate) struct Follows {
    events: broadcast::Sender<Seen>,
    demand: Arc<Demand>,
    live: watch::Sender<bool>,
}

/// Follows everything from now on.
pub(crate) struct Follow {
    events: broadcast::Receiver<Seen>,
    _wanted: Wanted,
}

impl Place {
    fn new(created: &str, seq: u64) -> Self {
        let digits: String = created.chars().filter(char::is_ascii_digit).collect();
        Self { stream: digits.into(), seq }
    }

    /// As clients give it back.
    ///
    /// # Errors
    ///
    /// 400 when it is none.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let parsed = text.split_once('-').and_then(|(stream, seq)| {
            let is_stream = !stream.is_empty() && stream.bytes().all(|byte| byte.is_ascii_digit());
            is_stream
                .then_some(())
                .and(Some(Self { stream: stream.into(), seq: seq.parse().ok()? }))
        });
        parsed.ok_or_else(|| {
            let title = "`Last-Event-ID` must be the id of an event of this stream";
            Problem::bad_request("invalid_parameter", title)
        })
    }

    /// Whether an event at `self` comes after one at `other`; in another stream it does.
    pub(crate) fn is_after(&self, other: &Self) -> bool {
        self.stream != other.stream || self.seq > other.seq
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.stream, self.seq)
    }
}

impl Follows {
    /// Starts what reads, until `shutdown`.
    pub(crate) fn spawn(bus: Bus, shutdown: Shutdown) -> Arc<Self> {
        let (events, live) = (broadcast::channel(BEHIND_MAX).0, watch::channel(false).0);
        let follows = Arc::new(Self { events, demand: Demand::new(), live });
        let work = read(bus, Arc::clone(&follows));
        tokio::spawn(async move { shutdown.run_until_cancelled(work).await });
        follows
    }

    /// Follows everything; none when the reader cannot be opened now.
    pub(crate) async fn follow(&self) -> Option<Follow> {
        let follow =
            Follow { events: self.events.subscribe(), _wanted: Demand::more(&self.demand) };
        let mut live = self.live.subscribe();
        let open = tokio::time::timeout(OPENING_MAX, live.wait_for(|live| *live)).await;
        open.is_ok().then_some(follow)
    }
}

impl Follow {
    /// What comes next; how many were missed when it was too slow; `None` when the gateway stops.
    pub(crate) async fn next(&mut self) -> Option<Result<Seen, u64>> {
        match self.events.recv().await {
            Ok(seen) => Some(Ok(seen)),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(Err(missed)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }

    /// The same, if there is something already.
    pub(crate) fn try_next(&mut self) -> Option<Result<Seen, u64>> {
        match self.events.try_recv() {
            Ok(seen) => Some(Ok(seen)),
            Err(broadcast::error::TryRecvError::Lagged(missed)) => Some(Err(missed)),
            Err(_) => None,
        }
    }
}

async fn read(bus: Bus, follows: Arc<Follows>) {
    loop {
        follows.demand.some().await;
        match bus.life(ALL, LifeFrom::New).await {
            Ok(mut reader) => {
                follows.live.send_replace(true);
                let created = reader.stream_created().to_owned();
                let forward = async {
                    while let Some(batch) = reader.next(BATCH).await {
                        for (seq, event) in batch {
                            // Nobody follows: then there is nobody to tell.
                            let _nobody = follows.events.send(seen(&created, seq, &event));
                        }
                    }
                    let _nobody = follows.events.send(Seen::Gap);
                };
                tokio::select! {
                    () = forward => {}
                    () = follows.demand.none() => {}
                }
                follows.live.send_replace(false);
            }
            Err(error) => {
                debug!(error = &error as &dyn std::error::Error, "lifecycle events not read");
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn seen(created: &str, seq: u64, event: &Told) -> Seen {
    Seen::Event(Place::new(created, seq), json(event).into())
}

fn json(told: &Told) -> String {
    let event = LifeEvent {
        specversion: told.specversion.clone().into_owned(),
        id: told.id.clone(),
        source: told.source.clone(),
        kind: told.kind.clone(),
        time: told.time.clone(),
        subject: Some(told.subject.clone()),
        data: Some(told.data.clone()),
        traceparent: told.traceparent.clone(),
        sequence: told.sequence.clone(),
        attempt: told.attempt,
        tasknumber: told.tasknumber,
    };
    event.to_json_string()
}

/// What came after `place`, up to where the stream ended when this was asked; none when that
/// cannot be told: another stream, too long ago, or too much.
pub(crate) async fn since(bus: &Bus, place: &Place, max: usize) -> Option<Vec<Seen>> {
    let mut reader = bus.life(ALL, LifeFrom::Sequence(place.seq + 1)).await.ok()?;
    let created = reader.stream_created().to_owned();
    let (first, last) = reader.kept();
    let is_same = Place::new(&created, 0).stream == place.stream;
    if !is_same || place.seq + 1 < first || last.saturating_sub(place.seq) > max as u64 {
        return None;
    }
    let (mut found, mut at) = (Vec::new(), place.seq);
    while at < last {
        let batch = tokio::time::timeout(OPENING_MAX, reader.next(BATCH)).await.ok()??;
        for (seq, event) in batch {
            at = seq;
            found.push(seen(&created, seq, &event));
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written_and_nothing_else_is() {
        let place = Place::new("2026-11-25T15:11:14.5Z", 7);
        assert_eq!(place.to_string(), "202611251511145-7");
        assert_eq!(Place::parse(&place.to_string()).unwrap(), place);
        for bad in ["", "7", "-7", "a-7", "1-", "1-x", "1-2-3", "1--2"] {
            assert_eq!(Place::parse(bad).unwrap_err().status, 400, "{bad}");
        }
    }

    #[test]
    fn in_another_stream_everything_is_new() {
        let place = |stream: &str, seq| Place { stream: stream.into(), seq };
        assert!(place("1", 3).is_after(&place("1", 2)) && !place("1", 2).is_after(&place("1", 2)));
        assert!(place("2", 1).is_after(&place("1", 9)));
    }
}
