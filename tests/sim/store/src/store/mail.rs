//! Events on their way: who listens, what lies in inboxes, and what runs emitted.

use std::collections::BTreeSet;

use kintsugi_core::{CloudEvent, RunId};
use kintsugi_entities::{MailBatch, OutboxRow};
use kintsugi_nats::event_key;

use super::Store;
use crate::off::Protection;

/// A listen that is open: the run, the task, and the type (none: any).
pub type Listener = (RunId, u64, Option<String>);

impl Store {
    pub(super) fn write_mail(&mut self, mail: &MailBatch) {
        let is = |listener: &Listener, (run, task): &(RunId, u64)| {
            listener.0 == *run && listener.1 == *task
        };
        self.listeners.retain(|one| !mail.unlisten.iter().any(|gone| is(one, gone)));
        let rows = mail.listen.iter();
        self.listeners.extend(rows.map(|row| (row.run.clone(), row.task, row.kind.clone())));
        for row in mail.outbox.iter().filter(|_| !self.off.has(Protection::Outbox)) {
            self.outbox.entry(row.key.clone()).or_insert_with(|| row.clone());
        }
    }

    /// Listens for events of this type.
    pub fn listeners_of(&self, kind: &str) -> BTreeSet<(RunId, u64)> {
        let wants = |one: &&Listener| one.2.as_deref().is_none_or(|own| own == kind);
        self.listeners.iter().filter(wants).map(|(run, task, _)| (run.clone(), *task)).collect()
    }

    /// Runs that listen for events of these types or of any, each with one of the types.
    pub fn listening(&self, types: &[String]) -> Vec<(RunId, Option<String>)> {
        let wants = |one: &&Listener| one.2.as_ref().is_none_or(|own| types.contains(own));
        let found: BTreeSet<(RunId, Option<String>)> = self
            .listeners
            .iter()
            .filter(wants)
            .map(|(run, _, kind)| (run.clone(), kind.clone()))
            .collect();
        found.into_iter().collect()
    }

    /// It was brought to its runs.
    pub fn outbox_forget(&mut self, event: &CloudEvent) {
        // Under whatever id it was published.
        let id = event.identity().1.split('~').next().unwrap_or_default();
        let mut fields = event.fields().clone();
        fields.insert("id".to_owned(), id.into());
        if let Ok(event) = CloudEvent::new(fields) {
            self.outbox.remove(&event_key(&event));
        }
    }

    pub fn outbox_overdue(&self, before: i64) -> Vec<String> {
        let overdue = |row: &&OutboxRow| row.at < before;
        self.outbox.values().filter(overdue).map(|row| row.key.clone()).collect()
    }
}
