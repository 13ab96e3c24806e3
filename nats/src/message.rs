//! What the bus carries, as JSON. The schemas stand in `docs/protocol/`.

use kintsugi_core::{DeadLetterOutcome, Error as Fault, FailedAttempt, Input, RunId, Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Error, Rejected, is_token};

mod life;

pub use life::LifeEvent;

/// What the machine is told about a run. A message of the events stream is one of these or an array
/// of them, all of the same partition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunInput {
    /// The run.
    pub run: RunId,
    /// What it is told.
    pub input: Input,
}

/// An attempt, given out to whichever worker takes it first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskMessage {
    /// The task: `run:number`.
    pub task: String,
    /// The run.
    pub run: RunId,
    /// Number of the task in its run.
    pub number: u64,
    /// The fencing token: results under an older epoch are refused.
    pub epoch: u64,
    /// Number of the attempt; the same as the epoch.
    pub attempt: u64,
    /// How many attempts have failed before.
    pub failures: u32,
    /// How many attempts ended with their worker; its leases say it again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub crashes: u32,
    /// The task type.
    #[serde(rename = "type")]
    pub task_type: String,
    /// The queue.
    pub queue: String,
    /// What the worker gets.
    pub input: Value,
    /// The definition: `namespace/name:version`.
    pub definition: String,
    /// JSON pointer of the task in its definition.
    pub pointer: String,
    /// The same in all attempts: `run:number`.
    pub idempotency_key: String,
    /// The longest that the attempt may take, in milliseconds.
    pub start_to_close_ms: u64,
    /// The longest that it may go on without a word of its progress, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_ms: Option<u64>,
    /// How often its worker should send heartbeats, in milliseconds.
    pub heartbeat_ms: u64,
    /// The subject that results go to: `kintsugi.events.<partition>`.
    pub reply: String,
    /// When it was given out.
    pub dispatched_at: Timestamp,
    /// W3C trace context of the attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

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

/// A task that exhausted its policy, with its whole context.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeadLetterMessage {
    /// `run:number:epoch`.
    pub id: String,
    /// The run.
    pub run: RunId,
    /// Number of the task in its run.
    pub task: u64,
    /// The last epoch.
    pub epoch: u64,
    /// The definition: `namespace/name:version`.
    pub definition: String,
    /// JSON pointer of the task in its definition.
    pub pointer: String,
    /// The task type.
    #[serde(rename = "type")]
    pub task_type: String,
    /// The queue.
    pub queue: String,
    /// What the worker got.
    pub input: Value,
    /// The last error.
    pub error: Fault,
    /// How many attempts failed.
    pub failures: u32,
    /// How many attempts ended with their worker.
    pub crashes: u32,
    /// When it was given up.
    pub at: Timestamp,
    /// What became of the run.
    pub outcome: DeadLetterOutcome,
    /// What became of each attempt since the last redrive, the oldest first; of many the last 20.
    #[serde(default)]
    pub attempts: Vec<FailedAttempt>,
    /// W3C trace context of the last attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

pub(crate) fn encode(message: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(message).map_err(|error| Error::refused("write a message", error))
}

/// Reads a message that must be of one form.
pub(crate) fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, Rejected> {
    serde_json::from_slice(payload).map_err(|error| Rejected::new(error.to_string(), payload))
}

/// Reads a task message, and refuses one whose names could not stand in a subject.
pub(crate) fn decode_task(payload: &[u8]) -> Result<TaskMessage, Rejected> {
    let task: TaskMessage = decode(payload)?;
    let names = [task.run.as_str(), &task.queue, &task.task_type];
    if let Some(bad) = names.into_iter().find(|name| !is_token(name)) {
        let bad: String = bad.chars().take(80).collect();
        return Err(Rejected::new(format!("`{bad}` is not a name"), payload));
    }
    Ok(task)
}

/// Reads one input or an array of them. What cannot be read of an array is given by itself.
pub(crate) fn decode_inputs(payload: &[u8]) -> (Result<Vec<RunInput>, Rejected>, Vec<Rejected>) {
    let is_array = payload.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    if !is_array {
        let one = decode::<RunInput>(payload).and_then(|input| checked(input, payload));
        return (one.map(|input| vec![input]), Vec::new());
    }
    let Ok(inputs) = decode::<Vec<RunInput>>(payload) else { return decode_each(payload) };
    if inputs.iter().all(|input| is_token(input.run.as_str())) {
        return (Ok(inputs), Vec::new());
    }
    decode_each(payload)
}

fn decode_each(payload: &[u8]) -> (Result<Vec<RunInput>, Rejected>, Vec<Rejected>) {
    let elements = match decode::<Vec<Value>>(payload) {
        Ok(elements) => elements,
        Err(rejected) => return (Err(rejected), Vec::new()),
    };
    let (mut inputs, mut rejected) = (Vec::new(), Vec::new());
    for element in elements {
        let text = element.to_string();
        match decode::<RunInput>(text.as_bytes()).and_then(|one| checked(one, text.as_bytes())) {
            Ok(input) => inputs.push(input),
            Err(bad) => rejected.push(bad),
        }
    }
    (Ok(inputs), rejected)
}

fn checked(input: RunInput, raw: &[u8]) -> Result<RunInput, Rejected> {
    if is_token(input.run.as_str()) {
        return Ok(input);
    }
    Err(Rejected::new("`run` is not a run id", raw))
}

#[cfg(test)]
#[path = "../tests/unit/message.rs"]
mod tests;
