//! What the ledger of the promises asks; the statements are `entities/ledger`'s.

use kintsugi_core::RunId;
use kintsugi_entities_ledger as ledger;
pub use kintsugi_entities_ledger::{Bounds, Look, Recorded, Since};

use crate::{DeadLetterFilter, DeadLetterRow, Error, Page, Store};

impl Store {
    /// One look at what can be seen by indexes alone, of one moment.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn ledger_look(&self, since: &Since) -> Result<Look, Error> {
        ledger::look(self.reader(), since).await
    }

    /// Runs with their histories and dead letters, of one moment; of those beyond `bounds`
    /// neither state nor history.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn ledger_runs(&self, ids: &[RunId], bounds: Bounds) -> Result<Vec<Recorded>, Error> {
        ledger::recorded(self.reader(), ids, bounds).await
    }

    /// The newest dead letters, at most `limit`.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn ledger_letters(&self, limit: u32) -> Result<Vec<DeadLetterRow>, Error> {
        let page = Page { limit, cursor: None };
        Ok(self.dead_letters_list(&DeadLetterFilter::default(), page).await?.items)
    }

    /// Gives a run its deadline that has none, if it is still at `version`; whether it had none.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn run_arm(&self, run: &RunId, version: i64, at: i64) -> Result<bool, Error> {
        ledger::run_arm(self.writer(), run, version, at).await
    }
}
