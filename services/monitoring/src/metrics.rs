//! Metrics as Prometheus reads them. Labels never hold ids of runs or tasks.

use std::collections::BTreeMap;

use prometheus::{
    HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::{Promises, Summary};

/// Bounds for the time to recover, in seconds: from a takeover to someone's coming back from lunch.
const RECOVERY_BUCKETS: [f64; 14] =
    [0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 300.0, 3600.0];

/// The services without which the engine does not work, so that one that nobody heard of reads 0 and
/// is not missing.
const ENGINE: [&str; 6] = [
    "api-gateway",
    "failure-detector",
    "monitoring",
    "notification",
    "orchestrator",
    "retry-engine",
];

/// Every metric, in a registry of its own: two engines fit in one process.
pub(crate) struct Metrics {
    registry: Registry,
    runs: IntGaugeVec,
    runs_overdue: IntGaugeVec,
    definitions: IntGauge,
    dead_letters: IntGaugeVec,
    human_tasks: IntGaugeVec,
    notifications: IntGaugeVec,
    services: IntGaugeVec,
    workers: IntGaugeVec,
    worker_slots: IntGauge,
    worker_leases: IntGauge,
    stream_messages: IntGaugeVec,
    stream_bytes: IntGaugeVec,
    stream_bytes_max: IntGaugeVec,
    stream_published: IntCounterVec,
    queue_pending: IntGaugeVec,
    queue_ack_pending: IntGaugeVec,
    queue_redelivered: IntGaugeVec,
    queue_oldest_age_ms: IntGaugeVec,
    events_lag: IntGaugeVec,
    recoveries: IntCounterVec,
    recovery_seconds: HistogramVec,
    breaches: IntCounterVec,
    breaches_standing: IntGaugeVec,
    promise_checks: IntCounterVec,
    problems: IntGauge,
}

impl Metrics {
    #[expect(clippy::too_many_lines, reason = "a list of metrics, each with its help")]
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            let made = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(made.clone())).map(|()| made)
        };
        let gauge = |name: &str, help: &str| {
            let made = IntGauge::new(name, help)?;
            registry.register(Box::new(made.clone())).map(|()| made)
        };
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let made = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(made.clone())).map(|()| made)
        };
        let (queue, promise) = (&["queue", "type"], &["promise"]);
        let recovery = HistogramOpts::new(
            "kintsugi_recovery_seconds",
            "From a break's being seen to its mending, since this process started.",
        )
        .buckets(RECOVERY_BUCKETS.to_vec());
        let recovery_seconds = HistogramVec::new(recovery, &["kind"])?;
        registry.register(Box::new(recovery_seconds.clone()))?;
        let info = gauges("kintsugi_build_info", "1; the version is in its label.", &["version"])?;
        info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        Ok(Self {
            runs: gauges("kintsugi_runs", "Runs that are kept, by status.", &["status"])?,
            // Of no labels, so that it is missing rather than wrong when it could not be counted.
            runs_overdue: gauges(
                "kintsugi_runs_overdue",
                "Open runs that should have been told the time more than 5 s ago.",
                &[],
            )?,
            definitions: gauge("kintsugi_definitions", "Registered definitions.")?,
            dead_letters: gauges(
                "kintsugi_dead_letters",
                "Dead letters: open (nobody redrove them), unpublished (not in the stream yet).",
                &["state"],
            )?,
            human_tasks: gauges(
                "kintsugi_human_tasks",
                "Tasks of people: open (they wait for an answer).",
                &["state"],
            )?,
            notifications: gauges(
                "kintsugi_notifications",
                "Notifications: pending (to be delivered), dead (given up).",
                &["state"],
            )?,
            services: gauges("kintsugi_services", "Instances that are ready.", &["service"])?,
            workers: gauges("kintsugi_workers", "Workers: alive, stopping, silent.", &["state"])?,
            worker_slots: gauge(
                "kintsugi_worker_slots",
                "Tasks that the workers alive can execute at the same time.",
            )?,
            worker_leases: gauge("kintsugi_worker_leases", "Attempts that workers hold.")?,
            stream_messages: gauges(
                "kintsugi_stream_messages",
                "Messages that a stream holds.",
                &["stream"],
            )?,
            stream_bytes: gauges("kintsugi_stream_bytes", "Bytes of a stream.", &["stream"])?,
            stream_bytes_max: gauges(
                "kintsugi_stream_bytes_max",
                "Bytes that a stream may take.",
                &["stream"],
            )?,
            stream_published: counters(
                "kintsugi_stream_published_total",
                "Messages that were ever published to a stream; of tasks: attempts given out.",
                &["stream"],
            )?,
            queue_pending: gauges(
                "kintsugi_queue_pending",
                "Tasks that no worker was given.",
                queue,
            )?,
            queue_ack_pending: gauges(
                "kintsugi_queue_ack_pending",
                "Tasks that a worker was given and that are not done.",
                queue,
            )?,
            queue_redelivered: gauges(
                "kintsugi_queue_redelivered",
                "Tasks that were delivered more than once and are not done.",
                queue,
            )?,
            queue_oldest_age_ms: gauges(
                "kintsugi_queue_oldest_age_milliseconds",
                "Age of the oldest task that no worker was given; 0 when there is none.",
                queue,
            )?,
            events_lag: gauges(
                "kintsugi_events_lag",
                "At most so many events wait to be dealt with by the owner of the partition.",
                &["partition"],
            )?,
            recoveries: counters(
                "kintsugi_recoveries_total",
                "What was mended since the store was made, by what broke.",
                &["kind"],
            )?,
            recovery_seconds,
            breaches: counters(
                "kintsugi_breaches_total",
                "How often a promise was broken, as far as the newest 500 breaches tell.",
                promise,
            )?,
            breaches_standing: gauges(
                "kintsugi_breaches_standing",
                "Breaches that are not mended.",
                promise,
            )?,
            promise_checks: counters(
                "kintsugi_promise_checks_total",
                "Things that were compared with a promise, since this process keeps the ledger.",
                promise,
            )?,
            problems: gauge(
                "kintsugi_monitoring_problems",
                "Parts of the system that could not be looked at; their metrics are missing.",
            )?,
            registry,
        })
    }

    /// Something was mended.
    pub(crate) fn recovered(&self, kind: &str, duration_ms: i64) {
        let millis = u32::try_from(duration_ms.max(0)).unwrap_or(u32::MAX);
        self.recovery_seconds.with_label_values(&[kind]).observe(f64::from(millis) / 1000.0);
    }

    /// Everything, with the figures of `summary`.
    pub(crate) fn text(
        &self,
        summary: &Summary,
        promises: &Promises,
    ) -> Result<String, prometheus::Error> {
        self.promises(promises);
        self.counts(summary);
        self.life(summary);
        self.broker(summary);
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }

    fn promises(&self, promises: &Promises) {
        self.breaches.reset();
        self.breaches_standing.reset();
        self.promise_checks.reset();
        for one in &promises.items {
            let name = [one.promise.as_str()];
            self.breaches.with_label_values(&name).inc_by(one.breaches);
            self.breaches_standing.with_label_values(&name).set(number(one.standing));
            self.promise_checks.with_label_values(&name).inc_by(one.checked);
        }
    }

    fn counts(&self, summary: &Summary) {
        self.problems.set(number(summary.problems.len() as u64));
        self.runs.reset();
        for (status, count) in &summary.runs {
            self.runs.with_label_values(&[status]).set(number(*count));
        }
        self.runs_overdue.reset();
        if let Some(overdue) = summary.runs_overdue {
            self.runs_overdue.with_label_values::<&str>(&[]).set(number(overdue));
        }
        self.definitions.set(number(summary.definitions));
        let letters = [
            ("open", summary.dead_letters_open),
            ("discarded", summary.dead_letters_discarded),
            ("unpublished", summary.dead_letters_unpublished),
        ];
        self.human_tasks.with_label_values(&["open"]).set(number(summary.human_tasks_open));
        let notifications =
            [("pending", summary.notifications_pending), ("dead", summary.notifications_dead)];
        for (state, count) in letters {
            self.dead_letters.with_label_values(&[state]).set(number(count));
        }
        for (state, count) in notifications {
            self.notifications.with_label_values(&[state]).set(number(count));
        }
        self.recoveries.reset();
        for recovery in &summary.recoveries {
            self.recoveries.with_label_values(&[&recovery.kind]).inc_by(recovery.count);
        }
    }

    fn life(&self, summary: &Summary) {
        let mut ready = BTreeMap::from(ENGINE.map(|name| (name, 0)));
        for service in &summary.services {
            *ready.entry(&service.service).or_default() += i64::from(service.ready);
        }
        self.services.reset();
        for (service, count) in ready {
            self.services.with_label_values(&[service]).set(count);
        }
        let mut states = BTreeMap::from([("alive", 0), ("stopping", 0), ("silent", 0)]);
        let (mut slots, mut leases) = (0, 0);
        for worker in &summary.workers {
            let state = match (worker.alive, worker.stopping) {
                (false, _) => "silent",
                (true, true) => "stopping",
                (true, false) => "alive",
            };
            *states.entry(state).or_default() += 1;
            if worker.alive {
                slots += i64::from(worker.concurrency);
                leases += number(worker.leases as u64);
            }
        }
        for (state, count) in states {
            self.workers.with_label_values(&[state]).set(count);
        }
        self.worker_slots.set(slots);
        self.worker_leases.set(leases);
    }

    fn broker(&self, summary: &Summary) {
        self.stream_published.reset();
        for gauges in [
            &self.stream_messages,
            &self.stream_bytes,
            &self.stream_bytes_max,
            &self.queue_pending,
            &self.queue_ack_pending,
            &self.queue_redelivered,
            &self.queue_oldest_age_ms,
            &self.events_lag,
        ] {
            gauges.reset();
        }
        for stream in summary.streams.iter().filter(|stream| stream.exists) {
            let name = [stream.stream.as_str()];
            self.stream_messages.with_label_values(&name).set(number(stream.messages));
            self.stream_bytes.with_label_values(&name).set(number(stream.bytes));
            self.stream_bytes_max.with_label_values(&name).set(number(stream.bytes_max));
            self.stream_published.with_label_values(&name).inc_by(stream.last_seq);
        }
        for queue in &summary.queues {
            let name = [queue.queue.as_str(), queue.task_type.as_str()];
            self.queue_pending.with_label_values(&name).set(number(queue.pending));
            self.queue_ack_pending.with_label_values(&name).set(number(queue.ack_pending));
            self.queue_redelivered.with_label_values(&name).set(number(queue.redelivered));
            let age = number(queue.oldest_age_ms.unwrap_or(0));
            self.queue_oldest_age_ms.with_label_values(&name).set(age);
        }
        for partition in &summary.partitions {
            let name = [partition.partition.to_string()];
            self.events_lag.with_label_values(&name).set(number(partition.lag));
        }
    }
}

fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PromiseView, RecoveryView, WorkerView};

    #[test]
    fn what_is_gone_leaves_the_metrics() {
        let metrics = Metrics::new().unwrap();
        let recoveries = vec![RecoveryView { kind: "worker_dead".to_owned(), count: 3 }];
        let runs = BTreeMap::from([("running".to_owned(), 2)]);
        let full = Summary { runs, recoveries, runs_overdue: Some(4), ..Summary::default() };
        metrics.recovered("worker_dead", 420);
        let (promise, says) = ("P6".to_owned(), String::new());
        let broken = PromiseView { promise, says, breaches: 2, standing: 1, ..Default::default() };
        let promises = Promises { items: vec![broken], ..Promises::default() };
        let text = metrics.text(&full, &promises).unwrap();
        for line in [
            "kintsugi_runs{status=\"running\"} 2",
            "kintsugi_recoveries_total{kind=\"worker_dead\"} 3",
            "kintsugi_recovery_seconds_bucket{kind=\"worker_dead\",le=\"0.5\"} 1",
            "kintsugi_recovery_seconds_bucket{kind=\"worker_dead\",le=\"0.25\"} 0",
            "kintsugi_workers{state=\"alive\"} 0",
            "kintsugi_runs_overdue 4",
            "kintsugi_breaches_total{promise=\"P6\"} 2",
            "kintsugi_breaches_standing{promise=\"P6\"} 1",
            "kintsugi_services{service=\"orchestrator\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "no `{line}` in\n{text}");
        }
        let text = metrics.text(&Summary::default(), &Promises::default()).unwrap();
        assert!(!text.contains("kintsugi_runs{"), "{text}");
        assert!(!text.contains("kintsugi_runs_overdue "), "{text}");
    }

    #[test]
    fn a_silent_worker_has_no_slots() {
        let metrics = Metrics::new().unwrap();
        let worker = |alive| WorkerView {
            worker: "w".to_owned(),
            host: String::new(),
            pid: 1,
            version: String::new(),
            types: Vec::new(),
            concurrency: 8,
            leases: 1,
            alive,
            stopping: false,
            last_seen: String::new(),
        };
        let workers = vec![worker(true), worker(false)];
        let text =
            metrics.text(&Summary { workers, ..Summary::default() }, &Promises::default()).unwrap();
        assert!(text.contains("kintsugi_worker_slots 8"), "{text}");
        assert!(text.contains("kintsugi_workers{state=\"silent\"} 1"), "{text}");
    }
}
