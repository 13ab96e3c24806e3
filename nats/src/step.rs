//! When signs of life go out.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::LazyLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Where this machine's moments lie: each has its own, so that a thousand do not speak at once.
static PHASE: LazyLock<u64> = LazyLock::new(|| {
    let mut hasher = DefaultHasher::new();
    std::fs::read("/proc/sys/kernel/hostname").unwrap_or_default().hash(&mut hasher);
    hasher.finish()
});

/// How long until the next moment at which this machine's processes do what they do every `period`: from a
/// quarter of it to a quarter more than it.
///
/// Signs of life that come together wake whoever listens once instead of once for each, and most of what an
/// idle engine does is to wake up.
#[must_use]
pub fn in_step(period: Duration) -> Duration {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = |of: Duration| u64::try_from(of.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(until_next(millis(period).max(1), *PHASE, millis(since)))
}

fn until_next(period: u64, phase: u64, now: u64) -> u64 {
    let left = period - (now % period + phase % period) % period;
    if left < period / 4 { left + period } else { left }
}

#[cfg(test)]
#[path = "../tests/unit/step.rs"]
mod tests;
