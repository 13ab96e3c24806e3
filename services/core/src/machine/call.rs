//! Tasks that workers execute, and waits: given out, lost, tried again, exhausted.

use serde_json::Value;

use super::watch::Turn;
use super::{Machine, data::Ended, scope::Place};
use crate::{
    Body, By, Call, ChildPhase, Effect, Error, ErrorKind, Event, Fault, Frame, Kind, LossCause,
    Node, NodeId, Phase, Program, Status, TaskState, Timestamp, Work,
};

/// How long a dispatched attempt may go unheard of before the failure detector is asked to look
/// for it, in milliseconds: below the 5 s within which a breach of promise P2 is mended.
pub(super) const CHECK_FIRST_MS: u64 = 3_000;

/// The longest between two such checks of one attempt, which may wait for a worker for days.
pub(super) const CHECK_MAX_MS: u64 = 300_000;

/// The longest that a worker may ask for before the next attempt, in milliseconds: what it calls may say
/// so (`Retry-After`), and knows better than the policy, which bounds what the engine chooses.
const RETRY_AFTER_MAX_MS: u64 = 600_000;

/// Whether an attempt is out: its message or its worker is.
pub(super) fn is_out(task: &TaskState) -> bool {
    matches!(task.phase, Phase::Dispatched { .. } | Phase::Started { .. })
}

/// Whether the engine or a worker has something to do for it.
pub(super) fn is_busy(task: &TaskState) -> bool {
    is_out(task) || matches!(task.phase, Phase::Backoff { .. } | Phase::Queued { .. })
}

/// Whether something is under way for a frame, here, at a worker or in a child.
pub(super) fn has_work(frame: &Frame) -> bool {
    let Body::Task(open) = &frame.body else { return false };
    match &open.work {
        Work::Call(task) => is_busy(task),
        Work::Child(child) => {
            matches!(child.phase, ChildPhase::Wanted { .. } | ChildPhase::Open { .. })
        }
        _ => false,
    }
}

/// The effect that gives an attempt out.
pub(super) fn dispatch(
    program: &Program,
    task: u64,
    node: NodeId,
    state: &TaskState,
) -> Option<Effect> {
    let node = program.node(node)?;
    let Kind::Call(call) = &node.kind else { return None };
    Some(Effect::Dispatch {
        task,
        epoch: state.epoch,
        failures: state.failures,
        crashes: state.crashes,
        pointer: node.pointer.clone(),
        task_type: call.task_type.clone(),
        queue: call.queue.clone(),
        input: state.input.clone(),
        start_to_close_ms: call.policy.start_to_close_ms,
        lease_ms: call.policy.lease_ms,
    })
}

impl<'a> Machine<'a> {
    /// Opens a `wait`, a `call` or a `run: workflow`.
    pub(super) fn open_leaf(
        &mut self,
        parent: u64,
        id: NodeId,
        node: &Node,
        raw: &Value,
        own: Option<Value>,
    ) -> Result<(), Error> {
        let input = own.as_ref().unwrap_or(raw);
        let place = Place::of(node, parent, input, raw);
        let work = match &node.kind {
            Kind::Wait(span) => {
                let until = self.now.plus(self.millis(*span, input, &place)?);
                self.note(Event::TimerStarted { pointer: node.pointer.clone(), due_at: until });
                Work::Wait { until, interrupted: false }
            }
            Kind::Call(call) => Work::Call(Box::new(TaskState {
                task_type: call.task_type.clone(),
                queue: call.queue.clone(),
                input: self.arguments(call, input, &place)?,
                permit: self.permit_key(call, input, &place)?,
                epoch: 0,
                failures: 0,
                crashes: 0,
                first_at: self.now,
                phase: Phase::Interrupted,
                release_at: None,
                deferred: None,
                refusals: 0,
                error: None,
                attempts: Vec::new(),
            })),
            Kind::RunWorkflow(run) => self.wanted_child(run, input, &place)?,
            _ => return Ok(()),
        };
        let number = self.open_task(parent, id, node, raw, own, work)?;
        match &node.kind {
            Kind::Call(_) => self.begin_attempts(number),
            Kind::RunWorkflow(_) => self.want_child(number),
            _ => {}
        }
        Ok(())
    }

    /// Gives out the next attempt, under the next epoch.
    pub(super) fn give_out(&mut self, number: u64) {
        let (program, now) = (self.program, self.now);
        let Some((id, task)) = self.call_mut(number) else { return };
        task.epoch += 1;
        task.phase = Phase::Dispatched { at: now, check_at: now.plus(CHECK_FIRST_MS), checks: 0 };
        let Some(effect) = dispatch(program, number, id, task) else { return };
        if let Effect::Dispatch { task, epoch, pointer, task_type, queue, .. } = &effect {
            self.note(Event::TaskDispatched {
                task: *task,
                epoch: *epoch,
                pointer: pointer.clone(),
                task_type: task_type.clone(),
                queue: queue.clone(),
            });
        }
        self.effect(effect);
    }

