//! Proof of progress: what each part of a service is at, and since when.
//!
//! A process that answers may still not move: a batch that waits for ever, a loop that hangs. So a part
//! says when it begins a round of work and when it is done, which costs nothing where nothing is to
//! do. One that is at the same round for too long stands still: its service says so in its signs of
//! life and is not ready, others take over what they can, and at last it is started again.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kintsugi_core::Timestamp;
use tokio::time::Instant;

use crate::now;

/// A round of work that has to be done soon, a batch or a scan, stands still when it takes longer. Longer
/// than any that only waits for a database or a broker that is gone, which have limits of their own.
const ROUND_MAX: Duration = Duration::from_secs(10);

/// The same for a round that may have much to do.
const LONG_ROUND_MAX: Duration = Duration::from_secs(120);

/// A part that stands still for so many times the limit of its round is started again, with its service.
const RESTART_AFTER: u32 = 3;

type Name = (&'static str, &'static str);

/// What the parts of this process are at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    next: u64,
    rounds: BTreeMap<(Name, u64), Began>,
}

/// When a round began, on both clocks, and how long it may take.
#[derive(Clone, Copy, Debug)]
struct Began {
    at: Instant,
    since: Timestamp,
    limit: Duration,
}

/// A part that does not move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stalled {
    /// Its name.
    pub part: &'static str,
    /// For how long it has not moved.
    pub still: Duration,
    /// When it began what it is at.
    pub since: Timestamp,
    /// Only a new start may help.
    pub is_hopeless: bool,
}

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {} s", self.part, self.still.as_secs())
    }
}

/// A round of work of a part; over when this is dropped.
#[derive(Debug)]
#[must_use = "a round is over when this is dropped"]
pub struct Round {
    progress: Progress,
    key: (Name, u64),
}

impl Drop for Round {
    fn drop(&mut self) {
        self.progress.known().rounds.remove(&self.key);
    }
}

impl Progress {
    pub(crate) fn begin(&self, service: &'static str, part: &'static str) -> Round {
        self.round((service, part), ROUND_MAX)
    }

    pub(crate) fn begin_long(&self, service: &'static str, part: &'static str) -> Round {
        self.round((service, part), LONG_ROUND_MAX)
    }

    fn round(&self, name: Name, limit: Duration) -> Round {
        let mut known = self.known();
        known.next += 1;
        let key = (name, known.next);
        known.rounds.insert(key, Began { at: Instant::now(), since: now(), limit });
        drop(known);
        Round { progress: self.clone(), key }
    }

    /// The part of a service that stands still for the longest time.
    pub(crate) fn stalled(&self, service: &str, now: Instant) -> Option<Stalled> {
        let known = self.known();
        let own = known.rounds.iter().filter(|(((of, _), _), _)| *of == service);
        let stalled = own.filter_map(|(((_, part), _), began)| {
            let Began { at, since, limit } = *began;
            let still = now.duration_since(at);
            let is_hopeless = still >= limit * RESTART_AFTER;
            (still >= limit).then_some(Stalled { part, still, since, is_hopeless })
        });
        stalled.max_by_key(|stalled| stalled.still)
    }

    /// Whether any part of this process is at the same round for that long.
    pub(crate) fn is_slow(&self, than: Duration, now: Instant) -> bool {
        self.known().rounds.values().any(|began| now.duration_since(began.at) >= than)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_round_that_does_not_end_is_noticed_and_one_that_ends_is_not() {
        let progress = Progress::default();
        let slow = progress.begin("a", "lane");
        let _long = progress.begin_long("a", "audit");
        drop(progress.begin("a", "other"));
        tokio::time::sleep(ROUND_MAX).await;
        let _fresh = progress.begin("a", "other");
        let stalled = progress.stalled("a", Instant::now()).unwrap();
        assert_eq!((stalled.part, stalled.still, stalled.is_hopeless), ("lane", ROUND_MAX, false));
        assert_eq!(stalled.to_string(), "lane for 10 s");
        assert_eq!(progress.stalled("b", Instant::now()), None);
        tokio::time::sleep(ROUND_MAX * 2 - Duration::from_millis(1)).await;
        assert!(!progress.stalled("a", Instant::now()).unwrap().is_hopeless);
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(progress.stalled("a", Instant::now()).unwrap().is_hopeless);
        drop(slow);
        assert_eq!(progress.stalled("a", Instant::now()).map(|it| it.part), Some("other"));
    }
}
