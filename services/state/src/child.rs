//! Runs that a task of another run starts.
//!
//! The parent's machine asks ([`ChildEffect::Start`], [`ChildEffect::Look`]) and the shell answers
//! in the same transaction, so that a child is there exactly when its parent says so. What passes
//! between the two later is a hint to look at the other's row: a hint that is lost is made up for by
//! whoever waits, since each side that waits has a deadline of its own.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{DefinitionRef, Error, RunId, RunState, Status, Timestamp};

/// The task that started a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// Its run.
    pub run: RunId,
    /// Its number there.
    pub task: u64,
    /// Whether it waits for the end.
    pub awaited: bool,
    /// How many runs are above.
    pub depth: u32,
}

/// A task that runs another workflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChildTask {
    /// How often the child was taken up again, as far as this run heard.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub life: u32,
    /// Where it stands.
    pub phase: ChildPhase,
}

/// Where a task stands that runs another workflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildPhase {
    /// The shell was asked to start the child, and answers at once.
    Wanted {
        /// When.
        at: Timestamp,
        /// The child's input.
        input: Value,
        /// How many children this run wanted so far, this one among them.
        #[serde(default)]
        nth: u32,
    },
    /// The child is open, as far as this run heard.
    Open {
        /// The child.
        run: RunId,
        /// When its row is looked at, if nothing is heard until then.
        check: Check,
    },
    /// It ended while this run was faulted; a redrive of this run takes the outcome up.
    Ended {
        /// The child.
        run: RunId,
        /// How.
        outcome: Box<ChildOutcome>,
    },
    /// It faulted and this run with it; a redrive of the child takes this run up, too.
    Faulted {
        /// The child.
        run: RunId,
    },
}

/// When something is looked at, and how often it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// When.
    pub at: Timestamp,
    /// How often so far.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub count: u32,
}

/// How a child ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildOutcome {
    /// With an output.
    Completed {
        /// The output.
        output: Value,
    },
    /// With an error.
    Faulted {
        /// The error.
        error: Error,
        /// A redrive may take the child up again.
        redrivable: bool,
    },
    /// On request.
    Cancelled,
    /// There is no such run, or it is not this run's child.
    Missing,
}

/// What the machine is told about children and parents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "child", rename_all = "snake_case")]
pub enum ChildInput {
    /// The child is there.
    Accepted {
        /// Number of the task.
        task: u64,
        /// The child.
        run: RunId,
        /// Its definition, with the version that `latest` was at that moment.
        definition: String,
    },
    /// The child cannot be started.
    Refused {
        /// Number of the task.
        task: u64,
        /// Why.
        error: Error,
    },
    /// A hint to the parent: the child ended or was taken up again.
    Changed {
        /// Number of the task.
        task: u64,
        /// The child.
        run: RunId,
        /// The child's life; with it, the child wants to know that it was heard.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        life: Option<u32>,
    },
    /// The child's row says that it is open.
    Open {
        /// Number of the task.
        task: u64,
        /// The child's life.
        life: u32,
    },
    /// The child's row says that it ended, or there is none.
    Ended {
        /// Number of the task.
        task: u64,
        /// The child's life.
        life: u32,
        /// How.
        outcome: ChildOutcome,
    },
    /// To the child: its parent heard that it was taken up again.
    Heard {
        /// The life that it heard of.
        life: u32,
    },
}

impl ChildInput {
    /// The answer to [`ChildEffect::Look`]: what a child's state says to `task` of `parent`; none:
    /// there is no such run.
    #[must_use]
    pub fn seen(parent: &RunId, task: u64, child: Option<&RunState>) -> Self {
        let missing = Self::Ended { task, life: 0, outcome: ChildOutcome::Missing };
        let Some(child) = child else { return missing };
        let own = |of: &Parent| of.run == *parent && of.task == task;
        if !child.parent.as_ref().is_some_and(own) {
            return missing;
        }
        let life = child.life;
        let outcome = match child.status {
            Status::Completed => {
                ChildOutcome::Completed { output: child.output.clone().unwrap_or_default() }
            }
            Status::Faulted => ChildOutcome::Faulted {
                error: child.error.clone().unwrap_or_else(unknown),
                redrivable: child.is_redrivable(),
            },
            Status::Cancelled => ChildOutcome::Cancelled,
            _ => return Self::Open { task, life },
        };
        Self::Ended { task, life, outcome }
    }
}

/// Facts about children.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "child", rename_all = "snake_case")]
pub enum ChildEvent {
    /// A child was started.
    Started {
        /// Number of the task.
        task: u64,
        /// JSON pointer of the task.
        pointer: String,
        /// The child.
        run: RunId,
        /// Its definition, with its exact version.
        definition: String,
        /// Whether the task waits for its end.
        awaited: bool,
    },
    /// The child that the task waited for completed.
    Completed {
        /// Number of the task.
        task: u64,
        /// The child.
        run: RunId,
    },
    /// It faulted or was cancelled, or could not be started.
    Failed {
        /// Number of the task.
        task: u64,
        /// The child; none: it could not be started.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<RunId>,
        /// The error in this run.
        error: Error,
    },
    /// It is no longer wanted.
    Cancelled {
        /// Number of the task.
        task: u64,
        /// The child.
        run: RunId,
    },
    /// It was taken up again, and this run with it.
    Resumed {
        /// Number of the task.
        task: u64,
        /// The child.
        run: RunId,
    },
}

/// What the machine wants done about children and parents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "child", rename_all = "snake_case")]
pub enum ChildEffect {
    /// A question: start the child, and answer in the same transaction with
    /// [`ChildInput::Accepted`] or [`ChildInput::Refused`].
    Start {
        /// Number of the task.
        task: u64,
        /// What is wanted; the version may be `latest`.
        definition: DefinitionRef,
        /// The child's input.
        input: Value,
        /// What the child's state says of this run.
        parent: Parent,
        /// How many children the run wanted so far, this one among them.
        nth: u32,
    },
    /// A question: read the child's row, and answer with [`ChildInput::seen`].
    Look {
        /// Number of the task.
        task: u64,
        /// The child.
        run: RunId,
    },
    /// Cancel the child.
    Cancel {
        /// The child.
        run: RunId,
    },
    /// Tell the parent to look here.
    TellParent {
        /// The parent.
        run: RunId,
        /// Number of its task.
        task: u64,
        /// This run's life, where it wants an answer.
        life: Option<u32>,
    },
    /// Tell the child that it was heard.
    TellChild {
        /// The child.
        run: RunId,
        /// The life that was heard of.
        life: u32,
    },
}

fn unknown() -> Error {
    Error::new(crate::ErrorKind::Runtime, "", "the run faulted without an error")
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
pub(crate) fn is_zero(number: &u32) -> bool {
    *number == 0
}
