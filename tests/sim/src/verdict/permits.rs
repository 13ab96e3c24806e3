//! Permits: never more than the bound says, none lost, and nobody waits while one is free.

use std::collections::{BTreeMap, BTreeSet};

use kintsugi_core::{Phase, RunState, TaskKey};
use kintsugi_entities::{Batch, PermitWrite};
use kintsugi_promises::Breach;

use crate::{cast::Cast, world::World};

/// The bound of a key: the keys of the simulated definitions end with it.
fn bound(key: &str) -> usize {
    key.rsplit('-').next().and_then(|bound| bound.parse().ok()).unwrap_or(usize::MAX)
}

fn has_permit(phase: &Phase) -> bool {
    matches!(phase, Phase::Dispatched { .. } | Phase::Started { .. } | Phase::Backoff { .. })
}

impl World {
    /// A batch was written. Were tasks given out with it, of which there are more of a key than there may
    /// be? By the states of the runs, not by the rows of permits.
    pub(crate) fn look_at_holders(&mut self, batch: &Batch) {
        if !batch.permits.values().any(|write| *write == PermitWrite::Took) {
            return;
        }
        let mut holders: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (id, _, state) in self.store.open() {
            for task in state.tasks().filter(|task| has_permit(&task.state.phase)) {
                if let Some(key) = &task.state.permit {
                    let holder = format!("{id}:{}", task.task);
                    holders.entry(key.clone()).or_default().push(holder);
                }
            }
        }
        for (key, holders) in holders {
            self.figures.holders_max = self.figures.holders_max.max(holders.len() as u64);
            if holders.len() > bound(&key) {
                self.say(|| format!("too many hold a permit of {key}: {holders:?}"));
                let what = format!("more hold a permit of {key} than may: {holders:?}");
                self.breaches.push(Breach { promise: 5, what });
            }
        }
    }

    /// Permits that are nobody's, and tasks that wait for one for nothing.
    pub(super) fn permits_amiss(&self) -> BTreeSet<String> {
        let mut amiss = BTreeSet::new();
        if self.cast == Cast::Few {
            return amiss;
        }
        let free = self.store.permits_free();
        for (id, permit) in &self.store.permits {
            let state: Option<RunState> = self.state(&permit.row.run);
            let mut tasks = state.iter().flat_map(RunState::tasks);
            let phase = tasks.find(|task| task.task == permit.row.task);
            let phase = phase.map(|task| task.state.phase.clone());
            match (phase, permit.granted_at) {
                (Some(Phase::Queued { .. }), None) if free.contains(id) => {
                    amiss.insert(format!("{id} waits for a permit, and one is free"));
                }
                (Some(Phase::Queued { .. }), Some(_)) => {
                    amiss.insert(format!("{id} has a permit and does not know"));
                }
                (Some(Phase::Queued { .. }), None) => {}
                (Some(phase), _) if has_permit(&phase) => {}
                _ => drop(amiss.insert(format!("the permit of {id} is nobody's"))),
            }
        }
        for (id, _, state) in self.store.open() {
            let queued =
                state.tasks().filter(|task| matches!(task.state.phase, Phase::Queued { .. }));
            for task in queued {
                let id = TaskKey { run: id.clone(), task: task.task }.to_string();
                if !self.store.permits.contains_key(&id) {
                    amiss.insert(format!("{id} waits for a permit that it did not ask for"));
                }
            }
        }
        amiss
    }
}
