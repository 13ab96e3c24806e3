//! The recovery log: each break that a step mends, in words for people.

use kintsugi_core::{Event, RunId, Step, Timestamp};
use kintsugi_entities::RecoveryRow;

/// The entries that follow from a step. Their ids follow from the run, the task and the epoch, so
/// that a repeat writes the same entry again.
pub(crate) fn of(run: &RunId, step: &Step) -> Vec<RecoveryRow> {
    let entry = |kind: String, task: u64, epoch: u64, worker: Option<String>, seen: Timestamp| {
        let (decided, outcome) = decision(step, task);
        RecoveryRow {
            id: format!("{run}:{task}:{epoch}:{kind}"),
            at: step.at.0,
            kind,
            run: Some(run.clone()),
            task: Some(task),
            epoch: Some(epoch),
            worker,
            seen_at: seen.0,
            decided,
            outcome,
            duration_ms: i64::try_from(step.at.since(seen)).unwrap_or(i64::MAX),
            by: "orchestrator".to_owned(),
        }
    };
    let entries = step.events.iter().filter_map(|event| match event {
        Event::TaskLost { task, epoch, cause, worker, seen_at } => {
            let kind = serde_json::to_value(cause).ok()?.as_str()?.to_owned();
            Some(entry(kind, *task, *epoch, worker.clone(), *seen_at))
        }
        Event::TaskTimedOut { task, epoch } => {
            Some(entry("task_timeout".to_owned(), *task, *epoch, None, step.at))
        }
        Event::ResultRefused { task, epoch, current, worker } => {
            let mut refused =
                entry("result_fenced".to_owned(), *task, *epoch, worker.clone(), step.at);
            refused.decided =
                format!("refused the result: attempt {current} is the one that counts");
            "nothing changed".clone_into(&mut refused.outcome);
            Some(refused)
        }
        _ => None,
    });
    entries.collect()
}

fn decision(step: &Step, task: u64) -> (String, String) {
    let found = step.events.iter().find_map(|event| match event {
        Event::TaskDispatched { task: of, epoch, .. } if *of == task => {
            Some((format!("gave the task out again as attempt {epoch}"), "taken over"))
        }
        Event::RetryScheduled { task: of, at, .. } if *of == task => {
            let pause = at.since(step.at);
            Some((format!("next attempt in {pause} ms"), "retry scheduled"))
        }
        Event::TaskDeadLettered { task: of, quarantined: true, error, .. } if *of == task => {
            Some((error.detail.clone().unwrap_or_default(), "quarantined"))
        }
        Event::TaskDeadLettered { task: of, .. } if *of == task => {
            Some(("no attempt is left".to_owned(), "dead-lettered"))
        }
        Event::ErrorCaught { pointer, .. } => {
            Some((format!("the workflow handles it at {pointer}"), "handled"))
        }
        _ => None,
    });
    let (decided, outcome) =
        found.unwrap_or_else(|| ("nothing was left to do".to_owned(), "closed"));
    (decided, outcome.to_owned())
}
