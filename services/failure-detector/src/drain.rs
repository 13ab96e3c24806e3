//! Keeps tasks away from workers that fail what others complete.

use std::sync::{Arc, Mutex, PoisonError};

use kintsugi_entities::RecoveryRow;
use kintsugi_nats::Limit;
use kintsugi_runtime::{Deps, Reconciler, now};
use tokio::time::Instant;
use tracing::warn;

use crate::{
    Error,
    conduct::{Change, Conduct},
};

/// How long a worker keeps to what it was told. It is told again in every round: when all failure
/// detectors are gone, it goes back to taking what it can.
const HOLDS_MS: u64 = 5_000;

/// Tells workers how much they may take.
pub(crate) struct Drain {
    deps: Deps,
    conduct: Arc<Mutex<Conduct>>,
}

impl Drain {
    pub(crate) fn new(deps: Deps, conduct: Arc<Mutex<Conduct>>) -> Self {
        Self { deps, conduct }
    }
}

impl Reconciler for Drain {
    type Error = Error;

    async fn activate(&mut self) -> Result<(), Error> {
        let (changes, orders) = {
            let mut conduct = self.conduct.lock().unwrap_or_else(PoisonError::into_inner);
            (conduct.judge(Instant::now()), conduct.orders())
        };
        for order in orders {
            let limit = Limit { slots: order.slots, for_ms: HOLDS_MS, reason: order.reason };
            self.deps.bus.limit_worker(&order.worker, &limit).await?;
        }
        for change in &changes {
            if let Change::Trusted { worker } = change {
                let limit = Limit { slots: 0, for_ms: 0, reason: String::new() };
                self.deps.bus.limit_worker(worker, &limit).await?;
            }
        }
        let rows: Vec<RecoveryRow> = changes.into_iter().map(row).collect();
        if !rows.is_empty() {
            self.deps.store.recovery_note(&rows).await?;
        }
        Ok(())
    }
}

fn row(change: Change) -> RecoveryRow {
    let (kind, worker, decided, outcome) = match change {
        Change::Drained { worker, reason, pause } => {
            warn!(worker, reason, "worker is drained");
            let decided = format!("{reason}: it gets nothing for {} s", pause.as_secs());
            ("worker_drained", worker, decided, "drained")
        }
        Change::Tried { worker } => {
            let decided = "it gets one task of a type at a time".to_owned();
            ("worker_tried", worker, decided, "on trial")
        }
        Change::Trusted { worker } => {
            let decided = "it completes what it gets: it gets as much as it asks for".to_owned();
            ("worker_trusted", worker, decided, "trusted")
        }
    };
    let at = now();
    RecoveryRow {
        id: format!("{worker}:{kind}:{}", at.0),
        at: at.0,
        kind: kind.to_owned(),
        run: None,
        task: None,
        epoch: None,
        worker: Some(worker),
        seen_at: at.0,
        decided,
        outcome: outcome.to_owned(),
        duration_ms: 0,
        by: "failure-detector".to_owned(),
    }
}
