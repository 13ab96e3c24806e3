//! How many attempts may be such of tasks that failed before.
//!
//! When what tasks call is ill, retries come on top of what is called anyway, and keep it ill. So they may
//! be a part of all calls only. Finagle (`RetryBudget`: 20 %, and 10 a second) and gRPC (gRFC A6,
//! "Throttling Retry Attempts") do it so, by a bucket of tokens in each client.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// After how long a task comes again for which there was nothing in the budget, in milliseconds.
pub(crate) const PAUSE_MS: u64 = 2_000;

/// How many seconds of the floor are kept for later at most.
const KEPT_SECONDS: f64 = 2.0;

/// How many attempts may be such of tasks that failed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// Of a hundred attempts. Default: 10.
    pub percent: u32,
    /// And so many a second in any case. Default: 10.
    pub floor_per_second: u32,
}

impl Default for Retries {
    fn default() -> Self {
        Self { percent: 10, floor_per_second: 10 }
    }
}

/// What is left for retries of one thing.
#[derive(Debug)]
pub(crate) struct Budget {
    of: Retries,
    bucket: Mutex<(f64, Instant)>,
}

impl Budget {
    pub(crate) fn new(of: Retries) -> Self {
        Self { of, bucket: Mutex::new((Self::most(of), Instant::now())) }
    }

    fn most(of: Retries) -> f64 {
        f64::from(of.floor_per_second) * KEPT_SECONDS
    }

    /// Notes that an attempt is to be made; says whether it may be, which one that is no retry always may.
    pub(crate) fn takes(&self, is_retry: bool) -> bool {
        self.takes_at(is_retry, Instant::now())
    }

    fn takes_at(&self, is_retry: bool, now: Instant) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.saturating_duration_since(bucket.1).as_secs_f64();
        let grown = bucket.0 + passed * f64::from(self.of.floor_per_second);
        *bucket = (grown.min(Self::most(self.of)), now);
        if is_retry {
            if bucket.0 < 1.0 {
                return false;
            }
            bucket.0 -= 1.0;
        } else {
            bucket.0 = (bucket.0 + f64::from(self.of.percent) / 100.0).min(Self::most(self.of));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A second in which so many are tried, half of them retries until these are refused.
    fn second(budget: &Budget, now: Instant, fresh: u32, retries: u32) -> u32 {
        let mut taken = 0;
        for n in 0..100 {
            let at = now + Duration::from_millis(10) * n;
            for _ in 0..fresh / 100 {
                assert!(budget.takes_at(false, at), "what is no retry is never refused");
            }
            taken += (0..retries / 100).map(|_| u32::from(budget.takes_at(true, at))).sum::<u32>();
        }
        taken
    }

    #[test]
    fn retries_are_a_tenth_of_all_and_ten_a_second_at_least() {
        let (budget, now) = (Budget::new(Retries::default()), Instant::now());
        let at = |n: u64| now + Duration::from_secs(n);
        second(&budget, at(0), 1_000, 1_000);
        for n in 1..10 {
            let taken = second(&budget, at(n), 1_000, 1_000);
            assert!((105..=115).contains(&taken), "{taken}");
        }
        for n in 10..20 {
            let taken = second(&budget, at(n), 0, 1_000);
            assert!((9..=11).contains(&taken), "{taken}");
        }
    }

    #[test]
    fn nothing_is_saved_up_for_a_storm() {
        let (budget, now) = (Budget::new(Retries::default()), Instant::now());
        for _ in 0..100_000 {
            budget.takes_at(false, now);
        }
        let later = now + Duration::from_secs(3_600);
        let taken = (0..10_000).filter(|_| budget.takes_at(true, later)).count();
        assert_eq!(taken, 20);
    }
}
