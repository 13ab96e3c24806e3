//! Dead letters, as they are stored.

use kintsugi_core::{Effect, RunId, Timestamp, fingerprint};
use kintsugi_entities::{DeadLetterRow, DeadLetterStatus};

/// The id of a dead letter: a task that is redriven and exhausted again gets a letter of its own.
pub(crate) fn id(run: &RunId, task: u64, epoch: u64) -> String {
    format!("{run}:{task}:{epoch}")
}

/// The row of a dead letter; none for any other effect.
pub(crate) fn row(
    run: &RunId,
    definition: &str,
    trace_parent: Option<&str>,
    effect: &Effect,
    now: Timestamp,
) -> Option<DeadLetterRow> {
    let Effect::DeadLetter { task, epoch, pointer, task_type, queue, .. } = effect else {
        return None;
    };
    let Effect::DeadLetter { input, error, failures, crashes, attempts, outcome, .. } = effect
    else {
        return None;
    };
    Some(DeadLetterRow {
        id: id(run, *task, *epoch),
        run: run.clone(),
        task: *task,
        epoch: *epoch,
        definition: definition.to_owned(),
        pointer: pointer.clone(),
        task_type: task_type.clone(),
        queue: queue.clone(),
        input: serde_json::to_vec(input).unwrap_or_default(),
        error: serde_json::to_vec(error).unwrap_or_default(),
        failures: *failures,
        crashes: *crashes,
        outcome: outcome.as_str().to_owned(),
        attempts: serde_json::to_vec(attempts).unwrap_or_default(),
        trace_parent: trace_parent.map(str::to_owned),
        status: DeadLetterStatus::Open,
        created_at: now.0,
        redriven_at: None,
        published_at: None,
        fingerprint: fingerprint(definition, pointer, task_type, Some(error)),
        error_type: error.kind.clone(),
        discard: None,
    })
}
