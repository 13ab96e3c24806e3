//! What is kept of definitions when there are more than are kept.

use kintsugi_core::{DefinitionRef, RunId};
use kintsugi_entities::{HoldRow, Resolved, RunRow};

use super::*;

/// Has every definition.
struct All;

impl Source for All {
    async fn runs(&self, _: &[RunId]) -> Result<Vec<RunRow>, Error> {
        Ok(Vec::new())
    }

    async fn programs(&self, ids: &[String]) -> Result<Vec<(String, Arc<Compiled>)>, Error> {
        let document = br#"{"document":{"dsl":"1.0.0","namespace":"a","name":"b",
            "version":"1.0.0"},"do":[{"one":{"set":{"n":1}}}]}"#;
        let compiled = Arc::new(compile(document, None).unwrap());
        Ok(ids.iter().map(|id| (id.clone(), Arc::clone(&compiled))).collect())
    }

    async fn holds(&self) -> Result<Vec<HoldRow>, Error> {
        Ok(Vec::new())
    }

    async fn resolve(&self, _: &[DefinitionRef]) -> Result<Vec<Resolved>, Error> {
        Ok(Vec::new())
    }
}

#[test]
fn what_a_batch_needs_is_kept_however_much_that_is() {
    let mut programs = Programs::new(2);
    for wanted in [vec!["a", "b"], vec!["b", "c"], vec!["c", "d", "e", "c"]] {
        let loaded = programs.load(&All, wanted.iter().copied());
        futures::executor::block_on(loaded).unwrap();
        let is_there = |id: &&str| programs.get(id).is_some();
        assert!(wanted.iter().all(is_there), "{wanted:?}");
    }
    assert!(programs.get("a").is_none() && programs.get("b").is_none());
}
