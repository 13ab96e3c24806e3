//! Services that are up and do not move: cut off from the database, waiting for a lock in it, or frozen.
//! What they had goes to others, and that they stood still is in the recovery log.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::StreamExt;
use kintsugi_core::{RunId, partition_of};
use kintsugi_entities::{Options, Store};
use kintsugi_nats::ServiceBeat;
use kintsugi_tests::{Cable, Engine, Role, Shape, eventually, signal, streams};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(90);

/// What the recovery log says of a stall that is over.
const AGAIN: &str = "moves again, or is gone";

/// The default of `engine.partitions`.
const PARTITIONS: u16 = 16;

const PLAIN: &str = "document: {dsl: '1.0.3', namespace: test, name: plain, version: '1.0.0'}\n\
    do: [{work: {call: simulate, with: {mode: succeed}}}]";

/// Partitions that the process owns.
async fn owned(store: &Store, pid: u32) -> Vec<u16> {
    let prefix = format!("{pid}-");
    let all = store.partitions_all().await.unwrap_or_default();
    all.into_iter().filter(|row| row.owner.starts_with(&prefix)).map(|row| row.id).collect()
}

/// Starts a run in one of these partitions, and waits until it completed.
async fn completes(engine: &Engine, prefix: &str, partitions: &[u16]) {
    let fits =
        |id: &String| partitions.contains(&partition_of(&RunId::parse(id).unwrap(), PARTITIONS));
    let id = (0..).map(|number| format!("{prefix}-{number}")).find(fits).unwrap();
    let request = json!({ "definition": "test/plain:1.0.0", "id": id, "input": {} });
    let (status, body) = engine.client.post("/v1/runs", &request).await;
    assert_eq!(status, 201, "{body}");
    let ended = engine.client.ended(&id, PATIENCE).await;
    assert_eq!(ended["status"], "completed", "{ended}");
}

/// Waits for a sign of life that is as wanted.
async fn until_beat(engine: &Engine, is_wanted: impl Fn(&ServiceBeat) -> bool) {
    let bus = streams::bus(&engine.nats_url()).await;
    let mut beats = Box::pin(bus.service_beats().await.unwrap());
    let heard = async {
        while let Some(beat) = beats.next().await {
            if is_wanted(&beat) {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, heard).await.unwrap();
}

/// Waits until the recovery log has a stall whose text has `who` in it, with this outcome.
async fn recorded(engine: &Engine, who: &str, outcome: &str) {
    eventually(&format!("a stall of {who}: {outcome}"), PATIENCE, || async {
        let path = "/v1/recoveries?kind=service_stalled&limit=100";
        let (_, found) = engine.client.try_get(path).await?;
        let rows = found["items"].as_array()?;
        let of = |row: &&serde_json::Value| {
            row["decided"].as_str().is_some_and(|text| text.contains(who))
                && row["outcome"] == outcome
        };
        rows.iter().find(of).map(drop)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orchestrator_that_is_cut_off_from_the_database_is_replaced() {
    let Some(mut engine) = Engine::start(Shape::Services, &[]).await else { return };
    let store = Store::connect(&engine.database_url(), &Options::default()).await.unwrap();
    engine.client.define(PLAIN).await;
    let url = engine.database_url();
    let (_, rest) = url.rsplit_once(':').unwrap();
    let (port, name) = rest.split_once('/').unwrap();
    let cable = Cable::start(&format!("127.0.0.1:{port}")).await.unwrap();
    let behind = format!("postgres://postgres@127.0.0.1:{}/{name}", cable.port());
    engine.spawn_role_at("cut-off", Role::Orchestrator, (engine.nats_url(), behind));
    let pid = engine.pid("cut-off");
    let has = eventually("it owns partitions", PATIENCE, || async {
        let owned = owned(&store, pid).await;
        (!owned.is_empty()).then_some(owned)
    })
    .await;
    // A connection that rested is asked first whether it is there, and given up after two seconds; only in one
    // that was just used does a batch stand still.
    for number in 0..3 {
        completes(&engine, &format!("warm-{number}"), &has).await;
    }

    cable.cut();
    let cut = Instant::now();
    completes(&engine, "cut", &has).await;
    println!(
        "cut off from the database: a run of its partitions went on after {:?}",
        cut.elapsed()
    );
    eventually("others have all that it had", PATIENCE, || async {
        owned(&store, pid).await.is_empty().then_some(())
    })
    .await;
    println!("others had all of its partitions after {:?}", cut.elapsed());
    recorded(&engine, "its part does not move", "noted").await;
    println!("recorded after {:?}", cut.elapsed());

    cable.mend();
    let mended = Instant::now();
    recorded(&engine, "its part does not move", AGAIN).await;
    println!("it moves again {:?} after the cable is whole", mended.elapsed());
    // It learns that it owns them no more from the first input that comes in one of them.
    completes(&engine, "mended", &has).await;
    eventually("it owns partitions again", PATIENCE, || async {
        (!owned(&store, pid).await.is_empty()).then_some(())
    })
    .await;
    println!("it has them again {:?} after the cable is whole", mended.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_lock_in_the_database_is_not_ready_and_goes_on_when_it_is_gone() {
    /// Longer than a batch and then a claim wait for a lock: 5 s each.
    const LOCKED_S: u32 = 14;
    let Some(mut engine) = Engine::start(Shape::Services, &[]).await else { return };
    engine.client.define(PLAIN).await;
    let before = engine.client.start("test/plain:1.0.0", json!({})).await;
    engine.client.ended(&before, PATIENCE).await;

    let postgres = Arc::new(engine.postgres.take().unwrap());
    let locks = Arc::clone(&postgres);
    let sql = format!(
        "BEGIN; LOCK TABLE partitions IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep({LOCKED_S}); COMMIT"
    );
    let lock = tokio::task::spawn_blocking(move || locks.psql_in("postgres", &sql));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let began = Instant::now();
    let id = engine.client.start("test/plain:1.0.0", json!({})).await;
    until_beat(&engine, |beat| beat.service == "orchestrator" && !beat.ready).await;
    println!("behind a lock: not ready after {:?}", began.elapsed());
    lock.await.unwrap();
    let ended = engine.client.ended(&id, PATIENCE).await;
    assert_eq!(ended["status"], "completed", "{ended}");
    println!("the run completed {:?} after the lock began", began.elapsed());
    engine.ready().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_frozen_is_recorded() {
    let Some(engine) = Engine::start(Shape::Services, &[]).await else { return };
    // Of whom nobody heard anything, nobody can say that it is silent.
    for service in ["retry-engine", "orchestrator", "retry-engine"] {
        until_beat(&engine, |beat| beat.service == service).await;
    }
    for (process, service) in [("retry", "retry-engine"), ("orchestrator", "orchestrator")] {
        let pid = engine.pid(process);
        let began = Instant::now();
        signal(pid, "STOP");
        let what = format!("{service} {pid}-");
        recorded(&engine, &what, "noted").await;
        println!("{service} frozen: recorded after {:?}", began.elapsed());
        signal(pid, "CONT");
        recorded(&engine, &what, AGAIN).await;
    }
}
