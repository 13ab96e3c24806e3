//! What each input does: the transition table, by input and by the phase that it meets.

use serde_json::Value;

use super::{Machine, Op, scope::Place, watch::End, watch::Turn};
use crate::{
    Body, Error, ErrorKind, Event, Input, LossCause, Phase, Status, Timestamp, TryPhase, Work,
};

/// Refusals of one task that history has room for; further ones are only counted.
const REFUSALS_MAX: u32 = 10;

impl Machine<'_> {
    pub(super) fn take(&mut self, input: &Input) {
        match (self.state.status, input) {
            (_, Input::Event { event, directed }) => {
                self.out.taking = Some(self.hear(event, *directed));
            }
            (_, Input::Mail) => {}
            (_, Input::Steer(steer)) => self.steer(steer),
            (_, input) if self.is_in_grace() => self.take_in_grace(input),
            (Status::Suspended, input) => self.take_suspended(input),
            (Status::Pending, Input::Start | Input::Tick) => self.start(),
            (Status::Pending, Input::Cancel { reason }) => self.cancel(reason.clone()),
            (Status::Pending, _) | (_, Input::Start) => {}
            (_, Input::Child(input)) => self.take_child(input),
            (Status::Faulted, Input::Redrive { task, epoch, input }) => {
                self.take_redrive(*task, *epoch, input.as_ref());
            }
            (status, Input::Tick) if status.is_terminal() => self.tick_others(),
            (status, input) if status.is_terminal() => self.refuse_zombie(input),
            (_, Input::Tick) => self.tick(),
            (_, Input::Cancel { reason }) => self.ask_to_end(reason.clone()),
            (_, Input::Redrive { task, epoch, input }) => {
                self.take_redrive(*task, *epoch, input.as_ref());
            }
            (_, Input::Granted { task, since }) => self.granted(*task, *since),
            (_, Input::Answered { task, answer, by }) => {
                self.answered(*task, answer, by.as_deref());
            }
            (_, Input::Started { task, epoch, worker, at }) => {
                if self.is_current(*task, *epoch, input) {
                    self.started(*task, worker, *at);
                }
            }
            (_, Input::Completed { task, epoch, output, worker, .. }) => {
                if self.is_current(*task, *epoch, input) {
                    self.completed(*task, output.clone(), worker);
                }
            }
            (_, Input::Failed { task, epoch, fault, worker, started_at }) => {
                if self.is_current(*task, *epoch, input) {
                    self.failed(*task, fault, (Some(worker.as_str()), *started_at));
                }
            }
            (_, Input::Deferred { task, epoch, .. }) => {
                if self.is_current(*task, *epoch, input) {
                    self.deferred(*task, input);
                }
            }
            (_, Input::Lost { task, epoch, cause, worker, seen_at, blamed }) => {
                if self.is_current(*task, *epoch, input) {
                    self.lost(*task, *cause, worker.as_ref(), *seen_at, *blamed);
                }
            }
        }
    }

    pub(super) fn start(&mut self) {
        self.state.status = Status::Running;
        self.state.started_at = Some(self.now);
        self.note(Event::RunStarted);
        self.run_turned();
        match self.begin_run() {
            Ok(input) => {
                let body = self.program.body;
                self.open_list(None, body, std::collections::BTreeMap::new(), input);
            }
            Err(error) => self.fault(error),
        }
    }

    fn begin_run(&mut self) -> Result<Value, Error> {
        let program = self.program;
        let raw = self.state.raw_input.clone();
        self.check(program.input_schema, &raw, "/input")?;
        let place = Place { without_context: true, ..Place::default() };
        let input = match &program.input_from {
            Some(template) => self.render(template, &raw, &place)?,
            None => raw,
        };
        self.state.context = input.clone();
        if let Some(span) = program.timeout {
            let millis = self.millis(span, &input, &Place::default())?;
            self.state.deadline = Some(self.now.plus(millis));
        }
        Ok(input)
    }

    pub(super) fn take_redrive(&mut self, task: u64, epoch: u64, input: Option<&Value>) {
        let dead = self
            .call_mut(task)
            .is_some_and(|(_, state)| state.epoch == epoch && state.phase == Phase::DeadLettered);
        if dead && !input.is_some_and(crate::is_too_deep) {
            self.redrive(task, input);
        }
    }

    pub(super) fn started(&mut self, number: u64, worker: &str, at: Timestamp) {
        let program = self.program;
        let now = self.now;
        let Some((id, state)) = self.call_mut(number) else { return };
        if !matches!(state.phase, Phase::Dispatched { .. }) {
            return;
        }
        let Some(crate::Kind::Call(call)) = program.node(id).map(|node| &node.kind) else { return };
        // The worker's clock may be off: the limit counts from when the engine heard of it.
        let deadline = now.plus(call.policy.start_to_close_ms);
        state.phase = Phase::Started { at: at.min(now), worker: worker.to_owned(), deadline };
        let epoch = state.epoch;
        self.note(Event::TaskStarted { task: number, epoch, worker: worker.to_owned() });
        self.turned(number, Turn::Started, Status::Running, None);
    }

    /// Whether a report is about the attempt that counts, and the attempt is out. An older epoch
    /// is refused and noted; anything else is late or repeated.
    pub(super) fn is_current(&mut self, task: u64, epoch: u64, input: &Input) -> bool {
        let Some((_, state)) = self.call_mut(task) else {
            self.refuse_zombie(input);
            return false;
        };
        if state.epoch == epoch {
            return super::call::is_out(state);
        }
        let current = state.epoch;
        if epoch < current && is_last_word(input) && state.refusals < REFUSALS_MAX {
            state.refusals += 1;
            let worker = worker_of(input);
            self.note(Event::ResultRefused { task, epoch, current, worker });
        }
        false
    }

    /// The last word about an attempt of a task that closed under a newer epoch.
    fn refuse_zombie(&mut self, input: &Input) {
        let (Input::Completed { task, epoch, .. }
        | Input::Failed { task, epoch, .. }
        | Input::Lost { task, epoch, cause: LossCause::LeaseDropped, .. }) = input
        else {
            return;
        };
        match self.state.settled.get(task) {
            Some(current) if epoch < current => {
                let (task, epoch, current) = (*task, *epoch, *current);
                // Once is enough for the record, and keeps it short.
                self.state.settled.remove(&task);
                let worker = worker_of(input);
                self.note(Event::ResultRefused { task, epoch, current, worker });
            }
            _ => {}
        }
    }

    fn tick(&mut self) {
        let now = self.now;
        if self.state.limit().is_some_and(|limit| limit <= now) {
            let what = match self.state.cancelling {
                None => "the run took longer than its timeout",
                Some(_) => "tidying up after the cancellation took longer than its timeout",
            };
            let error = Error::new(ErrorKind::Timeout, "", what);
            for root in self.children_of(None) {
                self.close(root, End::Cancelled);
            }
            return self.fault(error);
        }
        self.tick_others();
        let numbers = self.numbers();
        for number in numbers {
            // What was due at the same time may have ended the run.
            if self.state.status.is_terminal() {
                return;
            }
            self.tick_frame(number, now);
        }
    }

    fn tick_frame(&mut self, number: u64, now: Timestamp) {
        let Some(frame) = self.state.frames.get(&number) else { return };
        let parent = frame.parent;
        let Body::Task(open) = &frame.body else { return };
        if frame.deadline.is_some_and(|deadline| deadline <= now) {
            let node = self.program.node(open.node);
            let pointer = node.map_or("", |node| node.pointer.as_str());
            let error = Error::new(ErrorKind::Timeout, pointer, "the task took too long");
            self.close(number, End::Faulted(&error));
            self.queue.push_back(Op::Raise { parent, error });
            return;
        }
        match &open.work {
            Work::Wait { until, interrupted: false } if *until <= now => self.timer_fired(number),
            Work::Try { phase: TryPhase::Backoff(until), .. } if *until <= now => {
                self.attempt(number);
            }
            Work::Try { attempt_deadline: Some(limit), phase: TryPhase::Trying, .. }
                if *limit <= now =>
            {
                self.attempt_timed_out(number);
            }
            Work::Call(state) => match &state.phase {
                Phase::Started { deadline, .. } if *deadline <= now => self.timed_out(number),
                Phase::Backoff { until } if *until <= now => self.give_out(number),
                Phase::DeadLettered if state.release_at.is_some_and(|at| at <= now) => {
                    self.redrive(number, None);
                }
                Phase::Dispatched { check_at, .. } if *check_at <= now => self.verify(number),
                _ => {}
            },
            Work::Human(asking) if asking.question.due_at.is_some_and(|due| due <= now) => {
                self.human_due(number);
            }
            Work::Child(_) => self.tick_child(number),
            _ => {}
        }
    }

    /// `limit.attempt.duration` of a `try` has passed: an error from inside it.
    fn attempt_timed_out(&mut self, number: u64) {
        let Some(Body::Task(open)) = self.body(number) else { return };
        let node = self.program.node(open.node);
        let pointer = node.map_or("", |node| node.pointer.as_str());
        let error =
            Error::new(ErrorKind::Timeout, pointer, "an attempt of the `try` took too long");
        for child in self.children(number) {
            self.close(child, End::Cancelled);
        }
        self.queue.push_back(Op::Raise { parent: Some(number), error });
    }

    fn timer_fired(&mut self, number: u64) {
        let Some(Body::Task(open)) = self.body(number) else { return };
        let input = open.input().clone();
        if let Some(node) = self.program.node(open.node) {
            self.note(Event::TimerFired { pointer: node.pointer.clone() });
        }
        self.end_scope(number, input, None);
    }
}

/// What a worker says when it is done with an attempt. One that was told to stop gives it up.
fn is_last_word(input: &Input) -> bool {
    let dropped = matches!(input, Input::Lost { cause: LossCause::LeaseDropped, .. });
    dropped || matches!(input, Input::Completed { .. } | Input::Failed { .. })
}

fn worker_of(input: &Input) -> Option<String> {
    match input {
        Input::Completed { worker, .. } | Input::Failed { worker, .. } => Some(worker.clone()),
        Input::Lost { worker, .. } => worker.clone(),
        _ => None,
    }
}
