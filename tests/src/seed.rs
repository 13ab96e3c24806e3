//! Chance that can be had again: every choice of a test follows from one printed number.

use std::time::{Duration, SystemTime};

/// A source of choices (`SplitMix64`, Steele et al. 2014).
#[derive(Clone, Debug)]
pub struct Chance {
    seed: u64,
    state: u64,
}

impl Chance {
    /// From `KINTSUGI_SEED`, or from the clock; prints which.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "tests are told by the environment what to repeat"
    )]
    pub fn new(test: &str) -> Self {
        let given = std::env::var("KINTSUGI_SEED").ok();
        let given = given.map(|text| text.parse().expect("KINTSUGI_SEED is a number"));
        let seed = given.unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            u64::from(now.unwrap_or_default().subsec_nanos())
        });
        println!("{test}: KINTSUGI_SEED={seed} repeats its choices");
        Self { seed, state: seed }
    }

    /// Another source that follows from the same seed, for work that runs beside.
    #[must_use]
    pub fn beside(&self, stream: u64) -> Self {
        Self { seed: self.seed, state: self.seed ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15) }
    }

    /// The seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end.max(1)
    }

    /// A pause.
    pub fn pause(&mut self, from_ms: u64, to_ms: u64) -> Duration {
        Duration::from_millis(from_ms + self.below(to_ms - from_ms))
    }

    /// Puts a list into some order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for end in (1..list.len()).rev() {
            let other = usize::try_from(self.below(end as u64 + 1)).unwrap();
            list.swap(end, other);
        }
    }
}
