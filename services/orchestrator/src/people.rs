//! What is heard of tasks of people.

use kintsugi_core::Event;
use serde_json::{Value, json};

/// The lifecycle event of an event about a task of a person.
pub(crate) fn life(event: &Event, workflow: &str, at: &str) -> Option<(&'static str, Value)> {
    let data =
        |pointer: &str, moment: &str| json!({ "workflow": workflow, "task": pointer, moment: at });
    let asked = |pointer: &str, title: &str, assignees: &[String], moment| {
        let mut data = data(pointer, moment);
        (data["title"], data["assignees"]) = (title.into(), assignees.into());
        data
    };
    Some(match event {
        Event::HumanTaskAsked { pointer, title, assignees, .. } => {
            ("human-task.asked", asked(pointer, title, assignees, "askedAt"))
        }
        Event::HumanTaskDue { pointer, title, assignees, .. } => {
            ("human-task.due", asked(pointer, title, assignees, "dueAt"))
        }
        Event::HumanTaskAnswered { pointer, by, .. } => {
            let mut data = data(pointer, "answeredAt");
            data["by"] = json!(by);
            ("human-task.answered", data)
        }
        Event::HumanTaskWithdrawn { pointer, .. } => {
            ("human-task.withdrawn", data(pointer, "withdrawnAt"))
        }
        _ => return None,
    })
}
