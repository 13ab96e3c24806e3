//! Chance that can be had again: every choice follows from one number.

/// A source of choices (`SplitMix64`, Steele et al. 2014).
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    /// The source that belongs to `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `least` to `most`, both included.
    pub(crate) fn within(&mut self, least: u64, most: u64) -> u64 {
        least + self.number() % (most.saturating_sub(least) + 1)
    }

    /// One of `list`, which is not empty.
    pub(crate) fn one<T: Copy>(&mut self, list: &[T]) -> T {
        let last = u64::try_from(list.len() - 1).unwrap_or(u64::MAX);
        list[usize::try_from(self.within(0, last)).unwrap_or(0)]
    }

    /// Puts a list into some order.
    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for end in (1..list.len()).rev() {
            let last = u64::try_from(end).unwrap_or(u64::MAX);
            list.swap(end, usize::try_from(self.within(0, last)).unwrap_or(0));
        }
    }
}
