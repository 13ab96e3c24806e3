//! Removes inputs that are dealt with from the stream, now and then.

use std::{collections::BTreeMap, time::Duration};

use kintsugi_nats::Bus;
use tokio::time::Instant;
use tracing::debug;

/// How often.
const EVERY: Duration = Duration::from_secs(10);

/// What was removed already.
pub(crate) struct Purge {
    done: BTreeMap<u16, i64>,
    at: Instant,
}

impl Default for Purge {
    fn default() -> Self {
        Self { done: BTreeMap::new(), at: Instant::now() }
    }
}

impl Purge {
    /// Positions count anew.
    pub(crate) fn forget(&mut self) {
        self.done.clear();
    }

    /// Removes what lies before these positions, if it is time to.
    pub(crate) async fn now_and_then(&mut self, bus: &Bus, positions: &BTreeMap<u16, i64>) {
        if self.at.elapsed() < EVERY {
            return;
        }
        self.at = Instant::now();
        for (partition, position) in positions {
            if *position <= self.done.get(partition).copied().unwrap_or(0) {
                continue;
            }
            let up_to = u64::try_from(*position).unwrap_or(0);
            match bus.purge_events(*partition, up_to).await {
                Ok(()) => {
                    self.done.insert(*partition, *position);
                }
                Err(error) => {
                    debug!(error = &error as &dyn std::error::Error, "not purged; tried again");
                    return;
                }
            }
        }
    }
}
