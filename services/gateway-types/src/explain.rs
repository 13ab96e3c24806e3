//! Why something does not move.

use kintsugi_core::Timestamp;
use kintsugi_explain as pure;
use poem_openapi::{Enum, Object};

/// Whether something moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum ExplanationState {
    /// Something is done about it now, or in a moment.
    Moving,
    /// It goes on by itself once what it waits for has come.
    Waiting,
    /// Nothing that the engine does by itself moves it on.
    Stuck,
    /// It is there and has nothing to do.
    Idle,
    /// It is over.
    Ended,
}

/// What something is about.
#[derive(Clone, Debug, PartialEq, Eq, Object)]
pub struct ExplanationSubject {
    /// `run`, `task`, `queue`, `worker`, `schedule`, `dead-letter` or `service`.
    pub kind: String,
    /// Which.
    pub id: String,
}

/// What the engine does next.
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ExplanationNext {
    /// What.
    pub what: String,
    /// When, at the latest; none: as soon as something else has happened.
    pub at: Option<String>,
}

/// One cause of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ExplanationCause {
    /// What kind of cause; stable, for programs.
    pub code: String,
    /// What is so, for people.
    pub what: String,
    /// Since when.
    pub since: Option<String>,
    /// What it is about.
    pub subject: Option<ExplanationSubject>,
    /// What would end it; none: nothing has to be done.
    pub unblocked_by: Option<String>,
    /// What the engine does next about it.
    pub next: Option<ExplanationNext>,
}

/// Another open part of the same subject.
#[derive(Clone, Debug, PartialEq, Eq, Object)]
pub struct ExplanationLine {
    /// Which.
    pub subject: ExplanationSubject,
    /// Whether it moves.
    pub state: ExplanationState,
    /// From the nearest to the root.
    pub causes: Vec<ExplanationCause>,
}

/// Why something does not move, or that it does.
#[derive(Clone, Debug, PartialEq, Eq, Object)]
pub struct Explanation {
    /// What was asked about.
    pub subject: ExplanationSubject,
    /// Whether it moves. Of several open parts, one that is stuck counts before one that moves, and that
    /// before one that waits.
    pub state: ExplanationState,
    /// All of it in one sentence.
    pub summary: String,
    /// When this was so.
    pub at: String,
    /// Why, from the nearest cause to the root.
    pub causes: Vec<ExplanationCause>,
    /// Other open parts, those that stand still first.
    pub others: Vec<ExplanationLine>,
    /// Open parts that were not looked at, since there are so many.
    pub more: u64,
}

impl From<pure::State> for ExplanationState {
    fn from(state: pure::State) -> Self {
        match state {
            pure::State::Moving => Self::Moving,
            pure::State::Waiting => Self::Waiting,
            pure::State::Stuck => Self::Stuck,
            pure::State::Idle => Self::Idle,
            pure::State::Ended => Self::Ended,
        }
    }
}

impl From<pure::Subject> for ExplanationSubject {
    fn from(subject: pure::Subject) -> Self {
        Self { kind: subject.kind.as_str().to_owned(), id: subject.id }
    }
}

impl From<pure::Cause> for ExplanationCause {
    fn from(cause: pure::Cause) -> Self {
        let next = cause.next.map(|next| ExplanationNext {
            what: next.what,
            at: next.at.map(Timestamp::to_rfc3339),
        });
        Self {
            code: cause.code.as_str().to_owned(),
            what: cause.what,
            since: cause.since.map(Timestamp::to_rfc3339),
            subject: cause.subject.map(Into::into),
            unblocked_by: cause.unblocked_by,
            next,
        }
    }
}

impl From<pure::Explanation> for Explanation {
    fn from(told: pure::Explanation) -> Self {
        let causes = |causes: Vec<pure::Cause>| causes.into_iter().map(Into::into).collect();
        let line = |line: pure::Line| ExplanationLine {
            subject: line.subject.into(),
            state: line.state.into(),
            causes: causes(line.causes),
        };
        Self {
            subject: told.subject.into(),
            state: told.state.into(),
            summary: told.summary,
            at: told.at.to_rfc3339(),
            others: told.others.into_iter().map(line).collect(),
            causes: causes(told.causes),
            more: told.more,
        }
    }
}
