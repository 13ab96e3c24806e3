//! Ended runs that nobody keeps any longer.

use std::time::Duration;

use kintsugi_runtime::{Deps, Reconciler, now};
use tracing::info;

use crate::Error;

/// How often old runs are looked for.
pub(crate) const PERIOD: Duration = Duration::from_secs(3600);

/// How many runs one statement deletes, so that none holds locks for long.
const BATCH_MAX: u32 = 500;

/// Deletes runs, with their history, that ended longer ago than the retention.
pub(crate) struct Old {
    deps: Deps,
    retention: Duration,
}

impl Old {
    pub(crate) fn new(deps: Deps, retention: Duration) -> Self {
        Self { deps, retention }
    }
}

impl Reconciler for Old {
    type Error = Error;

    async fn activate(&mut self) -> Result<(), Error> {
        let kept = i64::try_from(self.retention.as_millis()).unwrap_or(i64::MAX);
        let before = now().0.saturating_sub(kept);
        loop {
            let deleted = self.deps.store.runs_delete_ended_before(before, BATCH_MAX).await?;
            if deleted > 0 {
                info!(deleted, "old runs deleted");
            }
            if deleted < u64::from(BATCH_MAX) {
                return Ok(());
            }
        }
    }
}
