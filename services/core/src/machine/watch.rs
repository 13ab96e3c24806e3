//! What a watched machine tells besides: how the run and each of its tasks stand, the tasks that the
//! engine does by itself included. It stands in no history, and costs nothing where nobody asked.

use super::Machine;
use crate::{Body, Error, Kind, Node, NodeId, Phase, Status, TaskFrame, Work};

/// The run, or a task of it, stands otherwise from now on.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// How many events of the same input came before it.
    pub after: usize,
    /// The task; none: the run.
    pub node: Option<NodeId>,
    /// The task's number; none: the run, or a task that never stays open.
    pub number: Option<u64>,
    /// What it is to a task.
    pub turn: Turn,
    /// How it stands now ("Status Phases" of the specification).
    pub status: Status,
    /// Why it faulted.
    pub error: Option<Error>,
}

/// What a moment is to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Its turn has come, and its `if` holds.
    Created,
    /// It began.
    Started,
    /// It is over, or an attempt of it failed.
    Ended,
    /// It begins once more, of which an event tells.
    Again,
}

/// How a frame that is closed ended.
#[derive(Clone, Copy)]
pub(super) enum End<'e> {
    /// It has its output.
    Completed,
    /// An error came from it.
    Faulted(&'e Error),
    /// It is no longer wanted.
    Cancelled,
    /// That was told before.
    Told,
}

impl Machine<'_> {
    fn moment(
        &mut self,
        (id, number): (NodeId, Option<u64>),
        turn: Turn,
        status: Status,
        error: Option<&Error>,
    ) {
        let (after, error) = (self.out.events.len(), error.cloned());
        self.out.moments.push(Moment { after, node: Some(id), number, turn, status, error });
    }

    /// The run has another status.
    pub(super) fn run_turned(&mut self) {
        if self.watched {
            let (after, status) = (self.out.events.len(), self.state.status);
            let (node, number, turn, error) = (None, None, Turn::Again, None);
            self.out.moments.push(Moment { after, node, number, turn, status, error });
        }
    }

    /// An open task stands otherwise.
    pub(super) fn turned(&mut self, number: u64, turn: Turn, status: Status, why: Option<&Error>) {
        if !self.watched {
            return;
        }
        if let Some(Body::Task(open)) = self.body(number) {
            self.moment((open.node, Some(number)), turn, status, why);
        }
    }

    /// A task's turn has come.
    pub(super) fn created(&mut self, id: NodeId, node: &Node) {
        self.created_at = None;
        // Not what carries extensions is told of, but the task within them.
        if !self.watched || matches!(node.kind, Kind::Extended { .. }) {
            return;
        }
        self.created_at = Some(self.out.moments.len());
        self.moment((id, None), Turn::Created, Status::Pending, None);
        if let Kind::Set(_) | Kind::Switch(_) | Kind::Emit(_) | Kind::Raise(_) = node.kind {
            self.moment((id, None), Turn::Started, Status::Running, None);
        }
    }

    /// A task that stays open has its number. What a worker or another run does has not begun yet.
    pub(super) fn opened(&mut self, id: NodeId, number: u64, node: &Node) {
        let Some(created) = self.created_at.take() else { return };
        if let Some(moment) = self.out.moments.get_mut(created) {
            moment.number = Some(number);
        }
        let status = match node.kind {
            Kind::Call(_) | Kind::RunWorkflow(_) => return,
            Kind::Wait(_) | Kind::Listen(_) | Kind::Human(_) => Status::Waiting,
            _ => Status::Running,
        };
        self.moment((id, Some(number)), Turn::Started, status, None);
    }

    /// A task could not begin, or a `raise` did what it is for.
    pub(super) fn not_opened(&mut self, id: NodeId, error: &Error) {
        if !self.watched {
            return;
        }
        if self.created_at.take().is_none() {
            self.moment((id, None), Turn::Created, Status::Pending, None);
        }
        self.moment((id, None), Turn::Ended, Status::Faulted, Some(error));
    }

    /// A task is over.
    pub(super) fn over(&mut self, id: NodeId, number: Option<u64>, end: End<'_>) {
        if !self.watched {
            return;
        }
        let carries = |node: &Node| matches!(node.kind, Kind::Extended { .. });
        if self.program.node(id).is_some_and(carries) {
            return;
        }
        let (status, error) = match end {
            End::Completed => (Status::Completed, None),
            End::Faulted(error) => (Status::Faulted, Some(error)),
            End::Cancelled => (Status::Cancelled, None),
            End::Told => return,
        };
        self.moment((id, number), Turn::Ended, status, error);
    }

    /// What a task with extensions made of its output is wrong: only then more is to be said of it
    /// than of the task within.
    pub(super) fn unfit_with_extensions(&mut self, id: NodeId, node: &Node, error: &Error) {
        if self.watched && matches!(node.kind, Kind::Extended { .. }) {
            self.moment((id, None), Turn::Ended, Status::Faulted, Some(error));
        }
    }

    /// The run ends with `then: end` below `from`: what is around it has done its part.
    pub(super) fn ends_below(&mut self, from: u64) {
        if !self.watched {
            return;
        }
        let mut at = Some(from);
        while let Some((number, frame)) = at.and_then(|n| Some((n, self.state.frames.get(&n)?))) {
            self.graceful.push(number);
            at = frame.parent;
        }
    }

    /// How a frame ends that is closed with another one around it.
    pub(super) fn end_with(&self, number: u64, open: &TaskFrame) -> End<'static> {
        let was_told = match &open.work {
            Work::Call(task) => matches!(task.phase, Phase::DeadLettered | Phase::Interrupted),
            Work::Child(child) => matches!(child.phase, crate::ChildPhase::Faulted { .. }),
            _ => false,
        };
        if was_told {
            End::Told
        } else if self.graceful.contains(&number) {
            End::Completed
        } else {
            End::Cancelled
        }
    }
}

/// Whether what is open is others' doing: those are told of first when it is closed.
pub(super) fn is_around(work: &Work) -> bool {
    !matches!(
        work,
        Work::Call(_) | Work::Child(_) | Work::Wait { .. } | Work::Listen(_) | Work::Human(_)
    )
}
