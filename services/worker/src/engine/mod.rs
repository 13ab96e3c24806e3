//! The worker's engine. It runs on a thread of its own, so that whatever a handler does to the
//! user's runtime, heartbeats go out, leases are kept and results are sent.

mod attempts;
mod heart;
mod limit;
mod link;
mod pace;
mod pull;
mod report;
mod shared;
mod stop;

pub(crate) use link::{LEASE, Link};
pub(crate) use shared::Plan;

use std::sync::Arc;

use kintsugi_nats::Bus;
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::Error;
use shared::Shared;

/// Works until `stop`, then finishes what is in flight within the grace.
pub(crate) async fn run(bus: Bus, plan: Plan, stop: CancellationToken) -> Result<(), Error> {
    let (reports, unsent) = mpsc::unbounded_channel();
    let shared = Arc::new(Shared::new(bus, plan, reports));
    tracing::info!(worker = %shared.name, types = ?shared.type_names(), "worker started");

    // Said on the same connection before anything is asked for: who dies with its first task in hand
    // is known to have been there.
    heart::say(&shared, false).await;
    let alive = CancellationToken::new();
    let hasten = CancellationToken::new();
    let mut background = JoinSet::new();
    background.spawn(report::send(Arc::clone(&shared), unsent, alive.clone()));
    background.spawn(heart::beat(Arc::clone(&shared), alive.clone()));
    background.spawn(heart::listen(Arc::clone(&shared), alive.clone()));
    background.spawn(link::watch(Arc::clone(&shared), alive.clone()));
    if shared.settings.signals {
        background.spawn(stop::on_signals(stop.clone(), hasten.clone()));
    }
    let mut pulling = JoinSet::new();
    for task_type in &shared.types {
        let (shared, task_type) = (Arc::clone(&shared), Arc::clone(task_type));
        pulling.spawn(pull::pull(shared, task_type, stop.clone()));
    }
    tokio::select! {
        () = stop.cancelled() => {}
        Some(ended) = background.join_next() => {
            // None of them ends before the worker does, but by a panic.
            tracing::error!(panicked = ended.is_err(), "a part of the worker ended");
            stop.cancel();
            stop::drain(&shared, &mut pulling, &hasten).await;
            return Err(Error::Crashed);
        }
    }
    stop::drain(&shared, &mut pulling, &hasten).await;
    alive.cancel();
    heart::last(&shared).await;
    tracing::info!(worker = %shared.name, "worker stopped");
    background.shutdown().await;
    Ok(())
}
