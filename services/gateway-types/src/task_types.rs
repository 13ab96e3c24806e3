//! The registry of task types.

use poem_openapi::Object;
use serde_json::Value;

/// A task type of the registry.
#[derive(Clone, Debug, Object)]
pub struct TaskType {
    /// Its name, as `call` has it.
    pub name: String,
    /// What is said of it: `description`, `input`, `output`, and the settings of its calls.
    pub body: Value,
    /// SHA-256 of that as JSON with sorted keys, in lower-case hex.
    pub digest: String,
    /// When it was registered.
    pub created_at: String,
    /// Since when it is as it is.
    pub updated_at: String,
}

/// A task type of the registry, without what is said of it.
#[derive(Clone, Debug, Object)]
pub struct TaskTypeSummary {
    /// Its name, as `call` has it.
    pub name: String,
    /// SHA-256 of what is said of it, in lower-case hex.
    pub digest: String,
    /// When it was registered.
    pub created_at: String,
    /// Since when it is as it is.
    pub updated_at: String,
}

/// A page of task types.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct TaskTypePage {
    /// The task types.
    pub items: Vec<TaskTypeSummary>,
    /// Cursor of the next page; none: this is the last.
    pub next: Option<String>,
}

/// A task type that was removed from the registry.
#[derive(Clone, Debug, Object)]
pub struct TaskTypeRemoved {
    /// Its name.
    pub name: String,
}
