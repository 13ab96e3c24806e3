//! When a schedule starts its next run, and whether it does.
//!
//! Pure: the time is an argument, and the same schedule looked at at the same time decides the same.
//! Whoever asks has the store make it true.

mod cron;
mod decide;

use kintsugi_core::{RunId, Schedule, Timestamp, Trigger, scramble};
use sha2::{Digest, Sha256};

use crate::cron::Cron;
pub use decide::{CATCH_UP_MAX, Last, Plan, Skipped, decide};

/// Due times that are looked at one by one before those of the last day are counted only.
const STEPS_MAX: u64 = 2_000;

/// A day in milliseconds.
const DAY_MS: i64 = 86_400_000;

/// Checks a cron expression of five fields, and its zone.
///
/// # Errors
///
/// With what is wrong, for people.
pub fn check_cron(text: &str, time_zone: &str) -> Result<(), String> {
    let cron = Cron::parse(text, time_zone)?;
    cron.next(Timestamp(0)).map(|_| ()).ok_or_else(|| "it never matches".to_owned())
}

/// The first due time of a schedule that begins at `now`; none: there is none.
#[must_use]
pub fn first_due(schedule: &Schedule, now: Timestamp) -> Option<Timestamp> {
    match &schedule.trigger {
        Trigger::After(_) => Some(now),
        _ => next_due(schedule, now),
    }
}

/// When the run of the due time `due` of the schedule `id` is started: jitter makes it later.
#[must_use]
pub fn start_at(id: &str, schedule: &Schedule, due: Timestamp) -> Timestamp {
    let seed = Sha256::digest(format!("{id} {}", due.0));
    let seed = seed.iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte));
    due.plus(scramble(seed) % schedule.jitter_ms.saturating_add(1))
}

/// The id of the run of a due time, so that a due time has one run, whoever starts it.
#[must_use]
pub fn run_id(id: &str, due: Timestamp) -> RunId {
    let digest = format!("{:x}", Sha256::digest(format!("schedule {id} {}", due.0)));
    RunId::parse(&format!("s-{}", &digest[..32])).expect("hexadecimal digits after `s-`")
}

/// The id of the run that events start, which `keys` name, so that they start one run, whoever starts it
/// and however often they come.
#[must_use]
pub fn run_id_of(id: &str, keys: &[String]) -> RunId {
    let mut keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    keys.sort_unstable();
    let digest = format!("{:x}", Sha256::digest(format!("events {id} {}", keys.join(" "))));
    RunId::parse(&format!("e-{}", &digest[..32])).expect("hexadecimal digits after `e-`")
}

/// The first due time after `after`; none: there is none, or the schedule waits for a run's end.
pub(crate) fn next_due(schedule: &Schedule, after: Timestamp) -> Option<Timestamp> {
    match &schedule.trigger {
        Trigger::Every(millis) => Some(after.plus(*millis)),
        Trigger::Cron(text) => Cron::parse(text, &schedule.time_zone).ok()?.next(after),
        Trigger::After(_) | Trigger::On(_) => None,
    }
}

/// The due times from one to another time, which is not before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Passed {
    /// The newest of them, in order; at least one.
    pub(crate) newest: Vec<Timestamp>,
    /// How many there are; of a long time, those of a cron expression are not counted all.
    pub(crate) count: u64,
}

/// Which due times have passed at `now`, from `first` on; the newest `keep` by name.
pub(crate) fn passed(schedule: &Schedule, first: Timestamp, now: Timestamp, keep: usize) -> Passed {
    let alone = || Passed { newest: vec![first], count: 1 };
    match &schedule.trigger {
        Trigger::Every(millis) => {
            let millis = (*millis).max(1);
            let more = now.since(first) / millis;
            let kept = (keep.max(1) as u64).min(more + 1);
            let newest = (more + 1 - kept..=more).map(|n| first.plus(n * millis)).collect();
            Passed { newest, count: more + 1 }
        }
        Trigger::Cron(text) => match Cron::parse(text, &schedule.time_zone) {
            Ok(cron) => passed_cron(&cron, first, now, keep.max(1)),
            Err(_) => alone(),
        },
        Trigger::After(_) | Trigger::On(_) => alone(),
    }
}

fn passed_cron(cron: &Cron, first: Timestamp, now: Timestamp, keep: usize) -> Passed {
    let mut newest = std::collections::VecDeque::from([first]);
    let (mut at, mut count) = (first, 1);
    while let Some(next) = cron.next(at).filter(|next| *next <= now) {
        (at, count) = (next, count + 1);
        if newest.len() == keep {
            newest.pop_front();
        }
        newest.push_back(next);
        if count == STEPS_MAX && now.0 - at.0 > DAY_MS {
            // So dense a rhythm has a due time within any day, mostly.
            at = Timestamp(now.0 - DAY_MS);
        }
    }
    Passed { newest: newest.into(), count }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::tests::schedule;

    const DAY: i64 = DAY_MS;

    #[test]
    fn what_passed_is_found_however_long_it_was() {
        let every = schedule(Trigger::Every(1_000));
        let gone = passed(&every, Timestamp(5_000), Timestamp(1_000_005_999), 2);
        assert_eq!(gone.newest, [Timestamp(1_000_004_000), Timestamp(1_000_005_000)]);
        assert_eq!(gone.count, 1_000_001);
        let now = passed(&every, Timestamp(5_000), Timestamp(5_000), 100);
        assert_eq!(now, Passed { newest: vec![Timestamp(5_000)], count: 1 });

        let minutely = schedule(Trigger::Cron("* * * * *".to_owned()));
        let gone = passed(&minutely, Timestamp(0), Timestamp(700 * DAY + 30_000), 1);
        assert_eq!(gone.newest, [Timestamp(700 * DAY)]);
        let daily = schedule(Trigger::Cron("0 3 * * *".to_owned()));
        let three = 3 * 3_600_000;
        let gone = passed(&daily, Timestamp(three), Timestamp(5 * DAY + 2 * three), 3);
        let last = [3, 4, 5].map(|day| Timestamp(day * DAY + three));
        assert_eq!((gone.newest.as_slice(), gone.count), (&last[..], 6));
    }

    #[test]
    fn a_due_time_has_one_run_and_one_jitter() {
        let mut every = schedule(Trigger::Every(1_000));
        assert_eq!(start_at("a/b", &every, Timestamp(7)), Timestamp(7));
        every.jitter_ms = 1_000;
        let starts: Vec<_> =
            (0..100).map(|n| start_at("a/b", &every, Timestamp(n)).0 - n).collect();
        assert!(starts.iter().all(|late| (0..=1_000).contains(late)), "{starts:?}");
        assert!(starts.iter().max() > starts.iter().min());
        assert_eq!(start_at("a/b", &every, Timestamp(7)), start_at("a/b", &every, Timestamp(7)));
        assert_eq!(run_id("a/b", Timestamp(7)), run_id("a/b", Timestamp(7)));
        assert_ne!(run_id("a/b", Timestamp(7)), run_id("a/c", Timestamp(7)));
        assert_ne!(run_id("a/b", Timestamp(7)), run_id("a/b", Timestamp(8)));
    }

    #[test]
    fn events_have_one_run_in_whatever_order_they_come() {
        let of = |id: &str, keys: &[&str]| {
            run_id_of(id, &keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(of("a/b", &["1", "2"]), of("a/b", &["2", "1"]));
        assert_ne!(of("a/b", &["1", "2"]), of("a/b", &["1"]));
        assert_ne!(of("a/b", &["1"]), of("a/c", &["1"]));
    }
}
