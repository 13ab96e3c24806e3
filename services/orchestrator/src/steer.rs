//! Steering by hand: requests that are done with, and what is heard of them.

use kintsugi_core::{Done, Event, Input, RunId, Steer, SteerEvent, Step};
use serde_json::{Value, json};

/// The requests among what a run is told, as the store knows them.
pub(crate) fn asked(run: &RunId, inputs: &[Input]) -> Vec<String> {
    let asked = inputs.iter().filter_map(|input| match input {
        Input::Steer(steer) => Some(steer.key(run)),
        _ => None,
    });
    asked.collect()
}

/// Nothing of a run is written after all: what was asked of it stays.
pub(crate) fn untouched(run: &RunId, taken: &mut Vec<String>) {
    let own = Steer::keys(run);
    taken.retain(|id| !id.starts_with(&own));
}

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
