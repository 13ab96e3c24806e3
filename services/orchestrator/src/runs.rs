//! States of runs, kept between their inputs.
//!
//! Only a partition's owner writes its runs, so a kept state is the newest one; where that belief
//! is wrong, the version guards the write, and what was kept is dropped.

use std::collections::{HashMap, HashSet};

use kintsugi_core::{RunId, RunState, Timestamp};
use kintsugi_entities::{RunRow, Store};
use tracing::error;

use crate::Error;

/// A run as it is stored.
pub(crate) struct Run {
    pub(crate) definition: String,
    pub(crate) version: i64,
    pub(crate) wake_at: Option<i64>,
    pub(crate) updated_at: Timestamp,
    pub(crate) ended_at: Option<i64>,
    pub(crate) trace_parent: Option<String>,
    pub(crate) state: RunState,
}

/// Runs that were needed lately.
pub(crate) struct Runs {
    store: Store,
    max: usize,
    known: HashMap<RunId, Run>,
}

impl Runs {
    pub(crate) fn new(store: Store, max: usize) -> Self {
        Self { store, max, known: HashMap::new() }
    }

    /// Where they come from.
    pub(crate) fn store(&self) -> Store {
        self.store.clone()
    }

    /// Has each of `ids` ready, where the store has it: one statement for all.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub(crate) async fn load(&mut self, ids: &HashSet<&RunId>) -> Result<(), Error> {
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
        for row in self.store.runs_load(&missing).await? {
            if let Some((id, run)) = decode(row) {
                self.known.insert(id, run);
            }
        }
        Ok(())
    }

    pub(crate) fn get(&self, id: &RunId) -> Option<&Run> {
        self.known.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: &RunId) -> Option<&mut Run> {
        self.known.get_mut(id)
    }

    /// Forgets a run, so that it is read again.
    pub(crate) fn forget(&mut self, id: &RunId) {
        self.known.remove(id);
    }

    /// Forgets every run.
    pub(crate) fn clear(&mut self) {
        self.known.clear();
    }
}

/// Reads a row. One that cannot be read is left alone and reported: the others go on.
pub(crate) fn decode(row: RunRow) -> Option<(RunId, Run)> {
    match serde_json::from_slice(&row.state) {
        Ok(state) => Some((
            row.id,
            Run {
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
