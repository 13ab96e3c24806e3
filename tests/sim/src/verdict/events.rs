//! Events that runs emit reach each run that listened, once.

use std::collections::BTreeSet;

use kintsugi_core::{Input, RunId};
use kintsugi_promises::{Book, Breach, Record};

use crate::{definitions::SAID_TYPE, world::World};

/// An event that a run emitted, and who listened when that was written.
#[derive(Debug)]
pub(crate) struct Emitted {
    id: String,
    listened: BTreeSet<(RunId, u64)>,
}

/// The events of this type that a run took, by the ids that they were made with.
fn taken(record: &Record) -> Vec<&str> {
    let steps = record.steps().filter_map(|step| match &step.input {
        Input::Event { event, .. } if event.kind() == SAID_TYPE => Some(event.identity().1),
        _ => None,
    });
    steps.map(|id| id.split('~').next().unwrap_or(id)).collect()
}

impl World {
    /// A batch was written: what of it was emitted, and who listens.
    pub(crate) fn look_at_emitted(&mut self, batch: &kintsugi_entities::Batch) {
        for row in &batch.mail.outbox {
            let Ok(event) = serde_json::from_slice::<kintsugi_core::CloudEvent>(&row.event) else {
                continue;
            };
            let listened = self.store.listeners_of(event.kind());
            self.figures.emitted += 1;
            self.emitted.push(Emitted { id: event.identity().1.to_owned(), listened });
        }
    }

    /// Who listened when an event was emitted, listens still, and was not told of it.
    pub(crate) fn unheard(&self) -> Vec<Breach> {
        let mut breaches = Vec::new();
        for emitted in &self.emitted {
            for (run, task) in &emitted.listened {
                let Some(record) = self.record(run) else { continue };
                let listens =
                    self.store.listeners.iter().any(|one| one.0 == *run && one.1 == *task);
                if listens && !taken(&record).contains(&emitted.id.as_str()) {
                    let id = &emitted.id;
                    let what = format!(
                        "{run} listens since before {id} was emitted, and does not hear it"
                    );
                    breaches.push(Breach { promise: 1, what });
                }
            }
        }
        breaches
    }

    pub(super) fn heard_twice(&mut self, book: &Book) -> Vec<Breach> {
        let mut breaches = Vec::new();
        for record in book.runs.values() {
            let taken = taken(record);
            self.figures.heard += taken.len() as u64;
            let mut seen = BTreeSet::new();
            for id in taken.into_iter().filter(|id| !seen.insert(*id)) {
                let what = format!("{} took the event {id} twice", record.id);
                breaches.push(Breach { promise: 3, what });
            }
        }
        let left = self.store.outbox.keys();
        breaches.extend(left.map(|key| {
            let what = format!("the event {key} was emitted and never brought to anyone");
            Breach { promise: 1, what }
        }));
        breaches
    }
}
