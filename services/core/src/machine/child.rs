//! Tasks that run other workflows: started, heard of, looked for, cancelled.

use serde_json::Value;

use super::call::{CHECK_FIRST_MS, CHECK_MAX_MS};
use super::watch::{End, Turn};
use super::{Machine, Op, data::Ended, scope::Place};
use crate::{
    Body, Check, ChildEffect, ChildEvent, ChildInput, ChildOutcome, ChildPhase, ChildTask, Effect,
    Error, ErrorKind, Event, Frame, Kind, Node, Parent, RunId, RunWorkflow, Status, Timestamp,
    Work,
};

/// The first look, some seconds from now.
fn first_check(now: Timestamp) -> Check {
    Check { at: now.plus(CHECK_FIRST_MS), count: 0 }
}

/// The next look, ever later.
fn next_check(last: Check, now: Timestamp) -> Check {
    let pause = (CHECK_FIRST_MS << last.count.min(7)).min(CHECK_MAX_MS);
    Check { at: now.plus(pause), count: last.count.saturating_add(1) }
}

impl Machine<'_> {
    /// What a `run: workflow` is while the shell is asked for its child.
    pub(super) fn wanted_child(
        &mut self,
        run: &RunWorkflow,
        input: &Value,
        place: &Place<'_>,
    ) -> Result<Work, Error> {
        let input = self.render(&run.input, input, place)?;
        self.state.children += 1;
        let phase = ChildPhase::Wanted { at: self.now, input, nth: self.state.children };
        Ok(Work::Child(Box::new(ChildTask { life: 0, phase })))
    }

    /// Asks the shell for the child. It answers within the same transaction; should it not, the
    /// next tick asks again.
    pub(super) fn want_child(&mut self, number: u64) {
        let Some((_, run)) = self.child_of(number) else { return };
        let (definition, awaited) = (run.definition.clone(), run.awaited);
        let Some(ChildPhase::Wanted { input, nth, .. }) = self.child_phase(number) else { return };
        let (input, nth) = (input.clone(), *nth);
        let depth = self.state.parent.as_ref().map_or(0, |parent| parent.depth) + 1;
        let parent = Parent { run: self.run.clone(), task: number, awaited, depth };
        self.ask(ChildEffect::Start { task: number, definition, input, parent, nth });
    }

    pub(super) fn take_child(&mut self, input: &ChildInput) {
        match input {
            // It ended in the same step. Should it be taken up again, it asks anew.
            ChildInput::Accepted { .. } | ChildInput::Refused { .. }
                if self.state.status.is_terminal() => {}
            ChildInput::Accepted { task, run, definition } => {
                self.accepted(*task, run, definition);
            }
            ChildInput::Refused { task, error } => {
                if let Some(ChildPhase::Wanted { .. }) = self.child_phase(*task) {
                    self.child_failed(*task, None, error.clone());
                }
            }
            ChildInput::Changed { task, run, life } => {
                if self.waits_for(*task, run) {
                    self.ask(ChildEffect::Look { task: *task, run: run.clone() });
                }
                if let Some(life) = *life {
                    self.ask(ChildEffect::TellChild { run: run.clone(), life });
                }
            }
            ChildInput::Open { task, life } => self.child_open(*task, *life),
            ChildInput::Ended { task, life, outcome } => self.child_ended(*task, *life, outcome),
            ChildInput::Heard { life } => {
                if *life == self.state.life && self.state.telling.take().is_some() {
                    self.out.changed = true;
                }
            }
        }
    }

    fn accepted(&mut self, number: u64, run: &RunId, definition: &str) {
        let Some(ChildPhase::Wanted { .. }) = self.child_phase(number) else { return };
        let Some((node, workflow)) = self.child_of(number) else { return };
        let (pointer, awaited) = (node.pointer.clone(), workflow.awaited);
        let definition = definition.to_owned();
        let check = first_check(self.now);
        self.child_note(ChildEvent::Started {
            task: number,
            pointer,
            run: run.clone(),
            definition,
            awaited,
        });
        self.turned(number, Turn::Started, Status::Running, None);
        if awaited {
            self.set_phase(number, ChildPhase::Open { run: run.clone(), check });
            return;
        }
        // Nobody waits: the task's output is its input, and the child goes its own way.
        let Some(Body::Task(open)) = self.body(number) else { return };
        let output = open.input().clone();
        self.child_leaves(number, output);
    }

    /// The child's row says that it is open: news if it was taken up again.
    fn child_open(&mut self, number: u64, life: u32) {
        if let Some(leaving) = self.state.leaving.get(&number) {
            // It has not heard yet that it is no longer wanted.
            let run = leaving.run.clone();
            return self.ask(ChildEffect::Cancel { run });
        }
        let Some(child) = self.child_task(number).filter(|child| life > child.life) else { return };
        let (ChildPhase::Open { run, .. }
        | ChildPhase::Ended { run, .. }
        | ChildPhase::Faulted { run }) = &child.phase
        else {
            return;
        };
        let (run, fell) = (run.clone(), matches!(child.phase, ChildPhase::Faulted { .. }));
        let check = first_check(self.now);
        self.set_life(number, life);
        self.set_phase(number, ChildPhase::Open { run: run.clone(), check });
        self.out.changed = true;
        if fell {
            self.child_note(ChildEvent::Resumed { task: number, run });
            self.turned(number, Turn::Again, Status::Running, None);
            if self.state.status.is_terminal() {
                self.resume();
            }
        }
    }

    fn child_ended(&mut self, number: u64, life: u32, outcome: &ChildOutcome) {
        if self.state.leaving.remove(&number).is_some() {
            self.out.changed = true;
            return;
        }
        let Some(child) = self.child_task(number) else { return };
        let known = child.life;
        match &child.phase {
            ChildPhase::Faulted { .. } | ChildPhase::Ended { .. } if life > known => {
                // Taken up again and over before this run heard of either.
                self.child_open(number, life);
            }
            ChildPhase::Open { .. } if life >= known => self.set_life(number, life),
            _ => return,
        }
        let Some(ChildPhase::Open { run, .. }) = self.child_phase(number) else { return };
        let run = run.clone();
        if self.state.status.is_terminal() || self.state.status == crate::Status::Suspended {
            let outcome = Box::new(outcome.clone());
            self.set_phase(number, ChildPhase::Ended { run, outcome });
            self.out.changed = true;
            return;
        }
        self.child_outcome(number, run, outcome.clone());
    }

    fn child_outcome(&mut self, number: u64, run: RunId, outcome: ChildOutcome) {
        let Some((node, _)) = self.child_of(number) else { return };
        let runtime = |detail| Error::new(ErrorKind::Runtime, &node.pointer, detail);
        match outcome {
            ChildOutcome::Completed { output } => {
                self.child_note(ChildEvent::Completed { task: number, run: run.clone() });
                // Over: closing its frame cancels nothing.
                let outcome = Box::new(ChildOutcome::Completed { output: Value::Null });
                self.set_phase(number, ChildPhase::Ended { run, outcome });
                self.child_leaves(number, output);
            }
            ChildOutcome::Faulted { error, redrivable } => {
                let error = Error { instance: Some(node.pointer.clone()), ..error };
                let parent = self.state.frames.get(&number).and_then(|frame| frame.parent);
                if redrivable && !self.is_handled(parent, &error) {
                    let task = number;
                    let failed =
                        ChildEvent::Failed { task, run: Some(run.clone()), error: error.clone() };
                    self.child_note(failed);
                    self.turned(number, Turn::Ended, Status::Faulted, Some(&error));
                    self.set_phase(number, ChildPhase::Faulted { run });
                    return self.fault(error);
                }
                self.child_failed(number, Some(run), error);
            }
            ChildOutcome::Cancelled => {
                let error = runtime(format!("the run {run} was cancelled"));
                self.child_failed(number, Some(run), error);
            }
            ChildOutcome::Missing => {
                let error = runtime(format!("the run {run} is not there, or not of this run"));
                self.child_failed(number, Some(run), error);
            }
        }
    }

    fn child_failed(&mut self, number: u64, run: Option<RunId>, error: Error) {
        let Some((node, _)) = self.child_of(number) else { return };
        let error = Error { instance: Some(node.pointer.clone()), ..error };
        let parent = self.state.frames.get(&number).and_then(|frame| frame.parent);
        self.child_note(ChildEvent::Failed { task: number, run, error: error.clone() });
        if let Some(Frame { body: Body::Task(open), .. }) = self.state.frames.remove(&number) {
            self.out.closed.push((number, open.node));
            self.over(open.node, Some(number), End::Faulted(&error));
        }
        self.queue.push_back(Op::Raise { parent, error });
    }

    fn child_leaves(&mut self, number: u64, output: Value) {
        let Some(frame) = self.state.frames.get(&number) else { return };
        let (Some(parent), Body::Task(open)) = (frame.parent, &frame.body) else { return };
        let (node, raw_input, input) = (open.node, open.raw_input.clone(), open.input().clone());
        self.finish(Ended {
            parent,
            frame: Some(number),
            node,
            raw_input: &raw_input,
            input: &input,
            output,
            flow: None,
        });
    }

    /// A task that waits for a child is closed around it: the child is cancelled, and asked after
    /// until its end is heard.
    pub(super) fn child_closed(&mut self, number: u64, child: ChildTask) {
        let ChildPhase::Open { run, .. } = child.phase else { return };
        self.child_note(ChildEvent::Cancelled { task: number, run: run.clone() });
        self.ask(ChildEffect::Cancel { run: run.clone() });
        let check = first_check(self.now);
        self.state.leaving.insert(number, crate::Leaving { run, check });
    }

    /// Looks at a child that nothing was heard of, or asks for it again.
    pub(super) fn tick_child(&mut self, number: u64) {
        let now = self.now;
        let Some(child) = self.child_task_mut(number) else { return };
        match &mut child.phase {
            ChildPhase::Wanted { .. } => self.want_child(number),
            ChildPhase::Open { run, check } if check.at <= now => {
                *check = next_check(*check, now);
                let run = run.clone();
                self.out.changed = true;
                self.ask(ChildEffect::Look { task: number, run });
            }
            _ => {}
        }
    }

    /// What a run still has to say to others, also after its end.
    pub(super) fn tick_others(&mut self) {
        let now = self.now;
        let mut due = Vec::new();
        for (task, leaving) in &mut self.state.leaving {
            if leaving.check.at <= now {
                leaving.check = next_check(leaving.check, now);
                due.push((*task, leaving.run.clone()));
            }
        }
        for (task, run) in due {
            self.out.changed = true;
            self.ask(ChildEffect::Look { task, run });
        }
        if let Some(check) = self.state.telling.as_mut().filter(|check| check.at <= now) {
            *check = next_check(*check, now);
            self.out.changed = true;
            self.tell_parent();
        }
    }

    /// Tells the run that waits for this one to look.
    pub(super) fn tell_parent(&mut self) {
        let Some(parent) = self.state.parent.as_ref().filter(|parent| parent.awaited) else {
            return;
        };
        let (run, task) = (parent.run.clone(), parent.task);
        let life = self.state.telling.map(|_| self.state.life);
        self.ask(ChildEffect::TellParent { run, task, life });
    }

    /// This run was taken up again after its end: whoever waited for it must hear that.
    pub(super) fn begin_life(&mut self) {
        self.state.life += 1;
        if self.state.parent.as_ref().is_some_and(|parent| parent.awaited) {
            self.state.telling = Some(first_check(self.now));
            self.tell_parent();
        }
    }

    /// What ended while this run was faulted takes effect.
    pub(super) fn take_up_children(&mut self) {
        let ended = |(number, frame): (u64, &crate::Frame)| match &frame.body {
            Body::Task(open) => match &open.work {
                Work::Child(child) => match &child.phase {
                    ChildPhase::Ended { run, outcome } => {
                        Some((number, run.clone(), (**outcome).clone()))
                    }
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        };
        let all: Vec<_> = self.state.frames.scan(&mut self.out.looked).filter_map(ended).collect();
        for (number, run, outcome) in all {
            if !self.state.status.is_terminal() {
                self.child_outcome(number, run, outcome);
            }
        }
    }

    fn waits_for(&self, number: u64, wanted: &RunId) -> bool {
        if let Some(leaving) = self.state.leaving.get(&number) {
            return leaving.run == *wanted;
        }
        match self.child_phase(number) {
            Some(
                ChildPhase::Open { run, .. }
                | ChildPhase::Ended { run, .. }
                | ChildPhase::Faulted { run },
            ) => run == wanted,
            Some(ChildPhase::Wanted { .. }) | None => false,
        }
    }

    fn child_of(&self, number: u64) -> Option<(&'_ Node, &'_ RunWorkflow)> {
        let Some(Body::Task(open)) = self.body(number) else { return None };
        let node = self.program.node(open.node)?;
        match &node.kind {
            Kind::RunWorkflow(run) => Some((node, run)),
            _ => None,
        }
    }

    fn child_task(&self, number: u64) -> Option<&ChildTask> {
        let Some(Body::Task(open)) = self.body(number) else { return None };
        match &open.work {
            Work::Child(child) => Some(child),
            _ => None,
        }
    }

    fn child_task_mut(&mut self, number: u64) -> Option<&mut ChildTask> {
        match &mut self.task_frame(number)?.work {
            Work::Child(child) => Some(child),
            _ => None,
        }
    }

    fn child_phase(&self, number: u64) -> Option<&ChildPhase> {
        self.child_task(number).map(|child| &child.phase)
    }

    fn set_phase(&mut self, number: u64, phase: ChildPhase) {
        if let Some(child) = self.child_task_mut(number) {
            child.phase = phase;
        }
    }

    fn set_life(&mut self, number: u64, life: u32) {
        let Some(child) = self.child_task_mut(number) else { return };
        let changed = std::mem::replace(&mut child.life, life) != life;
        self.out.changed |= changed;
    }

    fn child_note(&mut self, event: ChildEvent) {
        self.note(Event::Child(event));
    }

    fn ask(&mut self, effect: ChildEffect) {
        self.effect(Effect::Child(effect));
    }
}
