//! What the machine asks for.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ChildEffect, CloudEvent, Error, FailedAttempt, Question, Timestamp, WhenExhausted};

/// What the machine wants done, after its decision is committed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// Publish a task message.
    Dispatch {
        /// Number of the task.
        task: u64,
        /// The epoch of the attempt.
        epoch: u64,
        /// How many attempts have failed before.
        failures: u32,
        /// How many attempts ended with their worker.
        crashes: u32,
        /// JSON pointer of the task.
        pointer: String,
        /// The task type.
        task_type: String,
        /// The queue.
        queue: String,
        /// What the worker gets.
        input: Value,
        /// The longest that the attempt may take, in milliseconds.
        start_to_close_ms: u64,
        /// The longest that it may go on without a word of its progress, in milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lease_ms: Option<u64>,
    },
    /// Ask for a permit; [`crate::Input::Granted`] is the answer.
    Want {
        /// Number of the task.
        task: u64,
        /// What it shares the bound with.
        key: String,
        /// How many with this key have a permit at a time.
        limit: u32,
        /// Of those that wait, the highest goes first.
        priority: u8,
    },
    /// A permit came to a task that waited for it.
    Took {
        /// Number of the task.
        task: u64,
    },
    /// Give a permit back, or want one no longer.
    Release {
        /// Number of the task.
        task: u64,
    },
    /// Tell a worker that an attempt is no longer wanted.
    Cancel {
        /// Number of the task.
        task: u64,
        /// The epoch that is no longer wanted.
        epoch: u64,
    },
    /// Write and publish a dead letter.
    DeadLetter {
        /// Number of the task.
        task: u64,
        /// The last epoch.
        epoch: u64,
        /// JSON pointer of the task.
        pointer: String,
        /// The task type.
        task_type: String,
        /// The queue.
        queue: String,
        /// What the worker got.
        input: Value,
        /// The last error.
        error: Error,
        /// How many attempts failed.
        failures: u32,
        /// How many attempts ended with their worker.
        crashes: u32,
        /// What became of each attempt, the oldest first; of many the last 20.
        attempts: Vec<FailedAttempt>,
        /// What becomes of the run.
        outcome: DeadLetterOutcome,
    },
    /// Ask the failure detector where an attempt is that nothing was heard of.
    Verify {
        /// Number of the task.
        task: u64,
        /// The epoch of the attempt.
        epoch: u64,
        /// The task type.
        task_type: String,
        /// The queue.
        queue: String,
        /// When it was dispatched.
        dispatched_at: Timestamp,
    },
    /// A dead letter was redriven.
    Redriven {
        /// Number of the task.
        task: u64,
        /// The epoch under which it was dead-lettered.
        epoch: u64,
    },
    /// Have events of these types brought to the run. Those that wait for it already are told again.
    Listen {
        /// Number of the task.
        task: u64,
        /// The types; none: all events.
        types: Option<Vec<String>>,
    },
    /// Bring events to this task no longer.
    Unlisten {
        /// Number of the task.
        task: u64,
    },
    /// Tell the run again of events that wait for it.
    Offer,
    /// Ask a person. The same task again: in place of what was asked before.
    Ask {
        /// Number of the task.
        task: u64,
        /// JSON pointer of the task.
        pointer: String,
        /// What is asked.
        question: Question,
        /// JSON Schema of an answer; none: any JSON.
        form: Option<Value>,
    },
    /// A person answered.
    Answered {
        /// Number of the task.
        task: u64,
        /// Who.
        by: Option<String>,
    },
    /// Ask a person no longer.
    Withdrawn {
        /// Number of the task.
        task: u64,
    },
    /// Publish an event.
    Emit {
        /// The event.
        event: CloudEvent,
    },
    /// About a run that started this one, or that this one started.
    Child(ChildEffect),
}

/// What becomes of a run with a task that is dead-lettered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadLetterOutcome {
    /// It faults; a redrive takes it up again.
    Fault,
    /// It waits for a redrive, and its other branches go on.
    Park,
    /// The same, since the task killed workers: a redrive may kill more of them.
    Quarantine,
}

impl DeadLetterOutcome {
    /// As it is written in the store and on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Park => "park",
            Self::Quarantine => "quarantine",
        }
    }

    /// Reads a name as [`DeadLetterOutcome::as_str`] writes it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Fault, Self::Park, Self::Quarantine].into_iter().find(|one| one.as_str() == text)
    }
}

impl From<WhenExhausted> for DeadLetterOutcome {
    fn from(policy: WhenExhausted) -> Self {
        match policy {
            WhenExhausted::Fault => Self::Fault,
            WhenExhausted::Park => Self::Park,
        }
    }
}
