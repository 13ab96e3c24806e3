//! `concurrency` and `priority`, end to end, in both shapes: never more at a time than the bound says,
//! the highest priority first, and no permit lost or kept, whatever is killed.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::time::Duration;

use kintsugi_entities::{Options, Store};
use kintsugi_tests::{Engine, Shape, check_promises, eventually};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);

const DEFINITIONS: [&str; 2] = [
    "document: {dsl: '1.0.3', namespace: test, name: bounded, version: '1.0.0'}\n\
     do: [{work: {call: simulate, with: {mode: succeed, duration_ms: 150}, \
     metadata: {kintsugi: {concurrency: {limit: 3, key: '${ .who }'}}}}}]",
    "document: {dsl: '1.0.3', namespace: test, name: urgent, version: '1.0.0'}\n\
     do: [{work: {call: simulate, with: {mode: succeed, duration_ms: 150}, \
     metadata: {kintsugi: {priority: 9, concurrency: {limit: 3, key: '${ .who }'}}}}}]",
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

async fn suite(shape: Shape) {
    let Some(mut engine) = Engine::start(shape, &[]).await else { return };
    for definition in DEFINITIONS {
        engine.client.define(definition).await;
    }
    let mut accepted = Vec::new();
    // Ten of each of two keys; then, while most wait, an urgent one.
    for n in 0..20 {
        let input = json!({ "who": if n % 2 == 0 { "ada" } else { "bob" } });
        accepted.push(engine.client.start("test/bounded:1.0.0", input).await);
    }
    let urgent = engine.client.start("test/urgent:1.0.0", json!({"who": "ada"})).await;
    let mut spans = [Vec::new(), Vec::new()];
    for (n, run) in accepted.iter().enumerate() {
        assert_eq!(engine.client.ended(run, SOON).await["status"], "completed");
        spans[n % 2].push(span(&engine, run).await);
    }
    assert_eq!(engine.client.ended(&urgent, SOON).await["status"], "completed");
    let (began, ended) = span(&engine, &urgent).await;
    let later = spans[0].iter().filter(|(other, _)| *other > began).count();
    assert!(later >= 1, "the urgent one was not before anyone: {began} {spans:?}");
    spans[0].push((began, ended));
    for spans in &spans {
        let most = most(spans);
        assert!((1..=3).contains(&most), "{most} at a time: {spans:?}");
    }
    accepted.push(urgent);

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
