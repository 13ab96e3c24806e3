//! The ledger of the promises on a running engine: what is broken by hand is seen by its number,
//! mended within 5 s where it can be, counted, written to the recovery log and told.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::time::{Duration, Instant};

use kintsugi_entities::{Options, Store};
use kintsugi_nats::{Bus, stream};
use kintsugi_tests::{Answer, Engine, Peer, Shape, eventually, streams};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

/// Work, a wait, and a task that is exhausted.
const DEFINITIONS: [&str; 3] = [
    "document: {dsl: '1.0.3', namespace: test, name: plain, version: '1.0.0'}\n\
     do: [{work: {call: simulate, with: {mode: succeed}}}]",
    "document: {dsl: '1.0.3', namespace: test, name: waits, version: '1.0.0'}\n\
     do: [{pause: {wait: {hours: 1}}}]",
    "document: {dsl: '1.0.3', namespace: test, name: dies, version: '1.0.0'}\n\
     do: [{work: {call: simulate, with: {mode: fail}, metadata: {kintsugi: \
     {retry: {maximum_attempts: 1}, when_exhausted: park}}}}]",
];

struct Trial {
    engine: Engine,
    store: Store,
    bus: Bus,
    hooks: Peer,
    _config: tempfile::NamedTempFile,
}

impl Trial {
    async fn begin(shape: Shape) -> Option<Self> {
        let hooks = Peer::start(|_| Answer::status(204)).await;
        let config = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
        let text = format!(
            "[monitoring]\nledger_rest = \"2s\"\n[[notification.webhooks]]\nurl = \"{}\"\n\
             secret = \"a secret of the test\"\nevents = [\"promise.breached\"]\n",
            hooks.url("/hook")
        );
        std::fs::write(config.path(), text).unwrap();
        let path = config.path().display().to_string();
        let engine = Engine::start(shape, &["--config", &path]).await?;
        let bus = streams::bus(&engine.nats_url()).await;
        let store = Store::connect(&engine.database_url(), &Options::default()).await.unwrap();
        for definition in DEFINITIONS {
            engine.client.define(definition).await;
        }
        let trial = Self { engine, store, bus, hooks, _config: config };
        trial
            .until("every promise was looked at", |promises| {
                promises["keeps"] == true && promises["items"][7]["checked"].as_u64() > Some(0)
            })
            .await;
        Some(trial)
    }

    async fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(what, PATIENCE, || async {
            let (status, found) = self.engine.client.try_get("/v1/promises").await?;
            (status == 200 && wanted(&found)).then_some(found)
        })
        .await
    }

    /// What is said of a promise.
    async fn of(&self, promise: usize) -> Value {
        self.until("the ledger answers", |found| found["keeps"] == true).await["items"][promise - 1]
            .clone()
    }

    async fn doctor(&self, sql: &str) {
        let touched = self.store.doctor(sql).await.unwrap();
        assert!(touched > 0, "{sql}");
    }

    /// Waits until what was broken is a breach of this promise and of no other one; mended, if it can be.
    async fn is_seen(&self, what: &str, promise: usize, before: &Value, is_mended: bool) {
        let began = Instant::now();
        let at = promise - 1;
        let count = |of: &Value, name: &str| of[name].as_u64().unwrap();
        let (breaches, mended) = (count(before, "breaches"), count(before, "mended"));
        self.until(&format!("{what} breaks P{promise}"), |found| {
            count(&found["items"][at], "breaches") > breaches
        })
        .await;
        let seen = began.elapsed();
        if is_mended {
            let found = self
                .until(&format!("{what} is mended"), |found| {
                    count(&found["items"][at], "mended") > mended
                        && found["items"][at]["standing"] == 0
                })
                .await;
            let took = began.elapsed();
            let slowest = count(&found["items"][at], "slowest_mend_ms");
            println!(
                "P{promise}, {what}: counted after {seen:?}, mended after {took:?} (slowest: {slowest} ms)"
            );
        } else {
            println!("P{promise}, {what}: counted after {seen:?}, stands");
            assert!(self.of(promise).await["standing"].as_u64() > Some(0));
        }
        let prefix = format!("promise:{promise}:");
        let client = &self.engine.client;
        eventually("the recovery log says so", PATIENCE, || async {
            let path = "/v1/recoveries?kind=promise_breached&limit=200";
            let (_, found) = client.try_get(path).await?;
            let rows = found["items"].as_array()?;
            let outcome = if is_mended { "mended" } else { "standing" };
            let fits = |row: &&Value| {
                row["id"].as_str().is_some_and(|id| id.starts_with(&prefix))
                    && row["outcome"] == outcome
            };
            rows.iter().find(fits).map(|_| ())
        })
        .await;
        let (_, metrics) = client.get("/metrics").await;
        let metrics = metrics.as_str().unwrap_or_default().to_owned();
        let line = format!("kintsugi_breaches_total{{promise=\"P{promise}\"}} ");
        let told = metrics.lines().find_map(|found| found.strip_prefix(&line)?.parse::<u64>().ok());
        assert!(told > Some(breaches), "{line}: {told:?}");
        let promise = format!("\"P{promise}\"");
        eventually("somebody is told", PATIENCE, || async {
            let seen = self.hooks.seen();
            let told = seen.iter().any(|request| {
                let body = &request.body;
                body.contains("promise.breached") && body.contains(&promise)
            });
            told.then_some(())
        })
        .await;
    }
}

