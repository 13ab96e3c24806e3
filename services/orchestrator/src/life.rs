//! What people and systems outside hear of a run.

use kintsugi_core::{ChildEvent, DefinitionRef, Event, RunId, Step};
use kintsugi_nats::{Bus, LifeEvent};
use kintsugi_observability::traceparent;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tracing::debug;

use crate::runs::Run;

/// How many batches of events may wait to be published.
const BATCHES_MAX: usize = 1_024;

/// Publishes events in order, beside the hot path: waiting for the broker to store them would hold
/// up the next decision.
pub(crate) fn publisher(bus: Bus) -> mpsc::Sender<Vec<LifeEvent>> {
    let (sender, mut batches) = mpsc::channel::<Vec<LifeEvent>>(BATCHES_MAX);
    tokio::spawn(async move {
        let mut waiting = Vec::new();
        while batches.recv_many(&mut waiting, 64).await > 0 {
            let events: Vec<LifeEvent> = waiting.drain(..).flatten().collect();
            if let Err(error) = bus.publish_life(&events).await {
                debug!(error = &error as &dyn std::error::Error, "lifecycle events not published");
            }
        }
    });
    sender
}

/// Adds the lifecycle events of the specification that follow from steps. Tasks that the engine does
/// by itself, and the giving out of attempts, are in the history only: nobody waits for them.
pub(crate) fn events(id: &RunId, run: &Run, steps: &[Step], all: &mut Vec<LifeEvent>) {
    let Ok(definition) = DefinitionRef::parse(&run.definition) else { return };
    let trace = traceparent(id, run.trace_parent.as_deref());
    let DefinitionRef { namespace, name, version } = &definition;
    let started = json!({ "namespace": namespace, "name": name, "version": version });
    let name = format!("{name}-{id}.{namespace}");
    for (position, step) in steps.iter().enumerate() {
        for (index, event) in step.events.iter().enumerate() {
            let Some((kind, mut data)) = life(event, step, &name) else { continue };
            if matches!(event, Event::RunStarted) {
                data["definition"] = started.clone();
            }
            let event_id = format!("{id}:{}:{position}:{index}", run.version);
            let attempt = attempt(event);
            let mut event = LifeEvent::new(&definition, id, kind, event_id, step.at, data);
            event.attempt = attempt;
            event.traceparent = Some(trace.clone());
            event.sequence = Some(format!("{:010}.{position}.{index}", run.version));
            all.push(event);
        }
    }
}

/// The attempt that an event is about.
fn attempt(event: &Event) -> Option<u64> {
    match event {
        Event::TaskStarted { epoch, .. }
        | Event::TaskCompleted { epoch, .. }
        | Event::TaskFailed { epoch, .. }
        | Event::TaskLost { epoch, .. }
        | Event::TaskDeadLettered { epoch, .. }
        | Event::TaskCancelled { epoch, .. } => Some(*epoch),
        _ => None,
    }
}

fn life(event: &Event, step: &Step, name: &str) -> Option<(&'static str, Value)> {
    let at = step.at.to_rfc3339();
    let task = |task: &u64| json!({ "workflow": name, "task": task });
    let with = |mut data: Value, field: &str, value: Value| {
        data[field] = value;
        data
    };
    Some(match event {
        Event::RunStarted => ("workflow.started", json!({ "name": name, "startedAt": at })),
        Event::RunCompleted => ("workflow.completed", json!({ "name": name, "completedAt": at })),
        Event::RunFaulted { error } => {
            ("workflow.faulted", json!({ "name": name, "faultedAt": at, "error": error }))
        }
        Event::RunCancelled { .. } => {
            ("workflow.cancelled", json!({ "name": name, "cancelledAt": at }))
        }
        Event::TaskStarted { task: of, worker, .. } => (
            "task.started",
            with(with(task(of), "startedAt", at.into()), "worker", worker.as_str().into()),
        ),
        Event::TaskCompleted { task: of, .. } => {
            ("task.completed", with(task(of), "completedAt", at.into()))
        }
        Event::TaskFailed { task: of, error, .. } => {
            ("task.faulted", with(with(task(of), "faultedAt", at.into()), "error", json!(error)))
        }
        Event::TaskLost { task: of, cause, worker, .. } => {
            ("task.lost", with(with(task(of), "cause", json!(cause)), "worker", json!(worker)))
        }
        Event::RetryScheduled { task: of, at: due, .. } => {
            ("task.retried", with(task(of), "retriedAt", due.to_rfc3339().into()))
        }
        Event::TaskDeadLettered { task: of, error, .. } => (
            "task.dead-lettered",
            with(with(task(of), "deadLetteredAt", at.into()), "error", json!(error)),
        ),
        Event::TaskCancelled { task: of, .. } => {
            ("task.cancelled", with(task(of), "cancelledAt", at.into()))
        }
        Event::TaskRedriven { task: of, .. } => {
            ("task.redriven", with(task(of), "redrivenAt", at.into()))
        }
        Event::ListenStarted { task: of, .. } => {
            ("workflow.correlation-started", with(task(of), "startedAt", at.into()))
        }
        Event::ListenEnded { task: of, count, .. } => (
            "workflow.correlation-completed",
            with(with(task(of), "completedAt", at.into()), "events", json!(count)),
        ),
        Event::EventReceived { task: of, id, source, kind } => (
            "event.received",
            with(
                with(task(of), "receivedAt", at.into()),
                "event",
                json!({ "id": id, "source": source, "type": kind }),
            ),
        ),
        Event::EventEmitted { id, kind, .. } => (
            "event.emitted",
            json!({ "workflow": name, "emittedAt": at, "event": { "id": id, "type": kind } }),
        ),
        Event::Child(event) => child(event, task, at),
        _ => return crate::people::life(event, name, &at),
    })
}

/// A task that runs another workflow is a task like any other; the child tells of itself.
fn child(event: &ChildEvent, task: impl Fn(&u64) -> Value, at: String) -> (&'static str, Value) {
    let (kind, of, moment) = match event {
        ChildEvent::Started { task, .. } => ("task.started", task, "startedAt"),
        ChildEvent::Completed { task, .. } => ("task.completed", task, "completedAt"),
        ChildEvent::Failed { task, .. } => ("task.faulted", task, "faultedAt"),
        ChildEvent::Cancelled { task, .. } => ("task.cancelled", task, "cancelledAt"),
        ChildEvent::Resumed { task, .. } => ("task.resumed", task, "resumedAt"),
    };
    let mut data = task(of);
    data[moment] = at.into();
    match event {
        ChildEvent::Failed { run, error, .. } => {
            (data["run"], data["error"]) = (json!(run), json!(error));
        }
        ChildEvent::Started { run, .. }
        | ChildEvent::Completed { run, .. }
        | ChildEvent::Cancelled { run, .. }
        | ChildEvent::Resumed { run, .. } => data["run"] = json!(run),
    }
    (kind, data)
}
