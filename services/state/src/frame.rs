//! What is open in a run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Asking, ChildPhase, ChildTask, Error, Flow, Hearing, ListId, NodeId, Phase, TaskState,
    Timestamp, Undone,
};

/// An open scope, task or timer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    /// The frame that it reports to; none: the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<u64>,
    /// When it was entered.
    pub at: Timestamp,
    /// When it times out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// `$context` of a branch of a fork, once it exported one: merged when it joins. Until then it is
    /// that of the fork, which does not change meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "crate::present")]
    pub context: Option<Value>,
    /// Variables that its children see: loop variables, a caught error.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, Value>,
    /// What it is.
    pub body: Body,
}

/// What a frame is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// A task list; its open child is the task at `index`.
    List {
        /// Which.
        list: ListId,
        /// Position of the open task.
        index: u32,
    },
    /// A branch of a fork; its open child is its only task.
    Branch {
        /// Position in the fork's declaration.
        index: u32,
    },
    /// Between extensions; its open child is the task that they are around.
    Core,
    /// A task that is open.
    Task(Box<TaskFrame>),
}

/// A task that is open: what all kinds share, and its own progress.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskFrame {
    /// Which.
    pub node: NodeId,
    /// `$task.input`: before `input.from`.
    pub raw_input: Value,
    /// `$input`: after `input.from`; none: the same as the raw one.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "crate::present")]
    pub input: Option<Value>,
    /// Its progress.
    pub work: Work,
}

impl TaskFrame {
    /// `$input`.
    #[must_use]
    pub fn input(&self) -> &Value {
        self.input.as_ref().unwrap_or(&self.raw_input)
    }
}

/// Progress of an open task, by kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// `do`: its list is open.
    Do,
    /// `fork`: results of the branches that are done, in the order of declaration.
    Fork {
        /// What each branch gave.
        done: BTreeMap<u32, Branched>,
        /// Error of each branch that failed (only where branches compete).
        failed: BTreeMap<u32, Error>,
    },
    /// `for`: the iteration that is open.
    For {
        /// What is iterated; null once its iteration began.
        items: Vec<Value>,
        /// Index of the open iteration.
        index: u32,
    },
    /// `try`.
    Try {
        /// Retries so far.
        retries: u32,
        /// What it is doing.
        phase: TryPhase,
        /// When the open attempt times out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attempt_deadline: Option<Timestamp>,
    },
    /// A task with extensions.
    Extended(Box<Extending>),
    /// `call: map`.
    Map(Box<Mapping>),
    /// `call: compensate`.
    Compensate(Box<Compensating>),
    /// Messages, once they were taken.
    Messages(Box<Iterating>),
    /// `wait`.
    Wait {
        /// When it is over.
        until: Timestamp,
        /// It belongs to a faulted run.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        interrupted: bool,
    },
    /// `call`.
    Call(Box<TaskState>),
    /// `listen`.
    Listen(Box<Hearing>),
    /// `call: human-task`.
    Human(Box<Asking>),
    /// `run: workflow`.
    Child(Box<ChildTask>),
}

/// What a branch of a fork gave. Stored as an array: the output, and the context if there is one.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "Vec<Value>")]
pub struct Branched {
    /// Its output.
    pub output: Value,
    /// `$context` as it left it; none: it exported nothing.
    pub context: Option<Value>,
}

impl From<Vec<Value>> for Branched {
    fn from(parts: Vec<Value>) -> Self {
        let mut parts = parts.into_iter();
        Self { output: parts.next().unwrap_or_default(), context: parts.next() }
    }
}

impl Serialize for Branched {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.context {
            Some(context) => (&self.output, context).serialize(serializer),
            None => (&self.output,).serialize(serializer),
        }
    }
}

/// Progress of `call: map`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mapping {
    /// Every item; null once its task is open.
    pub items: Vec<Value>,
    /// The item whose task is opened next.
    pub next: u32,
    /// Results, by item.
    pub done: BTreeMap<u32, Value>,
}

/// Messages that something is done with, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Iterating {
    /// The messages; none before they were taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<Value>>,
    /// What came of those that are done with.
    pub outputs: Vec<Value>,
}

/// Progress of `call: compensate`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Compensating {
    /// Only what completed in this `try`; none: in the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<u64>,
    /// What is being undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<(u64, Undone)>,
    /// What was undone.
    pub done: Vec<Value>,
}

/// Progress of a task with extensions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Extending {
    /// Extensions whose `before` is over and that apply, the outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub around: Vec<u32>,
    /// What is open.
    pub stage: Stage,
    /// Raw output of the task, once it is over.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "crate::present")]
    pub output: Option<Value>,
    /// Where the task goes, where that is not as its `then` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<Flow>,
}

/// What is open of a task with extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The `before` of an extension.
    Before(u32),
    /// Its `before` ended with `exit`: what that gave stands in for the task.
    Exited(u32),
    /// The task.
    Core,
    /// The `after` of an extension.
    After(u32),
}

impl Default for Stage {
    fn default() -> Self {
        Self::Before(0)
    }
}

/// What a `try` is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TryPhase {
    /// Its list is open.
    Trying,
    /// It waits until it tries again.
    Backoff(Timestamp),
    /// Its handler is open.
    Catching,
}

impl Frame {
    /// When what it is itself is due.
    pub(crate) fn due_at(&self) -> Option<Timestamp> {
        let Body::Task(open) = &self.body else { return None };
        match &open.work {
            Work::Wait { until, interrupted: false } => Some(*until),
            Work::Try { phase: TryPhase::Backoff(until), .. } => Some(*until),
            Work::Try { attempt_deadline, .. } => *attempt_deadline,
            Work::Call(state) => match &state.phase {
                Phase::Started { deadline, .. } => Some(*deadline),
                Phase::Backoff { until } => Some(*until),
                Phase::Dispatched { check_at, .. } => Some(*check_at),
                Phase::DeadLettered => state.release_at,
                Phase::Queued { .. } | Phase::Interrupted => None,
            },
            Work::Human(asking) => asking.due_at(),
            Work::Child(child) => match &child.phase {
                ChildPhase::Wanted { at, .. } => Some(*at),
                ChildPhase::Open { check, .. } => Some(check.at),
                ChildPhase::Ended { .. } | ChildPhase::Faulted { .. } => None,
            },
            _ => None,
        }
    }
}
