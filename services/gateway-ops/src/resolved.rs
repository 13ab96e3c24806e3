//! Which definition a reference names, remembered so that a start costs no query.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use kintsugi_core::DefinitionRef;

/// References remembered at most.
const MAX: usize = 4_096;

/// How long a reference is remembered: another gateway may register a newer version, or retire one.
const REMEMBERED: Duration = Duration::from_millis(250);

/// References that were resolved, and when.
#[derive(Debug, Default)]
pub(crate) struct Definitions(Mutex<HashMap<DefinitionRef, (DefinitionRef, Instant)>>);

impl Definitions {
    /// What `wanted` names, if that is known.
    pub(crate) fn get(&self, wanted: &DefinitionRef) -> Option<DefinitionRef> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (found, at) = known.get(wanted)?;
        (at.elapsed() < REMEMBERED).then(|| found.clone())
    }

    /// Remembers that `wanted` names `found`.
    pub(crate) fn put(&self, wanted: &DefinitionRef, found: &DefinitionRef) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX {
            known.clear();
        }
        known.insert(wanted.clone(), (found.clone(), Instant::now()));
    }

    /// Forgets a definition that was registered or retired, and what `latest` is for its name.
    pub(crate) fn forget(&self, changed: &DefinitionRef) {
        let latest = DefinitionRef { version: "latest".to_owned(), ..changed.clone() };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(&latest);
        known.remove(changed);
    }
}
