//! Tasks that workers execute.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Deferral, Error, FailedAttempt, Timestamp};

/// A task that a worker executes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskState {
    /// The task type.
    pub task_type: String,
    /// The queue.
    pub queue: String,
    /// What the worker gets.
    pub input: Value,
    /// What it shares its bound with; it waits for a permit before it is given out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permit: Option<String>,
    /// The fencing token: the number of the newest attempt.
    pub epoch: u64,
    /// Attempts that failed since the last redrive.
    #[serde(default, skip_serializing_if = "crate::child::is_zero")]
    pub failures: u32,
    /// Attempts that ended with their worker since the last redrive.
    #[serde(default, skip_serializing_if = "crate::child::is_zero")]
    pub crashes: u32,
    /// When the first attempt since the last redrive was dispatched.
    pub first_at: Timestamp,
    /// Where it stands.
    pub phase: Phase,
    /// When it leaves its quarantine by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_at: Option<Timestamp>,
    /// Its attempts are put off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deferred: Option<Deferral>,
    /// Refusals noted in history, which has room for a few only.
    #[serde(default, skip_serializing_if = "crate::child::is_zero")]
    pub refusals: u32,
    /// The last error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
    /// Attempts since the last redrive that brought nothing; of many the last 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<FailedAttempt>,
}

/// Where a task stands that a worker executes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It waits for a permit: as many as may be are given out.
    Queued {
        /// Since when.
        since: Timestamp,
    },
    /// An attempt was given out; its message is on its way, or its worker is at it.
    Dispatched {
        /// When.
        at: Timestamp,
        /// When the failure detector is asked to look for it, if nothing is heard until then.
        check_at: Timestamp,
        /// How often it was asked already.
        #[serde(default, skip_serializing_if = "crate::child::is_zero")]
        checks: u32,
    },
    /// A worker said that it is at it.
    Started {
        /// When it began.
        at: Timestamp,
        /// Which.
        worker: String,
        /// When the attempt times out.
        deadline: Timestamp,
    },
    /// The next attempt is given out at this time.
    Backoff {
        /// When.
        until: Timestamp,
    },
    /// It exhausted its policy, or is in quarantine; a redrive takes it up again.
    DeadLettered,
    /// The run faulted; a redrive takes it up again.
    Interrupted,
}
