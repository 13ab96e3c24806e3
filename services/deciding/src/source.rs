//! What decisions rest on.

use std::{future::Future, sync::Arc};

use kintsugi_core::{DefinitionRef, RunId};
use kintsugi_entities::{Error, HoldRow, Resolved, RunRow, Store};
use tracing::error;

use crate::programs::{Compiled, compile};

/// Where runs and definitions are read. Every call may fail; then the whole batch does.
pub trait Source {
    /// Those of these runs that are there.
    fn runs(&self, ids: &[RunId]) -> impl Future<Output = Result<Vec<RunRow>, Error>> + Send;

    /// Those of these definitions that are there, and compile.
    fn programs(
        &self,
        ids: &[String],
    ) -> impl Future<Output = Result<Vec<(String, Arc<Compiled>)>, Error>> + Send;

    /// What is held now.
    fn holds(&self) -> impl Future<Output = Result<Vec<HoldRow>, Error>> + Send;

    /// Which definition each of these names, in order.
    fn resolve(
        &self,
        wanted: &[DefinitionRef],
    ) -> impl Future<Output = Result<Vec<Resolved>, Error>> + Send;
}

impl Source for Store {
    async fn runs(&self, ids: &[RunId]) -> Result<Vec<RunRow>, Error> {
        self.runs_load(ids).await
    }

    async fn programs(&self, ids: &[String]) -> Result<Vec<(String, Arc<Compiled>)>, Error> {
        let mut all = Vec::with_capacity(ids.len());
        for found in self.definitions_by_id(ids).await? {
            match compile(&found.document, found.resources.as_deref()) {
                Ok(compiled) => all.push((found.id, Arc::new(compiled))),
                Err(problem) => {
                    error!(definition = found.id, problem, "a stored definition does not compile");
                }
            }
        }
        Ok(all)
    }

    async fn holds(&self) -> Result<Vec<HoldRow>, Error> {
        self.holds_active().await
    }

    async fn resolve(&self, wanted: &[DefinitionRef]) -> Result<Vec<Resolved>, Error> {
        self.definitions_resolve(wanted).await
    }
}
