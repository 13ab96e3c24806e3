//! Published events, on their way to the inboxes of the runs that listen.

use std::collections::{BTreeMap, BTreeSet};

use kintsugi_core::{CloudEvent, RunId};
use kintsugi_entities::MailRow;
use kintsugi_nats::event_key;
use tracing::debug;

/// An event, as it will lie in inboxes.
#[derive(Debug)]
struct Found {
    id: String,
    key: String,
    place: i64,
    body: Vec<u8>,
}

/// Events that are brought to their runs together.
#[derive(Debug, Default)]
pub struct Routes {
    by_type: BTreeMap<String, Vec<Found>>,
}

impl Routes {
    /// Takes an event in, at its place in the order of all; gives the key that names it, and how large
    /// it is, in bytes of JSON.
    pub fn add(&mut self, event: &CloudEvent, place: i64) -> (String, usize) {
        let key = event_key(event);
        let body = serde_json::to_vec(event).unwrap_or_default();
        let bytes = body.len();
        let id = event.identity().1.to_owned();
        let found = Found { id, key: key.clone(), place, body };
        self.by_type.entry(event.kind().to_owned()).or_default().push(found);
        (key, bytes)
    }

    /// The types of all.
    #[must_use]
    pub fn types(&self) -> Vec<String> {
        self.by_type.keys().cloned().collect()
    }

    /// What is kept for runs that listen, each for a type or for any, and the runs that are told so.
    /// Whether a run really wants an event, its machine says.
    #[must_use]
    pub fn bring(
        &self,
        listening: Vec<(RunId, Option<String>)>,
        at: i64,
    ) -> (Vec<MailRow>, BTreeSet<RunId>) {
        let mut runs = BTreeSet::new();
        let mut rows: BTreeMap<(RunId, &str), MailRow> = BTreeMap::new();
        for (run, kind) in listening {
            let is_of = |own: &str| kind.as_deref().is_none_or(|kind| kind == own);
            let wanted = self.by_type.iter().filter(|(own, _)| is_of(own));
            for found in wanted.flat_map(|(_, events)| events) {
                let row = MailRow {
                    run: run.clone(),
                    key: found.key.clone(),
                    place: found.place,
                    at,
                    directed: false,
                    event: found.body.clone(),
                };
                debug!(workflow.id = %run, id = found.id, "an event for a run");
                rows.entry((run.clone(), found.key.as_str())).or_insert(row);
            }
            runs.insert(run);
        }
        (rows.into_values().collect(), runs)
    }
}
