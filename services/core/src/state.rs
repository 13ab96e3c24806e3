//! What is known of a run: one compact value, from which alone the machine goes on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Check, ChildPhase, ChildTask, Error, FailedAttempt, Hearing, ListId, NodeId, Parent, RunId,
    Status, Timestamp,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// Its error, once faulted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
    /// When the whole run times out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// Every open scope, task and timer by number; a parent's number is below its children's.
    pub frames: BTreeMap<u64, Frame>,
    /// The number that the next frame gets.
    pub next: u64,
    /// Work that was cut off by the limit on steps per input; goes on with the next tick.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<crate::machine::Op>,
    /// Last epoch of tasks that closed after more than one attempt, so that a zombie's result is
    /// known for what it is. Bounded: the oldest go first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settled: BTreeMap<u64, u64>,
    /// Marks of the events that were taken, the newest last, so that a repeat is known. Bounded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heard: Vec<u64>,
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
}

/// A child that is no longer wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaving {
    /// The child.
    pub run: RunId,
    /// When it is looked at.
    pub check: Check,
}

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
    /// `$context` of a branch of a fork: exported there, merged when it joins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
        /// Output and exported context of each branch.
        done: BTreeMap<u32, (Value, Option<Value>)>,
        /// Error of each branch that failed (only where branches compete).
        failed: BTreeMap<u32, Error>,
    },
    /// `for`: the iteration that is open.
    For {
        /// What is iterated.
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
    /// `run: workflow`.
    Child(Box<ChildTask>),
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// Where the task goes, where that is not as its `then` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<crate::Flow>,
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

/// A task that a worker executes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskState {
    /// The task type.
    pub task_type: String,
    /// The queue.
    pub queue: String,
    /// What the worker gets.
    pub input: Value,
    /// The fencing token: the number of the newest attempt.
    pub epoch: u64,
    /// Attempts that failed since the last redrive.
    pub failures: u32,
    /// Attempts that ended with their worker since the last redrive.
    pub crashes: u32,
    /// When the first attempt since the last redrive was dispatched.
    pub first_at: Timestamp,
    /// Where it stands.
    pub phase: Phase,
    /// Refusals noted in history, which has room for a few only.
    #[serde(default)]
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
    /// An attempt was given out; its message is on its way, or its worker is at it.
    Dispatched {
        /// When.
        at: Timestamp,
        /// When the failure detector is asked to look for it, if nothing is heard until then.
        check_at: Timestamp,
        /// How often it was asked already.
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
    /// It exhausted its policy; a redrive takes it up again.
    DeadLettered,
    /// The run faulted; a redrive takes it up again.
    Interrupted,
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
            frames: BTreeMap::new(),
            next: 1,
            pending: Vec::new(),
            settled: BTreeMap::new(),
            heard: Vec::new(),
            emitted: 0,
            steps: 0,
            parent: None,
            children: 0,
            life: 0,
            telling: None,
            leaving: BTreeMap::new(),
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

    /// When the run must be told the time at the latest (promise P2); none: it is over and has told
    /// everyone, or waits for an event or a person.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        let leaving = self.leaving.values().map(|leaving| leaving.check);
        let others = leaving.chain(self.telling).map(|check| check.at).min();
        if self.status.is_terminal() {
            return others;
        }
        if self.status == Status::Pending || !self.pending.is_empty() {
            return Some(self.created_at);
        }
        self.frames
            .values()
            .flat_map(|frame| [frame.deadline, frame.due_at()])
            .chain([self.deadline, others])
            .flatten()
            .min()
    }
}

impl Frame {
    fn due_at(&self) -> Option<Timestamp> {
        let Body::Task(open) = &self.body else { return None };
        match &open.work {
            Work::Wait { until, interrupted: false } => Some(*until),
            Work::Try { phase: TryPhase::Backoff(until), .. } => Some(*until),
            Work::Try { attempt_deadline, .. } => *attempt_deadline,
            Work::Call(state) => match &state.phase {
                Phase::Started { deadline, .. } => Some(*deadline),
                Phase::Backoff { until } => Some(*until),
                Phase::Dispatched { check_at, .. } => Some(*check_at),
                Phase::DeadLettered | Phase::Interrupted => None,
            },
            Work::Child(child) => match &child.phase {
                ChildPhase::Wanted { at, .. } => Some(*at),
                ChildPhase::Open { check, .. } => Some(check.at),
                ChildPhase::Ended { .. } | ChildPhase::Faulted { .. } => None,
            },
            _ => None,
        }
    }
}
