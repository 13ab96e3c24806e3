//! The end of a worker in good order.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{attempts, shared::Shared};
use crate::attempt::Stop;

/// How long the last results may take to be stored.
const LAST_RESULTS: Duration = Duration::from_secs(2);

/// How often it is looked whether everything is done.
const LOOK: Duration = Duration::from_millis(10);

/// The first signal stops the worker, the second one hastens it.
pub(super) async fn on_signals(stop: CancellationToken, hasten: CancellationToken) {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        warn!("signals cannot be listened to; only a kill stops this worker");
        return std::future::pending().await;
    };
    for token in [stop, hasten] {
        let name = tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
        };
        info!(signal = name, "stopping");
        token.cancel();
    }
    std::future::pending().await
}

/// Lets running handlers finish within the grace, reports the others as dropped, and waits until
/// everything that was said is stored.
pub(super) async fn drain(
    shared: &Arc<Shared>,
    pulling: &mut JoinSet<()>,
    hasten: &CancellationToken,
) {
    shared.stopping.store(true, Ordering::Release);
    while pulling.join_next().await.is_some() {}
    let grace = Instant::now() + shared.settings.grace;
    while !shared.leases.is_empty() && Instant::now() < grace && !hasten.is_cancelled() {
        sleep(LOOK).await;
    }
    let left = shared.leases.all();
    if !left.is_empty() {
        info!(tasks = left.len(), "giving back what is not done");
    }
    for attempt in &left {
        attempts::stop(shared, attempt, Stop::Stopping);
    }
    let stored = async {
        while !shared.leases.is_empty() {
            sleep(LOOK).await;
        }
    };
    if timeout(LAST_RESULTS, stored).await.is_err() {
        warn!("results could not be stored; the failure detector will find their tasks");
    }
    // Handlers that clean up are let finish: their slots come back when they are gone.
    let all = u32::try_from(shared.settings.concurrency).unwrap_or(u32::MAX);
    let cleaned = async {
        for kind in &shared.types {
            let _ = kind.slots.acquire_many(all).await;
        }
    };
    let _ = timeout(attempts::CLEANUP, cleaned).await;
}
