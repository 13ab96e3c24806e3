//! Who gave a sign of life, and when.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kintsugi_core::Timestamp;
use kintsugi_nats::{Heartbeat, ServiceBeat};

use crate::{ServiceView, WorkerView};

/// Whoever is silent for so long is forgotten.
const FORGET_MS: u64 = 600_000;

/// More names than this are not remembered: anyone on the bus can send signs of life.
const NAMES_MAX: usize = 10_000;

/// Services and workers, as they were heard of last.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    services: BTreeMap<(String, String), (ServiceBeat, Timestamp)>,
    workers: BTreeMap<String, (Heartbeat, Timestamp)>,
}

impl Seen {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn service(&self, beat: &ServiceBeat, now: Timestamp) {
        let mut known = self.known();
        let key = (beat.service.clone(), beat.instance.clone());
        if known.services.len() < NAMES_MAX || known.services.contains_key(&key) {
            known.services.insert(key, (beat.clone(), now));
        }
    }

    pub(crate) fn worker(&self, beat: Heartbeat, now: Timestamp) {
        let mut known = self.known();
        if known.workers.len() < NAMES_MAX || known.workers.contains_key(&beat.worker) {
            known.workers.insert(beat.worker.clone(), (beat, now));
        }
    }

    /// Whether any instance of `service` was heard of lately and said that it is ready.
    pub(crate) fn is_ready(&self, service: &str, now: Timestamp, silence_max: Duration) -> bool {
        self.ready(service, now, silence_max).next().is_some()
    }

    /// Whether `instance` is the first by name of those of `service` that are ready, or alone: so that
    /// one of many does what needs doing once.
    pub(crate) fn leads(
        &self,
        service: &str,
        instance: &str,
        now: Timestamp,
        silence_max: Duration,
    ) -> bool {
        self.ready(service, now, silence_max).all(|other| instance <= other.as_str())
    }

    fn ready(
        &self,
        service: &str,
        now: Timestamp,
        silence_max: Duration,
    ) -> std::vec::IntoIter<String> {
        let known = self.known();
        let own = known.services.iter().filter(|((of, _), (beat, at))| {
            let silence = Duration::from_millis(now.since(*at));
            of == service && beat.ready && silence <= silence_max
        });
        own.map(|((_, instance), _)| instance.clone()).collect::<Vec<_>>().into_iter()
    }

    /// Everyone who is remembered at `now`.
    pub(crate) fn views(
        &self,
        now: Timestamp,
        silence_max: Duration,
    ) -> (Vec<ServiceView>, Vec<WorkerView>) {
        let mut known = self.known();
        known.services.retain(|_, (_, at)| now.since(*at) < FORGET_MS);
        known.workers.retain(|_, (_, at)| now.since(*at) < FORGET_MS);
        let heard = |at: &Timestamp| Duration::from_millis(now.since(*at)) <= silence_max;
        let services = known.services.values().map(|(beat, at)| ServiceView {
            service: beat.service.clone(),
            instance: beat.instance.clone(),
            pid: beat.pid,
            ready: beat.ready && heard(at),
            last_seen: at.to_rfc3339(),
        });
        let workers = known.workers.values().map(|(beat, at)| WorkerView {
            worker: beat.worker.clone(),
            host: beat.host.clone(),
            pid: beat.pid,
            version: beat.version.clone(),
            types: beat.types.iter().map(|t| format!("{}/{}", t.queue, t.task_type)).collect(),
            concurrency: beat.concurrency,
            leases: beat.leases.len(),
            alive: heard(at),
            stopping: beat.stopping,
            last_seen: at.to_rfc3339(),
        });
        (services.collect(), workers.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_falls_silent_is_not_ready_and_then_forgotten() {
        let seen = Seen::default();
        let beat = ServiceBeat {
            service: "orchestrator".to_owned(),
            instance: "a".to_owned(),
            pid: 7,
            ready: true,
            ..ServiceBeat::default()
        };
        seen.service(&beat, Timestamp(0));
        let ready = |at| {
            let (services, _) = seen.views(Timestamp(at), Duration::from_secs(3));
            services.first().map(|service| service.ready)
        };
        assert_eq!(ready(3_000), Some(true));
        assert_eq!(ready(3_001), Some(false));
        assert_eq!(ready(600_000), None);
    }
}
