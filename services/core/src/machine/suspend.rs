//! Suspended: nothing new begins, and nothing is lost.
//!
//! What was given out is still at its workers. A completion is taken at once, so that the task's
//! permit is free for others; the operations that follow from it wait ([`RunState::pending`]). A
//! failure or a loss may cost an attempt, a dead letter or the whole run, and is kept as it came
//! until the run goes on. Limits on time stand still; points in time do not.
//!
//! [`RunState::pending`]: crate::RunState::pending

use super::{Machine, call};
use crate::{
    Body, Cancelling, Effect, Ending, Input, Phase, Status, Suspension, Timestamp, TryPhase, Work,
};

impl Machine<'_> {
    /// What a suspended run does with what it is told.
    pub(super) fn take_suspended(&mut self, input: &Input) {
        match input {
            Input::Tick => self.tick_others(),
            Input::Child(input) => self.take_child(input),
            Input::Cancel { reason } => self.ask_to_end(reason.clone()),
            Input::Redrive { task, epoch, input } => {
                self.take_redrive(*task, *epoch, input.as_ref());
            }
            Input::Answered { task, answer, by } => self.answered(*task, answer, by.as_deref()),
            Input::Started { task, epoch, worker, at } if self.is_current(*task, *epoch, input) => {
                self.started(*task, worker, *at);
            }
            Input::Completed { task, epoch, output, worker, .. } => {
                if !self.is_current(*task, *epoch, input) {
                    return;
                }
                if self.unfit(*task, output).is_some() {
                    return self.keep_end(input);
                }
                self.completed(*task, output.clone(), worker);
            }
            Input::Deferred { task, epoch, .. } if self.is_current(*task, *epoch, input) => {
                if self.cost(*task, input).is_some() {
                    return self.keep_end(input);
                }
                self.deferred(*task, input);
            }
            Input::Failed { task, epoch, .. } | Input::Lost { task, epoch, .. }
                if self.is_current(*task, *epoch, input) =>
            {
                self.keep_end(input);
            }
            // A permit that comes too late was given back when the run was suspended.
            _ => {}
        }
    }

    /// Keeps the end of an attempt until the run goes on. The first word of it counts.
    fn keep_end(&mut self, input: &Input) {
        let Some(suspension) = &mut self.state.suspension else { return };
        if suspension.kept.iter().all(|kept| about(kept) != about(input)) {
            suspension.kept.push(input.clone());
            self.out.changed = true;
        }
    }

    /// Begins nothing more.
    pub(super) fn suspend(&mut self, hold: Option<String>) {
        self.state.status = Status::Suspended;
        self.run_turned();
        self.state.suspension = Some(Suspension { since: self.now, hold, kept: Vec::new() });
        // Others need not wait for those who cannot begin.
        let waiting = |task: &crate::TaskState| matches!(task.phase, Phase::Queued { .. });
        let queued: Vec<u64> =
            self.state.tasks().filter(|task| waiting(task.state)).map(|task| task.task).collect();
        for number in queued {
            if let Some((_, task)) = self.call_mut(number) {
                task.phase = Phase::Interrupted;
            }
            self.effect(Effect::Release { task: number });
        }
    }

    /// Goes on where it was suspended.
    pub(super) fn unsuspend(&mut self) {
        let Some(Suspension { since, kept, .. }) = self.state.suspension.take() else { return };
        if self.state.started_at.is_none() {
            return self.start();
        }
        self.state.status = Status::Running;
        self.run_turned();
        self.shift_limits(since);
        let interrupted = self.state.tasks().filter(|task| task.state.phase == Phase::Interrupted);
        let interrupted: Vec<u64> = interrupted.map(|task| task.task).collect();
        for number in interrupted {
            self.begin_attempts(number);
        }
        for input in &kept {
            self.take(input);
        }
        self.take_up_children();
        if self.state.listens().next().is_some() {
            self.effect(Effect::Offer);
        }
    }

    /// Moves every limit on time by as long as the run was suspended, or as what it limits was open
    /// meanwhile.
    fn shift_limits(&mut self, since: Timestamp) {
        let now = self.now;
        let shift = |limit: &mut Timestamp, from: Timestamp| {
            *limit = limit.plus(now.since(since.max(from)));
        };
        if let Some(limit) = &mut self.state.deadline {
            shift(limit, since);
        }
        if let Some(Cancelling { phase: Ending::Tidying { deadline, .. }, .. }) =
            &mut self.state.cancelling
        {
            shift(deadline, since);
        }
        for number in self.numbers() {
            let Some(frame) = self.state.frames.get_mut(&number) else { continue };
            if let Some(limit) = &mut frame.deadline {
                shift(limit, frame.at);
            }
            let Body::Task(open) = &mut frame.body else { continue };
            if let Work::Call(task) = &mut open.work
                && let Some(row) = &mut task.deferred
            {
                let from = row.since;
                shift(&mut row.since, from);
            }
            match &mut open.work {
                Work::Try { attempt_deadline: Some(limit), phase: TryPhase::Trying, .. } => {
                    shift(limit, since);
                }
                Work::Call(task) if call::is_out(task) => {
                    if let Phase::Started { at, deadline, .. } = &mut task.phase {
                        shift(deadline, *at);
                    }
                }
                _ => {}
            }
        }
    }
}

/// The attempt that an input is about.
fn about(input: &Input) -> Option<(u64, u64)> {
    match input {
        Input::Completed { task, epoch, .. }
        | Input::Failed { task, epoch, .. }
        | Input::Deferred { task, epoch, .. }
        | Input::Lost { task, epoch, .. } => Some((*task, *epoch)),
        _ => None,
    }
}
