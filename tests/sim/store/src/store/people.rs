//! Tasks of people.

use kintsugi_entities::{Batch, HumanTaskEnd, HumanTaskStatus};

use super::Store;

impl Store {
    /// What was asked stands before its end.
    pub(super) fn write_people(&mut self, batch: &Batch) {
        for row in &batch.human_tasks {
            self.people.insert(row.id.clone(), row.clone());
        }
        for HumanTaskEnd { id, status, at, by } in &batch.human_ends {
            if let Some(row) = self.people.get_mut(id)
                && row.status == HumanTaskStatus::Open
            {
                (row.status, row.ended_at) = (*status, Some(*at));
                row.answered_by.clone_from(by);
            }
        }
    }

    /// Whether somebody may answer it.
    pub fn is_asked(&self, id: &str) -> bool {
        self.people.get(id).is_some_and(|row| row.status == HumanTaskStatus::Open)
    }
}
