//! Who is there: workers and services, by the signs of life that this gateway hears. Kept in memory
//! only; a gateway that was just started knows everyone after half a second.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::StreamExt;
use kintsugi_core::Timestamp;
use kintsugi_nats::{Bus, Heartbeat, ServiceBeat};
use kintsugi_runtime::{Shutdown, now};
use tracing::debug;

use crate::types::{Worker, WorkerLease, WorkerType};

/// A worker silent for longer is shown as not alive: three heartbeats of 300 ms, and some slack.
const WORKER_SILENT_MS: u64 = 1_500;

/// A service silent for longer does not count: four beats of 500 ms.
const SERVICE_SILENT_MS: u64 = 2_000;

/// How long one that is silent stays in the list.
const KEPT_MS: u64 = 600_000;

/// Entries of either list at most.
const MAX: usize = 10_000;

/// Before the next attempt at a subscription that failed.
const PAUSE: Duration = Duration::from_millis(500);

/// The last sign of life of everyone.
#[derive(Debug, Default)]
pub(crate) struct Beats {
    workers: Mutex<BTreeMap<String, (Timestamp, Heartbeat)>>,
    services: Mutex<BTreeMap<(String, String), (Timestamp, ServiceBeat)>>,
}

impl Beats {
    /// Starts to listen, until `shutdown`.
    pub(crate) fn spawn(bus: Bus, shutdown: Shutdown) -> Arc<Self> {
        let beats = Arc::new(Self::default());
        let (of_workers, of_services) = (Arc::clone(&beats), Arc::clone(&beats));
        let services = bus.clone();
        let work = async move {
            tokio::join!(of_workers.hear_workers(bus), of_services.hear_services(services))
        };
        tokio::spawn(async move { shutdown.run_until_cancelled(work).await });
        beats
    }

    /// Every worker that was heard of lately.
    pub(crate) fn workers(&self) -> Vec<Worker> {
        let now = now();
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.values().map(|(seen, beat)| worker(*seen, beat, now)).collect()
    }

    /// How many instances of `service` said lately that they are ready.
    pub(crate) fn ready(&self, service: &str) -> usize {
        let now = now();
        let services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        let is_ready = |(seen, beat): &&(Timestamp, ServiceBeat)| {
            beat.service == service && beat.ready && now.since(*seen) <= SERVICE_SILENT_MS
        };
        services.values().filter(is_ready).count()
    }

    async fn hear_workers(&self, bus: Bus) {
        loop {
            match bus.heartbeats().await {
                Ok(beats) => {
                    let mut beats = std::pin::pin!(beats);
                    while let Some(beat) = beats.next().await {
                        keep(&self.workers, beat.worker.clone(), beat);
                    }
                }
                Err(error) => debug!(error = &error as &dyn std::error::Error, "no heartbeats"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn hear_services(&self, bus: Bus) {
        loop {
            match bus.service_beats().await {
                Ok(beats) => {
                    let mut beats = std::pin::pin!(beats);
                    while let Some(beat) = beats.next().await {
                        keep(&self.services, (beat.service.clone(), beat.instance.clone()), beat);
                    }
                }
                Err(error) => debug!(error = &error as &dyn std::error::Error, "no beats"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Notes `beat`, and forgets who was silent for long; with too many, who was silent the longest.
fn keep<K: Ord + Clone, B>(known: &Mutex<BTreeMap<K, (Timestamp, B)>>, key: K, beat: B) {
    let now = now();
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if known.insert(key, (now, beat)).is_some() {
        return;
    }
    known.retain(|_, (seen, _)| now.since(*seen) <= KEPT_MS);
    if known.len() > MAX {
        let oldest = known.iter().min_by_key(|(_, (seen, _))| *seen).map(|(key, _)| key.clone());
        if let Some(oldest) = oldest {
            known.remove(&oldest);
        }
    }
}

fn worker(seen: Timestamp, beat: &Heartbeat, now: Timestamp) -> Worker {
    let lease = |lease: &kintsugi_nats::Lease| WorkerLease {
        task: lease.task.clone(),
        epoch: lease.epoch,
        since: lease.since.to_rfc3339(),
        progress: lease.progress.clone(),
    };
    let served = |served: &kintsugi_nats::Served| WorkerType {
        queue: served.queue.clone(),
        kind: served.task_type.clone(),
        completed: served.completed,
        failed: served.failed,
        limit: served.limit,
        limit_reason: served.limit_reason.clone(),
    };
    let heard = now.since(seen) <= WORKER_SILENT_MS;
    Worker {
        worker: beat.worker.clone(),
        incarnation: beat.incarnation.clone(),
        pid: beat.pid,
        host: beat.host.clone(),
        version: beat.version.clone(),
        types: beat.types.iter().map(served).collect(),
        concurrency: beat.concurrency,
        started_at: beat.started_at.to_rfc3339(),
        last_seen: seen.to_rfc3339(),
        // One that stops in good order says so last; after that it is gone, not finishing.
        alive: heard,
        stopping: beat.stopping && heard,
        leases: beat.leases.iter().map(lease).collect(),
    }
}
