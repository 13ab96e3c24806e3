//! What becomes of a due time.

use kintsugi_core::{CatchUp, Overlap, Schedule, Timestamp, Trigger};

use crate::{Passed, next_due, passed};

/// Runs that `catch_up: all` starts at most, for the newest due times.
pub const CATCH_UP_MAX: usize = 100;

/// How late a due time may be looked at and still not count as missed, in milliseconds.
const GRACE_MS: u64 = 10_000;

/// Where the run before stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    /// There is none, or none any more.
    None,
    /// It has not ended.
    Open,
    /// It ended then.
    Ended(Timestamp),
}

/// Why due times have no run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skipped {
    /// The run before was open.
    Overlap,
    /// They passed while nobody was there.
    Missed,
}

impl Skipped {
    /// For the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Overlap => "overlap",
            Self::Missed => "missed",
        }
    }
}

/// What becomes of a due time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// It waits until the run before has ended.
    Wait {
        /// That one is to be cancelled.
        cancel: bool,
    },
    /// The schedule goes on.
    Go {
        /// Due times whose runs are started.
        starts: Vec<Timestamp>,
        /// How many due times have no run.
        skipped: u64,
        /// Why.
        why: Option<Skipped>,
        /// The next due time; none: there is none.
        next: Option<Timestamp>,
    },
}

