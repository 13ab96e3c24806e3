//! Progress of a task that a person does.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Timestamp;

/// What a person is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// What is to be done, in a few words.
    pub title: String,
    /// The same at length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What the person gets to see.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "crate::present")]
    pub data: Option<Value>,
    /// Whose task it is; empty: anyone's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assignees: Vec<String>,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// When it is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// When it was given to others, since it was due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalated_at: Option<Timestamp>,
}

/// A task that waits for a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asking {
    /// What is asked.
    pub question: Question,
    /// Who gets it when it is due.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalate: Vec<String>,
    /// Nobody is asked: it was answered, or belongs to a faulted run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
}

impl Asking {
    /// When the run must be told the time.
    pub(crate) fn due_at(&self) -> Option<Timestamp> {
        let is_armed = !self.closed && self.question.escalated_at.is_none();
        self.question.due_at.filter(|_| is_armed)
    }
}
