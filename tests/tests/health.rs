//! Who says that it is ready is ready, and who is not says so: the gateway's `/health/ready`, and the
//! sign of life of every service.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::{collections::BTreeMap, time::Duration};

use futures::StreamExt;
use kintsugi_nats::Bus;
use kintsugi_tests::{Client, Engine, Shape, eventually, streams};
use serde_json::json;

const SOON: Duration = Duration::from_secs(90);

const PLAIN: &str = "document: {dsl: '1.0.3', namespace: test, name: plain, version: '1.0.0'}\n\
    do: [{work: {call: simulate, with: {mode: succeed}}}]";

/// The services that cannot work without the database.
const ON_THE_STORE: [&str; 6] = [
    "api-gateway",
    "orchestrator",
    "failure-detector",
    "retry-engine",
    "notification",
    "monitoring",
];

/// Waits until `/health/ready` says what is expected: its status, and the checks that fail.
async fn says(client: &Client, when: &str, status: u16, failing: &[&str]) {
    eventually(&format!("{when}: {status}, failing {failing:?}"), SOON, || async {
        let (found, health) = client.try_get("/health/ready").await?;
        let checks = health["checks"].as_array()?;
        let bad = checks.iter().filter(|check| check["ok"] == false);
        let bad: Vec<&str> = bad.filter_map(|check| check["name"].as_str()).collect();
        (found == status && bad == failing).then_some(())
    })
    .await;
    let (live, _) = client.get("/health/live").await;
    assert_eq!(live, 200, "{when}: the process lives all the same");
}

/// Waits until the newest sign of life of every instance of these services is as expected.
async fn beats(bus: &Bus, when: &str, services: &[&str], ready: bool) {
    let mut beats = Box::pin(bus.service_beats().await.unwrap());
    let mut newest = BTreeMap::new();
    let all = async {
        while let Some(beat) = beats.next().await {
            newest.insert((beat.service, beat.instance), beat.ready);
            let of = |name: &&&str| {
                let mut own =
                    newest.iter().filter(|((service, _), _)| service == **name).peekable();
                own.peek().is_some() && own.all(|(_, said)| *said == ready)
            };
            if services.iter().filter(of).count() == services.len() {
                return;
            }
        }
    };
    let in_time = tokio::time::timeout(SOON, all).await.is_ok();
    assert!(in_time, "{when}: {services:?} say {ready}; newest: {newest:?}");
}

async fn works(engine: &Engine, when: &str) {
    let id = engine.client.start("test/plain:1.0.0", json!(null)).await;
    let ended = engine.client.ended(&id, SOON).await;
    assert_eq!(ended["status"], "completed", "{when}: {ended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_tells_the_truth() {
    let Some(mut engine) = Engine::start(Shape::Services, &[]).await else { return };
    let client = engine.client.clone();
    let bus = streams::bus(&engine.nats_url()).await;
    client.define(PLAIN).await;
    beats(&bus, "at rest", &ON_THE_STORE, true).await;
    beats(&bus, "at rest", &["task-worker"], true).await;
    works(&engine, "at rest").await;

    // The database: everyone but the worker needs it, and says so although nobody asked anything.
    tokio::task::block_in_place(|| engine.postgres.as_mut().unwrap().kill9());
    says(&client, "no database", 503, &["store", "orchestrator"]).await;
    beats(&bus, "no database", &ON_THE_STORE, false).await;
    beats(&bus, "no database", &["task-worker"], true).await;
    let health = health(&bus, "retry-engine").await;
    assert_eq!(health, "unavailable");
    tokio::task::block_in_place(|| engine.postgres.as_mut().unwrap().restart());
    beats(&bus, "database back", &ON_THE_STORE, true).await;
    says(&client, "database back", 200, &[]).await;
    works(&engine, "database back").await;

    // The broker: whoever is not heard of is not ready.
    engine.kill("nats");
    says(&client, "no broker", 503, &["bus", "orchestrator"]).await;
    engine.start_again("nats");
    says(&client, "broker back", 200, &[]).await;
    let bus = streams::bus(&engine.nats_url()).await;
    beats(&bus, "broker back", &ON_THE_STORE, true).await;
    works(&engine, "broker back").await;

    // Orchestrators that run, and cannot take partitions: their table is away.
    let postgres = engine.postgres.as_ref().unwrap();
    drop(postgres.psql_in("postgres", "ALTER TABLE partitions RENAME TO elsewhere"));
    let id = client.start("test/plain:1.0.0", json!(null)).await;
    says(&client, "no partitions", 503, &["orchestrator"]).await;
    beats(&bus, "no partitions", &["orchestrator"], false).await;
    drop(postgres.psql_in("postgres", "ALTER TABLE elsewhere RENAME TO partitions"));
    says(&client, "partitions back", 200, &[]).await;
    assert_eq!(client.ended(&id, SOON).await["status"], "completed");

    // No orchestrator at all.
    engine.kill("orchestrator");
    engine.kill("orchestrator-2");
    says(&client, "no orchestrator", 503, &["orchestrator"]).await;
    engine.start_again("orchestrator");
    says(&client, "an orchestrator is back", 200, &[]).await;
    works(&engine, "an orchestrator is back").await;
    assert!(engine.ended().is_empty(), "nobody ended over any of it");
}

/// What a service's endpoint of the NATS services API says.
async fn health(bus: &Bus, service: &str) -> String {
    let subject = format!("kintsugi.api.health.kintsugi-{service}");
    let answer = bus.request(&subject, Vec::new(), Duration::from_secs(5)).await.unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    answer["status"].as_str().unwrap().to_owned()
}
