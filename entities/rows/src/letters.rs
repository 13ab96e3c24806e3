//! Dead letters together: groups and discards.

use sea_orm::FromQueryResult;

/// Open dead letters with the same fingerprint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterGroup {
    /// What they have in common.
    pub fingerprint: String,
    /// How many there are.
    pub letters: u64,
    /// When the oldest one was dead-lettered.
    pub first_at: i64,
    /// When the newest one was.
    pub last_at: i64,
    /// The newest ones, the newest first.
    pub newest: Vec<LetterSample>,
}

/// Of a dead letter what tells which group it is of.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct LetterSample {
    /// `run:task:epoch`.
    pub id: String,
    /// `namespace/name:version` of the run's definition.
    pub definition: String,
    /// JSON pointer of the task.
    pub pointer: String,
    /// The task type.
    pub task_type: String,
    /// The queue.
    pub queue: String,
    /// JSON of the last error.
    pub error: Vec<u8>,
    /// JSON array of the attempts.
    pub attempts: Vec<u8>,
}

/// Letters that were discarded together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscardRow {
    /// Its id: ids order by age.
    pub id: String,
    /// JSON of which letters were meant.
    pub filter: Vec<u8>,
    /// How many letters were closed.
    pub letters: u64,
    /// By whom.
    pub by: Option<String>,
    /// Why.
    pub reason: String,
    /// When.
    pub at: i64,
    /// When it was taken back; none: it was not.
    pub undone_at: Option<i64>,
    /// By whom.
    pub undone_by: Option<String>,
    /// Why.
    pub undo_reason: Option<String>,
}

/// What came of taking a discard back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undo {
    /// It is taken back.
    Done(DiscardRow),
    /// It was before, or it is too late.
    Refused(DiscardRow),
    /// There is no such discard.
    Missing,
}
