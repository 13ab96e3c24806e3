//! Attempts that workers put off, and what that costs.

use serde::{Deserialize, Serialize};

use crate::{Fault, Input, TaskState, Timestamp};

/// Characters of a reason that are kept.
const REASON_MAX: usize = 1_024;

/// What a task calls is left alone: its attempts are put off, and cost nothing, up to a bound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deferral {
    /// Since when.
    pub since: Timestamp,
    /// How many attempts were put off.
    pub times: u32,
    /// Why the last one was.
    pub reason: String,
    /// The epoch of the last one.
    pub epoch: u64,
    /// How many of them were begun, to see whether what is called is back, and failed.
    #[serde(default, skip_serializing_if = "crate::child::is_zero")]
    pub canaries: u32,
    /// Somebody holds what is called.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_hand: bool,
}

impl Deferral {
    /// So many calls that are made for all others, and fail, cost their task nothing. Five minutes of an
    /// outage take about 32, shared among those that wait: three tasks get through that with nearly all
    /// their attempts. A task that waits alone may be the only one whose call fails, and has to end.
    pub const CANARIES_MAX: u32 = 10;

    /// A task that was put off for so long on end has an attempt less, in milliseconds: whoever waits for
    /// it learns then what it waits for.
    pub const LASTS_MAX_MS: u64 = 3_600_000;

    /// When being put off once more costs an attempt. None where somebody holds what is called: a person
    /// ends that.
    #[must_use]
    pub fn costs_from(&self) -> Option<Timestamp> {
        (!self.by_hand).then(|| self.since.plus(Self::LASTS_MAX_MS))
    }

    /// How many calls that are made for all others may yet fail without costing an attempt.
    #[must_use]
    pub fn canaries_left(&self) -> u32 {
        Self::CANARIES_MAX.saturating_sub(self.canaries)
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.costs_from().is_some_and(|from| from <= now)
    }
}

/// What a worker says of an attempt that it puts off ([`Input::Deferred`]).
#[derive(Clone, Copy, Debug)]
pub struct PutOff<'i> {
    /// For how long at least, in milliseconds.
    pub for_ms: u64,
    /// Who says so.
    pub worker: &'i str,
    reason: &'i str,
    fault: Option<&'i Fault>,
    by_hand: bool,
}

impl<'i> PutOff<'i> {
    /// Reads it out of an input.
    #[must_use]
    pub fn of(input: &'i Input) -> Option<Self> {
        let Input::Deferred { for_ms, reason, fault, by_hand, worker, .. } = input else {
            return None;
        };
        let (for_ms, fault, by_hand) = (*for_ms, fault.as_ref(), *by_hand);
        Some(Self { for_ms, worker, reason, fault, by_hand })
    }

    /// What the attempt failed with, where that is no longer free: a call that was made for all others and
    /// failed, after as many as cost nothing; or any, after an hour.
    #[must_use]
    pub fn cost(&self, task: &TaskState, attempts_max: u32, now: Timestamp) -> Option<Fault> {
        let row = task.deferred.as_ref().filter(|row| row.by_hand == self.by_hand);
        if let Some(fault) = self.fault
            // Who allows one attempt does not want what was begun to be done again.
            && (attempts_max <= 1 || row.is_some_and(|row| row.canaries_left() == 0))
        {
            return Some(fault.clone());
        }
        let row = row.filter(|row| row.is_over(now))?;
        Some(self.fault.cloned().unwrap_or_else(|| Fault {
            message: format!(
                "it was put off {} times, for {} min on end: {}",
                row.times,
                now.since(row.since) / 60_000,
                self.reason
            ),
            kind: Some("communication".to_owned()),
            ..Fault::default()
        }))
    }
}

impl TaskState {
    /// Notes that the attempt that is out was put off.
    pub fn put_off(&mut self, said: &PutOff<'_>, now: Timestamp) {
        let row = self.deferred.take().filter(|row| row.by_hand == said.by_hand);
        let (since, times, canaries) =
            row.map_or((now, 0, 0), |row| (row.since, row.times, row.canaries));
        self.deferred = Some(Deferral {
            since,
            times: times.saturating_add(1),
            reason: said.reason.chars().take(REASON_MAX).collect(),
            epoch: self.epoch,
            canaries: canaries.saturating_add(u32::from(said.fault.is_some())),
            by_hand: said.by_hand,
        });
    }

    /// Takes what was put off so far, where its failure now does not end that: what it calls is as it was.
    pub fn take_put_off(&mut self, now: Timestamp) -> Option<Deferral> {
        self.deferred.take().filter(|row| !row.is_over(now))
    }
}
