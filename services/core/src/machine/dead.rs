//! Tasks for which no attempt is left, and those that nobody dares to try.

use super::{Machine, Op, watch::End};
use crate::{DeadLetterOutcome, Effect, Error, ErrorKind, Event, Phase, WhenExhausted};

impl Machine<'_> {
    /// No attempt is left. What the workflow handles is an error in it; the rest is dead-lettered.
    pub(super) fn exhausted(&mut self, number: u64, error: Error) {
        let parent = self.state.frames.get(&number).and_then(|frame| frame.parent);
        let Some((_, call)) = self.call_of(number) else { return };
        if let Some((_, task)) = self.call_mut(number) {
            let had_permit = task.has_permit();
            task.phase = Phase::DeadLettered;
            task.error = Some(error.clone());
            self.give_back(number, had_permit);
        }
        if self.is_handled(parent, &error) {
            self.close(number, End::Told);
            self.queue.push_back(Op::Raise { parent, error });
            return;
        }
        self.letter(number, &error, call.policy.when_exhausted.into());
        if call.policy.when_exhausted == WhenExhausted::Fault {
            self.fault(error);
        }
    }

    /// The task killed workers: neither the workflow nor time gives it more of them, unless its
    /// policy says when.
    pub(super) fn quarantine(&mut self, number: u64, victims: usize) {
        let Some((node, call)) = self.call_of(number) else { return };
        let release_at = call.policy.quarantine.release_ms.map(|after| self.now.plus(after));
        let detail = format!("{victims} workers died with this task, which is in quarantine");
        let error = Error::new(ErrorKind::Runtime, &node.pointer, detail);
        let Some((_, task)) = self.call_mut(number) else { return };
        let had_permit = task.has_permit();
        (task.phase, task.release_at) = (Phase::DeadLettered, release_at);
        task.error = Some(error.clone());
        self.give_back(number, had_permit);
        self.letter(number, &error, DeadLetterOutcome::Quarantine);
    }

    fn letter(&mut self, number: u64, error: &Error, outcome: DeadLetterOutcome) {
        let Some((node, call)) = self.call_of(number) else { return };
        let Some((_, task)) = self.call_mut(number) else { return };
        let letter = Effect::DeadLetter {
            task: number,
            epoch: task.epoch,
            pointer: node.pointer.clone(),
            task_type: call.task_type.clone(),
            queue: call.queue.clone(),
            input: task.input.clone(),
            error: error.clone(),
            failures: task.failures,
            crashes: task.crashes,
            attempts: task.attempts.clone(),
            outcome,
        };
        let epoch = task.epoch;
        let quarantined = outcome == DeadLetterOutcome::Quarantine;
        let error = error.clone();
        self.note(Event::TaskDeadLettered { task: number, epoch, error, quarantined });
        self.effect(letter);
    }
}
