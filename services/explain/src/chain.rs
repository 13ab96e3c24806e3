//! Chains of causes while they are made.

use crate::{Cause, Code, Explanation, Line, State, Subject, facts::Engine, say};

/// From the nearest cause to the root, and what follows from all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) state: State,
    pub(crate) causes: Vec<Cause>,
    /// What it takes to go on besides an orchestrator.
    pub(crate) relies: Relies,
}

/// Services that something takes to go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Relies {
    /// Who tells runs the time.
    pub(crate) retry: bool,
    /// Who notices what is lost.
    pub(crate) detector: bool,
}

impl Chain {
    pub(crate) fn new(state: State, cause: Cause) -> Self {
        Self { state, causes: vec![cause], relies: Relies::default() }
    }

    pub(crate) fn moving(cause: Cause) -> Self {
        Self::new(State::Moving, cause)
    }

    pub(crate) fn waiting(cause: Cause) -> Self {
        Self::new(State::Waiting, cause)
    }

    pub(crate) fn stuck(cause: Cause) -> Self {
        Self::new(State::Stuck, cause)
    }

    pub(crate) fn ended(cause: Cause) -> Self {
        Self::new(State::Ended, cause)
    }

    pub(crate) fn then(mut self, cause: Cause) -> Self {
        self.causes.push(cause);
        self
    }

    pub(crate) fn and(mut self, cause: Option<Cause>) -> Self {
        self.causes.extend(cause);
        self
    }

    pub(crate) fn being(self, state: State) -> Self {
        Self { state, ..self }
    }

    pub(crate) fn has(&self, code: Code) -> bool {
        self.causes.iter().any(|cause| cause.code == code)
    }

    /// Goes on with another chain, which decides whether it moves.
    pub(crate) fn follow(mut self, other: Self) -> Self {
        self.causes.extend(other.causes);
        Self { state: other.state, ..self }
    }

    /// Goes on with what it waits for: that may be stuck, and nothing else of it counts.
    pub(crate) fn behind(self, other: Self) -> Self {
        let state = if other.state == State::Stuck { State::Stuck } else { State::Waiting };
        self.follow(other).being(state)
    }

    /// Goes on when a time has come.
    pub(crate) fn by_time(mut self) -> Self {
        self.relies.retry = true;
        self
    }

    /// Goes on when it is noticed that something is lost.
    pub(crate) fn by_notice(mut self) -> Self {
        self.relies.detector = true;
        self
    }
}

/// Puts an explanation together; the first of several chains is the one that is told first.
pub(crate) fn explanation(
    subject: Subject,
    engine: &Engine,
    mut lines: Vec<(Subject, Chain)>,
    more: u64,
) -> Explanation {
    lines.sort_by_key(|(_, chain)| chain.state);
    let mut lines = lines.into_iter();
    let first = lines.next().map(|(_, chain)| chain);
    let (state, causes) = first.map_or((State::Idle, Vec::new()), |it| (it.state, it.causes));
    let line = |(subject, chain): (Subject, Chain)| Line {
        subject,
        state: chain.state,
        causes: chain.causes,
    };
    let others: Vec<Line> = lines.map(line).collect();
    let summary = say::summary(&subject, state, &causes, others.len() as u64 + more);
    Explanation { subject, state, summary, at: engine.now, causes, others, more }
}
