//! `concurrency` and `priority`, end to end, in both shapes: never more at a time than the bound says,
//! the highest priority first, and no permit lost or kept, whatever is killed.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::time::Duration;

use kintsugi_entities::{Options, Store};
use kintsugi_tests::{Engine, Shape, check_promises, eventually};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);

const DEFINITIONS: [&str; 3] = [
    "document: {dsl: '1.0.3', namespace: test, name: bounded, version: '1.0.0'}\n\
     do: [{work: {call: simulate, with: {mode: succeed, duration_ms: 150}, \
     metadata: {kintsugi: {concurrency: {limit: 3, key: '${ .who }'}}}}}]",
    "document: {dsl: '1.0.3', namespace: test, name: urgent, version: '1.0.0'}\n\
     do: [{work: {call: simulate, with: {mode: succeed, duration_ms: 150}, \
     metadata: {kintsugi: {priority: 9, concurrency: {limit: 3, key: '${ .who }'}}}}}]",
    "document: {dsl: '1.0.3', namespace: test, name: held, version: '1.0.0'}\n\
     do: [{work: {call: simulate, with: {mode: hang}, \
     metadata: {kintsugi: {concurrency: {limit: 3, key: '${ .who }'}}}}}]",
];

/// When the only attempt of a run's task began and ended, as the engine saw it: not too narrow, since
/// a permit is granted before it begins and given back after it ended.
async fn span(engine: &Engine, run: &str) -> (String, String) {
    let (_, page) = engine.client.get(&format!("/v1/runs/{run}/tasks")).await;
    let attempts = page["items"][0]["attempts"].as_array().unwrap();
    let first = &attempts[0];
    let began =
        first["started_at"].as_str().unwrap_or_else(|| first["scheduled_at"].as_str().unwrap());
    let ended = page["items"][0]["ended_at"].as_str().unwrap();
    (began.to_owned(), ended.to_owned())
}

/// The most that were at it at the same time.
fn most(spans: &[(String, String)]) -> usize {
    let at = |moment: &str| {
        spans
            .iter()
            .filter(|(began, ended)| began.as_str() <= moment && moment < ended.as_str())
            .count()
    };
    spans.iter().map(|(began, _)| at(began)).max().unwrap_or(0)
}

/// Waits until a run's only task stands so.
async fn task_is(engine: &Engine, run: &str, status: &str) {
    let wanted = |run: &Value| run["tasks"][0]["status"] == status;
    engine.client.until(run, status, SOON, wanted).await;
}

/// The highest priority goes first, then whoever waits longest. How slow the machine is does not matter: no
/// permit is free until all wait, and then one at a time.
async fn in_order(engine: &Engine) -> Vec<String> {
    let start = async |name: &str, status: &str| {
        let run = engine.client.start(&format!("test/{name}:1.0.0"), json!({"who": "zoe"})).await;
        task_is(engine, &run, status).await;
        run
    };
    let end = async |run: &str| {
        let path = format!("/v1/runs/{run}/tasks/%2Fdo%2F0%2Fwork/complete");
        let (status, answer) = engine.client.post(&path, &json!({"output": 1})).await;
        assert_eq!(status, 202, "{answer}");
        assert_eq!(engine.client.ended(run, SOON).await["status"], "completed");
    };
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(start("held", "running").await);
    }
    let mut wanted = Vec::new();
    for _ in 0..4 {
        wanted.push(start("bounded", "queued").await);
    }
    wanted.insert(0, start("urgent", "queued").await);
    end(&held[0]).await;
    let mut spans = Vec::new();
    for run in &wanted {
        assert_eq!(engine.client.ended(run, SOON).await["status"], "completed");
        spans.push(span(engine, run).await);
    }
    assert!(spans.is_sorted(), "not in the order {wanted:?}: {spans:?}");
    assert_eq!(most(&spans), 1, "one permit was free: {spans:?}");
    end(&held[1]).await;
    end(&held[2]).await;
    held.into_iter().chain(wanted).collect()
}

async fn suite(shape: Shape) {
    let Some(mut engine) = Engine::start(shape, &[]).await else { return };
    for definition in DEFINITIONS {
        engine.client.define(definition).await;
    }
    let mut accepted = Vec::new();
    // Ten of each of two keys.
    for n in 0..20 {
        let input = json!({ "who": if n % 2 == 0 { "ada" } else { "bob" } });
        accepted.push(engine.client.start("test/bounded:1.0.0", input).await);
    }
    let mut spans = [Vec::new(), Vec::new()];
    for (n, run) in accepted.iter().enumerate() {
        assert_eq!(engine.client.ended(run, SOON).await["status"], "completed");
        spans[n % 2].push(span(&engine, run).await);
    }
    for spans in &spans {
        let most = most(spans);
        assert!((1..=3).contains(&most), "{most} at a time: {spans:?}");
    }
    accepted.extend(in_order(&engine).await);

    // Whoever grants is killed while others wait, and everyone else with it.
    let mut waiting = Vec::new();
    for _ in 0..12 {
        waiting.push(engine.client.start("test/bounded:1.0.0", json!({"who": "eve"})).await);
    }
    let victims: &[&str] = match shape {
        Shape::Dev => &["dev"],
        Shape::Services => &["orchestrator", "orchestrator-2"],
    };
    for victim in victims {
        engine.kill_and_restart(victim);
        engine.ready().await;
    }
    for run in &waiting {
        assert_eq!(engine.client.ended(run, SOON).await["status"], "completed");
    }
    // One that is cancelled while it waits keeps nobody's place.
    let mut held = Vec::new();
    for _ in 0..6 {
        held.push(engine.client.start("test/bounded:1.0.0", json!({"who": "max"})).await);
    }
    for run in &held[3..] {
        engine.client.post(&format!("/v1/runs/{run}/cancel"), &json!({})).await;
    }
    let last = engine.client.start("test/bounded:1.0.0", json!({"who": "max"})).await;
    for run in held.iter().chain([&last]) {
        engine.client.ended(run, SOON).await;
    }
    accepted.extend(waiting.into_iter().chain(held).chain([last]));
    check_promises(&engine, &accepted).await;
    let url = engine.database_url();
    let store = Store::connect(&url, &Options::default()).await.unwrap();
    eventually("no permit is left", SOON, || async {
        let round = store.permits_round(i64::MAX, 0).await.ok()?;
        (!round.any).then_some(Value::Null)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_at_a_time_in_one_process() {
    suite(Shape::Dev).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_at_a_time_in_seven_processes() {
    suite(Shape::Services).await;
}
