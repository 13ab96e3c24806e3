//! Every attempt that this worker holds.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::attempt::Attempt;

/// The attempts that this worker holds, by task and epoch. What stands here stands in the next
/// heartbeat: an attempt leaves only when its result is stored.
#[derive(Default)]
pub(crate) struct Leases(Mutex<HashMap<(String, u64), Arc<Attempt>>>);

impl Leases {
    /// Takes one in; says whether it is the only one.
    pub(crate) fn insert(&self, attempt: Arc<Attempt>) -> bool {
        let key = (attempt.message.task.clone(), attempt.message.epoch);
        let mut held = self.held();
        held.insert(key, attempt);
        held.len() == 1
    }

    pub(crate) fn get(&self, task: &str, epoch: u64) -> Option<Arc<Attempt>> {
        self.held().get(&(task.to_owned(), epoch)).cloned()
    }

    pub(crate) fn remove_all<'a>(&self, attempts: impl Iterator<Item = &'a Arc<Attempt>>) {
        let mut held = self.held();
        for attempt in attempts {
            held.remove(&(attempt.message.task.clone(), attempt.message.epoch));
        }
    }

    pub(crate) fn all(&self) -> Vec<Arc<Attempt>> {
        self.held().values().cloned().collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.held().is_empty()
    }

    fn held(&self) -> MutexGuard<'_, HashMap<(String, u64), Arc<Attempt>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
