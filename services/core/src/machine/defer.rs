//! Attempts that a worker puts off, since what the task calls is down, overloaded or held by hand.
//!
//! Nothing is counted, neither a failure nor a crash: most are not begun, and one that is, to see whether
//! what it calls is back, is made for all the others. That has bounds ([`crate::Deferral`]), or a task that
//! waits alone for what never comes back would wait for ever; past them an attempt has failed, and the
//! policy decides. Time goes on: that of the run, and what the policy gives in all, after which the next
//! failure is the last.

use super::{Machine, watch::Turn};
use crate::{Event, Fault, Input, Phase, PutOff, Status, scramble};

/// The shortest and the longest that an attempt is put off, in milliseconds: a worker that asks for
/// nothing keeps the engine from turning in a circle, and one that asks for a year is asked again.
const PUT_OFF_MS: (u64, u64) = (100, 600_000);

impl Machine<'_> {
    /// What being put off costs an attempt with.
    pub(super) fn cost(&mut self, number: u64, input: &Input) -> Option<Fault> {
        let (said, now) = (PutOff::of(input)?, self.now);
        let attempts_max = self.call_of(number)?.1.policy.retry.maximum_attempts;
        said.cost(self.call_mut(number)?.1, attempts_max, now)
    }

    /// Puts a task off. Up to half as long again is added, so that not all come back at once.
    pub(super) fn deferred(&mut self, number: u64, input: &Input) {
        let (Some(said), cost, now) = (PutOff::of(input), self.cost(number, input), self.now)
        else {
            return;
        };
        if let Some(fault) = cost {
            let row = self.call_mut(number).and_then(|(_, task)| task.take_put_off(now));
            self.failed(number, &fault, (Some(said.worker), None));
            if let Some((_, task)) = self.call_mut(number)
                && matches!(task.phase, Phase::Backoff { .. })
            {
                task.deferred = row;
            }
            return;
        }
        let Some((_, task)) = self.call_mut(number) else { return };
        let (epoch, was_running) = (task.epoch, matches!(task.phase, Phase::Started { .. }));
        task.put_off(&said, now);
        let pause = said.for_ms.clamp(PUT_OFF_MS.0, PUT_OFF_MS.1);
        let until = now.plus(pause + scramble(self.seed(number, epoch)) % (pause / 2));
        let Some((_, task)) = self.call_mut(number) else { return };
        task.phase = Phase::Backoff { until };
        let worker = said.worker.to_owned();
        self.note(Event::TaskDeferred { task: number, epoch, until, worker });
        if was_running {
            self.turned(number, Turn::Again, Status::Pending, None);
        }
    }
}
