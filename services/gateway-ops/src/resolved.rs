//! Which definition a reference names, remembered so that a start costs no query.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use kintsugi_core::DefinitionRef;

/// References remembered at most.
const MAX: usize = 4_096;

/// How long `latest` is remembered. An exact version is immutable and remembered for ever.
const LATEST_MAX: Duration = Duration::from_millis(250);

/// References that were resolved, and when.
#[derive(Debug, Default)]
pub(crate) struct Definitions(Mutex<HashMap<DefinitionRef, (DefinitionRef, Instant)>>);

impl Definitions {
    /// What `wanted` names, if that is known.
    pub(crate) fn get(&self, wanted: &DefinitionRef) -> Option<DefinitionRef> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (found, at) = known.get(wanted)?;
        let fresh = wanted.version != "latest" || at.elapsed() < LATEST_MAX;
        fresh.then(|| found.clone())
    }

    /// Remembers that `wanted` names `found`.
    pub(crate) fn put(&self, wanted: &DefinitionRef, found: &DefinitionRef) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX {
            known.clear();
        }
        known.insert(wanted.clone(), (found.clone(), Instant::now()));
    }

    /// Forgets what `latest` is for the name of `registered`.
    pub(crate) fn registered(&self, registered: &DefinitionRef) {
        let latest = DefinitionRef { version: "latest".to_owned(), ..registered.clone() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&latest);
    }
}
