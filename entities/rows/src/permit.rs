//! Permits: of tasks with the same key only so many are given out at a time.

use kintsugi_core::RunId;

/// A task that wants a permit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermitRow {
    /// The run.
    pub run: RunId,
    /// Number of the task.
    pub task: u64,
    /// What it shares the bound with.
    pub key: String,
    /// How many with this key are granted at a time.
    pub limit: u32,
    /// Of those that wait, the highest goes first.
    pub priority: u8,
    /// Since when it waits.
    pub at: i64,
}

/// What a batch does to the permit of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PermitWrite {
    /// It is wanted, in place of what was there.
    Want(PermitRow),
    /// The run knows that it was granted.
    Took,
    /// It is given back, or wanted no longer.
    Release,
}

/// What a round over all permits came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PermitRound {
    /// Tasks to tell that they have theirs, granted now, or a while ago and not taken since; and since
    /// when each waited for it.
    pub told: Vec<(RunId, u64, i64)>,
    /// Whether any permit is wanted or granted at all.
    pub any: bool,
}

/// A permit that a task waits for, or that was granted and not taken, and how the line of its key stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermitLine {
    /// Number of the task.
    pub task: u64,
    /// What it shares the bound with.
    pub key: String,
    /// How many with this key are granted at a time.
    pub limit: u32,
    /// When it was granted.
    pub granted_at: Option<i64>,
    /// How many of those who wait go before it.
    pub before: u64,
    /// How many wait.
    pub waiting: u64,
    /// How many are granted.
    pub held: u64,
    /// Some of those, the longest first.
    pub holders: Vec<PermitHolder>,
}

/// A task that has a permit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermitHolder {
    /// The run.
    pub run: RunId,
    /// Number of the task.
    pub task: u64,
    /// Since when.
    pub since: i64,
}
