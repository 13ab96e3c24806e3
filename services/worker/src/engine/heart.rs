//! Signs of life, and what is looked after between them: limits, long attempts, held messages.

use std::{
    sync::{Arc, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use futures::StreamExt;
use kintsugi_core::Input;
use kintsugi_nats::{Heartbeat, Lease, Served, in_step};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{attempts, report::Report, shared::Shared};
use crate::attempt::{Stop, now};

/// How often held attempts are looked at, which is how late a limit can be.
const SWEEP: Duration = Duration::from_millis(50);

/// An attempt that lasts this long is told of at once and not only in the next regular heartbeat:
/// who dies holding it is then known to have held it.
const TELL_AFTER: Duration = Duration::from_millis(20);

/// After this long, the engine is told that an attempt runs.
const STARTED_AFTER: Duration = Duration::from_secs(1);

/// How often the broker is told that a message is still being worked on; a third of `ack_wait`.
const IN_PROGRESS: Duration = Duration::from_secs(10);

/// A worker that was silent for this long was thought dead, and its attempts given to others.
const FROZEN: Duration = Duration::from_secs(3);

/// The pause before listening again.
const PAUSE: Duration = Duration::from_millis(500);

/// Sends heartbeats and looks after what is held, until `alive` is over.
pub(super) async fn beat(shared: Arc<Shared>, alive: CancellationToken) {
    let period = shared.settings.heartbeat;
    let mut next = Instant::now() + in_step(period);
    let mut last = std::time::SystemTime::now();
    let mut told = Instant::now();
    loop {
        let wait = next.saturating_duration_since(Instant::now());
        // With nothing in hand there is nothing to look at, and the first task wakes it.
        let wait = if shared.leases.is_empty() { wait } else { wait.min(SWEEP) };
        tokio::select! {
            () = alive.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
            () = shared.busy.notified() => {
                if alive.run_until_cancelled(tokio::time::sleep(TELL_AFTER)).await.is_none() {
                    return;
                }
            }
        }
        let untold = shared
            .leases
            .all()
            .iter()
            .any(|attempt| attempt.started > told && attempt.started.elapsed() >= TELL_AFTER);
        if untold || Instant::now() >= next {
            told = Instant::now();
            next = told + in_step(period);
            // The wall clock goes on while a process, or the whole machine, is suspended.
            let silent = last.elapsed().unwrap_or_default();
            last = std::time::SystemTime::now();
            if silent > FROZEN {
                let silent_ms = u64::try_from(silent.as_millis()).unwrap_or(u64::MAX);
                warn!(silent_ms, "this worker was frozen; results of older epochs are refused");
            }
            say(&shared, shared.stopping.load(Ordering::Acquire)).await;
        }
        sweep(&shared).await;
    }
}

/// The last sign of life of a worker that stops in good order.
pub(super) async fn last(shared: &Shared) {
    say(shared, true).await;
    // An answer to a later question: what was said before has arrived.
    if let Err(error) = shared.bus.ping().await {
        debug!(
            error = &error as &dyn std::error::Error,
            "the last heartbeat may not have gone out"
        );
    }
}

/// One sign of life.
pub(super) async fn say(shared: &Shared, stopping: bool) {
    let held = shared.leases.all();
    let leases = held.iter().map(|attempt| {
        let progress = attempt.progress.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let progress_at = progress.as_ref().map(|_| attempt.heard_at());
        let (task, epoch) = (attempt.message.task.clone(), attempt.message.epoch);
        let crashes = attempt.message.crashes;
        Lease { task, epoch, since: attempt.since, crashes, progress, progress_at }
    });
    let queue = &shared.settings.queue;
    let types = shared.types.iter().map(|one| {
        let (limit, limit_reason) = one.limit.now().map(|kept| (kept.slots, kept.reason)).unzip();
        Served {
            completed: one.completed.load(Ordering::Relaxed),
            failed: one.failed.load(Ordering::Relaxed),
            refused: one.refused.load(Ordering::Relaxed),
            fresh: one.fresh.load(Ordering::Relaxed),
            limit,
            limit_reason,
            ..Served::new(queue, &one.name)
        }
    });
    let beat = Heartbeat {
        worker: shared.name.clone(),
        incarnation: shared.incarnation.clone(),
        pid: std::process::id(),
        host: shared.host.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        types: types.collect(),
        concurrency: shared.slots(),
        started_at: shared.started_at,
        at: now(),
        targets: shared.targets.told(),
        leases: leases.collect(),
        stopping,
    };
    // A heartbeat that cannot go out now is worth nothing later.
    let sent = tokio::time::timeout(shared.settings.heartbeat, shared.bus.heartbeat(&beat)).await;
    if let Ok(Err(error)) = sent {
        debug!(error = &error as &dyn std::error::Error, "heartbeat not sent");
    }
}

/// Looks at everything that is held.
async fn sweep(shared: &Arc<Shared>) {
    shared.types.iter().for_each(|kind| kind.limit.expire());
    for attempt in shared.leases.all() {
        if attempt.deadline <= Instant::now() && attempt.why().is_none() {
            attempts::stop(shared, &attempt, Stop::TimedOut);
        } else if attempt.is_silent() && attempt.why().is_none() {
            attempts::stop(shared, &attempt, Stop::Silent);
        } else if attempt.is_cut_off() && attempt.why().is_none() {
            attempts::stop(shared, &attempt, Stop::CutOff);
        }
        if attempt.started.elapsed() >= STARTED_AFTER
            && !attempt.announced.swap(true, Ordering::AcqRel)
        {
            let (task, epoch) = (attempt.message.number, attempt.message.epoch);
            let (worker, at) = (shared.name.clone(), attempt.since);
            let started = Input::Started { task, epoch, worker, at };
            shared.report(Report::note(&attempt, started));
        }
        if let Some(delivery) = attempt.due_in_progress(IN_PROGRESS)
            && let Err(error) = delivery.in_progress().await
        {
            debug!(error = &error as &dyn std::error::Error, "in-progress ack not sent");
        }
    }
}

/// Answers those who ask whether this worker lives and what it holds, and hears of cancelled attempts.
pub(super) async fn listen(shared: Arc<Shared>, alive: CancellationToken) {
    let work = async {
        loop {
            if let Err(error) = hear(&shared).await {
                debug!(error = &error as &dyn std::error::Error, "cannot listen; will try again");
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    alive.run_until_cancelled(work).await;
}

async fn hear(shared: &Arc<Shared>) -> Result<(), kintsugi_nats::Error> {
    let mut pings = std::pin::pin!(shared.bus.pings(&shared.name).await?);
    let mut cancels = std::pin::pin!(shared.bus.cancels().await?);
    let mut limits = std::pin::pin!(shared.bus.limits(&shared.name).await?);
    loop {
        tokio::select! {
            ping = pings.next() => {
                let Some(ping) = ping else { return Ok(()) };
                ping.answer().await;
                // Who asks wants to know what it holds as well, and not only with the next heartbeat.
                if !shared.leases.is_empty() {
                    say(shared, shared.stopping.load(Ordering::Acquire)).await;
                }
            }
            cancel = cancels.next() => {
                let Some(cancel) = cancel else { return Ok(()) };
                if let Some(attempt) = shared.leases.get(&cancel.task, cancel.epoch) {
                    attempts::stop(shared, &attempt, Stop::Cancelled);
                }
            }
            limit = limits.next() => {
                let Some(limit) = limit else { return Ok(()) };
                shared.limit(&limit);
            }
        }
    }
}
