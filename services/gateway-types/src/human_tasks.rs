//! Tasks that people do.

use poem_openapi::Object;
use serde::Deserialize;
use serde_json::Value;

/// A task that a person does.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct HumanTask {
    /// `run:number`.
    pub id: String,
    /// `open`, `answered` or `withdrawn`.
    pub status: String,
    /// The run.
    pub run: String,
    /// `namespace/name:version`.
    pub definition: String,
    /// JSON pointer of the task in the definition.
    pub pointer: String,
    /// What is to be done, in a few words.
    pub title: String,
    /// The same at length.
    pub description: Option<String>,
    /// What the definition gives to look at.
    pub data: Option<Value>,
    /// JSON Schema of an answer; none: any JSON.
    pub form: Option<Value>,
    /// Names of people or groups; empty: anyone.
    pub assignees: Vec<String>,
    /// When it was asked.
    pub created_at: String,
    /// When it is due.
    pub due_at: Option<String>,
    /// When it was given to others, since it was due.
    pub escalated_at: Option<String>,
    /// When it was answered or withdrawn.
    pub ended_at: Option<String>,
    /// Who answered.
    pub answered_by: Option<String>,
}

/// A page of tasks that people do, newest first.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct HumanTaskPage {
    /// The tasks.
    pub items: Vec<HumanTask>,
    /// Cursor of the next page; none: this is the last.
    pub next: Option<String>,
}

/// Answers a task.
#[derive(Clone, Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields)]
pub struct AnswerRequest {
    /// What the task's output is to be; it must fit the form.
    pub answer: Value,
    /// Who answers, for the record: up to 200 characters. The engine does not check it.
    #[serde(default)]
    pub by: Option<String>,
}

/// An answer that was kept; the run goes on with it in a moment.
#[derive(Clone, Debug, Object)]
pub struct Answered {
    /// The task.
    pub id: String,
    /// The run.
    pub run: String,
}
