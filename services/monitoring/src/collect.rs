//! Looks at the store and the broker when someone asks.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use kintsugi_core::{Status, Timestamp};
use kintsugi_entities::{Backend, Counts, PartitionRow};
use kintsugi_nats::{QueueState, StreamState, stream};
use kintsugi_runtime::{Deps, now};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use crate::{
    Config, PartitionView, Promises, QueueView, RecoveryView, StreamView, Summary, count::Counting,
    metrics::Metrics, recoveries::Recoveries, seen::Seen,
};

/// Every status, so that one that no run is in reads 0 and is not missing.
const STATUSES: [Status; 7] = [
    Status::Pending,
    Status::Running,
    Status::Waiting,
    Status::Suspended,
    Status::Cancelled,
    Status::Faulted,
    Status::Completed,
];

/// How long after its time a run counts as overdue: in half of that it is told on a good day, and
/// what breaks is to be mended within it (P2).
const OVERDUE_MS: i64 = 5_000;

/// Keeps the newest summary and the metrics.
pub(crate) struct Collector {
    deps: Deps,
    config: Config,
    seen: Arc<Seen>,
    counting: Counting,
    newest: Mutex<Option<(Instant, Arc<Summary>)>>,
    metrics: Mutex<(Metrics, Recoveries)>,
}

impl Collector {
    pub(crate) fn new(
        deps: Deps,
        config: Config,
        seen: Arc<Seen>,
    ) -> Result<Self, prometheus::Error> {
        let metrics = Mutex::new((Metrics::new()?, Recoveries::default()));
        let counting = Counting::new(deps.store.clone(), config.timeout);
        Ok(Self { deps, config, seen, counting, newest: Mutex::default(), metrics })
    }

    /// The state of the system, as old as the settings allow. Whoever asks at the same time waits
    /// for the same answer.
    pub(crate) async fn snapshot(&self) -> Arc<Summary> {
        let mut newest = self.newest.lock().await;
        if let Some((at, summary)) = &*newest
            && at.elapsed() < self.config.cache
        {
            return Arc::clone(summary);
        }
        let summary = Arc::new(self.look().await);
        *newest = Some((Instant::now(), Arc::clone(&summary)));
        summary
    }

    /// `summary`, the promises and the recovery log as Prometheus reads them.
    pub(crate) async fn text(
        &self,
        summary: &Summary,
        promises: &Promises,
    ) -> Result<String, prometheus::Error> {
        let mut guard = self.metrics.lock().await;
        let (metrics, recoveries) = &mut *guard;
        let limit = self.config.timeout;
        // What is not read now is read the next time.
        let _ = timeout(limit, recoveries.observe(&self.deps.store, metrics)).await;
        metrics.text(summary, promises)
    }

