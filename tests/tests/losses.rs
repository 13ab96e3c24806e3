//! Services that are lost are in the recovery log, with what came of it; those that stop as they are told
//! to are not.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::time::{Duration, Instant};

use futures::StreamExt;
use kintsugi_entities::{Options, Store};
use kintsugi_tests::{Engine, Role, Shape, eventually, signal, streams};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

/// How soon a loss is in the log: two beats and a half, a look, and a machine with other work.
const SOON: Duration = Duration::from_secs(10);

const RUNS: usize = 40;

const WORK: &str = "document: {dsl: '1.0.3', namespace: test, name: work, version: '1.0.0'}\n\
    do: [{first: {call: simulate, with: {mode: succeed, duration_ms: 300}}}, \
    {second: {call: simulate, with: {mode: succeed, duration_ms: 300}}}]";

/// The processes that are one service each, and its name; the failure detector first, so that it hears of
/// all that the others do.
const SERVICES: [(&str, &str); 7] = [
    ("detector", "failure-detector"),
    ("monitor", "monitoring"),
    ("gateway", "api-gateway"),
    ("orchestrator", "orchestrator"),
    ("orchestrator-2", "orchestrator"),
    ("retry", "retry-engine"),
    ("notifier", "notification"),
];

/// What the recovery log says of lost services; none: the gateway does not answer.
async fn lost(engine: &Engine) -> Option<Vec<Value>> {
    let (status, found) =
        engine.client.try_get("/v1/recoveries?kind=service_lost&limit=100").await?;
    (status == 200).then(|| found["items"].as_array().unwrap().clone())
}

/// Waits until the loss of this process has an outcome, and gives its entry.
async fn closed(engine: &Engine, service: &str, pid: u32) -> Value {
    let who = format!("{service} {pid}-");
    eventually(&format!("the loss of {who} is over"), PATIENCE, || async {
        let is_it = |row: &Value| row["decided"].as_str().is_some_and(|it| it.starts_with(&who));
        lost(engine).await?.into_iter().find(|row| is_it(row) && row["outcome"] != "noted")
    })
    .await
}

/// Waits until all of these processes are heard of and say that they do their work.
async fn heard(engine: &Engine, names: &[&str]) {
    let mut missing: Vec<u32> = names.iter().map(|name| engine.pid(name)).collect();
    let bus = streams::bus(&engine.nats_url()).await;
    let mut beats = Box::pin(bus.service_beats().await.unwrap());
    let all = async {
        while !missing.is_empty() {
            let beat = beats.next().await.unwrap();
            missing.retain(|pid| !(beat.pid == *pid && beat.ready));
        }
    };
    tokio::time::timeout(PATIENCE, all).await.unwrap();
}

/// `SIGTERM` to a process, and a new one in its place once it ended.
async fn restarted_in_good_order(engine: &mut Engine, name: &str) {
    signal(engine.pid(name), "TERM");
    let began = Instant::now();
    while !engine.ended().iter().any(|ended| ended == name) {
        assert!(began.elapsed() < PATIENCE, "{name} does not stop");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    engine.start_again(name);
    heard(engine, &[name]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orchestrator_that_dies_under_load_is_in_the_log_with_who_took_over() {
    let Some(mut engine) = Engine::start(Shape::Services, &[]).await else { return };
    let store = Store::connect(&engine.database_url(), &Options::default()).await.unwrap();
    engine.client.define(WORK).await;
    heard(&engine, &SERVICES.map(|(name, _)| name)).await;
    let pids = [engine.pid("orchestrator"), engine.pid("orchestrator-2")];
    eventually("both orchestrators own partitions", PATIENCE, || async {
        let rows = store.partitions_all().await.ok()?;
        let owns = |pid: u32| rows.iter().any(|row| row.owner.starts_with(&format!("{pid}-")));
        pids.iter().all(|pid| owns(*pid)).then_some(())
    })
    .await;
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        runs.push(engine.client.start("test/work:1.0.0", json!({})).await);
    }

    engine.kill("orchestrator-2");
    let killed = Instant::now();
    let row = closed(&engine, "orchestrator", pids[1]).await;
    println!("in the log {:?} after the kill: {row:#}", killed.elapsed());
    assert!(killed.elapsed() < SOON, "{:?}", killed.elapsed());
    let outcome = row["outcome"].as_str().unwrap();
    assert!(outcome.starts_with("its partitions are taken over: "), "{row}");
    assert!(outcome.contains(&format!(" by {}-", pids[0])), "{row}");
    let took = row["duration_ms"].as_u64().unwrap();
    assert!((50..5_000).contains(&took), "{row}");
    assert!(row["decided"].as_str().unwrap().ends_with("others take its partitions"), "{row}");
    for run in &runs {
        let ended = engine.client.ended(run, PATIENCE).await;
        assert_eq!(ended["status"], "completed", "{ended}");
    }
    eventually("it is counted", PATIENCE, || async {
        let (_, text) = engine.client.try_get("/metrics").await?;
        text.as_str()?.contains("kintsugi_recoveries_total{kind=\"service_lost\"} 1").then_some(())
    })
    .await;
    assert_eq!(lost(&engine).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stops_in_good_order_is_no_loss_and_what_is_killed_is_one() {
    let Some(mut engine) = Engine::start(Shape::Services, &[]).await else { return };
    for (name, _) in SERVICES {
        restarted_in_good_order(&mut engine, name).await;
    }
    // Whoever would be missed since the restarts is noticed before those that are killed now.
    let mut killed = Vec::new();
    for (name, service) in SERVICES.into_iter().filter(|(name, _)| *name != "orchestrator-2") {
        if service == "failure-detector" || service == "orchestrator" {
            continue;
        }
        killed.push((service, engine.pid(name)));
        engine.kill_and_restart(name);
    }
    engine.ready().await;
    for (service, pid) in &killed {
        let row = closed(&engine, service, *pid).await;
        println!("{service}: {} ms: {}; {}", row["duration_ms"], row["decided"], row["outcome"]);
        assert!(row["outcome"].as_str().unwrap().ends_with("does its work"), "{row}");
    }
    let all = lost(&engine).await.unwrap();
    assert_eq!(all.len(), killed.len(), "{all:#?}");

    // One of two detectors sees that the other one is gone.
    engine.spawn_role("detector-2", Role::Detector);
    heard(&engine, &["detector", "detector-2"]).await;
    let pid = engine.pid("detector");
    engine.kill("detector");
    let row = closed(&engine, "failure-detector", pid).await;
    println!("failure-detector: {} ms: {}", row["duration_ms"], row["outcome"]);
}
