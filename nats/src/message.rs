//! What the bus carries, as JSON. The schemas stand in `docs/protocol/`.

use kintsugi_core::{DeadLetterOutcome, Error as Fault, FailedAttempt, Input, RunId, Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Error, Rejected, is_token};

pub use kintsugi_nats_life::LifeEvent;
pub use kintsugi_nats_signs::{
    Cancel, Heartbeat, Lease, Limit, Served, ServiceBeat, TargetCalls, TargetLimit, TypeLimit,
    Verify, WIDTH_MAX, WakeHint, Width,
};

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
    let mut text = Vec::with_capacity(256);
    encode_into(&mut text, message)?;
    Ok(text)
}

/// The same behind what is in `text`.
pub(crate) fn encode_into(text: &mut Vec<u8>, message: &impl Serialize) -> Result<(), Error> {
    serde_json::to_writer(text, message).map_err(|error| Error::refused("write a message", error))
}

/// Reads a message that must be of one form.
pub(crate) fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, Rejected> {
    serde_json::from_slice(payload).map_err(|error| Rejected::new(error.to_string(), payload))
}

/// Writes the tasks of one message: one as an object, several as an array.
pub(crate) fn encode_tasks(tasks: &[&(TaskMessage, u32)]) -> Result<Vec<u8>, Error> {
    let mut text = Vec::with_capacity(768 * tasks.len());
    match tasks {
        [(one, _)] => encode_into(&mut text, one)?,
        several => {
            encode_into(&mut text, &several.iter().map(|(task, _)| task).collect::<Vec<_>>())?;
        }
    }
    Ok(text)
}

/// Reads a task, or an array of them, each by itself; what cannot be read is given in its place.
/// There is always one.
pub(crate) fn decode_tasks(payload: &[u8]) -> Vec<Result<TaskMessage, Rejected>> {
    if !is_array(payload) {
        return vec![decode::<TaskMessage>(payload).and_then(|task| named(task, payload))];
    }
    if let Ok(tasks) = decode::<Vec<TaskMessage>>(payload)
        && !tasks.is_empty()
    {
        return tasks.into_iter().map(|task| named(task, payload)).collect();
    }
    match decode::<Vec<Value>>(payload) {
        Ok(elements) if !elements.is_empty() => {
            let texts = elements.iter().map(Value::to_string);
            texts
                .map(|text| decode(text.as_bytes()).and_then(|it| named(it, text.as_bytes())))
                .collect()
        }
        Ok(_) => vec![Err(Rejected::new("it has no task", payload))],
        Err(rejected) => vec![Err(rejected)],
    }
}

/// A task whose names can stand in a subject.
fn named(task: TaskMessage, payload: &[u8]) -> Result<TaskMessage, Rejected> {
    let names = [task.run.as_str(), &task.queue, &task.task_type];
    if let Some(bad) = names.into_iter().find(|name| !is_token(name)) {
        let bad: String = bad.chars().take(80).collect();
        return Err(Rejected::new(format!("`{bad}` is not a name"), payload));
    }
    Ok(task)
}

fn is_array(payload: &[u8]) -> bool {
    payload.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[')
}

/// Reads one input or an array of them. What cannot be read of an array is given by itself.
pub(crate) fn decode_inputs(payload: &[u8]) -> (Result<Vec<RunInput>, Rejected>, Vec<Rejected>) {
    if !is_array(payload) {
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
