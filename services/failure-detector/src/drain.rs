//! Keeps tasks away from workers that fail what others complete, and from what is down.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use kintsugi_core::Timestamp;
use kintsugi_entities::{Page, RecoveryRow};
use kintsugi_nats::{Limit, TargetLimit, TypeLimit};
use kintsugi_runtime::{Deps, Reconciler, now};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::{
    Config, Error,
    charge::Charge,
    circuits::{Bound, Circuits, Key, Kind, Target, Turn},
    conduct::{Change, Conduct, Past},
    holds::Held,
    reach::Reach,
};

/// How long a worker keeps to what it was told. It is told again in every round: when all failure
/// detectors are gone, it goes back to taking what it can.
const HOLDS_MS: u64 = 5_000;

/// The same for what is held by hand, which nobody but a person lifts.
const HELD_MS: u64 = 60_000;

/// What is decided twice within this is the same, in milliseconds: less than passes between two turns of a
/// circuit.
const SAME_MS: i64 = 1_000;

/// Between two tasks of a worker on trial, in milliseconds.
const TRIAL_MS: u64 = 3_000;

/// How a worker that gets nothing, and one that gets all again, are named in the recovery log.
const DRAINED: &str = "worker_drained";
const TRUSTED: &str = "worker_trusted";

/// After this a row says for how long.
const NOTHING_FOR: &str = "it gets nothing for ";

/// Rows that are read of what another one recorded.
const TAKEN_MAX: u32 = 200;

/// How much is kept for the recovery log while the store or the bus is away.
const UNWRITTEN_MAX: usize = 1_000;

/// What is known of workers.
pub(crate) struct Known {
    pub(crate) conduct: Arc<Mutex<Conduct>>,
    pub(crate) reach: Arc<Mutex<Reach>>,
    /// What is held by hand.
    pub(crate) held: Held,
}

/// Tells workers how much they may take, and what they may call.
pub(crate) struct Drain {
    deps: Deps,
    config: Config,
    known: Known,
    charge: Charge,
    decided: Option<Decided>,
    /// Those that were told something in the last round.
    told: BTreeSet<String>,
    /// What the recovery log does not have yet.
    unwritten: Vec<RecoveryRow>,
}

/// What the one that is in charge has decided.
struct Decided {
    types: Circuits<Kind>,
    targets: Circuits<Target>,
}

impl Drain {
    pub(crate) fn new(deps: Deps, config: Config, known: Known, charge: Charge) -> Self {
        let (told, unwritten) = (BTreeSet::new(), Vec::new());
        Self { deps, config, known, charge, decided: None, told, unwritten }
    }

