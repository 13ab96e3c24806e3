//! Tasks and attempts.

use poem_openapi::{Enum, Object};
use serde_json::Value;

use super::RunError;

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum TaskStatus {
    /// It waits for a permit: only so many are given out at a time.
    Queued,
    /// An attempt was given out.
    Scheduled,
    /// A worker said that it is at it.
    Running,
    /// The next attempt follows after a pause.
    BackingOff,
    /// Done.
    Completed,
    /// It failed, and the workflow dealt with the error.
    Failed,
    /// It exhausted its policy; a redrive gives it new attempts.
    DeadLettered,
    /// Workers died with it, so it is kept away from them; a redrive, or time, releases it.
    Quarantined,
    /// No longer wanted.
    Cancelled,
    /// Its run faulted; a redrive takes it up again.
    Interrupted,
}

/// How an attempt went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum AttemptStatus {
    /// Given out.
    Scheduled,
    /// A worker said that it is at it.
    Running,
    /// It gave the task's result.
    Completed,
    /// It failed.
    Failed,
    /// It took longer than it may.
    TimedOut,
    /// Its worker or its message is gone: the break that the next attempt mends.
    Lost,
    /// No longer wanted.
    Cancelled,
}

/// One attempt at a task.
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Attempt {
    /// Its epoch: the fencing token, and its number.
    pub epoch: u64,
    /// How it went.
    pub status: AttemptStatus,
    /// Who was at it.
    pub worker: Option<String>,
    /// When it was given out.
    pub scheduled_at: String,
    /// When the worker began, where known.
    pub started_at: Option<String>,
    /// When it was over.
    pub ended_at: Option<String>,
    /// Why it failed.
    pub error: Option<RunError>,
    /// Why it was lost: `worker_dead`, `worker_frozen`, `lease_dropped`, `redelivered`,
    /// `undeliverable`, `message_lost` or `broker_restarted`; or `deferred`: it was put off.
    pub cause: Option<String>,
    /// When the loss was seen.
    pub seen_at: Option<String>,
    /// When the attempt after it was due.
    pub retry_at: Option<String>,
    /// Results that came under this epoch after it was over, and were refused.
    pub refused: u32,
}

/// A task that workers execute.
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Task {
    /// `run:number`.
    pub task: String,
    /// The run.
    pub run: String,
    /// Its number in the run.
    pub number: u64,
    /// Its name in the definition.
    pub name: String,
    /// JSON pointer into the definition.
    pub pointer: String,
    /// The task type.
    #[oai(rename = "type")]
    pub kind: String,
    /// The queue.
    pub queue: String,
    /// Where it stands.
    pub status: TaskStatus,
    /// Number of the newest attempt.
    pub attempt: u64,
    /// Epoch of the newest attempt.
    pub epoch: u64,
    /// Attempts that failed since the last redrive.
    pub failures: u32,
    /// Attempts that ended with their worker since the last redrive.
    pub crashes: u32,
    /// Who was at it last.
    pub worker: Option<String>,
    /// When the first attempt was given out.
    pub scheduled_at: String,
    /// When a worker first began.
    pub started_at: Option<String>,
    /// When it was over.
    pub ended_at: Option<String>,
    /// When the next attempt is due.
    pub retry_at: Option<String>,
    /// The last error.
    pub error: Option<RunError>,
    /// What the worker gets; there while the task is open.
    pub input: Option<Value>,
    /// Bytes of `input`, where it is too large for a list; `/v1/tasks/{task}` has it.
    pub input_bytes: Option<u64>,
    /// What the worker gave.
    pub output: Option<Value>,
    /// Bytes of `output`, where it is too large for a list; `/v1/tasks/{task}` has it.
    pub output_bytes: Option<u64>,
    /// The run is so long that not all of its history was read for this: attempts, or the latest
    /// of them, may be missing here.
    pub partial: bool,
    /// Every attempt, oldest first.
    pub attempts: Vec<Attempt>,
}

/// A page of tasks, the newest first.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct TaskPage {
    /// The tasks.
    pub items: Vec<Task>,
    /// Cursor of the next page; none: this is the last.
    pub next: Option<String>,
}
