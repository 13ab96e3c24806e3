//! What is said on the bus and stored nowhere, since it is of no use when late: signs of life, limits,
//! cancellations, questions, hints. Data only; `kintsugi-nats` sends and hears it.

mod start;

use kintsugi_core::{RunId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
pub use start::{START_PATIENCE, Start, encode_starts};

/// A worker's sign of life.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Its name.
    pub worker: String,
    /// Tells one start of it from another.
    pub incarnation: String,
    /// Its process.
    pub pid: u32,
    /// Its machine.
    pub host: String,
    /// Its program's version.
    pub version: String,
    /// What it serves.
    pub types: Vec<Served>,
    /// How many tasks it executes at the same time at most.
    pub concurrency: u32,
    /// When it started.
    pub started_at: Timestamp,
    /// When this was sent.
    pub at: Timestamp,
    /// What its tasks call, and how that went; of many, what failed lately first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<TargetCalls>,
    /// Every attempt that it holds.
    pub leases: Vec<Lease>,
    /// It takes no more work.
    #[serde(default)]
    pub stopping: bool,
}

/// A task type that a worker serves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Served {
    /// The queue.
    pub queue: String,
    /// The task type.
    #[serde(rename = "type")]
    pub task_type: String,
    /// How many attempts it completed since it started.
    #[serde(default)]
    pub completed: u64,
    /// How many failed, or took too long.
    #[serde(default)]
    pub failed: u64,
    /// How many of these failed for good, or say nothing about other tasks of the type.
    #[serde(default)]
    pub refused: u64,
    /// How many of the others were the first failure of their task.
    #[serde(default)]
    pub fresh: u64,
    /// How many it may hold at a time, as long as it is told so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_reason: Option<String>,
}

impl Served {
    /// Of which there are no results yet.
    #[must_use]
    pub fn new(queue: impl Into<String>, task_type: impl Into<String>) -> Self {
        Self {
            queue: queue.into(),
            task_type: task_type.into(),
            completed: 0,
            failed: 0,
            refused: 0,
            fresh: 0,
            limit: None,
            limit_reason: None,
        }
    }
}

/// Tells a worker how much it may take, for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// For how long this holds, in milliseconds; 0: no longer.
    pub for_ms: u64,
    /// Of which types; of others it takes what it can.
    pub types: Vec<TypeLimit>,
    /// What its tasks call that is down, overloaded or held by hand; everything else may be called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<TargetLimit>,
}

/// How many tasks of a type a worker may hold at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeLimit {
    /// The task type.
    #[serde(rename = "type")]
    pub task_type: String,
    /// How many; 0: none.
    pub slots: u32,
    /// Only a single task, however often it is said under this number: a canary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<u64>,
    /// Why, for people.
    pub reason: String,
}

/// How a worker's calls of one target went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetCalls {
    /// What was called: `host:port` in lower case, nothing else of an address.
    pub target: String,
    /// How many calls were answered since the worker started.
    #[serde(default)]
    pub well: u64,
    /// How many were not, or with the answer that it is down or overloaded.
    #[serde(default)]
    pub badly: u64,
    /// Of how many tasks these were the first failure; of rounds of a `try`, those of the first.
    #[serde(default)]
    pub fresh: u64,
    /// Until when it asked to be left alone (`Retry-After`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy_until: Option<Timestamp>,
    /// How many calls of it at a time the worker may make, as long as it is told so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_reason: Option<String>,
}

/// How many calls of a target a worker may make at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetLimit {
    /// What is called: `host:port` in lower case.
    pub target: String,
    /// How many; 0: none.
    pub slots: u32,
    /// Only a single task, however often it is said under this number: a canary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<u64>,
    /// For how long this holds, in milliseconds, where that is longer than the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
    /// Somebody holds it: whoever waits for it waits until that ends.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_hand: bool,
    /// Why, for people.
    pub reason: String,
}

/// An attempt that a worker holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lease {
    /// The task: `run:number`.
    pub task: String,
    /// The epoch of the attempt.
    pub epoch: u64,
    /// Since when.
    pub since: Timestamp,
    /// How many attempts of the task ended with their worker before.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub crashes: u32,
    /// How far it is, in the worker's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Value>,
    /// When it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress_at: Option<Timestamp>,
}

/// An attempt is no longer wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    /// The task: `run:number`.
    pub task: String,
    /// The epoch that is no longer wanted.
    pub epoch: u64,
}

/// Asks the failure detector where an attempt is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verify {
    /// The run.
    pub run: RunId,
    /// Number of the task in its run.
    pub task: u64,
    /// The epoch of the attempt.
    pub epoch: u64,
    /// The task type.
    pub task_type: String,
    /// The queue.
    pub queue: String,
    /// When it was dispatched.
    pub dispatched_at: Timestamp,
}

/// Something is due earlier than the retry engine may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WakeHint {
    /// When, in milliseconds since the Unix epoch.
    pub at: i64,
}

/// A service's sign of life.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceBeat {
    /// The service, for example `orchestrator`.
    pub service: String,
    /// Names the process among its kind.
    pub instance: String,
    /// Its process.
    pub pid: u32,
    /// Whether it does its work.
    pub ready: bool,
    /// Which part of it does not move, and for how long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stalled: Option<String>,
    /// Since when that part does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stalled_since: Option<Timestamp>,
    /// When it said so, by its own clock; none: an older version, which never says that it stops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// It was told to stop: its silence from now on is no loss.
    #[serde(default)]
    pub stopping: bool,
    /// How often it took partitions.
    #[serde(default)]
    pub claims: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// The most tasks in one message.
pub const WIDTH_MAX: usize = 64;

/// How many tasks of a queue and type a worker wants in one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Width {
    /// The queue.
    pub queue: String,
    /// The task type.
    pub task_type: String,
    /// How many: at least 1.
    pub tasks: usize,
}
