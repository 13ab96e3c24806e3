//! What is known of a run: one compact value, from which alone the machine goes on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Body, Cancelling, Check, ChildPhase, ChildTask, Error, Frames, Hearing, NodeId, Op, Parent,
    Phase, RunId, Status, Steered, Suspension, TaskState, Timestamp, Work,
};

/// A run, between two inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    /// Where it stands.
    pub status: Status,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// As it was given.
    pub raw_input: Value,
    /// `$context`.
    pub context: Value,
    /// Its output, once completed.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "crate::present")]
    pub output: Option<Value>,
    /// Its error, once faulted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
    /// When the whole run times out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// Every open scope, task and timer.
    pub frames: Frames,
    /// The number that the next frame gets.
    pub next: u64,
    /// Work that was cut off by the limit on steps per input; goes on with the next tick.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<Op>,
    /// Last epoch of tasks that closed after more than one attempt, so that a zombie's result is
    /// known for what it is. Bounded: the oldest go first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settled: BTreeMap<u64, u64>,
    /// Marks of the events that were taken, the newest last, so that a repeat is known. Bounded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heard: Vec<u64>,
    /// Completed tasks that something undoes, in the order of their completion.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub undo: BTreeMap<u64, Undone>,
    /// Events that were made so far.
    #[serde(default)]
    pub emitted: u64,
    /// Transitions so far, for the limit on them.
    #[serde(default)]
    pub steps: u64,
    /// The task that started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// Children that it wanted so far, for the limit on them.
    #[serde(default, skip_serializing_if = "crate::child::is_zero")]
    pub children: u32,
    /// How often it was taken up again after its end.
    #[serde(default, skip_serializing_if = "crate::child::is_zero")]
    pub life: u32,
    /// It was taken up again and its parent does not know yet: when it is told next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telling: Option<Check>,
    /// Children that are no longer wanted and whose end was not heard yet, by the task.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub leaving: BTreeMap<u64, Leaving>,
    /// What a suspended run knows besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspension: Option<Suspension>,
    /// Someone wants it to end, and it tidies up first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelling: Option<Cancelling>,
    /// What was asked of it by hand, so that a repeat is known, the newest last. Bounded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steered: Vec<Steered>,
}

/// A completed task that something undoes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Undone {
    /// The task.
    pub of: NodeId,
    /// What the task that undoes it gets.
    pub input: Value,
    /// Frames of every `try` that it completed in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tries: Vec<u64>,
}

/// A child that is no longer wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaving {
    /// The child.
    pub run: RunId,
    /// When it is looked at.
    pub check: Check,
}

/// An open worker task, as reconcilers and people see it.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskView<'a> {
    /// Number of the task.
    pub task: u64,
    /// Which.
    pub node: NodeId,
    /// Its state.
    pub state: &'a TaskState,
}

impl RunState {
    /// A run that was accepted at `now` with `input`, not begun.
    #[must_use]
    pub fn new(input: Value, now: Timestamp) -> Self {
        Self {
            status: Status::Pending,
            created_at: now,
            started_at: None,
            raw_input: input,
            context: Value::Null,
            output: None,
            error: None,
            deadline: None,
            frames: Frames::default(),
            next: 1,
            pending: Vec::new(),
            settled: BTreeMap::new(),
            heard: Vec::new(),
            undo: BTreeMap::new(),
            emitted: 0,
            steps: 0,
            parent: None,
            children: 0,
            life: 0,
            telling: None,
            leaving: BTreeMap::new(),
            suspension: None,
            cancelling: None,
            steered: Vec::new(),
        }
    }

    /// The same run as it was when it was accepted: what a replay begins with.
    #[must_use]
    pub fn fresh(&self) -> Self {
        let parent = self.parent.clone();
        Self { parent, ..Self::new(self.raw_input.clone(), self.created_at) }
    }

    /// Whether a redrive, of it or of a run below it, may take it up again.
    #[must_use]
    pub fn is_redrivable(&self) -> bool {
        self.tasks().any(|task| task.state.phase == Phase::DeadLettered)
            || self.children().any(|child| matches!(child.phase, ChildPhase::Faulted { .. }))
    }

    /// Every task that runs another workflow.
    pub fn children(&self) -> impl Iterator<Item = &ChildTask> {
        self.frames.values().filter_map(|frame| match &frame.body {
            Body::Task(open) => match &open.work {
                Work::Child(child) => Some(&**child),
                _ => None,
            },
            Body::List { .. } | Body::Branch { .. } | Body::Core => None,
        })
    }

    /// Which task an open frame is.
    #[must_use]
    pub fn node(&self, number: u64) -> Option<NodeId> {
        match &self.frames.get(&number)?.body {
            Body::Task(open) => Some(open.node),
            Body::List { .. } | Body::Branch { .. } | Body::Core => None,
        }
    }

    /// Every open worker task.
    pub fn tasks(&self) -> impl Iterator<Item = TaskView<'_>> {
        self.frames.iter().filter_map(|(task, frame)| match &frame.body {
            Body::Task(open) => match &open.work {
                Work::Call(state) => Some(TaskView { task: *task, node: open.node, state }),
                _ => None,
            },
            Body::List { .. } | Body::Branch { .. } | Body::Core => None,
        })
    }

    /// Every listen that is not over, with its number.
    pub fn listens(&self) -> impl Iterator<Item = (u64, &Hearing)> {
        self.frames.iter().filter_map(|(number, frame)| match &frame.body {
            Body::Task(open) => match &open.work {
                Work::Listen(hearing) => Some((*number, &**hearing)),
                _ => None,
            },
            Body::List { .. } | Body::Branch { .. } | Body::Core => None,
        })
    }

    /// When it must be over, or have tidied up.
    #[must_use]
    pub fn limit(&self) -> Option<Timestamp> {
        match &self.cancelling {
            Some(cancelling) => cancelling.limit(),
            None => self.deadline,
        }
    }

    /// When the run must be told the time at the latest (promise P2); none: it is over and has told
    /// everyone, waits for an event or a person, or is suspended.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        let leaving = self.leaving.values().map(|leaving| leaving.check);
        let others = leaving.chain(self.telling).map(|check| check.at).min();
        if self.status.is_terminal() || self.status == Status::Suspended {
            return others;
        }
        if let Some(until) = self.cancelling.as_ref().and_then(Cancelling::grace) {
            return Some(others.map_or(until, |others| others.min(until)));
        }
        if self.status == Status::Pending || !self.pending.is_empty() {
            return Some(self.created_at);
        }
        self.frames
            .values()
            .flat_map(|frame| [frame.deadline, frame.due_at()])
            .chain([self.limit(), others])
            .flatten()
            .min()
    }
}
