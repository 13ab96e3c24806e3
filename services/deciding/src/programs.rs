//! Compiled definitions, kept as long as they are in use.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use kintsugi_core::Program;
use kintsugi_definition::{Expressions, Limits, program_from_document};
use kintsugi_entities::Error;

use crate::{Source, holds::Holds};

/// A definition that can be run.
#[derive(Debug)]
pub struct Compiled {
    /// What it does.
    pub program: Program,
    /// Its expressions.
    pub expressions: Expressions,
}

/// Every definition that was needed lately; a definition never changes, so nothing goes stale.
#[derive(Debug)]
pub struct Programs {
    max: usize,
    known: HashMap<String, Arc<Compiled>>,
    /// Definitions of which nothing begins.
    pub holds: Holds,
}

impl Programs {
    /// Knows none yet, and keeps about `max`: all that one batch needs.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { max, known: HashMap::new(), holds: Holds::default() }
    }

    /// Has each of `ids` ready, where the store has it and it compiles: one statement for all.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn load<S: Source>(
        &mut self,
        source: &S,
        ids: impl Iterator<Item = &str>,
    ) -> Result<(), Error> {
        let wanted: BTreeSet<&str> = ids.collect();
        let missing = wanted.iter().filter(|id| !self.known.contains_key(**id));
        let missing: Vec<String> = missing.map(|id| (*id).to_owned()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        if self.known.len() + missing.len() > self.max {
            self.known.retain(|id, _| wanted.contains(id.as_str()));
        }
        self.known.extend(source.programs(&missing).await?);
        Ok(())
    }

    /// One that is ready.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<Compiled>> {
        self.known.get(id).cloned()
    }
}

/// Compiles what is stored of a definition, or says why it does not.
pub(crate) fn compile(document: &[u8], resources: Option<&[u8]>) -> Result<Compiled, String> {
    let document = serde_json::from_slice(document).map_err(|error| error.to_string())?;
    let resources = resources.map(serde_json::from_slice).transpose();
    let resources = resources.map_err(|error| error.to_string())?.unwrap_or_default();
    let program =
        program_from_document(&document, &resources).map_err(|problems| problems.to_string())?;
    let expressions =
        Expressions::new(&program, Limits::default()).map_err(|problems| problems.to_string())?;
    Ok(Compiled { program, expressions })
}

#[cfg(test)]
#[path = "../tests/unit/programs.rs"]
mod tests;
