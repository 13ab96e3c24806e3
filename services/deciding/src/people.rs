//! Tasks of people, as they are stored.

use kintsugi_core::{Effect, RunId, TaskKey, Timestamp};
use kintsugi_entities::{Batch, HumanTaskEnd, HumanTaskRow, HumanTaskStatus};
use serde_json::json;

/// Notes what an effect does to tasks of people.
pub(crate) fn note(
    run: &RunId,
    definition: &str,
    effect: &Effect,
    now: Timestamp,
    batch: &mut Batch,
) {
    let id = |task: &u64| TaskKey { run: run.clone(), task: *task }.to_string();
    let end = |task: &u64, status, by: Option<String>| HumanTaskEnd {
        id: id(task),
        status,
        at: now.0,
        by,
    };
    match effect {
        Effect::Ask { task, pointer, question, form } => {
            let id = id(task);
            // It was withdrawn in the same batch, and is asked again.
            batch.human_ends.retain(|end| end.id != id);
            let rest = json!({
                "description": question.description, "data": question.data, "form": form,
            });
            batch.human_tasks.push(HumanTaskRow {
                id,
                run: run.clone(),
                task: *task,
                definition: definition.to_owned(),
                pointer: pointer.clone(),
                title: question.title.clone(),
                question: rest.to_string().into_bytes(),
                assignees: question.assignees.clone(),
                status: HumanTaskStatus::Open,
                created_at: question.asked_at.0,
                due_at: question.due_at.map(|at| at.0),
                escalated_at: question.escalated_at.map(|at| at.0),
                ended_at: None,
                answered_by: None,
            });
        }
        Effect::Answered { task, by } => {
            batch.human_ends.push(end(task, HumanTaskStatus::Answered, by.clone()));
        }
        Effect::Withdrawn { task } => {
            batch.human_ends.push(end(task, HumanTaskStatus::Withdrawn, None));
        }
        _ => {}
    }
}