    /// How those in charge before drained workers. Without the store that is what workers say, and nothing of
    /// how often: they are told on.
    async fn past(&self) -> Past {
        let page = || Page { limit: TAKEN_MAX, cursor: None };
        let read = |kind| self.deps.store.recoveries_list(page(), None, Some(kind));
        match tokio::try_join!(read(DRAINED), read(TRUSTED)) {
            Ok((drained, trusted)) => past(&drained.items, &trusted.items, now()),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                warn!(error, "drains of before are not known");
                Past::default()
            }
        }
    }

    /// What changed, and what each worker that may not take all it likes is to be told.
    fn decide(&mut self, past: Option<&Past>) -> (Vec<RecoveryRow>, BTreeMap<String, Limit>) {
        let now = Instant::now();
        let mut conduct = self.known.conduct.lock().unwrap_or_else(PoisonError::into_inner);
        let mut reach = self.known.reach.lock().unwrap_or_else(PoisonError::into_inner);
        reach.prune(now);
        if let Some(past) = past.filter(|_| self.config.drain) {
            conduct.adopt(past, now);
        }
        let (serving, calling) = (conduct.serving(now), reach.serving());
        let held = self.known.held.targets();
        let time = u64::try_from(kintsugi_runtime::now().0).unwrap_or(0);
        let config = &self.config;
        let Decided { types, targets } = self.decided.get_or_insert_with(|| {
            let (mut types, mut targets) = (Circuits::new(time), Circuits::new(time));
            if config.circuits {
                types.adopt(&serving, now);
                // What is held by hand is told the same way, and is no circuit.
                let mut open = calling.clone();
                open.retain(|target, _| !held.contains_key(&target.0));
                targets.adopt(&open, now);
            }
            Decided { types, targets }
        });
        let mut rows = Vec::new();
        if config.drain {
            rows.extend(conduct.judge(now).into_iter().map(of_worker));
        }
        if config.circuits {
            rows.extend(types.round(&conduct.serving(now), now).into_iter().map(of_type));
            rows.extend(targets.round(&calling, now).into_iter().map(of_target));
        }
        let mut limits: BTreeMap<String, Limit> = BTreeMap::new();
        let fresh = || Limit { for_ms: HOLDS_MS, types: Vec::new(), targets: Vec::new() };
        let orders = conduct.orders(time / TRIAL_MS);
        for (worker, kinds) in conduct.workers() {
            let of_all = orders.get(worker).map(|order| Bound {
                slots: order.slots,
                once: order.once,
                reason: &order.reason,
            });
            let types = kinds.into_iter().filter_map(|kind| {
                // The narrower one counts, and says why.
                let both = [of_all, types.bound(worker, kind)];
                let Bound { slots, once, reason } = both.into_iter().flatten().min()?;
                let task_type = kind.1.clone();
                Some(TypeLimit { task_type, slots, once, reason: reason.to_owned() })
            });
            let types: Vec<TypeLimit> = types.collect();
            if !types.is_empty() {
                limits.entry(worker.to_owned()).or_insert_with(fresh).types = types;
            }
        }
        for worker in reach.workers() {
            let targets = left_alone(worker, targets, &held);
            if !targets.is_empty() {
                limits.entry(worker.to_owned()).or_insert_with(fresh).targets = targets;
            }
        }
        (rows, limits)
    }
}

/// What a worker may not call, or only so much: it need not have called it before.
fn left_alone(
    worker: &str,
    circuits: &Circuits<Target>,
    held: &BTreeMap<String, String>,
) -> Vec<TargetLimit> {
    let by_hand = held.iter().map(|(target, reason)| TargetLimit {
        target: target.clone(),
        slots: 0,
        once: None,
        // A hold outlives a pause of the failure detectors.
        for_ms: Some(HELD_MS),
        by_hand: true,
        reason: reason.clone(),
    });
    let open = circuits.keys().filter(|target| !held.contains_key(&target.0));
    let open = open.filter_map(|target| {
        let Bound { slots, once, reason } = circuits.bound(worker, target)?;
        let (target, reason) = (target.0.clone(), reason.to_owned());
        Some(TargetLimit { target, slots, once, for_ms: None, by_hand: false, reason })
    });
    by_hand.chain(open).collect()
}

impl Reconciler for Drain {
    type Error = Error;

