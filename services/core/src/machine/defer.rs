//! Attempts that a worker puts off, since what the task calls is down, overloaded or held by hand.
//!
//! Nothing is counted, neither a failure nor a crash: most are not begun, and one that is, to see whether
//! what it calls is back, is made for all the others. Time goes on: that of the run, and what the policy
//! gives in all, after which the next failure is the last.

use super::{Machine, watch::Turn};
use crate::{Deferral, Event, Fault, Phase, Status, scramble};

/// The shortest and the longest that an attempt is put off, in milliseconds: a worker that asks for
/// nothing keeps the engine from turning in a circle, and one that asks for a year is asked again.
const PUT_OFF_MS: (u64, u64) = (100, 600_000);

/// Characters of a reason that are kept.
const REASON_MAX: usize = 1_024;

impl Machine<'_> {
    /// Puts a task off. Up to half as long again is added, so that not all come back at once.
    pub(super) fn deferred(
        &mut self,
        number: u64,
        (for_ms, fault): (u64, Option<&Fault>),
        (reason, worker): (&str, &str),
    ) {
        // Who allows one attempt does not want what was begun to be done again.
        if let Some(fault) = fault
            && self.call_of(number).is_some_and(|(_, call)| call.policy.retry.maximum_attempts <= 1)
        {
            return self.failed(number, fault, (Some(worker), None));
        }
        let now = self.now;
        let Some((_, task)) = self.call_mut(number) else { return };
        let (epoch, was_running) = (task.epoch, matches!(task.phase, Phase::Started { .. }));
        let pause = for_ms.clamp(PUT_OFF_MS.0, PUT_OFF_MS.1);
        let until = now.plus(pause + scramble(self.seed(number, epoch)) % (pause / 2));
        let Some((_, task)) = self.call_mut(number) else { return };
        let reason = reason.chars().take(REASON_MAX).collect();
        let before = task.deferred.take();
        let (since, times) = before.map_or((now, 0), |before| (before.since, before.times));
        task.deferred = Some(Deferral { since, times: times.saturating_add(1), reason });
        task.phase = Phase::Backoff { until };
        let worker = worker.to_owned();
        self.note(Event::TaskDeferred { task: number, epoch, until, worker });
        if was_running {
            self.turned(number, Turn::Again, Status::Pending, None);
        }
    }
}
