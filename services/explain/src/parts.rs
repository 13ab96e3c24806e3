//! What is open in a run, and what has to be looked at to explain it.

use std::collections::BTreeSet;

use kintsugi_core::{
    Body, ChildPhase, Frame, Kind, Node, Phase, RunState, TaskFrame, Timestamp, TryPhase, Work,
};

use crate::facts::{Run, Served};

/// How many open parts of a run are explained.
pub const LISTED: usize = 20;

/// How many of the runs that a run waits for are looked at.
pub const CHILDREN_FOLLOWED: usize = 3;

/// How many queues of a run are looked at.
const QUEUES_MAX: usize = 8;

/// An open leaf: a task that something has to happen for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'a> {
    pub(crate) number: u64,
    pub(crate) frame: &'a Frame,
    pub(crate) open: &'a TaskFrame,
}

/// What has to be looked at to explain a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Queues of its attempts.
    pub queues: Vec<Served>,
    /// A task of it waits for a permit.
    pub permits: bool,
    /// Runs that it waits for, or that it faulted with.
    pub children: Vec<kintsugi_core::RunId>,
    /// Ids of requests that may have been made.
    pub requests: Vec<String>,
}

/// The open leaves: what needs a look the most first, at most [`LISTED`], and how many there are.
pub(crate) fn parts(state: &RunState, focus: Option<u64>) -> (Vec<Part<'_>>, u64) {
    let mut looked = 0;
    let mut all: Vec<Part<'_>> = state
        .frames
        .scan(&mut looked)
        .filter_map(|(number, frame)| match &frame.body {
            Body::Task(open) if is_leaf(&open.work) => Some(Part { number, frame, open }),
            _ => None,
        })
        .filter(|part| focus.is_none_or(|focus| is_below(state, part, focus)))
        .collect();
    let count = all.len() as u64;
    all.sort_by_key(|part| (rank(&part.open.work), part.number));
    all.truncate(LISTED);
    (all, count)
}

/// Whether something has to happen for a task itself, rather than for what stands below it.
fn is_leaf(work: &Work) -> bool {
    match work {
        Work::Call(_) | Work::Child(_) => true,
        Work::Wait { interrupted, .. } => !interrupted,
        Work::Listen(hearing) => hearing.is_free(),
        Work::Human(asking) => !asking.closed,
        Work::Try { phase, .. } => matches!(phase, TryPhase::Backoff(_)),
        Work::Do
        | Work::Fork { .. }
        | Work::For { .. }
        | Work::Extended(_)
        | Work::Map(_)
        | Work::Compensate(_)
        | Work::Messages(_) => false,
    }
}

fn is_below(state: &RunState, part: &Part<'_>, above: u64) -> bool {
    let mut at = Some(part.number);
    while let Some(number) = at {
        if number == above {
            return true;
        }
        at = state.frames.get(&number).and_then(|frame| frame.parent);
    }
    false
}

/// Of very many open parts some are looked at: such as may stand still before such as only wait.
fn rank(work: &Work) -> u8 {
    match work {
        Work::Call(task) => match task.phase {
            Phase::DeadLettered => 0,
            Phase::Dispatched { .. } => 1,
            Phase::Started { .. } => 2,
            Phase::Queued { .. } => 3,
            Phase::Backoff { .. } => 4,
            Phase::Interrupted => 7,
        },
        Work::Child(_) => 2,
        Work::Human(_) | Work::Listen(_) => 5,
        _ => 6,
    }
}

impl Part<'_> {
    /// When it is cut off: by its own time limit, one around it, or the run's.
    pub(crate) fn cut_off(&self, state: &RunState) -> Option<Timestamp> {
        let mut earliest = [self.frame.deadline, state.deadline].into_iter().flatten().min();
        let mut at = self.frame.parent;
        while let Some(frame) = at.and_then(|number| state.frames.get(&number)) {
            let own = match &frame.body {
                Body::Task(open) => match &open.work {
                    Work::Try { attempt_deadline, .. } => *attempt_deadline,
                    _ => None,
                },
                _ => None,
            };
            earliest = [earliest, frame.deadline, own].into_iter().flatten().min();
            at = frame.parent;
        }
        earliest
    }
}

impl Run {
    /// What has to be looked at besides the run itself.
    #[must_use]
    pub fn needs(&self) -> Needs {
        let mut needs = Needs { requests: vec![format!("cancel:{}", self.id)], ..Needs::default() };
        let mut queues = BTreeSet::new();
        for part in parts(&self.state, self.focus).0 {
            let key = self.key(part.number);
            match &part.open.work {
                Work::Call(task) => match task.phase {
                    Phase::Queued { .. } => needs.permits = true,
                    Phase::DeadLettered => {
                        needs.requests.push(format!("redrive:{key}:{}", task.epoch));
                    }
                    Phase::Dispatched { .. } if queues.len() < QUEUES_MAX => {
                        queues.insert((task.queue.clone(), task.task_type.clone()));
                    }
                    _ => {}
                },
                Work::Child(child) => match &child.phase {
                    ChildPhase::Open { run, .. } | ChildPhase::Faulted { run }
                        if needs.children.len() < CHILDREN_FOLLOWED =>
                    {
                        needs.children.push(run.clone());
                    }
                    _ => {}
                },
                Work::Human(_) => needs.requests.push(format!("answer:{key}")),
                _ => {}
            }
        }
        needs.queues = queues.into_iter().collect();
        needs
    }

    /// The permit holders that are worth a look: of the first task that waits for one.
    #[must_use]
    pub fn holder(&self) -> Option<&crate::Holder> {
        self.permits.values().find_map(|permit| permit.holders.first())
    }

    /// `run:number`.
    pub(crate) fn key(&self, number: u64) -> String {
        format!("{}:{number}", self.id)
    }

    /// The node of a part.
    pub(crate) fn node(&self, part: &Part<'_>) -> Option<&Node> {
        self.program.as_ref()?.node(part.open.node)
    }

    /// What the definition says of a call.
    pub(crate) fn call(&self, part: &Part<'_>) -> Option<&kintsugi_core::Call> {
        match &self.node(part)?.kind {
            Kind::Call(call) => Some(call),
            _ => None,
        }
    }

    /// A part, as one names it to people.
    pub(crate) fn named(&self, part: &Part<'_>) -> String {
        let key = self.key(part.number);
        match self.node(part) {
            Some(node) => format!("task `{}` ({key})", node.name),
            None => format!("task {key}"),
        }
    }
}
