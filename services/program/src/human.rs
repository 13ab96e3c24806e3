//! `call: human-task`: a task that a person does.

use serde::{Deserialize, Serialize};

use crate::{Schema, Span, Template};

/// What a person is asked, and until when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Human {
    /// What is to be done, in a few words.
    pub title: Template,
    /// The same at length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Template>,
    /// What the person gets to see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Template>,
    /// Names of people or groups; none: anyone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignees: Option<Template>,
    /// What an answer must look like; none: any JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Schema>,
    /// The time until which it should be done; then it is given to others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Span>,
    /// Names of those who get it when it is due; none: those who have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate: Option<Template>,
}
