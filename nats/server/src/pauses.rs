//! How long to wait before trying the broker again, for whoever starts it or connects to it.
//!
//! The owner's stack names the crate `backoff`, so it is used, here and nowhere else. It is no longer
//! maintained (RUSTSEC-2025-0012, and RUSTSEC-2024-0384 for its dependency `instant`): neither
//! is a vulnerability, and all that is used of it is an interval that grows with jitter. Retries of
//! tasks are not computed here: those are part of a run's history, see `kintsugi_core::RetryPolicy`.

use std::time::Duration;

use backoff::{ExponentialBackoff, backoff::Backoff};

/// The longest pause. Short, because a broker that is back should be noticed within a second or
/// two, and a connection attempt on one machine or network costs little.
const LONGEST: Duration = Duration::from_secs(2);

/// Pauses that grow from 50 ms to 2 s, give or take half.
pub struct Pauses(ExponentialBackoff);

impl Default for Pauses {
    fn default() -> Self {
        let initial_interval = Duration::from_millis(50);
        Self(ExponentialBackoff {
            current_interval: initial_interval,
            initial_interval,
            randomization_factor: 0.5,
            multiplier: 2.0,
            max_interval: LONGEST,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        })
    }
}

impl Pauses {
    /// The next pause.
    pub fn next_pause(&mut self) -> Duration {
        self.0.next_backoff().unwrap_or(LONGEST)
    }

    /// It worked: begin with the shortest again.
    pub fn reset(&mut self) {
        self.0.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_begin_anew() {
        let mut pauses = Pauses::default();
        assert!(pauses.next_pause() <= Duration::from_millis(80));
        let later: Vec<Duration> = (0..50).map(|_| pauses.next_pause()).collect();
        assert!(later.iter().all(|pause| *pause <= LONGEST * 3 / 2));
        assert!(later[20..].iter().any(|pause| *pause >= Duration::from_secs(1)));
        pauses.reset();
        assert!(pauses.next_pause() <= Duration::from_millis(80));
    }
}
