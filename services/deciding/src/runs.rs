//! States of runs, kept between their inputs.
//!
//! Only a partition's owner writes its runs, so a kept state is the newest one; where that belief
//! is wrong, the version guards the write, and what was kept is dropped.

use std::collections::{HashMap, HashSet};

use kintsugi_core::{Input, RunId, RunState, Timestamp};
use kintsugi_entities::{Error, RunRow};
use kintsugi_observability::RunTrace;
use tracing::error;

use crate::Source;

/// A run as it is stored.
#[derive(Debug)]
pub struct Run {
    /// `namespace/name:version`.
    pub definition: String,
    /// How many batches changed it.
    pub version: i64,
    /// When it must be told the time, in milliseconds of the epoch.
    pub wake_at: Option<i64>,
    /// When it was written last.
    pub updated_at: Timestamp,
    /// When it ended, in milliseconds of the epoch.
    pub ended_at: Option<i64>,
    /// The trace that it is part of.
    pub trace_parent: Option<String>,
    /// The same, as it is written.
    pub trace: RunTrace,
    /// Its state.
    pub state: RunState,
}

impl Run {
    /// One that is not stored yet, and to which nothing has happened.
    #[must_use]
    pub fn fresh(
        id: &RunId,
        definition: String,
        trace_parent: Option<String>,
        state: RunState,
    ) -> Self {
        Self {
            trace: RunTrace::of(id, trace_parent.as_deref()),
            definition,
            version: 0,
            wake_at: None,
            updated_at: state.created_at,
            ended_at: None,
            trace_parent,
            state,
        }
    }
}

/// Runs that were needed lately.
#[derive(Debug)]
pub struct Runs {
    max: usize,
    known: HashMap<RunId, Run>,
}

impl Runs {
    /// Knows none yet, and keeps about `max`.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { max, known: HashMap::new() }
    }

    /// Has each of `ids` ready, where the store has it: one statement for all.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn load<S: Source>(
        &mut self,
        source: &S,
        ids: &HashSet<&RunId>,
    ) -> Result<(), Error> {
        if self.known.len() > self.max {
            self.known.retain(|id, _| ids.contains(id));
        }
        let missing: Vec<RunId> = ids
            .iter()
            .filter(|id| !self.known.contains_key(**id))
            .map(|id| (*id).clone())
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        for row in source.runs(&missing).await? {
            if let Some((id, run)) = decode(row) {
                self.known.insert(id, run);
            }
        }
        Ok(())
    }

    /// One that is ready.
    #[must_use]
    pub fn get(&self, id: &RunId) -> Option<&Run> {
        self.known.get(id)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, id: &RunId) -> Option<&mut Run> {
        self.known.get_mut(id)
    }

    /// Takes a run that the store does not have.
    pub fn insert(&mut self, id: RunId, run: Run) {
        self.known.insert(id, run);
    }

    /// Forgets a run, so that it is read again.
    pub fn forget(&mut self, id: &RunId) {
        self.known.remove(id);
    }

    /// Forgets every run.
    pub fn clear(&mut self) {
        self.known.clear();
    }
}

/// Reads a row. One that cannot be read is left alone and reported: the others go on.
#[must_use]
pub fn decode(row: RunRow) -> Option<(RunId, Run)> {
    match serde_json::from_slice(&row.state) {
        Ok(state) => Some((
            row.id.clone(),
            Run {
                trace: RunTrace::of(&row.id, row.trace_parent.as_deref()),
                definition: row.definition,
                version: row.version,
                wake_at: row.wake_at,
                updated_at: Timestamp(row.updated_at),
                ended_at: row.ended_at,
                trace_parent: row.trace_parent,
                state,
            },
        )),
        Err(problem) => {
            error!(
                workflow.id = %row.id,
                error = &problem as &dyn std::error::Error,
                "a stored state cannot be read"
            );
            None
        }
    }
}

/// Whether a run was told the time for nothing, since its stored time was too early: then that is
/// stored anew, or it would be due, and told again, for as long as nothing else changes it.
pub(crate) fn is_idle(input: &Input, run: &Run, now: Timestamp) -> bool {
    let is_past = run.wake_at.is_some_and(|stored| stored <= now.0);
    *input == Input::Tick && is_past && run.state.wake_at().is_none_or(|due| due > now)
}

/// When the run must be told the time. A stored time that is too early costs one idle tick; leaving
/// it saves an index write.
pub(crate) fn next_wake(run: &Run, now: Timestamp) -> Option<i64> {
    let due = run.state.wake_at().map(|at| at.0);
    match (due, run.wake_at) {
        (Some(due), Some(stored)) if stored <= due && stored > now.0 => Some(stored),
        (due, _) => due,
    }
}
