//! Keeps tasks away from workers that fail what others complete, and from what is down.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use kintsugi_entities::RecoveryRow;
use kintsugi_nats::{Limit, TypeLimit};
use kintsugi_runtime::{Deps, Reconciler, now};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::{
    Config, Error,
    circuits::{Bound, Circuits, Turn},
    conduct::{Change, Conduct},
};

/// How long a worker keeps to what it was told. It is told again in every round: when all failure
/// detectors are gone, it goes back to taking what it can.
const HOLDS_MS: u64 = 5_000;

/// Between two tasks of a worker on trial, in milliseconds.
const TRIAL_MS: u64 = 3_000;

/// How much is kept for the recovery log while the store or the bus is away.
const UNWRITTEN_MAX: usize = 1_000;

/// Tells workers how much they may take.
pub(crate) struct Drain {
    deps: Deps,
    config: Config,
    conduct: Arc<Mutex<Conduct>>,
    circuits: Circuits,
    /// Those that were told something in the last round.
    told: Vec<String>,
    /// What the recovery log does not have yet.
    unwritten: Vec<RecoveryRow>,
}

impl Drain {
    pub(crate) fn new(deps: Deps, config: Config, conduct: Arc<Mutex<Conduct>>) -> Self {
        Self {
            deps,
            config,
            conduct,
            circuits: Circuits::new(u64::try_from(now().0).unwrap_or(0)),
            told: Vec::new(),
            unwritten: Vec::new(),
        }
    }

    /// What changed, and what each worker that may not take all it likes is to be told.
    fn decide(&mut self) -> (Vec<RecoveryRow>, BTreeMap<String, Limit>) {
        let now = Instant::now();
        let mut conduct = self.conduct.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rows = Vec::new();
        if self.config.drain {
            rows.extend(conduct.judge(now).into_iter().map(of_worker));
        }
        if self.config.circuits {
            let turns = self.circuits.round(&conduct.serving(now), now);
            rows.extend(turns.into_iter().map(of_type));
        }
        let time = u64::try_from(kintsugi_runtime::now().0).unwrap_or(0);
        let orders = conduct.orders(time / TRIAL_MS);
        let mut limits = BTreeMap::new();
        for (worker, kinds) in conduct.workers() {
            let of_all = orders.get(worker).map(|order| Bound {
                slots: order.slots,
                once: order.once,
                reason: &order.reason,
            });
            let types = kinds.into_iter().filter_map(|kind| {
                // The narrower one counts, and says why.
                let both = [of_all, self.circuits.bound(worker, kind)];
                let Bound { slots, once, reason } = both.into_iter().flatten().min()?;
                let task_type = kind.1.clone();
                Some(TypeLimit { task_type, slots, once, reason: reason.to_owned() })
            });
            let types: Vec<TypeLimit> = types.collect();
            if !types.is_empty() {
                limits.insert(worker.to_owned(), Limit { for_ms: HOLDS_MS, types });
            }
        }
        (rows, limits)
    }
}

impl Reconciler for Drain {
    type Error = Error;

    async fn activate(&mut self) -> Result<(), Error> {
        let (rows, limits) = self.decide();
        self.unwritten.extend(rows);
        // Of a store that is away for long, what was decided first is forgotten.
        self.unwritten.drain(..self.unwritten.len().saturating_sub(UNWRITTEN_MAX));
        let told = std::mem::replace(&mut self.told, limits.keys().cloned().collect());
        for (worker, limit) in &limits {
            self.deps.bus.limit_worker(worker, limit).await?;
        }
        let free = Limit { for_ms: 0, types: Vec::new() };
        for worker in told.iter().filter(|worker| !limits.contains_key(*worker)) {
            self.deps.bus.limit_worker(worker, &free).await?;
        }
        if !self.unwritten.is_empty() {
            self.deps.store.recovery_note(&self.unwritten).await?;
            self.unwritten.clear();
        }
        Ok(())
    }
}

fn of_worker(change: Change) -> RecoveryRow {
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
    RecoveryRow { worker: Some(worker.clone()), ..row(kind, &worker, decided, outcome, 0) }
}

fn of_type(turn: Turn) -> RecoveryRow {
    match turn {
        Turn::Opened { kind: (queue, task_type), reason, pause, again } => {
            warn!(queue, task_type, reason, again, "circuit is open");
            let decided = format!("{reason}: they wait in the queue for {} s", pause.as_secs());
            let kind = if again { "circuit_reopened" } else { "circuit_opened" };
            row(kind, &format!("{queue}/{task_type}"), decided, "open", 0)
        }
        Turn::Closed { kind: (queue, task_type), after } => {
            info!(queue, task_type, ?after, "circuit is closed");
            let decided = format!("tasks of {queue}/{task_type} are completed again");
            let millis = i64::try_from(after.as_millis()).unwrap_or(i64::MAX);
            row("circuit_closed", &format!("{queue}/{task_type}"), decided, "closed", millis)
        }
    }
}

fn row(kind: &str, about: &str, decided: String, outcome: &str, duration_ms: i64) -> RecoveryRow {
    let at = now();
    RecoveryRow {
        id: format!("{about}:{kind}:{}", at.0),
        at: at.0,
        kind: kind.to_owned(),
        run: None,
        task: None,
        epoch: None,
        worker: None,
        seen_at: at.0 - duration_ms,
        decided,
        outcome: outcome.to_owned(),
        duration_ms,
        by: "failure-detector".to_owned(),
    }
}
