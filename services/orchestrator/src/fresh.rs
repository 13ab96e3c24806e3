//! Starts that gateways hand over: each run is accepted in the commit in which it takes its first step.
//!
//! Killed before the commit, nobody answers, and the gateway accepts the runs itself; killed behind it, the
//! gateway finds that they are there, and what they gave out is asked after like all else.

use std::collections::{HashMap, HashSet};

use kintsugi_core::{Input, RunId, Timestamp, partition_of};
use kintsugi_deciding::{Decided, Owned, Programs, Run, Runs};
use kintsugi_entities::{NewRun, Store};
use kintsugi_nats::{RunInput, START_PATIENCE, Start, StartDelivery};
use tracing::debug;

use crate::Error;

/// The runs of one batch that are accepted in it.
#[derive(Default)]
pub(crate) struct Fresh {
    rows: HashMap<RunId, NewRun>,
    unanswered: Vec<StartDelivery>,
}

impl Fresh {
    /// Has the runs of `deliveries` ready to begin, and tells them to. What is late, another owner's, known
    /// already or of a definition that does not compile is refused: its gateway sees to it.
    ///
    /// # Errors
    ///
    /// When definitions cannot be read.
    pub(crate) async fn ready(
        deliveries: Vec<StartDelivery>,
        (store, owned, partitions): (&Store, &Owned, u16),
        (runs, programs): (&mut Runs, &mut Programs),
        now: Timestamp,
        inputs: &mut Vec<RunInput>,
    ) -> Result<Self, Error> {
        let starts = deliveries.iter().flat_map(|delivery| &delivery.starts);
        programs.load(store, starts.map(|start| start.definition.as_str())).await?;
        let late = i64::try_from(START_PATIENCE.as_millis() / 2).unwrap_or(i64::MAX);
        let mut fresh = Self::default();
        for mut delivery in deliveries {
            if delivery.starts.iter().any(|start| fresh.rows.contains_key(&start.id)) {
                // The same message again: the first has the answer, and a no would come before it.
                continue;
            }
            let mut ids = HashSet::new();
            let fits = !delivery.starts.is_empty()
                && owned.epochs.contains_key(&delivery.partition)
                && delivery.starts.iter().all(|start| {
                    partition_of(&start.id, partitions) == delivery.partition
                        && now.0.saturating_sub(start.created_at) <= late
                        && programs.get(&start.definition).is_some()
                        && runs.get(&start.id).is_none()
                        && ids.insert(&start.id)
                });
            if !fits {
                debug!(partition = delivery.partition, "starts refused");
                delivery.answer(false).await;
                continue;
            }
            for start in std::mem::take(&mut delivery.starts) {
                let Start { id, definition, created_at, digest, trace_parent, state } = start;
                let (of, trace) = (definition.clone(), trace_parent.clone());
                runs.insert(id.clone(), Run::fresh(&id, of, trace, state));
                inputs.push(RunInput { run: id.clone(), input: Input::Start });
                let row = NewRun {
                    id: id.clone(),
                    definition,
                    partition: delivery.partition,
                    state: Vec::new(),
                    created_at,
                    parent: None,
                    start_key: None,
                    request_digest: digest,
                    trace_parent,
                };
                fresh.rows.insert(id, row);
            }
            fresh.unanswered.push(delivery);
        }
        Ok(fresh)
    }

    /// Has what was decided accept them; `false`: one of them could not be decided.
    pub(crate) fn accept(&mut self, runs: &mut Runs, decided: &mut Decided) -> bool {
        if decided.rejected.iter().any(|(input, _)| self.rows.contains_key(&input.run)) {
            return false;
        }
        let began: HashSet<&RunId> = decided.batch.runs.iter().map(|run| &run.id).collect();
        let (began, held): (Vec<_>, Vec<_>) =
            self.rows.drain().map(|(_, row)| row).partition(|row| began.contains(&row.id));
        decided.batch.starts = began;
        // What is held does not begin: it is stored as it is, and read again from there.
        for mut row in held {
            let state = runs.get(&row.id).and_then(|run| serde_json::to_vec(&run.state).ok());
            row.state = state.unwrap_or_default();
            runs.forget(&row.id);
            decided.batch.children.push(row);
        }
        true
    }

    /// Says what became of those that have had no answer yet.
    pub(crate) async fn answer(&mut self, accepted: bool) {
        for delivery in self.unanswered.drain(..) {
            delivery.answer(accepted).await;
        }
    }
}
