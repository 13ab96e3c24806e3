//! What a step costs as things grow: runs in flight, steps of a run, bytes of an output.

use std::time::{Duration, Instant};

use futures::StreamExt;
use kintsugi_nats::LifeFrom;
use serde_json::json;
use tokio::{task::JoinSet, time::timeout};

use crate::{args::Asked, row::Row, session::Session, work};

/// After this long without the end of a run, the engine is asked whether there are more to come.
const QUIET: Duration = Duration::from_millis(500);

/// The longest that one run may take.
const PATIENCE: Duration = Duration::from_secs(900);

/// Steps of the shorter runs of a row together, at least.
const STEPS_MIN: usize = 2_000;

/// Each series, a row for each size.
pub(crate) async fn growth(session: &Session, asked: &Asked) -> Vec<Row> {
    let mut rows = Vec::new();
    for (count, runs) in [(1, 200), (10, 1_000), (100, 2_000), (1_000, 4_000), (10_000, 20_000)] {
        if asked.scaled(10_000, 1_000) >= count {
            rows.push(in_flight(session, count, asked.scaled(runs, runs / 10).max(count)).await);
        }
    }
    for steps in [10, 100, 1_000, 10_000, 100_000] {
        if asked.scaled(100_000, 1_000) >= steps {
            rows.push(long(session, steps).await);
        }
    }
    for (bytes, runs) in
        [(100, 2_000), (1_000, 2_000), (10_000, 1_000), (100_000, 500), (1_000_000, 50)]
    {
        rows.push(large(session, bytes, asked.scaled(runs, runs / 10)).await);
    }
    rows
}

/// W10 with so many runs open: one that ends is followed by the next.
async fn in_flight(session: &Session, count: usize, runs: usize) -> Row {
    let processes = session.processes();
    let (before, began) = (processes.snapshot(), Instant::now());
    closed_loop(session, "w10", count, runs).await;
    let (seconds, used) = (began.elapsed().as_secs_f64(), before.until(&processes.snapshot()));
    let steps = runs * 10;
    Row {
        steps_per_s: Some(steps as f64 / seconds),
        runs_per_s: Some(runs as f64 / seconds),
        grown: Some(("runs in flight".to_owned(), count as f64)),
        note: format!("{runs} runs of ten tasks, {count} open at a time"),
        ..session.row(format!("W10, {count} in flight"))
    }
    .with_cpu(&used, steps)
}

async fn closed_loop(session: &Session, name: &str, count: usize, runs: usize) {
    let filter = format!("kintsugi.life.bench.{name}.*.workflow_completed");
    let mut ends = session.bus.life(&filter, LifeFrom::New).await.unwrap().events();
    let (mut starting, mut started, mut ended) = (JoinSet::new(), 0, 0);
    loop {
        // Starts that are under way count as open.
        while started < runs && started - ended < count {
            let (bus, name) = (session.bus.clone(), name.to_owned());
            starting.spawn(async move { Session::start_run(&bus, &name).await });
            started += 1;
            if starting.len() >= crate::session::STARTS {
                starting.join_next().await.unwrap().unwrap();
            }
        }
        match timeout(QUIET, ends.next()).await {
            Ok(Some(_)) => ended = started.min(ended + 1),
            Ok(None) => panic!("the stream of lifecycle events was made anew"),
            // Events may be lost; runs are not.
            Err(_) => {
                while starting.join_next().await.is_some() {}
                if session.all_ended(name).await {
                    ended = started;
                }
            }
        }
        while starting.try_join_next().is_some() {}
        if ended >= runs {
            break;
        }
    }
    while starting.join_next().await.is_some() {}
}

/// One run after the other, each of so many tasks in turn, by a loop back.
async fn long(session: &Session, steps: usize) -> Row {
    let name = format!("long-{steps}");
    session.engine.client.define(&work::back(&name, steps)).await;
    let runs = STEPS_MIN.div_ceil(steps);
    let processes = session.processes();
    let (before, began) = (processes.snapshot(), Instant::now());
    for _ in 0..runs {
        let run = Session::start_with(&session.bus, &name, &json!({})).await;
        loop {
            let path = format!("/v1/runs/{run}/result?wait=30s");
            let (code, answer) = session.engine.client.get(&path).await;
            if code == 200 {
                assert_eq!(answer["status"], "completed", "{answer}");
                break;
            }
            assert!(began.elapsed() < PATIENCE, "{name} takes too long");
        }
    }
    let (seconds, used) = (began.elapsed().as_secs_f64(), before.until(&processes.snapshot()));
    let all = runs * steps;
    Row {
        steps_per_s: Some(all as f64 / seconds),
        grown: Some(("steps of a run".to_owned(), steps as f64)),
        note: format!("{runs} runs, one at a time, each of {steps} tasks one after the other"),
        ..session.row(format!("{steps} steps in turn"))
    }
    .with_cpu(&used, all)
}

/// Runs of one task with an output of so many bytes.
async fn large(session: &Session, bytes: usize, runs: usize) -> Row {
    let name = format!("large-{bytes}");
    session.engine.client.define(&work::large(&name, bytes)).await;
    let processes = session.processes();
    let (before, began) = (processes.snapshot(), Instant::now());
    closed_loop(session, &name, 16.min(runs), runs).await;
    let (seconds, used) = (began.elapsed().as_secs_f64(), before.until(&processes.snapshot()));
    Row {
        steps_per_s: Some(runs as f64 / seconds),
        runs_per_s: Some(runs as f64 / seconds),
        grown: Some(("bytes of an output".to_owned(), bytes as f64)),
        note: format!("{runs} runs of one task with an output of {bytes} bytes, 16 open at a time"),
        ..session.row(format!("W1, {bytes} bytes"))
    }
    .with_cpu(&used, runs)
}
