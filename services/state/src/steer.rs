//! Steering by hand: what a person asks of a run, and what the history says of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Error, Input, RunId, Timestamp};

/// What a person asks of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Steer {
    /// Names the request within its run: the same again is a repeat, and does nothing.
    pub request: String,
    /// Who, as the door was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What.
    #[serde(flatten)]
    pub what: Steering,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "steer", rename_all = "snake_case")]
pub enum Steering {
    /// Begin nothing more.
    Suspend {
        /// Of the run's definition: the hold for which it does not begin. A person gives none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hold: Option<String>,
    },
    /// Go on.
    Resume,
    /// Give a task that backs off out now; for a `try`: try again now.
    Retry {
        /// Number of the task in its run.
        task: u64,
    },
    /// End an open task with an output.
    Complete {
        /// Number of the task in its run.
        task: u64,
        /// Its raw output.
        output: Value,
    },
    /// End an open task with an error.
    Fail {
        /// Number of the task in its run.
        task: u64,
        /// The error.
        error: Error,
    },
    /// Go on behind an open task as if it had not been there.
    Skip {
        /// Number of the task in its run.
        task: u64,
        /// Its raw output; none: its input.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "crate::present"
        )]
        output: Option<Value>,
    },
    /// Begin anew from a task of the run's own `do`.
    Rerun {
        /// Its JSON pointer.
        from: String,
        /// Its raw input; none: the one that it has, where that is known.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "crate::present"
        )]
        input: Option<Value>,
    },
    /// Have another `$context`.
    Variables {
        /// What.
        value: Value,
        /// It is a patch (RFC 7396) and not the whole.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        merge: bool,
    },
    /// End, whatever is open.
    Terminate {
        /// Runs that this one waits for go on by themselves, instead of being cancelled.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        abandon: bool,
    },
}

impl Steering {
    /// What it is, in a word.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Suspend { .. } => "suspend",
            Self::Resume => "resume",
            Self::Retry { .. } => "retry",
            Self::Complete { .. } => "complete",
            Self::Fail { .. } => "fail",
            Self::Skip { .. } => "skip",
            Self::Rerun { .. } => "rerun",
            Self::Variables { .. } => "variables",
            Self::Terminate { .. } => "terminate",
        }
    }
}

impl Steer {
    /// Under what name the store keeps it until the run has taken it.
    #[must_use]
    pub fn key(&self, run: &RunId) -> String {
        format!("{}{}", Self::keys(run), self.request)
    }

    /// What such names of one run begin with.
    #[must_use]
    pub fn keys(run: &RunId) -> String {
        format!("steer:{run}:")
    }

    /// A short name for all that it says, the same for the same (FNV-1a, 64 bits).
    #[must_use]
    pub fn mark(&self) -> u64 {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }
}

/// A request that a run knows already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steered {
    /// Its name.
    pub request: String,
    /// [`Steer::mark`] of it, by which another one under the same name is known.
    pub mark: u64,
}

/// What a suspended run knows besides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Suspension {
    /// Since when. Limits on time stand still from then on.
    pub since: Timestamp,
    /// The hold on its definition for which it did not begin, if that is why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// Ends of attempts from which something follows, in order: one of an attempt at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<Input>,
}

/// A fact about steering: who asked for what, why, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SteerEvent {
    /// Name of the request.
    pub request: String,
    /// Who, as the door was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What came of it.
    #[serde(flatten)]
    pub done: Done,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "done", rename_all = "snake_case")]
pub enum Done {
    /// The run begins nothing more.
    RunSuspended,
    /// It goes on.
    RunResumed,
    /// It began anew from a task.
    RunRerun {
        /// JSON pointer of the task.
        pointer: String,
        /// Whether its input was given.
        edited: bool,
    },
    /// It was ended; that it was cancelled follows.
    RunTerminated,
    /// It has another `$context`.
    VariablesChanged,
    /// A task that backed off was given out.
    TaskRetried {
        /// Number of the task.
        task: u64,
        /// JSON pointer of the task.
        pointer: String,
    },
    /// A task ended with an output that was given.
    TaskCompleted {
        /// Number of the task.
        task: u64,
        /// JSON pointer of the task.
        pointer: String,
    },
    /// A task ended with an error that was given.
    TaskFailed {
        /// Number of the task.
        task: u64,
        /// JSON pointer of the task.
        pointer: String,
        /// The error.
        error: Error,
    },
    /// A task was passed.
    TaskSkipped {
        /// Number of the task.
        task: u64,
        /// JSON pointer of the task.
        pointer: String,
    },
    /// Nothing, since it cannot be.
    Refused {
        /// What was asked, in a word ([`Steering::name`]).
        asked: String,
        /// Why not, as a code.
        code: String,
        /// The same for people.
        detail: String,
    },
}

impl Done {
    /// The task that it is about.
    #[must_use]
    pub fn task(&self) -> Option<(u64, &str)> {
        match self {
            Self::TaskRetried { task, pointer }
            | Self::TaskCompleted { task, pointer }
            | Self::TaskFailed { task, pointer, .. }
            | Self::TaskSkipped { task, pointer } => Some((*task, pointer)),
            _ => None,
        }
    }
}
