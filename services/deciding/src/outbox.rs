//! What follows a commit: messages, made of effects.

use kintsugi_core::{
    ChildEffect, ChildInput, CloudEvent, Effect, Fault, Input, RunId, Timestamp, partition_of,
};
use kintsugi_nats::{Cancel, RunInput, TaskMessage, Verify, events_subject};
use kintsugi_observability::RunTrace;

/// What a task message says of its run.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Its definition.
    pub definition: String,
    /// The trace that it is part of.
    pub trace: RunTrace,
}

/// Everything that one batch sends.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Tasks, each with how often it was published under its epoch.
    pub tasks: Vec<(TaskMessage, u32)>,
    /// Attempts that are not wanted any more.
    pub cancels: Vec<Cancel>,
    /// Attempts that are asked after.
    pub verifies: Vec<Verify>,
    /// What runs emitted.
    pub events: Vec<CloudEvent>,
    /// What runs are told of each other.
    pub inputs: Vec<RunInput>,
    /// The earliest deadline that nobody was told of.
    pub wake_at: Option<i64>,
    /// There are new dead letters.
    pub has_letters: bool,
    /// Runs that want permits or gave some back.
    pub permits: Vec<RunId>,
}

impl Outbox {
    /// Takes an effect of a run in, which goes to one of so many `partitions`.
    pub fn add(
        &mut self,
        partitions: u16,
        (run, origin): (&RunId, &Origin),
        effect: Effect,
        now: Timestamp,
    ) {
        match effect {
            Effect::Dispatch { .. } => {
                self.tasks
                    .extend(message(partitions, run, origin, effect, now).map(|task| (task, 1)));
            }
            Effect::Cancel { task, epoch } => {
                self.cancels.push(Cancel { task: format!("{run}:{task}"), epoch });
            }
            Effect::Verify { task, epoch, task_type, queue, dispatched_at } => {
                let run = run.clone();
                self.verifies.push(Verify { run, task, epoch, task_type, queue, dispatched_at });
            }
            Effect::DeadLetter { .. } => self.has_letters = true,
            Effect::Want { .. } | Effect::Release { .. } => self.permits.push(run.clone()),
            Effect::Emit { event } => self.events.push(event),
            Effect::Redriven { .. }
            | Effect::Listen { .. }
            | Effect::Unlisten { .. }
            | Effect::Offer
            | Effect::Took { .. }
            | Effect::Ask { .. }
            | Effect::Answered { .. }
            | Effect::Withdrawn { .. } => {}
            Effect::Child(effect) => self.inputs.extend(told(run, effect)),
        }
    }
}

/// What a run is told by another one.
fn told(from: &RunId, effect: ChildEffect) -> Option<RunInput> {
    let (run, input) = match effect {
        // Answered before the commit.
        ChildEffect::Start { .. } | ChildEffect::Look { .. } => return None,
        ChildEffect::Cancel { run } => {
            let reason = Some(format!("the run {from} does not wait for it any longer"));
            (run, Input::Cancel { reason })
        }
        ChildEffect::TellParent { run, task, life } => {
            (run, Input::Child(ChildInput::Changed { task, run: from.clone(), life }))
        }
        ChildEffect::TellChild { run, life } => (run, Input::Child(ChildInput::Heard { life })),
    };
    Some(RunInput { run, input })
}

fn message(
    partitions: u16,
    run: &RunId,
    origin: &Origin,
    effect: Effect,
    now: Timestamp,
) -> Option<TaskMessage> {
    let Effect::Dispatch {
        task,
        epoch,
        failures,
        crashes,
        pointer,
        task_type,
        queue,
        input,
        start_to_close_ms,
        lease_ms,
    } = effect
    else {
        return None;
    };
    let id = format!("{run}:{task}");
    Some(TaskMessage {
        idempotency_key: id.clone(),
        task: id,
        run: run.clone(),
        number: task,
        epoch,
        attempt: epoch,
        failures,
        crashes,
        traceparent: Some(origin.trace.of_task(run, task, epoch)),
        task_type,
        queue,
        input,
        definition: origin.definition.clone(),
        pointer,
        start_to_close_ms,
        lease_ms,
        heartbeat_ms: 300,
        reply: events_subject(partition_of(run, partitions)),
        dispatched_at: now,
    })
}

/// What a run is told of a task that the broker refuses for good.
#[must_use]
pub fn refusal(task: &TaskMessage, why: &str) -> RunInput {
    let fault = Fault {
        message: format!("the task cannot be given out: {why}"),
        fatal: true,
        ..Fault::default()
    };
    let (number, epoch, worker) = (task.number, task.epoch, "orchestrator".to_owned());
    let input = Input::Failed { task: number, epoch, fault, worker, started_at: None };
    RunInput { run: task.run.clone(), input }
}
