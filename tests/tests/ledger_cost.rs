//! What the ledger costs: the CPU of the monitoring service, and transactions, at rest and with many open
//! runs. `OPEN_RUNS=10000` is the whole measurement; without it a tenth of that is tried.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use kintsugi_tests::{Engine, Shape, eventually};
use serde_json::{Value, json};
use tokio::time::sleep;

const PATIENCE: Duration = Duration::from_secs(240);

/// How long is measured: longer than the ledger rests.
const MEASURED: Duration = Duration::from_secs(35);

/// Ticks of the processor's clock in a second, as the kernel counts them for processes.
const TICKS: f64 = 100.0;

const WAITS: &str = "document: {dsl: '1.0.3', namespace: test, name: waits, version: '1.0.0'}\n\
    do: [{pause: {wait: {hours: 9}}}]";

#[allow(clippy::disallowed_methods, reason = "it is no setting of the engine, but of this test")]
fn wanted() -> usize {
    std::env::var("OPEN_RUNS").ok().map_or(1_000, |wanted| wanted.parse().unwrap())
}

/// CPU that a process has used, in seconds.
fn cpu(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / TICKS
}

fn transactions(engine: &Engine) -> f64 {
    let sql = "SELECT xact_commit FROM pg_stat_database WHERE datname = 'postgres'";
    // Asked from another database, so that asking is not counted.
    engine.postgres.as_ref().unwrap().psql_in("template1", sql).parse().unwrap()
}

/// Shares of a core, and transactions of the whole engine in a second.
async fn measured(engine: &Engine, when: &str) -> f64 {
    let pid = engine.pid("monitor");
    let (began, used, done) = (Instant::now(), cpu(pid), transactions(engine));
    sleep(MEASURED).await;
    let took = began.elapsed().as_secs_f64();
    let share = (cpu(pid) - used) / took;
    let rate = (transactions(engine) - done) / took;
    println!(
        "{when}: monitoring {:.2} % of a core, {rate:.2} transactions/s in all",
        share * 100.0
    );
    share
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_costs_little() {
    let Some(engine) = Engine::start(Shape::Services, &[]).await else { return };
    engine.client.define(WAITS).await;
    sleep(Duration::from_secs(10)).await;
    let rest = measured(&engine, "at rest").await;
    let count = wanted();
    let starts =
        stream::iter(0..count).map(|_| engine.client.start("test/waits:1.0.0", json!(null)));
    starts.buffer_unordered(64).for_each(|_| std::future::ready(())).await;
    eventually("all wait", PATIENCE, || async {
        let (_, found) = engine.client.try_get("/v1/system").await?;
        (found["runs"]["waiting"].as_u64()? >= count as u64).then_some(())
    })
    .await;
    sleep(Duration::from_secs(10)).await;
    let open = measured(&engine, &format!("with {count} open runs")).await;
    let (_, found) = engine.client.get("/v1/promises").await;
    let broken = |one: &Value| one["breaches"] != 0;
    assert!(!found["items"].as_array().unwrap().iter().any(broken), "{found}");
    assert!(rest < 0.02 && open < 0.02, "{rest} at rest, {open} with open runs");
}
