//! The wall clock, read in one place.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use kintsugi_core::Timestamp;

/// How many seconds the clock of this process is ahead of the machine's. A process has one clock, so this
/// is the one thing that its services share without being given it.
static AHEAD_SECONDS: AtomicI64 = AtomicI64::new(0);

/// Moves the clock of this process, as one that is set wrong; for `kintsugi chaos`.
pub fn move_clock(seconds: i64) {
    AHEAD_SECONDS.store(seconds, Ordering::Relaxed);
}

/// The time now. A clock before 1970 reads as 1970.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp(nanos() / 1_000_000)
}

fn nanos() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let ahead = AHEAD_SECONDS.load(Ordering::Relaxed).saturating_mul(1_000_000_000);
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX).saturating_add(ahead).max(0)
}

/// Gives out places in an order: nanoseconds since the Unix epoch, and within one process no two
/// the same and none below an earlier one.
#[derive(Debug, Default)]
pub struct Places(AtomicI64);

impl Places {
    /// The next place.
    pub fn next(&self) -> i64 {
        let now = nanos();
        let before = self.0.fetch_max(now, Ordering::SeqCst);
        if now > before { now } else { self.0.fetch_add(1, Ordering::SeqCst) + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_places_are_the_same() {
        let places = Places::default();
        let mut given: Vec<i64> = (0..1_000).map(|_| places.next()).collect();
        assert!(given.is_sorted());
        given.dedup();
        assert_eq!(given.len(), 1_000);
    }
}
