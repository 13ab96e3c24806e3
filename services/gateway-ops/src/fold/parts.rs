//! What the fold puts together: a task, an attempt, and what becomes of them.

use kintsugi_core::{
    Done, Input, Phase, RunId, Steer, SteerEvent, Steering, Step, TaskState, Timestamp,
};

use crate::types::{Attempt, AttemptStatus, Task, TaskStatus};

pub(super) fn dispatched(
    run: &RunId,
    number: u64,
    pointer: &str,
    kind: &str,
    queue: &str,
    at: Timestamp,
) -> Task {
    Task {
        task: format!("{run}:{number}"),
        run: run.to_string(),
        number,
        name: name_of(pointer),
        pointer: pointer.to_owned(),
        kind: kind.to_owned(),
        queue: queue.to_owned(),
        status: TaskStatus::Scheduled,
        attempt: 0,
        epoch: 0,
        failures: 0,
        crashes: 0,
        worker: None,
        scheduled_at: at.to_rfc3339(),
        started_at: None,
        ended_at: None,
        retry_at: None,
        error: None,
        input: None,
        output: None,
        input_bytes: None,
        output_bytes: None,
        partial: false,
        attempts: Vec::new(),
    }
}

pub(super) fn attempt(epoch: u64, at: Timestamp) -> Attempt {
    Attempt {
        epoch,
        status: AttemptStatus::Scheduled,
        worker: None,
        scheduled_at: at.to_rfc3339(),
        started_at: None,
        ended_at: None,
        error: None,
        cause: None,
        seen_at: None,
        retry_at: None,
        refused: 0,
    }
}

/// Notes who was at it, and since when; the first word about the beginning counts.
pub(super) fn held(
    task: &mut Task,
    attempt: &mut Attempt,
    worker: Option<&str>,
    began: Option<Timestamp>,
) {
    if let Some(worker) = worker {
        attempt.worker = Some(worker.to_owned());
        task.worker = Some(worker.to_owned());
    }
    let began = began.map(Timestamp::to_rfc3339);
    attempt.started_at = attempt.started_at.take().or_else(|| began.clone());
    task.started_at = task.started_at.take().or(began);
}

pub(super) fn ended(attempt: &mut Attempt, status: AttemptStatus, at: Timestamp) {
    attempt.status = status;
    attempt.ended_at = Some(at.to_rfc3339());
}

/// As far as is known: a retry may follow in the next event.
pub(super) fn over(task: &mut Task, status: TaskStatus, at: Timestamp) {
    (task.status, task.ended_at, task.retry_at) = (status, Some(at.to_rfc3339()), None);
}

/// What was done with a task by hand.
pub(super) fn steered(task: &mut Task, said: &SteerEvent, step: &Step) {
    match &said.done {
        Done::TaskCompleted { .. } | Done::TaskSkipped { .. } => {
            over(task, TaskStatus::Completed, step.at);
            if let Input::Steer(Steer { what, .. }) = &step.input {
                task.output = match what {
                    Steering::Complete { output, .. } => Some(output.clone()),
                    Steering::Skip { output, .. } => output.clone(),
                    _ => None,
                };
            }
        }
        Done::TaskFailed { error, .. } => {
            task.error = Some(error.into());
            over(task, TaskStatus::Failed, step.at);
        }
        _ => {}
    }
}

pub(super) fn overlay(task: &mut Task, state: &TaskState) {
    task.input = Some(state.input.clone());
    (task.failures, task.crashes) = (state.failures, state.crashes);
    match &state.phase {
        Phase::Queued { .. } => task.status = TaskStatus::Queued,
        Phase::Dispatched { .. } => task.status = TaskStatus::Scheduled,
        Phase::Started { worker, .. } => {
            task.status = TaskStatus::Running;
            task.worker = Some(worker.clone());
        }
        Phase::Backoff { until } => {
            task.status = TaskStatus::BackingOff;
            task.retry_at = Some(until.to_rfc3339());
        }
        // The history says which of the two it is; a run so long that it is not read does not.
        Phase::DeadLettered if task.status == TaskStatus::Quarantined => {
            task.retry_at = state.release_at.map(Timestamp::to_rfc3339);
        }
        Phase::DeadLettered => task.status = TaskStatus::DeadLettered,
        Phase::Interrupted => task.status = TaskStatus::Interrupted,
    }
}

pub(super) fn worker_of(input: &Input) -> Option<&str> {
    match input {
        Input::Started { worker, .. }
        | Input::Completed { worker, .. }
        | Input::Failed { worker, .. } => Some(worker),
        _ => None,
    }
}

pub(super) fn began(input: &Input) -> Option<Timestamp> {
    match input {
        Input::Started { at, .. } => Some(*at),
        Input::Completed { started_at, .. } | Input::Failed { started_at, .. } => *started_at,
        _ => None,
    }
}

/// The last segment of a JSON pointer, unescaped.
fn name_of(pointer: &str) -> String {
    let last = pointer.rsplit('/').next().unwrap_or(pointer);
    last.replace("~1", "/").replace("~0", "~")
}