    async fn activate(&mut self) -> Result<(), Error> {
        if !self.charge.is_mine(Instant::now()) || !self.known.held.is_known() {
            // What another one decides meanwhile, workers will say.
            (self.decided, self.told) = (None, BTreeSet::new());
            return Ok(());
        }
        let past = if self.decided.is_none() { Some(self.past().await) } else { None };
        let (rows, limits) = self.decide(past.as_ref());
        self.unwritten.extend(rows);
        // Of a store that is away for long, what was decided first is forgotten.
        self.unwritten.drain(..self.unwritten.len().saturating_sub(UNWRITTEN_MAX));
        let told = std::mem::replace(&mut self.told, limits.keys().cloned().collect());
        for (worker, limit) in &limits {
            self.deps.bus.limit_worker(worker, limit).await?;
        }
        let free = Limit { for_ms: 0, types: Vec::new(), targets: Vec::new() };
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

/// What rows, the newest first, say of drains that are not over.
fn past(drained: &[RecoveryRow], trusted: &[RecoveryRow], time: Timestamp) -> Past {
    let mut past = Past::default();
    for row in drained {
        let Some(worker) = &row.worker else { continue };
        let is_over =
            trusted.iter().any(|it| it.worker.as_ref() == Some(worker) && it.at >= row.at);
        let seconds = row.decided.rsplit_once(NOTHING_FOR).and_then(|(_, rest)| {
            rest.strip_suffix(" s").and_then(|seconds| seconds.parse::<u64>().ok())
        });
        if let Some(seconds) = seconds.filter(|_| !is_over) {
            let until = Timestamp(row.at).plus(seconds.saturating_mul(1_000));
            past.drained(worker, Duration::from_millis(until.since(time)));
        }
    }
    past
}

fn of_worker(change: Change) -> RecoveryRow {
    let (kind, worker, decided, outcome) = match change {
        Change::Drained { worker, reason, pause } => {
            warn!(worker, reason, "worker is drained");
            let decided = format!("{reason}: {NOTHING_FOR}{} s", pause.as_secs());
            (DRAINED, worker, decided, "drained")
        }
        Change::Tried { worker } => {
            let decided = "it gets one task of a type at a time".to_owned();
            ("worker_tried", worker, decided, "on trial")
        }
        Change::Trusted { worker } => {
            let decided = "it completes what it gets: it gets as much as it asks for".to_owned();
            (TRUSTED, worker, decided, "trusted")
        }
    };
    RecoveryRow { worker: Some(worker.clone()), ..row(kind, &worker, decided, outcome, 0) }
}

fn of_type(turn: Turn<Kind>) -> RecoveryRow {
    let name = |(queue, task_type): &Kind| format!("{queue}/{task_type}");
    turned(turn, name, "they wait in the queue", "tasks")
}

fn of_target(turn: Turn<Target>) -> RecoveryRow {
    turned(turn, |target| target.0.clone(), "tasks that call it are put off", "calls")
}

fn turned<K: Key>(
    turn: Turn<K>,
    name: impl Fn(&K) -> String,
    wait: &str,
    what: &str,
) -> RecoveryRow {
    match turn {
        Turn::Opened { key, reason, pause, again } => {
            let name = name(&key);
            warn!(circuit = name, reason, again, "circuit is open");
            let decided = format!("{reason}: {wait} for {} s", pause.as_secs());
            let kind = if again { "circuit_reopened" } else { "circuit_opened" };
            row(kind, &name, decided, "open", 0)
        }
        Turn::Closed { key, after } => {
            let name = name(&key);
            info!(circuit = name, ?after, "circuit is closed");
            let decided = format!("{what} of {name} go well again");
            let millis = i64::try_from(after.as_millis()).unwrap_or(i64::MAX);
            row("circuit_closed", &name, decided, "closed", millis)
        }
    }
}

fn row(kind: &str, about: &str, decided: String, outcome: &str, duration_ms: i64) -> RecoveryRow {
    let at = now();
    RecoveryRow {
        // Of two that decide the same for a moment, one row is left.
        id: format!("{about}:{kind}:{}", at.0 / SAME_MS),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rows_say_of_drains_is_read_back() {
        let drained = |worker: &str, at: i64, seconds: u64| {
            let (worker, pause) = (worker.to_owned(), Duration::from_secs(seconds));
            let reason = "it failed 6 of 6 tasks".to_owned();
            RecoveryRow { at, ..of_worker(Change::Drained { worker, reason, pause }) }
        };
        let rows =
            [drained("w0", 90_000, 60), drained("w1", 50_000, 60), drained("w0", 10_000, 30)];
        let trusted = of_worker(Change::Trusted { worker: "w1".to_owned() });
        let found = past(&rows, &[RecoveryRow { at: 60_000, ..trusted }], Timestamp(100_000));
        let mut wanted = Past::default();
        wanted.drained("w0", Duration::from_secs(50));
        wanted.drained("w0", Duration::ZERO);
        assert_eq!(format!("{found:?}"), format!("{wanted:?}"));
    }
}
