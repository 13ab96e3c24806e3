//! Who is there: workers and services, by the signs of life that this gateway hears. Kept in memory
//! only; a gateway that was just started knows everyone after half a second.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::StreamExt;
use kintsugi_core::Timestamp;
use kintsugi_explain::Engine;
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
    listened: Mutex<Listened>,
}

/// Since when signs of life come without a break. This gateway hears its own, so none for a while means
/// that it is cut off, and that others' silence says nothing.
#[derive(Clone, Copy, Debug, Default)]
struct Listened {
    since: Option<Timestamp>,
    last: Timestamp,
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

    /// Who was heard of, for an explanation of what does not move.
    pub(crate) fn facts(&self, engine: &mut Engine) {
        let now = now();
        let listened = *self.listened.lock().unwrap_or_else(PoisonError::into_inner);
        let is_cut_off = now.since(listened.last) > SERVICE_SILENT_MS;
        engine.listening_since = listened.since.filter(|_| !is_cut_off);
        let services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        // One that stops in good order says last that it is not ready.
        let is_there = |(seen, beat): &&(Timestamp, ServiceBeat)| {
            now.since(*seen) <= SERVICE_SILENT_MS && (beat.ready || !beat.stopping)
        };
        let (lately, gone): (Vec<_>, Vec<_>) = services.values().partition(is_there);
        let service = |(_, beat): &(Timestamp, ServiceBeat)| kintsugi_explain::Service {
            service: beat.service.clone(),
            instance: beat.instance.clone(),
            ready: beat.ready,
        };
        engine.services = lately.into_iter().map(service).collect();
        let gone = gone.into_iter().map(|(seen, beat)| kintsugi_explain::Gone {
            service: beat.service.clone(),
            instance: beat.instance.clone(),
            heard_at: *seen,
            stopped: beat.stopping,
        });
        engine.gone = gone.collect();
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        engine.workers = workers.values().map(|(seen, beat)| member(*seen, beat, now)).collect();
    }

    fn listened(&self) {
        let now = now();
        let mut listened = self.listened.lock().unwrap_or_else(PoisonError::into_inner);
        if listened.since.is_none() || now.since(listened.last) > SERVICE_SILENT_MS {
            listened.since = Some(now);
        }
        listened.last = now;
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
                        self.listened();
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
        progress_at: lease.progress_at.map(Timestamp::to_rfc3339),
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

/// The same, as an explanation has it.
fn member(seen: Timestamp, beat: &Heartbeat, now: Timestamp) -> kintsugi_explain::Worker {
    let lease = |lease: &kintsugi_nats::Lease| kintsugi_explain::Lease {
        task: lease.task.clone(),
        epoch: lease.epoch,
        since: lease.since,
        progress: lease.progress.clone(),
        progress_at: lease.progress_at,
    };
    let types = beat.types.iter().map(|one| (one.queue.clone(), one.task_type.clone()));
    let short = |one: &kintsugi_nats::Served| {
        let reason = one.limit_reason.clone().unwrap_or_default();
        Some(((one.queue.clone(), one.task_type.clone()), (one.limit?, reason)))
    };
    kintsugi_explain::Worker {
        name: beat.worker.clone(),
        host: beat.host.clone(),
        pid: beat.pid,
        alive: now.since(seen) <= WORKER_SILENT_MS,
        stopping: beat.stopping,
        limits: beat.types.iter().filter_map(short).collect(),
        heard_at: seen,
        types: types.collect(),
        concurrency: beat.concurrency,
        leases: beat.leases.iter().map(lease).collect(),
    }
}
