//! The prompt way: rows from lifecycle events.

use std::time::Duration;

use kintsugi_nats::LifeDelivery;
use kintsugi_runtime::{Deps, Shutdown, Waker, now};
use tracing::{debug, warn};

use crate::{Error, note::note, target::Targets};

/// Shared by every instance, so that each event comes to one of them.
const DURABLE: &str = "notification";

/// Events taken at once.
const BATCH_MAX: usize = 256;

/// The pause after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// Events older than this when they come are left to the sweep, which knows whether they are news: a
/// new durable consumer begins with the oldest event that is kept.
const AGE_MAX_MS: i64 = 3_600_000;

pub(crate) async fn run(deps: Deps, targets: Targets, waker: Waker, shutdown: Shutdown) {
    while !shutdown.is_cancelled() {
        let result = tokio::select! {
            () = shutdown.cancelled() => return,
            result = listen(&deps, &targets, &waker) => result,
        };
        if let Err(error) = result {
            // The sweep finds whatever passes meanwhile.
            warn!(error = &error as &dyn std::error::Error, "cannot take lifecycle events");
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

async fn listen(deps: &Deps, targets: &Targets, waker: &Waker) -> Result<(), Error> {
    let mut events = deps.bus.life_consumer(DURABLE).await?;
    loop {
        let batch = events.next(BATCH_MAX).await;
        if let Err(error) = take(deps, targets, waker, &batch).await {
            for delivery in &batch {
                if delivery.nak(Some(PAUSE)).await.is_err() {
                    break;
                }
            }
            return Err(error);
        }
        for delivery in &batch {
            if let Err(error) = delivery.ack().await {
                debug!(error = &error as &dyn std::error::Error, "not acknowledged");
                break;
            }
        }
    }
}

async fn take(
    deps: &Deps,
    targets: &Targets,
    waker: &Waker,
    batch: &[LifeDelivery],
) -> Result<(), Error> {
    let now = now();
    let oldest = kintsugi_core::Timestamp(now.0.saturating_sub(AGE_MAX_MS)).to_rfc3339();
    for delivery in batch {
        if let Err(rejected) = &delivery.event {
            deps.bus.reject("life", &rejected.reason, &rejected.raw).await?;
        }
    }
    // RFC 3339 in UTC with a fixed width: texts compare as times do.
    let events = batch.iter().filter_map(|delivery| delivery.event.as_ref().ok());
    let events = events.filter(|event| event.time >= oldest).cloned().collect::<Vec<_>>();
    if note(&deps.store, targets, &events, now).await? > 0 {
        waker.wake();
    }
    Ok(())
}
