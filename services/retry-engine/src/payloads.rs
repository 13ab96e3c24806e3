//! Payloads that nobody refers to, and uploads that nobody ended.

use std::time::Duration;

use kintsugi_runtime::{Deps, Reconciler, now};
use tracing::info;

use crate::Error;

/// How often they are looked for.
pub(crate) const PERIOD: Duration = Duration::from_secs(600);

/// How long an upload may wait for its next chunk, in milliseconds: an hour.
const UPLOAD_MS: i64 = 3_600_000;

/// Deletes payloads that no run owns and that nobody put or asked for within the grace time.
pub(crate) struct Unowned {
    deps: Deps,
    grace: Duration,
}

impl Unowned {
    pub(crate) fn new(deps: Deps, grace: Duration) -> Self {
        Self { deps, grace }
    }
}

impl Reconciler for Unowned {
    type Error = Error;

    async fn activate(&mut self) -> Result<(), Error> {
        let (payloads, now) = (self.deps.store.payloads(), now().0);
        let uploads = payloads.sweep_uploads(now.saturating_sub(UPLOAD_MS)).await?;
        if uploads > 0 {
            info!(uploads, "uploads deleted that nobody ended");
        }
        let grace = i64::try_from(self.grace.as_millis()).unwrap_or(i64::MAX);
        loop {
            let swept = payloads.sweep(now.saturating_sub(grace), now).await?;
            if swept.deleted > 0 {
                info!(
                    deleted = swept.deleted,
                    size_bytes = swept.bytes,
                    "payloads deleted that nobody refers to"
                );
            }
            if !swept.more {
                return Ok(());
            }
        }
    }
}