    /// Asks where an attempt is, and when to ask again.
    pub(super) fn verify(&mut self, number: u64) {
        let (program, now) = (self.program, self.now);
        let Some((id, state)) = self.call_mut(number) else { return };
        let epoch = state.epoch;
        let Phase::Dispatched { at, check_at, checks } = &mut state.phase else { return };
        let pause = (CHECK_FIRST_MS << (*checks).min(7)).min(CHECK_MAX_MS);
        (*check_at, *checks) = (now.plus(pause), *checks + 1);
        let dispatched_at = *at;
        self.out.changed = true;
        let Some(Kind::Call(call)) = program.node(id).map(|node| &node.kind) else { return };
        self.effect(Effect::Verify {
            task: number,
            epoch,
            task_type: call.task_type.clone(),
            queue: call.queue.clone(),
            dispatched_at,
        });
    }

    pub(super) fn completed(&mut self, number: u64, output: Value, worker: &str) {
        if let Some(fault) = self.unfit(number, &output) {
            return self.failed(number, &fault, (Some(worker), None));
        }
        let Some(frame) = self.state.frames.get(&number) else { return };
        let (Some(parent), Body::Task(open)) = (frame.parent, &frame.body) else { return };
        let (node, raw_input, input) = (open.node, open.raw_input.clone(), open.input().clone());
        self.began(number);
        let Some((_, task)) = self.call_mut(number) else { return };
        let epoch = task.epoch;
        let had_permit = task.has_permit();
        task.phase = Phase::Interrupted;
        self.note(Event::TaskCompleted { task: number, epoch, worker: worker.to_owned() });
        self.give_back(number, had_permit);
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

    pub(super) fn failed(&mut self, number: u64, fault: &Fault, by: By<'_>) {
        let Some((id, call)) = self.call_of(number) else { return };
        let error = fault_error(fault, &id.pointer);
        let policy = &call.policy.retry;
        let (fatal, after) = (fault.fatal, fault.retry_after_ms);
        let now = self.now;
        self.began(number);
        let Some((_, task)) = self.call_mut(number) else { return };
        task.failures += 1;
        task.deferred = None;
        task.remember(by, Err(&error), now);
        task.error = Some(error.clone());
        let (epoch, failures, first_at) = (task.epoch, task.failures, task.first_at);
        self.note(Event::TaskFailed { task: number, epoch, error: error.clone() });
        self.turned(number, Turn::Ended, Status::Faulted, Some(&error));
        let delay = policy.delay_ms(failures, self.seed(number, epoch));
        let delay = delay.max(after.unwrap_or(0).min(RETRY_AFTER_MAX_MS));
        let in_time = policy.total_ms.is_none_or(|total| now.since(first_at) + delay < total);
        if !fatal && in_time && failures < policy.maximum_attempts {
            self.back_off(number, now.plus(delay), failures);
            self.turned(number, Turn::Again, Status::Pending, None);
        } else {
            self.exhausted(number, error);
        }
    }

    /// The attempt's time limit has passed.
    pub(super) fn timed_out(&mut self, number: u64) {
        let Some((_, call)) = self.call_of(number) else { return };
        let limit = call.policy.start_to_close_ms;
        let Some((_, task)) = self.call_mut(number) else { return };
        let epoch = task.epoch;
        self.note(Event::TaskTimedOut { task: number, epoch });
        self.effect(Effect::Cancel { task: number, epoch });
        let (segment, status) = ErrorKind::Timeout.parts();
        let fault = Fault {
            message: format!("the attempt took longer than its limit of {limit} ms"),
            kind: Some(segment.to_owned()),
            status: Some(status),
            ..Fault::default()
        };
        self.failed(number, &fault, (None, None));
    }

    /// An attempt will give no result: another takes its place, at once if its worker is gone.
    pub(super) fn lost(
        &mut self,
        number: u64,
        cause: LossCause,
        worker: Option<&String>,
        seen_at: Timestamp,
        blamed: Option<bool>,
    ) {
        let Some((node, call)) = self.call_of(number) else { return };
        let (policy, now) = (&call.policy, self.now);
        let Some((_, task)) = self.call_mut(number) else { return };
        let was_running = matches!(task.phase, Phase::Started { .. });
        task.crashes += u32::from(cause.is_crash());
        task.remember((worker.map(String::as_str), None), Ok(cause), now);
        let (epoch, crashes, failures) = (task.epoch, task.crashes, task.failures);
        let (victims, limit) = (task.victims(), policy.quarantine.workers);
        let worker = worker.cloned();
        self.note(Event::TaskLost { task: number, epoch, cause, worker, seen_at });
        let kills = limit > 0 && u32::try_from(victims).unwrap_or(u32::MAX) >= limit;
        if kills && cause.is_crash() && blamed != Some(false) {
            return self.quarantine(number, victims);
        }
        if cause == LossCause::Undeliverable || crashes >= policy.crashes_max {
            let detail = match cause {
                LossCause::Undeliverable => "the broker gave up delivering the task".to_owned(),
                _ => format!("{crashes} attempts ended with their worker"),
            };
            let error = Error::new(ErrorKind::Runtime, &node.pointer, detail);
            self.turned(number, Turn::Ended, Status::Faulted, Some(&error));
            return self.exhausted(number, error);
        }
        if was_running {
            self.turned(number, Turn::Again, Status::Pending, None);
        }
        if crashes < 2 {
            return self.give_out(number);
        }
        // A task that keeps killing workers gets them one by one.
        let delay = policy.retry.delay_ms(crashes - 1, self.seed(number, epoch));
        self.back_off(number, now.plus(delay), failures);
    }

    fn back_off(&mut self, number: u64, until: Timestamp, failures: u32) {
        let Some((_, task)) = self.call_mut(number) else { return };
        task.phase = Phase::Backoff { until };
        self.note(Event::RetryScheduled { task: number, at: until, failures });
    }

    /// New attempts for a dead-lettered task, and for what its fault interrupted.
    pub(super) fn redrive(&mut self, number: u64, input: Option<&Value>) {
        let now = self.now;
        let Some((_, task)) = self.call_mut(number) else { return };
        if let Some(input) = input {
            task.input = input.clone();
        }
        let epoch = task.epoch;
        reset(task, now);
        self.note(Event::TaskRedriven { task: number, edited: input.is_some() });
        self.turned(number, Turn::Again, Status::Pending, None);
        self.effect(Effect::Redriven { task: number, epoch });
        self.begin_attempts(number);
        if self.state.status.is_terminal() {
            self.resume();
        }
    }

    /// Takes a faulted run up again.
    pub(super) fn resume(&mut self) {
        self.state.status = Status::Running;
        self.run_turned();
        self.state.error = None;
        self.begin_life();
        let (now, started) = (self.now, self.state.started_at.unwrap_or(self.now));
        self.state.deadline = self.state.deadline.map(|end| now.plus(end.since(started)));
        self.tidy_again();
        let numbers = self.numbers();
        for number in numbers {
            if let Some(frame) = self.state.frames.get_mut(&number) {
                frame.deadline = frame.deadline.map(|end| now.plus(end.since(frame.at)));
            }
            let Some(open) = self.task_frame(number) else { continue };
            match &mut open.work {
                Work::Wait { interrupted, .. } => *interrupted = false,
                Work::Listen(_) => self.listen_again(number),
                Work::Human(_) => self.ask_again(number),
                Work::Call(task) if task.phase == Phase::Interrupted => {
                    reset(task, now);
                    self.turned(number, Turn::Again, Status::Pending, None);
                    self.begin_attempts(number);
                }
                _ => {}
            }
        }
        self.take_up_children();
    }

    /// A worker is, or was, at an attempt. Of a short one it says so with the result only.
    fn began(&mut self, number: u64) {
        let of = self.call_mut(number).map(|(_, task)| &task.phase);
        if matches!(of, Some(Phase::Dispatched { .. })) {
            self.turned(number, Turn::Started, Status::Running, None);
        }
    }

    pub(super) fn call_mut(&mut self, number: u64) -> Option<(NodeId, &mut TaskState)> {
        let open = self.task_frame(number)?;
        match &mut open.work {
            Work::Call(task) => Some((open.node, task)),
            _ => None,
        }
    }

    pub(super) fn call_of(&self, number: u64) -> Option<(&'a Node, &'a Call)> {
        let Some(Body::Task(open)) = self.body(number) else { return None };
        let node = self.program.node(open.node)?;
        match &node.kind {
            Kind::Call(call) => Some((node, call)),
            _ => None,
        }
    }
}

fn reset(task: &mut TaskState, now: Timestamp) {
    (task.failures, task.crashes, task.refusals) = (0, 0, 0);
    (task.first_at, task.error, task.release_at, task.deferred) = (now, None, None, None);
    task.attempts.clear();
}

/// A worker's failure as an error of the workflow. A type without `:` is one of the
/// specification's, by its last segment.
fn fault_error(fault: &Fault, pointer: &str) -> Error {
    let detail = fault.message.chars().take(8_192).collect::<String>();
    let named = fault.kind.as_deref().unwrap_or("runtime");
    let known = ErrorKind::named(named);
    let mut error = Error::new(known.unwrap_or(ErrorKind::Runtime), pointer, detail);
    if known.is_none() && named.contains(':') {
        (error.kind, error.title) = (named.to_owned(), None);
    }
    if let Some(status) = fault.status {
        error.status = status;
    }
    error
}
