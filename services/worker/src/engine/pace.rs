//! How long tasks of a type take, and so how many of them a worker wants in one message.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use kintsugi_nats::WIDTH_MAX;

/// What the tasks of one message may take together, one after the other. Whoever is behind them waits no
/// longer than that, and a worker that dies takes no more with it.
const MESSAGE: Duration = Duration::from_millis(10);

/// How much the last attempt counts in the average: one in sixteen.
const SHARE: u64 = 16;

/// Attempts before the average says anything.
const COUNT_MIN: u64 = 32;

/// The average time of an attempt.
#[derive(Default)]
pub(crate) struct Pace {
    count: AtomicU64,
    nanos: AtomicU64,
    is_told: AtomicBool,
}

impl Pace {
    /// An attempt took so long. Two at the same time may lose one of them, which is none of many.
    pub(crate) fn took(&self, time: Duration) {
        let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX / SHARE);
        let count = self.count.load(Ordering::Relaxed);
        let before = self.nanos.load(Ordering::Relaxed);
        let share = SHARE.min(count + 1);
        let after = before - before / share + time / share;
        self.nanos.store(after, Ordering::Relaxed);
        self.count.store(count.saturating_add(1), Ordering::Relaxed);
    }

    /// How many tasks are wanted in one message, no more than can be executed at the same time.
    pub(crate) fn width(&self, slots: usize) -> usize {
        if self.count.load(Ordering::Relaxed) < COUNT_MIN {
            return 1;
        }
        let one = self.nanos.load(Ordering::Relaxed).max(1);
        let fit = u64::try_from(MESSAGE.as_nanos()).unwrap_or(u64::MAX) / one;
        usize::try_from(fit).unwrap_or(usize::MAX).clamp(1, WIDTH_MAX.min(slots))
    }

    /// The same where the engine is to hear of it: that it is one is said only after it was more.
    pub(crate) fn wish(&self, slots: usize) -> Option<usize> {
        let width = self.width(slots);
        let was_told = self.is_told.swap(width > 1, Ordering::Relaxed);
        (width > 1 || was_told).then_some(width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(count: u64, time: Duration) -> Pace {
        let pace = Pace::default();
        (0..count).for_each(|_| pace.took(time));
        pace
    }

    #[test]
    fn quick_tasks_travel_together() {
        assert_eq!(after(31, Duration::from_micros(5)).width(100), 1);
        assert_eq!(after(32, Duration::from_micros(5)).width(100), WIDTH_MAX);
        assert_eq!(after(100, Duration::from_micros(5)).width(16), 16);
        assert_eq!(after(100, Duration::from_millis(2)).width(100), 5);
        assert_eq!(after(100, Duration::from_millis(20)).width(100), 1);
    }

    #[test]
    fn slow_ones_end_that_soon_and_it_is_said_once() {
        let pace = after(1_000, Duration::from_micros(5));
        assert_eq!(pace.wish(64), Some(64));
        (0..2).for_each(|_| pace.took(Duration::from_millis(100)));
        assert_eq!(pace.wish(64), Some(1));
        assert_eq!(pace.wish(64), None);
        assert_eq!(Pace::default().wish(64), None);
    }
}