async fn suite(shape: Shape) {
    let Some(trial) = Trial::begin(shape).await else { return };
    let client = trial.engine.client.clone();
    let plain = client.start("test/plain:1.0.0", json!(null)).await;
    client.ended(&plain, PATIENCE).await;
    let waits = client.start("test/waits:1.0.0", json!(null)).await;
    client.until(&waits, "it waits", PATIENCE, |run| run["status"] == "waiting").await;
    let dies = client.start("test/dies:1.0.0", json!(null)).await;
    let letter = eventually("the letter is published", PATIENCE, || async {
        let letters = trial.store.ledger_letters(10).await.ok()?;
        letters.into_iter().find(|it| it.run.as_str() == dies && it.published_at.is_some())
    })
    .await
    .id;
    eventually("the ledger has read the runs", PATIENCE, || async {
        (trial.of(7).await["checked"].as_u64() >= Some(2)).then_some(())
    })
    .await;
    let clean = trial.until("all is well", |found| found["keeps"] == true).await;
    let broken = clean["items"].as_array().unwrap().iter().any(|one| one["breaches"] != 0);
    assert!(!broken, "{clean}");

    let before = trial.of(2).await;
    trial.doctor(&format!("UPDATE runs SET wake_at = NULL WHERE id = '{waits}'")).await;
    trial.is_seen("a run without a deadline", 2, &before, true).await;

    let before = trial.of(6).await;
    let held = trial.bus.dead_ids(1, 10).await.unwrap();
    let seq = held.iter().find(|(_, id)| *id == letter).unwrap().0;
    let body = json!({ "seq": seq }).to_string().into_bytes();
    let subject = format!("$JS.API.STREAM.MSG.DELETE.{}", stream::DEAD);
    let answer = trial.bus.request(&subject, body, PATIENCE).await.unwrap();
    assert!(String::from_utf8_lossy(&answer).contains("\"success\":true"));
    trial.is_seen("a letter gone from the stream", 6, &before, true).await;
    let held = trial.bus.dead_ids(1, 10).await.unwrap();
    assert_eq!(held.iter().filter(|(_, id)| *id == letter).count(), 1, "published once: {held:?}");

    let before = trial.of(8).await;
    streams::delete(&trial.bus, stream::REJECTED).await;
    trial.is_seen("a stream gone", 8, &before, true).await;

    let before = trial.of(9).await;
    trial.doctor("UPDATE partitions SET owner_epoch = owner_epoch - 1 WHERE id = 3").await;
    trial.is_seen("an epoch that fell", 9, &before, false).await;

    // A run that is over is told of once more, as if it had just ended.
    let before = trial.of(7).await;
    let ended = i64::MAX / 4;
    trial.doctor(&format!("DELETE FROM history WHERE run_id = '{plain}' AND seq = 2")).await;
    trial.doctor(&format!("UPDATE runs SET ended_at = {ended} WHERE id = '{plain}'")).await;
    trial.is_seen("a gap in a history", 7, &before, false).await;
    println!("{shape:?}: {}", trial.of(7).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_broken_in_services_is_seen_and_mended() {
    suite(Shape::Services).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_broken_in_one_process_is_seen_and_mended() {
    suite(Shape::Dev).await;
}
