//! Everything is killed in turn under load, and the promises are checked over all that is stored.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::time::{Duration, Instant};

use kintsugi_entities::{Options, Store};
use kintsugi_tests::{Client, Engine, Role, Shape, check_promises, eventually, signal};
use serde_json::json;

/// How long runs may take to end after the last kill: two ack deadlines of the broker and a margin.
const DRAIN: Duration = Duration::from_secs(120);

const STEPS: &str = r#"
document: {dsl: '1.0.3', namespace: test, name: steps, version: '1.0.0'}
do:
  - a: {call: simulate, with: {mode: succeed, duration_ms: 30}}
  - b: {call: simulate, with: {mode: fail_times, times: 1, duration_ms: 10},
      metadata: {kintsugi: {crashes_max: 50, retry: {initial_interval: 100ms, maximum_attempts: 5}}}}
  - pause: {wait: {milliseconds: 100}}
  - both:
      fork:
        branches:
          - c: {call: simulate, with: {mode: succeed, duration_ms: 50}, metadata: {kintsugi: {crashes_max: 50}}}
          - d: {call: simulate, with: {mode: succeed}, metadata: {kintsugi: {crashes_max: 50}}}
  - e: {call: simulate, with: {mode: succeed, output: {done: true}}, metadata: {kintsugi: {crashes_max: 50}}}
"#;

/// Starts `count` runs, under ids of their own so that a start whose answer was lost can be repeated.
async fn load(client: &Client, name: &str, count: usize) -> Vec<String> {
    let mut accepted = Vec::new();
    for number in 0..count {
        let id = format!("{name}-{number}");
        let request = json!({"definition": "test/steps:1.0.0", "id": id, "input": {"n": number}});
        eventually("a start is accepted", Duration::from_secs(60), || async {
            let (status, _) = client.try_post("/v1/runs", &request).await?;
            (status == 201 || status == 200).then_some(())
        })
        .await;
        accepted.push(id);
    }
    accepted
}

async fn drained(engine: &Engine, accepted: &[String], attempts_max: usize) {
    let began = Instant::now();
    let store = Store::connect(&engine.database_url(), &Options::default()).await.unwrap();
    eventually("every run ends", DRAIN, || async {
        let counts = store.counts().await.ok()?;
        let open = counts.runs.iter().filter(|(status, _)| !status.is_terminal());
        (open.map(|(_, count)| count).sum::<u64>() == 0).then_some(())
    })
    .await;
    let checked = check_promises(&store, accepted, attempts_max).await;
    println!("{:?}: drained in {:?}: {checked:?}", engine.shape, began.elapsed());
    assert_eq!(checked.runs.get("completed"), Some(&accepted.len()), "each run completes");
}

#[tokio::test(flavor = "multi_thread")]
async fn seven_processes_lose_nothing() {
    let Some(mut engine) = Engine::start(Shape::Services, &[]).await else { return };
    let client = engine.client.clone();
    client.define(STEPS).await;
    let mut accepted = Vec::new();
    for name in [
        "worker",
        "orchestrator",
        "detector",
        "retry",
        "notifier",
        "monitor",
        "gateway",
        "nats",
        "orchestrator-2",
    ] {
        let load = tokio::spawn({
            let (client, name) = (client.clone(), format!("under-{name}"));
            async move { load(&client, &name, 15).await }
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        engine.kill_and_restart(name);
        accepted.extend(load.await.unwrap());
    }
    // The database itself.
    let during = tokio::spawn({
        let client = client.clone();
        async move { load(&client, "under-postgres", 15).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let postgres = engine.postgres.as_mut().unwrap();
    postgres.kill9();
    postgres.restart();
    accepted.extend(during.await.unwrap());
    // A worker that is frozen for a while, and goes on later with whatever it held.
    let zombie = engine.pid("worker-2");
    signal(zombie, "STOP");
    accepted.extend(load(&client, "under-freeze", 15).await);
    signal(zombie, "CONT");
    // Every stream is deleted under the running engine (promise P8).
    let during = tokio::spawn({
        let client = client.clone();
        async move { load(&client, "under-no-streams", 15).await }
    });
    delete_streams(&engine).await;
    accepted.extend(during.await.unwrap());
    engine.spawn_role("worker-3", Role::Worker);
    drained(&engine, &accepted, 25).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_loses_nothing() {
    let Some(mut engine) = Engine::start(Shape::Dev, &[]).await else { return };
    let client = engine.client.clone();
    client.define(STEPS).await;
    let mut accepted = Vec::new();
    for round in 0..3 {
        accepted.extend(load(&client, &format!("round-{round}"), 20).await);
        let workers = engine.worker_pids().await;
        signal(workers[0], "KILL");
        accepted.extend(load(&client, &format!("after-{round}"), 10).await);
        engine.kill_and_restart("dev");
        engine.ready().await;
    }
    delete_streams(&engine).await;
    accepted.extend(load(&client, "no-streams", 10).await);
    drained(&engine, &accepted, 25).await;
}

async fn delete_streams(engine: &Engine) {
    use kintsugi_nats::{Bus, Options, stream};
    let options = Options { url: engine.nats_url(), ..Options::default() };
    let bus = Bus::connect(&options).await.unwrap();
    for name in [stream::EVENTS, stream::TASKS, stream::LIFE, stream::DEAD, stream::INTAKE] {
        let answer = bus.request(&format!("$JS.API.STREAM.DELETE.{name}"), Vec::new(), DRAIN).await;
        let answer = String::from_utf8(answer.unwrap()).unwrap();
        assert!(answer.contains("\"success\":true"), "{name}: {answer}");
    }
}
