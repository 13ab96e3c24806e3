//! What the machine is told.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ChildInput, CloudEvent, LossCause, Steer, Timestamp};

mod read;

/// What the machine is told about a run. Late and repeated inputs change nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", remote = "Self")]
pub enum Input {
    /// Begin. The run's input is part of its state already.
    Start,
    /// A worker took a task up. Sent for attempts that take longer than a second, so that the
    /// time limit counts from the real start and the attempt's worker is known.
    Started {
        /// Number of the task in its run.
        task: u64,
        /// The epoch that the attempt was dispatched under.
        epoch: u64,
        /// Name of the worker.
        worker: String,
        /// When it began, by the worker's clock.
        at: Timestamp,
    },
    /// A worker completed a task.
    Completed {
        /// Number of the task in its run.
        task: u64,
        /// The epoch that the attempt was dispatched under.
        epoch: u64,
        /// What it gave.
        output: Value,
        /// Name of the worker.
        worker: String,
        /// When it began, by the worker's clock.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        started_at: Option<Timestamp>,
    },
    /// A worker failed at a task.
    Failed {
        /// Number of the task in its run.
        task: u64,
        /// The epoch that the attempt was dispatched under.
        epoch: u64,
        /// Why.
        fault: Fault,
        /// Name of the worker.
        worker: String,
        /// When it began, by the worker's clock.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        started_at: Option<Timestamp>,
    },
    /// An attempt will give no result: its worker or its message is gone.
    Lost {
        /// Number of the task in its run.
        task: u64,
        /// The epoch that is lost.
        epoch: u64,
        /// What happened.
        cause: LossCause,
        /// The worker that held it, where known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        worker: Option<String>,
        /// When the break was seen, for the recovery log.
        seen_at: Timestamp,
        /// Of all attempts that went with the worker, this task alone had seen the most workers die
        /// before; none: it is not known what went with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        blamed: Option<bool>,
    },
    /// A worker puts an attempt off, since what the task calls is left alone for now. It costs nothing, up to
    /// a bound ([`crate::Deferral`]): the task comes again later.
    Deferred {
        /// Number of the task in its run.
        task: u64,
        /// The epoch that the attempt was dispatched under.
        epoch: u64,
        /// Not before this has passed, in milliseconds.
        for_ms: u64,
        /// Why, for people.
        reason: String,
        /// It was begun, to see whether what it calls is back, and failed so. A task that may be attempted
        /// only once has failed then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fault: Option<Fault>,
        /// Somebody holds what it calls: that has no bound.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        by_hand: bool,
        /// Name of the worker.
        worker: String,
    },
    /// Time has passed.
    Tick,
    /// Someone wants the run to end.
    Cancel {
        /// Why, for people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Give a dead-lettered task new attempts.
    Redrive {
        /// Number of the task in its run.
        task: u64,
        /// The epoch under which it was dead-lettered, so that a repeat does nothing.
        epoch: u64,
        /// In place of the task's input.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "crate::present"
        )]
        input: Option<Value>,
    },
    /// An event came that the run may be waiting for.
    Event {
        /// The event.
        event: CloudEvent,
        /// It was sent to this run, so that it waits for a listen that takes it. One that was
        /// published reaches only who listens when it comes.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        directed: bool,
    },
    /// A task may be given out: it has its permit.
    Granted {
        /// Number of the task in its run.
        task: u64,
        /// Since when it waits for that one: it may have given it back and wait for another. None: an
        /// orchestrator before this one, which did not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<Timestamp>,
    },
    /// A person answered a task.
    Answered {
        /// Number of the task in its run.
        task: u64,
        /// What.
        answer: Value,
        /// Who, as the door was told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// Events for the run lie in the store. The machine is never told this: it is told the events.
    Mail,
    /// About a run that started this one, or that this one started.
    Child(ChildInput),
    /// A person asks something of it.
    Steer(Steer),
}

/// Why a worker failed at a task.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// For people.
    pub message: String,
    /// URI of an error type; none: `runtime`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// As an HTTP status; none: the type's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Trying again will not help.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fatal: bool,
    /// The worker knows when trying again makes sense, in milliseconds from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}
