//! What is heard of steering by hand.

use kintsugi_core::{Done, Event, SteerEvent, Step};
use serde_json::{Value, json};

/// Whether a person ended a task in a step. That its attempt is no longer wanted is no end of it.
pub(crate) fn ends(step: &Step, number: u64) -> bool {
    step.events.iter().any(|event| match event {
        Event::Steered(SteerEvent { done: Done::TaskRetried { .. }, .. }) => false,
        Event::Steered(said) => said.done.task().is_some_and(|(task, _)| task == number),
        _ => false,
    })
}

/// The lifecycle event of what was done by hand; none where nothing was, or the events that follow
/// from it tell it.
pub(crate) fn life(event: &SteerEvent, workflow: &str, at: &str) -> Option<(&'static str, Value)> {
    let (kind, moment) = match &event.done {
        Done::RunSuspended => ("workflow.suspended", "suspendedAt"),
        Done::RunResumed => ("workflow.resumed", "resumedAt"),
        Done::RunRerun { .. } => ("workflow.rerun", "rerunAt"),
        Done::VariablesChanged => ("workflow.variables-changed", "changedAt"),
        Done::TaskRetried { .. } => ("task.retried", "retriedAt"),
        Done::TaskCompleted { .. } => ("task.completed", "completedAt"),
        Done::TaskFailed { .. } => ("task.faulted", "faultedAt"),
        Done::TaskSkipped { .. } => ("task.skipped", "skippedAt"),
        Done::RunTerminated | Done::Refused { .. } => return None,
    };
    let mut data = match event.done.task() {
        Some((_, pointer)) => json!({ "workflow": workflow, "task": pointer, moment: at }),
        None => json!({ "name": workflow, moment: at }),
    };
    (data["by"], data["reason"]) = (json!(event.by), json!(event.reason));
    match &event.done {
        Done::TaskFailed { error, .. } => data["error"] = json!(error),
        Done::RunRerun { pointer, .. } => data["task"] = json!(pointer),
        _ => {}
    }
    Some((kind, data))
}
