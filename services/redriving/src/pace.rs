//! How the rate is kept, and when to look again.

use crate::{Plan, Progress};

/// The shortest pause between two steps that ask letters, in milliseconds: a step is one transaction, however
/// many it asks.
pub(crate) const TICK_MS: i64 = 200;

/// What was not asked for longer than this is not made up for: after a pause there is no burst.
const ARREARS_MS: i64 = 1_000;

/// The shortest and the longest pause between two looks at what letters came to, in milliseconds.
const LOOK_MS: (i64, i64) = (300, 30_000);

/// How many letters may be asked at `now`, by the rate alone.
pub(crate) fn allowed(plan: &Plan, progress: &Progress, now: i64) -> u64 {
    let from = since(progress, now);
    let letters = (now - from).saturating_mul(plan.rate.into()) / 1_000 + 1;
    if from > now { 0 } else { u64::try_from(letters).unwrap_or(0) }
}

/// When the next letter may be asked, after `letters` were at `now`.
pub(crate) fn paced(plan: &Plan, progress: &Progress, now: i64, letters: u64) -> i64 {
    let millis = letters.saturating_mul(1_000).div_ceil(u64::from(plan.rate.max(1)));
    since(progress, now).saturating_add(i64::try_from(millis).unwrap_or(i64::MAX))
}

fn since(progress: &Progress, now: i64) -> i64 {
    progress.paced_at.max(now - ARREARS_MS)
}

/// When what letters came to is looked at next: soon after they were asked, then ever more rarely.
pub(crate) fn look_at(plan: &Plan, asked_at: i64, now: i64) -> i64 {
    let pause = ((now - asked_at) / 10).clamp(LOOK_MS.0, LOOK_MS.1);
    // At the end of the wait there is something to decide.
    let end = asked_at.saturating_add(plan.wait_ms);
    if end > now { (now + pause).min(end) } else { now + pause }
}