    async fn look(&self) -> Summary {
        let time = now();
        let (store, bus) = (&self.deps.store, &self.deps.bus);
        let (counts, overdue, partitions, streams, queues) = tokio::join!(
            self.counting.counted(),
            self.limited("overdue runs", store.runs_overdue(time.0 - OVERDUE_MS)),
            self.limited("partitions", store.partitions_all()),
            self.limited("streams", bus.stream_states()),
            self.limited("queues", bus.queues()),
        );
        let (services, workers) = self.seen.views(time, self.config.silence_max);
        let mut summary = Summary {
            at: time.to_rfc3339(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            database: match store.backend() {
                Backend::Postgres => "postgres".to_owned(),
                Backend::Sqlite => "sqlite".to_owned(),
            },
            services,
            workers,
            ..Summary::default()
        };
        let problems = &mut summary.problems;
        let counts = counts.map_err(|problem| problems.push(problem)).ok();
        summary.runs_overdue = overdue.map_err(|problem| problems.push(problem)).ok();
        let partitions = partitions.map_err(|problem| problems.push(problem)).ok();
        let streams = streams.map_err(|problem| problems.push(problem)).unwrap_or_default();
        let queues = queues.map_err(|problem| problems.push(problem)).unwrap_or_default();
        if let Some(counts) = counts {
            summary.counted_at = counts.at.to_rfc3339();
            count(&mut summary, counts.counts);
        }
        summary.partitions = lags(partitions.unwrap_or_default(), &streams);
        summary.streams = streams.into_iter().map(stream_view).collect();
        summary.queues = queues.into_iter().map(|queue| queue_view(queue, time)).collect();
        summary
    }

    async fn limited<T, E: std::error::Error>(
        &self,
        what: &str,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, String> {
        let limit: Duration = self.config.timeout;
        match timeout(limit, work).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(format!("{what}: {error}")),
            Err(_) => Err(format!("{what}: no answer within {limit:?}")),
        }
    }
}

fn count(summary: &mut Summary, counts: Counts) {
    let of = |status: Status| counts.runs.get(&status).copied().unwrap_or(0);
    summary.runs = STATUSES.iter().map(|s| (s.as_str().to_owned(), of(*s))).collect();
    summary.definitions = counts.definitions;
    summary.dead_letters_open = counts.dead_letters_open;
    summary.dead_letters_discarded = counts.dead_letters_discarded;
    summary.human_tasks_open = counts.human_tasks_open;
    summary.dead_letters_unpublished = counts.dead_letters_unpublished;
    summary.notifications_pending = counts.notifications_pending;
    summary.notifications_dead = counts.notifications_dead;
    let recoveries = counts.recoveries.into_iter();
    summary.recoveries = recoveries.map(|(kind, count)| RecoveryView { kind, count }).collect();
}

/// An orchestrator reads all its partitions in one order: whatever comes before the furthest of
/// their positions is dealt with in each. What comes behind may be another's, so the lag is an
/// upper bound; and no more can wait than the stream holds, from which what is dealt with is purged.
fn lags(rows: Vec<PartitionRow>, streams: &[StreamState]) -> Vec<PartitionView> {
    let events = streams.iter().find(|state| state.name == stream::EVENTS);
    let mut furthest = BTreeMap::<&str, i64>::new();
    for row in &rows {
        let known = furthest.entry(&row.owner).or_default();
        *known = row.position.max(*known);
    }
    let lag = |owner: &str| {
        let Some(events) = events else { return 0 };
        let done = furthest.get(owner).map_or(0, |done| u64::try_from(*done).unwrap_or(0));
        events.last_seq.saturating_sub(done).min(events.messages)
    };
    let views = rows.iter().map(|row| PartitionView {
        partition: row.id,
        owner: row.owner.clone(),
        owner_epoch: row.owner_epoch,
        position: row.position,
        lag: lag(&row.owner),
    });
    views.collect()
}

fn stream_view(state: StreamState) -> StreamView {
    StreamView {
        stream: state.name,
        exists: state.created.is_some(),
        messages: state.messages,
        bytes: state.bytes,
        bytes_max: state.bytes_max,
        first_seq: state.first_seq,
        last_seq: state.last_seq,
    }
}

fn queue_view(state: QueueState, now: Timestamp) -> QueueView {
    QueueView {
        queue: state.queue,
        task_type: state.task_type,
        pending: state.pending,
        ack_pending: state.ack_pending,
        oldest_age_ms: state.oldest_pending_at.map(|at| now.since(at)),
        redelivered: state.redelivered,
        waiting: state.waiting,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: u16, owner: &str, position: i64) -> PartitionRow {
        let owner = owner.to_owned();
        PartitionRow { id, owner, owner_epoch: 1, position, stream: String::new() }
    }

    #[test]
    fn a_partition_without_traffic_does_not_lag() {
        let events = StreamState {
            name: stream::EVENTS.to_owned(),
            created: None,
            is_new: false,
            is_left_over: false,
            first_seq: 91,
            last_seq: 100,
            messages: 10,
            bytes: 0,
            bytes_max: 0,
        };
        let rows = vec![row(0, "a", 2), row(1, "a", 97), row(2, "b", 40)];
        let lags = lags(rows, &[events]).into_iter().map(|view| view.lag).collect::<Vec<_>>();
        assert_eq!(lags, [3, 3, 10]);
    }
}
