//! Compiled definitions, kept as long as they are in use.

use std::{collections::HashMap, sync::Arc};

use kintsugi_core::Program;
use kintsugi_definition::{Expressions, Limits, program_from_document};
use kintsugi_entities::Store;
use tracing::error;

use crate::{Error, holds::Holds};

/// A definition that can be run.
pub(crate) struct Compiled {
    pub(crate) program: Program,
    pub(crate) expressions: Expressions,
}

/// Every definition that was needed lately; a definition never changes, so nothing goes stale.
pub(crate) struct Programs {
    store: Store,
    max: usize,
    known: HashMap<String, Arc<Compiled>>,
    /// Definitions of which nothing begins.
    pub(crate) holds: Holds,
}

impl Programs {
    pub(crate) fn new(store: Store, max: usize) -> Self {
        let holds = Holds::new(store.clone());
        Self { store, max, known: HashMap::new(), holds }
    }

    /// Has each of `ids` ready, where the store has it and it compiles: one statement for all.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub(crate) async fn load(&mut self, ids: impl Iterator<Item = &str>) -> Result<(), Error> {
        let mut missing: Vec<String> =
            ids.filter(|id| !self.known.contains_key(*id)).map(str::to_owned).collect();
        if missing.is_empty() {
            return Ok(());
        }
        missing.sort();
        missing.dedup();
        if self.known.len() + missing.len() > self.max {
            self.known.clear();
        }
        for found in self.store.definitions_by_id(&missing).await? {
            match compile(&found.document, found.resources.as_deref()) {
                Ok(compiled) => {
                    self.known.insert(found.id, Arc::new(compiled));
                }
                Err(problem) => {
                    error!(definition = found.id, problem, "a stored definition does not compile");
                }
            }
        }
        Ok(())
    }

    pub(crate) fn get(&self, id: &str) -> Option<Arc<Compiled>> {
        self.known.get(id).cloned()
    }
}

fn compile(document: &[u8], resources: Option<&[u8]>) -> Result<Compiled, String> {
    let document = serde_json::from_slice(document).map_err(|error| error.to_string())?;
    let resources = resources.map(serde_json::from_slice).transpose();
    let resources = resources.map_err(|error| error.to_string())?.unwrap_or_default();
    let program =
        program_from_document(&document, &resources).map_err(|problems| problems.to_string())?;
    let expressions =
        Expressions::new(&program, Limits::default()).map_err(|problems| problems.to_string())?;
    Ok(Compiled { program, expressions })
}
