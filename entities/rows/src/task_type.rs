//! The registry of task types.

use crate::entity::task_type::Model;

/// What is known of a task type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskTypeRow {
    /// Its name.
    pub name: String,
    /// What is said of it, as JSON.
    pub body: Vec<u8>,
    /// Digest of that.
    pub digest: String,
    /// When it was registered.
    pub created_at: i64,
    /// Since when it is as it is.
    pub updated_at: i64,
}

/// The same without what is said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskTypeSummary {
    /// Its name.
    pub name: String,
    /// Digest of what is said of it.
    pub digest: String,
    /// When it was registered.
    pub created_at: i64,
    /// Since when it is as it is.
    pub updated_at: i64,
}

/// What became of registering a task type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskTypePut {
    /// It is new.
    Created,
    /// It took the place of another; since when that was registered.
    Replaced(i64),
    /// It was there already.
    Same(TaskTypeRow),
    /// There are as many as there may be.
    Full,
}

impl From<Model> for TaskTypeRow {
    fn from(row: Model) -> Self {
        let Model { name, body, digest, created_at, updated_at } = row;
        Self { name, body, digest, created_at, updated_at }
    }
}
