//! How soon a task of a worker that died or froze begins again on another one that runs already.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};

use crate::{
    probe::{Probes, next},
    row::Row,
    session::Session,
};

/// Workers that have nothing to do, beside those that are struck: one of them takes over.
const IDLE: usize = 3;

/// Longer than any deadline of the engine: behind it nothing comes any more.
const PATIENCE: Duration = Duration::from_secs(60);

/// What happens to a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blow {
    /// `kill -9`.
    Kill,
    /// SIGSTOP.
    Freeze,
    /// Nothing passes between it and the broker any more, and neither is told.
    Cut,
}

/// Strikes `times` workers that hold a task, `at_once` at the same time.
pub(crate) async fn takeover(session: &Session, blow: Blow, times: usize, at_once: usize) -> Row {
    session.engine.client.define(&crate::work::sequence("held", 1, "held")).await;
    let probes = Probes::new("held", session.engine.nats_url());
    for _ in 0..at_once + IDLE {
        match blow {
            Blow::Cut => probes.spawn_behind_a_cable().await,
            Blow::Kill | Blow::Freeze => probes.spawn(),
        }
    }
    // The first one is not counted: workers and consumers come up with it.
    strike(session, &probes, blow, 0).await;
    let taken: Vec<Duration> = stream::iter(1..=times)
        .map(|number| strike(session, &probes, blow, number))
        .buffer_unordered(at_once)
        .collect()
        .await;
    let (work, how) = match blow {
        Blow::Kill => ("kill -9 of a worker", "killed"),
        Blow::Freeze => ("SIGSTOP of a worker", "frozen"),
        Blow::Cut => ("partition of a worker", "cut off from the broker"),
    };
    let note = format!(
        "{times} workers {how} while they held a task, {at_once} at a time, until the next attempt begins on another worker"
    );
    Row { note, ..session.row(work) }.with_durations(taken)
}

async fn strike(session: &Session, probes: &Probes, blow: Blow, number: usize) -> Duration {
    let mut begun = probes.listen();
    let run = Session::start_run(&session.bus, "held").await;
    let first = next(&mut begun, PATIENCE, "the task begins", |it| it.run == run).await;
    // Anywhere between two heartbeats, and before the first one that tells of the task as well.
    tokio::time::sleep(Duration::from_millis(20 + (number as u64 * 37) % 600)).await;
    let struck: Instant = match blow {
        Blow::Kill => probes.kill(first.pid),
        Blow::Freeze => probes.freeze(first.pid),
        Blow::Cut => probes.cut(first.pid),
    };
    let again = next(&mut begun, PATIENCE, "the task begins again", |it| it.run == run).await;
    assert!(again.epoch > first.epoch && again.pid != first.pid, "{first:?} {again:?}");
    probes.replace(first.pid).await;
    again.at - struck
}
