//! When the next attempt is due.

use serde::{Deserialize, Serialize};

/// How the delay grows from one attempt to the next.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backoff {
    /// Always `initial_interval`.
    Constant,
    /// `initial_interval * n` before retry `n`.
    Linear,
    /// `initial_interval * coefficient^(n - 1)` before retry `n`.
    Exponential {
        /// At least 1. Temporal's default, and ours, is 2.
        coefficient: f64,
    },
}

/// When to try again, and how often. Names are Temporal's, so that its users need not learn ours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Milliseconds before the first retry.
    pub initial_interval_ms: u64,
    /// How the delay grows.
    pub backoff: Backoff,
    /// No delay is longer than this, jitter included.
    pub maximum_interval_ms: u64,
    /// How many attempts there may be, the first included. At least 1.
    pub maximum_attempts: u32,
    /// Milliseconds from the first dispatch after which no retry begins; none: no such limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_ms: Option<u64>,
    /// Up to this part of the delay is added at random, 0 to 1. Spreads retries of many tasks.
    #[serde(default)]
    pub jitter: f64,
    /// Or: uniformly between these two bounds in milliseconds (Open Workflow `jitter: {from, to}`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter_ms: Option<(u64, u64)>,
}

impl Default for RetryPolicy {
    /// 1 s doubling to 100 s as in Temporal, but five attempts in place of no limit: what never
    /// ends never reaches a person.
    fn default() -> Self {
        Self {
            initial_interval_ms: 1_000,
            backoff: Backoff::Exponential { coefficient: 2.0 },
            maximum_interval_ms: 100_000,
            maximum_attempts: 5,
            total_ms: None,
            jitter: 0.1,
            jitter_ms: None,
        }
    }
}

impl RetryPolicy {
    /// One attempt, no retry.
    #[must_use]
    pub fn none() -> Self {
        Self { maximum_attempts: 1, jitter: 0.0, ..Self::default() }
    }

    /// Milliseconds to wait before retry number `retry` (from 1). `seed` stands in for chance: the
    /// same seed gives the same jitter, so that a replay decides the same.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "delays are far below 2^52 ms; the result is clamped to the maximum"
    )]
    pub fn delay_ms(&self, retry: u32, seed: u64) -> u64 {
        let base = self.initial_interval_ms as f64;
        let retry = retry.max(1);
        let grown = match self.backoff {
            Backoff::Constant => base,
            Backoff::Linear => base * f64::from(retry),
            Backoff::Exponential { coefficient } => {
                base * coefficient.powi(i32::try_from(retry - 1).unwrap_or(i32::MAX))
            }
        };
        let chance = (scramble(seed ^ u64::from(retry)) >> 11) as f64 / (1_u64 << 53) as f64;
        let jitter = match self.jitter_ms {
            Some((from, to)) => from as f64 + (to.saturating_sub(from)) as f64 * chance,
            None => grown * self.jitter * chance,
        };
        (grown + jitter).min(self.maximum_interval_ms as f64).max(0.0) as u64
    }
}

/// Mixes a seed into 64 well-spread bits (`SplitMix64`'s finalizer, Steele et al. 2014).
#[must_use]
pub fn scramble(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_three_backoffs_grow_as_named() {
        let policy = |backoff| RetryPolicy {
            initial_interval_ms: 100,
            maximum_interval_ms: 350,
            jitter: 0.0,
            backoff,
            ..RetryPolicy::default()
        };
        let delays = |backoff| (1..=4).map(|n| policy(backoff).delay_ms(n, 7)).collect::<Vec<_>>();
        assert_eq!(delays(Backoff::Constant), [100, 100, 100, 100]);
        assert_eq!(delays(Backoff::Linear), [100, 200, 300, 350]);
        assert_eq!(delays(Backoff::Exponential { coefficient: 2.0 }), [100, 200, 350, 350]);
    }

    proptest! {
        #[test]
        fn a_delay_never_exceeds_its_cap(retry in 0..2_000_u32, seed: u64, jitter in 0.0..1.0) {
            let policy = RetryPolicy { jitter, ..RetryPolicy::default() };
            prop_assert!(policy.delay_ms(retry, seed) <= policy.maximum_interval_ms);
        }
    }
}
