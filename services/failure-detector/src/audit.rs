//! Every open run, compared with who holds what (promise P2).

use std::{
    sync::PoisonError,
    time::{Duration, Instant},
};

use kintsugi_core::{RunId, RunState};
use kintsugi_entities::RunRow;
use kintsugi_mending::{Look, Orphans};
use kintsugi_runtime::{Deps, Reconciler, now};
use tracing::{error, info};

use crate::{Error, Fleet};

/// How many runs one statement reads.
const PAGE: u32 = 500;

/// Looks for attempts that nobody holds.
pub(crate) struct Audit {
    deps: Deps,
    fleet: Fleet,
    orphans: Orphans,
}

impl Audit {
    pub(crate) fn new(deps: Deps, fleet: Fleet) -> Self {
        Self { deps, fleet, orphans: Orphans::default() }
    }

    /// Whether there are orphans of which another round makes sure.
    async fn round(&mut self) -> Result<bool, Error> {
        let mut after = None::<RunId>;
        self.orphans.begin();
        loop {
            let page = self.deps.store.runs_open_page(after.as_ref(), PAGE).await?;
            let full = page.len() >= PAGE as usize;
            after = page.last().map(|row| row.id.clone());
            let Look { inputs, questions, .. } = self.look(page);
            if !inputs.is_empty() {
                info!(attempts = inputs.len(), "attempts that nobody holds");
                self.deps.bus.publish_inputs(inputs, self.deps.partitions).await?;
            }
            self.deps.bus.verify(&questions).await?;
            if !full {
                return Ok(self.orphans.end());
            }
        }
    }

    fn look(&mut self, page: Vec<RunRow>) -> Look {
        let (mut look, time) = (Look::default(), (now(), Instant::now()));
        let mut fleet = self.fleet.lock().unwrap_or_else(PoisonError::into_inner);
        for row in page {
            match serde_json::from_slice::<RunState>(&row.state) {
                Ok(state) => self.orphans.look((&row.id, &state), &fleet, time, &mut look),
                Err(problem) => error!(
                    workflow.id = %row.id,
                    error = &problem as &dyn std::error::Error,
                    "a stored state cannot be read"
                ),
            }
        }
        // Told when they speak of it next.
        for (task, epoch) in look.stale.drain(..) {
            fleet.take(task, epoch);
        }
        look
    }
}

impl Reconciler for Audit {
    type Error = Error;

    async fn activate(&mut self) -> Result<(), Error> {
        let known = {
            let fleet = self.fleet.lock().unwrap_or_else(PoisonError::into_inner);
            fleet.knows_enough(Instant::now())
        };
        if !known {
            // Just started: what is held is heard within two seconds.
            tokio::time::sleep(Duration::from_millis(2_100)).await;
        }
        if self.round().await? {
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.round().await?;
        }
        Ok(())
    }
}
