//! What an explanation says.

use kintsugi_core::Timestamp;

use crate::Code;

/// Whether something moves. The order is by what is told first of several things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Nothing that the engine does by itself moves it on.
    Stuck,
    /// Something is done about it now, or in a moment.
    Moving,
    /// It goes on by itself once what it waits for has come.
    Waiting,
    /// It is there and has nothing to do.
    Idle,
    /// It is over.
    Ended,
}

impl State {
    /// As the API writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stuck => "stuck",
            Self::Moving => "moving",
            Self::Waiting => "waiting",
            Self::Idle => "idle",
            Self::Ended => "ended",
        }
    }
}

/// What kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A run.
    Run,
    /// A task: `run:number`.
    Task,
    /// A queue, or a queue and a task type: `queue/type`.
    Queue,
    /// A worker.
    Worker,
    /// A schedule: `namespace/name`.
    Schedule,
    /// A dead letter: `run:number:epoch`.
    DeadLetter,
    /// A service of the engine, the database or the broker.
    Service,
}

impl Kind {
    /// As the API writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Task => "task",
            Self::Queue => "queue",
            Self::Worker => "worker",
            Self::Schedule => "schedule",
            Self::DeadLetter => "dead-letter",
            Self::Service => "service",
        }
    }
}

/// What something is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// What kind of thing.
    pub kind: Kind,
    /// Which.
    pub id: String,
}

impl Subject {
    /// The thing of this kind.
    pub fn new(kind: Kind, id: impl Into<String>) -> Self {
        Self { kind, id: id.into() }
    }
}

/// What the engine does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// What.
    pub what: String,
    /// When, at the latest; none: as soon as something else has happened.
    pub at: Option<Timestamp>,
}

/// One cause of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// What kind of cause; stable, for programs.
    pub code: Code,
    /// What is so, for people.
    pub what: String,
    /// Since when.
    pub since: Option<Timestamp>,
    /// What it is about.
    pub subject: Option<Subject>,
    /// What would end it; none: nothing has to be done.
    pub unblocked_by: Option<String>,
    /// What the engine does next about it.
    pub next: Option<Next>,
}

impl Cause {
    pub(crate) fn new(code: Code, what: impl Into<String>) -> Self {
        let what = what.into();
        Self { code, what, since: None, subject: None, unblocked_by: None, next: None }
    }

    pub(crate) fn since(self, since: impl Into<Option<Timestamp>>) -> Self {
        Self { since: since.into(), ..self }
    }

    pub(crate) fn of(self, kind: Kind, id: impl Into<String>) -> Self {
        Self { subject: Some(Subject::new(kind, id)), ..self }
    }

    pub(crate) fn unblocked_by(self, what: impl Into<String>) -> Self {
        Self { unblocked_by: Some(what.into()), ..self }
    }

    pub(crate) fn next(self, what: impl Into<String>, at: impl Into<Option<Timestamp>>) -> Self {
        Self { next: Some(Next { what: what.into(), at: at.into() }), ..self }
    }

    /// The same, where something is due: if that comes before whatever it had as its next.
    pub(crate) fn or_earlier(self, what: &str, at: Option<Timestamp>) -> Self {
        let Some(due) = at else { return self };
        match &self.next {
            Some(Next { at: Some(own), .. }) if *own <= due => self,
            _ => self.next(what, due),
        }
    }
}

/// Another open part of the same subject, with its own chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Which.
    pub subject: Subject,
    /// Whether it moves.
    pub state: State,
    /// From the nearest to the root.
    pub causes: Vec<Cause>,
}

/// Why something does not move, or that it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What was asked about.
    pub subject: Subject,
    /// Whether it moves.
    pub state: State,
    /// All of it in one sentence.
    pub summary: String,
    /// When this was so.
    pub at: Timestamp,
    /// From the nearest to the root.
    pub causes: Vec<Cause>,
    /// Other open parts, those that stand still first.
    pub others: Vec<Line>,
    /// Open parts that were not looked at, since there are so many.
    pub more: u64,
}