/// Says what becomes of `due`, the due time of a schedule whose moment came, and of those after it
/// that passed as well.
#[must_use]
pub fn decide(schedule: &Schedule, due: Timestamp, last: Last, now: Timestamp) -> Plan {
    let go = |starts, skipped, why, next| Plan::Go {
        starts,
        skipped,
        why: (skipped > 0).then_some(why).flatten(),
        next,
    };
    if let Trigger::After(millis) = schedule.trigger {
        let due = match last {
            Last::Open => return Plan::Wait { cancel: false },
            Last::None => due,
            Last::Ended(at) => at.plus(millis),
        };
        // What follows a start is looked at at once, and waits for that run's end.
        let starts = if due > now { Vec::new() } else { vec![due] };
        return go(starts, 0, None, Some(due));
    }
    let keep = if schedule.catch_up == CatchUp::All { CATCH_UP_MAX } else { 1 };
    // A due time whose jitter may not be over has not passed.
    let jitter = i64::try_from(schedule.jitter_ms).unwrap_or(i64::MAX);
    let sure = Timestamp(now.0.saturating_sub(jitter)).max(due);
    let Passed { newest, count } = passed(schedule, due, sure, keep);
    let latest = newest.last().copied().unwrap_or(due);
    let next = next_due(schedule, latest);
    let blocked = match (schedule.overlap, last) {
        (Overlap::Skip, Last::Open) => {
            return go(Vec::new(), count, Some(Skipped::Overlap), next);
        }
        (Overlap::Buffer, Last::Open) => return Plan::Wait { cancel: false },
        (Overlap::Cancel, Last::Open) => return Plan::Wait { cancel: true },
        (Overlap::Buffer | Overlap::Cancel, Last::Ended(at)) => at > due,
        _ => false,
    };
    let why = if blocked { Skipped::Overlap } else { Skipped::Missed };
    let is_late = now.since(latest) > GRACE_MS.saturating_add(schedule.jitter_ms);
    if schedule.catch_up == CatchUp::None && is_late && !blocked {
        return go(Vec::new(), count, Some(why), next);
    }
    let skipped = count - newest.len() as u64;
    go(newest, skipped, Some(why), next)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn schedule(trigger: Trigger) -> Schedule {
        Schedule {
            trigger,
            time_zone: "UTC".to_owned(),
            overlap: Overlap::Skip,
            catch_up: CatchUp::Once,
            jitter_ms: 0,
            paused: false,
            input: serde_json::Value::Null,
        }
    }

    const NOW: Timestamp = Timestamp(100_500);

    fn every(overlap: Overlap, catch_up: CatchUp) -> Schedule {
        Schedule { overlap, catch_up, ..schedule(Trigger::Every(10_000)) }
    }

    fn go(starts: &[i64], skipped: u64, why: Option<Skipped>, next: i64) -> Plan {
        let starts = starts.iter().map(|at| Timestamp(*at)).collect();
        Plan::Go { starts, skipped, why, next: Some(Timestamp(next)) }
    }

    #[test]
    fn a_due_time_starts_a_run() {
        for overlap in [Overlap::Skip, Overlap::Allow, Overlap::Buffer, Overlap::Cancel] {
            for catch_up in [CatchUp::Once, CatchUp::None] {
                let plan = |last| decide(&every(overlap, catch_up), Timestamp(100_000), last, NOW);
                let started = go(&[100_000], 0, None, 110_000);
                assert_eq!(plan(Last::None), started);
                assert_eq!(plan(Last::Ended(Timestamp(95_000))), started);
            }
        }
    }

    #[test]
    fn the_run_before_is_open() {
        let plan =
            |overlap| decide(&every(overlap, CatchUp::Once), Timestamp(100_000), Last::Open, NOW);
        assert_eq!(plan(Overlap::Skip), go(&[], 1, Some(Skipped::Overlap), 110_000));
        assert_eq!(plan(Overlap::Allow), go(&[100_000], 0, None, 110_000));
        assert_eq!(plan(Overlap::Buffer), Plan::Wait { cancel: false });
        assert_eq!(plan(Overlap::Cancel), Plan::Wait { cancel: true });
    }

    #[test]
    fn one_due_time_is_buffered_and_the_others_are_not() {
        let ended = Last::Ended(Timestamp(100_400));
        let plan = decide(&every(Overlap::Buffer, CatchUp::None), Timestamp(70_000), ended, NOW);
        assert_eq!(plan, go(&[100_000], 3, Some(Skipped::Overlap), 110_000));
    }

    #[test]
    fn what_was_missed_follows_the_policy() {
        let plan = |catch_up, now| {
            let schedule = every(Overlap::Allow, catch_up);
            decide(&schedule, Timestamp(60_000), Last::None, Timestamp(now))
        };
        let missed = Some(Skipped::Missed);
        assert_eq!(plan(CatchUp::Once, 100_500), go(&[100_000], 4, missed, 110_000));
        assert_eq!(plan(CatchUp::None, 100_500), go(&[100_000], 4, missed, 110_000));
        let all = go(&[60_000, 70_000, 80_000, 90_000, 100_000], 0, None, 110_000);
        assert_eq!(plan(CatchUp::All, 100_500), all);
        let Plan::Go { starts, skipped, why, .. } = plan(CatchUp::All, 60_000 + 150 * 10_000)
        else {
            panic!("it waits for nothing");
        };
        assert_eq!((starts.len(), skipped, why), (CATCH_UP_MAX, 51, missed));
    }

    #[test]
    fn nobody_is_there_for_a_day_and_none_is_caught_up() {
        let daily =
            Schedule { catch_up: CatchUp::None, ..schedule(Trigger::Cron("0 0 * * *".to_owned())) };
        let (day, hour) = (86_400_000, 3_600_000);
        let plan = decide(&daily, Timestamp(day), Last::None, Timestamp(2 * day + hour));
        assert_eq!(plan, go(&[], 2, Some(Skipped::Missed), 3 * day));
        let plan = decide(&daily, Timestamp(day), Last::None, Timestamp(day + 2_000));
        assert_eq!(plan, go(&[day], 0, None, 2 * day));
    }

    #[test]
    fn jitter_longer_than_the_interval_loses_nothing() {
        let mut schedule = every(Overlap::Allow, CatchUp::Once);
        schedule.jitter_ms = 25_000;
        let plan = decide(&schedule, Timestamp(80_000), Last::None, NOW);
        assert_eq!(plan, go(&[80_000], 0, None, 90_000));
    }

    #[test]
    fn after_waits_for_the_end_and_then_so_long() {
        let after = schedule(Trigger::After(5_000));
        let plan = |last| decide(&after, Timestamp(90_000), last, NOW);
        assert_eq!(plan(Last::None), go(&[90_000], 0, None, 90_000));
        assert_eq!(plan(Last::Open), Plan::Wait { cancel: false });
        assert_eq!(plan(Last::Ended(Timestamp(99_000))), go(&[], 0, None, 104_000));
        assert_eq!(plan(Last::Ended(Timestamp(95_000))), go(&[100_000], 0, None, 100_000));
    }
}
