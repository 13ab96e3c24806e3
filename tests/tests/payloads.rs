//! Payloads by reference, in the whole engine: large outputs come out as they went in whatever is killed, and what
//! many tasks share is stored and fetched once.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use kintsugi_entities::{Options, Store};
use kintsugi_tests::{Engine, Shape, check_promises, eventually, streams};
use kintsugi_worker::{Context, Failure, PayloadId, Reference, Settings, Stop, Worker};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

const SOON: Duration = Duration::from_secs(300);

/// Bytes of the large output.
const LARGE: usize = 50 << 20;

const WEIGHED: &str = "
document: {dsl: '1.0.3', namespace: test, name: weighed, version: '1.0.0'}
do:
  - make: {call: make, with: {bytes: '${ .bytes }'}, metadata: {kintsugi: {queue: large}}}
  - weigh: {call: weigh, with: {of: '${ . }'}, metadata: {kintsugi: {queue: large}}}
";

const SHARED: &str = "
document: {dsl: '1.0.3', namespace: test, name: shared, version: '1.0.0'}
do:
  - all:
      call: map
      with: {in: '[range(1000)]', do: weigh, with: {of: '${ .of }', n: '${ $index }'}, maxConcurrency: 1000}
      metadata: {kintsugi: {queue: shared}}
";

const LIED: &str = "
document: {dsl: '1.0.3', namespace: test, name: lied, version: '1.0.0'}
do:
  - lie: {call: lie, metadata: {kintsugi: {queue: shared}}}
  - weigh: {call: weigh, with: {of: '${ . }'}, metadata: {kintsugi: {queue: shared}}}
";

/// A worker of this process, until it is stopped.
struct Hired {
    stop: Stop,
    work: JoinHandle<Result<(), kintsugi_worker::Error>>,
}

impl Hired {
    async fn new(engine: &Engine, queue: &str, weighed: &Arc<AtomicU64>) -> Self {
        let weighed = Arc::clone(weighed);
        let settings = Settings {
            queue: queue.to_owned(),
            concurrency: 64,
            signals: false,
            ..Settings::default()
        };
        let worker = Worker::connect(&engine.nats_url()).await.unwrap().settings(settings);
        let worker = worker
            .task("make", |_, input: Value| async move {
                let bytes = usize::try_from(input["bytes"].as_u64().unwrap_or(0))?;
                Ok(made(bytes))
            })
            .task("lie", |_, _: Value| async move {
                let id = PayloadId::of(b"never put");
                Ok(Reference { id, bytes: 9, media_type: "text/plain".to_owned() })
            })
            .task("weigh", move |context: Context, input: Value| {
                let weighed = Arc::clone(&weighed);
                async move {
                    let of: Reference = serde_json::from_value(input["of"].clone())
                        .map_err(|error| Failure::fatal(format!("{error}: {input}")))?;
                    let content = context.payload(&of).await?;
                    weighed.fetch_add(1, Ordering::SeqCst);
                    Ok(json!({ "of": of, "bytes": content.len(), "n": input["n"] }))
                }
            });
        let stop = Stop::new();
        let work = tokio::spawn(worker.run_until(stop.clone()));
        Self { stop, work }
    }

    async fn leave(self) {
        self.stop.cancel();
        self.work.await.unwrap().unwrap();
    }
}

/// A text whose JSON has that many bytes.
fn made(bytes: usize) -> String {
    "kintsugi".chars().cycle().take(bytes - 2).collect()
}

/// How many requests about payloads a gateway was asked on the bus, since it was started.
async fn asked(engine: &Engine) -> u64 {
    let bus = streams::bus(&engine.nats_url()).await;
    let subject = "$SRV.STATS.kintsugi-api-gateway";
    let stats = bus.request(subject, Vec::new(), Duration::from_secs(10)).await.unwrap();
    let stats: Value = serde_json::from_slice(&stats).unwrap();
    let endpoints = stats["endpoints"].as_array().unwrap().iter();
    endpoints
        .filter(|it| it["name"] == "payload")
        .map(|it| it["num_requests"].as_u64().unwrap())
        .sum()
}

async fn put(engine: &Engine, content: Vec<u8>) -> Value {
    let sent = engine.client.try_send("/v1/payloads", "text/plain", content).await;
    let (status, reference) = sent.expect("nobody answers");
    assert_eq!(status, 201, "{reference}");
    reference
}

async fn large(shape: Shape) {
    let Some(mut engine) = Engine::start(shape, &[]).await else { return };
    engine.client.define(WEIGHED).await;
    let hired = Hired::new(&engine, "large", &Arc::default()).await;
    let store = Store::connect(&engine.database_url(), &Options::default()).await.unwrap();
    let run = engine.client.start("test/weighed:1.0.0", json!({ "bytes": LARGE })).await;
    // In the middle of the upload, whoever takes it is killed.
    eventually("the output is on its way", SOON, || async {
        let chunks = store.doctor("UPDATE payload_chunks SET n = n WHERE n >= 10").await.ok()?;
        (chunks > 0).then_some(())
    })
    .await;
    let sent = store.doctor("UPDATE payload_chunks SET n = n").await.unwrap();
    let whom = if shape == Shape::Dev { "dev" } else { "gateway" };
    store.close().await.unwrap();
    engine.kill_and_restart(whom);
    engine.ready().await;
    println!("{shape:?}: {whom} was killed with {sent} of 100 chunks in the database");
    assert!((10..100).contains(&sent), "{sent}");

    let ended = engine.client.ended(&run, SOON).await;
    assert_eq!(ended["status"], "completed", "{ended}");
    assert_eq!(ended["output"]["bytes"], LARGE, "{ended}");
    let inner = &ended["output"]["of"]["$payload"];
    assert_eq!(
        (&inner["bytes"], &inner["media_type"]),
        (&json!(LARGE), &json!("application/json"))
    );
    let path = format!("/v1/payloads/{}", inner["sha256"].as_str().unwrap());
    let got = reqwest::get(engine.client.url(&path)).await.unwrap().bytes().await.unwrap();
    let wanted = serde_json::to_vec(&made(LARGE)).unwrap();
    assert!(got == wanted, "{} bytes came out", got.len());
    hired.leave().await;
    check_promises(&engine, &[run]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_megabytes_come_out_as_they_went_in_of_one_process() {
    large(Shape::Dev).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_megabytes_come_out_as_they_went_in_of_seven_processes() {
    large(Shape::Services).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_tasks_share_one_megabyte_and_the_sweep_takes_the_rest() {
    let Some(mut engine) = Engine::start(Shape::Services, &[]).await else { return };
    engine.client.define(SHARED).await;
    let content = made(1 << 20).into_bytes();
    let reference = put(&engine, content.clone()).await;
    let loose = put(&engine, b"nobody's".to_vec()).await;
    assert_eq!(put(&engine, content.clone()).await, reference, "again");
    let before = sizes(&engine);
    let run = engine.client.start("test/shared:1.0.0", json!({ "of": reference })).await;

    // All tasks lie in the stream, and nobody is there to execute them.
    let bus = streams::bus(&engine.nats_url()).await;
    let bytes = eventually("all tasks are given out", SOON, || async {
        let tasks = streams::try_messages(&bus, "KINTSUGI_TASKS").await?;
        let bytes: usize = tasks.iter().map(|task| task.payload.len()).sum();
        let text = tasks.iter().map(|task| String::from_utf8_lossy(&task.payload).into_owned());
        (text.collect::<String>().matches("\"of\"").count() >= 1_000).then_some(bytes)
    })
    .await;
    println!("a thousand tasks with a reference to 1 MiB take {bytes} bytes of the stream");
    assert!(bytes < 2 << 20, "{bytes}");
    // Nothing of it is lost with the streams.
    for stream in ["KINTSUGI_TASKS", "KINTSUGI_EVENTS"] {
        streams::delete(&bus, stream).await;
    }
    let asked_before = asked(&engine).await;
    let weighed = Arc::new(AtomicU64::new(0));
    let hired = [
        Hired::new(&engine, "shared", &weighed).await,
        Hired::new(&engine, "shared", &weighed).await,
    ];
    let ended = engine.client.ended(&run, SOON).await;
    assert_eq!(ended["status"], "completed", "{ended}");
    let all = ended["output"].as_array().unwrap();
    assert_eq!(all.len(), 1_000);
    assert!(all.iter().all(|one| one["bytes"] == content.len()), "{ended}");
    let fetches = asked(&engine).await - asked_before;
    println!(
        "{} executions on two workers, {fetches} chunks fetched",
        weighed.load(Ordering::SeqCst)
    );
    assert_eq!(fetches, 2 * 2, "each worker fetches both chunks once");
    let after = sizes(&engine);
    println!("stored: {before:?}, then {after:?}");
    assert_eq!((after.payloads, after.content), (2, content.len() as u64 + 8));
    assert!(after.runs - before.runs < 4 << 20, "{after:?}");
    // A result that refers to nothing is one; whoever reads it fails by name.
    engine.client.define(LIED).await;
    let lied = engine.client.start("test/lied:1.0.0", json!({})).await;
    let named = format!("there is no payload {}", PayloadId::of(b"never put"));
    let said = |run: &Value| run.to_string().contains(&named);
    engine.client.until(&lied, "the reader says what is missing", SOON, said).await;
    for one in hired {
        one.leave().await;
    }

    // A day later nobody has asked for either.
    let postgres = engine.postgres.as_ref().unwrap();
    drop(postgres.psql_in("postgres", "UPDATE payloads SET used_at = 0"));
    engine.kill_and_restart("retry");
    let path = |of: &Value| format!("/v1/payloads/{}", of["$payload"]["sha256"].as_str().unwrap());
    eventually("what nobody refers to is swept", SOON, || async {
        (engine.client.try_get(&path(&loose)).await?.0 == 404).then_some(())
    })
    .await;
    assert_eq!(engine.client.get(&path(&reference)).await.0, 200);
    let swept = sizes(&engine);
    assert_eq!((swept.payloads, swept.content), (1, content.len() as u64));
    assert_eq!(
        reference["$payload"]["sha256"],
        PayloadId::of(&content).to_string(),
        "and it is what it was"
    );
    check_promises(&engine, &[run, lied]).await;
}

/// What lies in the database.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    payloads: u64,
    /// Bytes of payloads.
    content: u64,
    /// Bytes of states and histories.
    runs: u64,
}

fn sizes(engine: &Engine) -> Sizes {
    let postgres = engine.postgres.as_ref().unwrap();
    let number = |sql: &str| postgres.psql_in("postgres", sql).trim().parse::<u64>().unwrap();
    Sizes {
        payloads: number("SELECT count(*) FROM payloads"),
        content: number("SELECT coalesce(sum(length(bytes)), 0) FROM payload_chunks"),
        runs: number(
            "SELECT (SELECT coalesce(sum(length(state)), 0) FROM runs) \
            + (SELECT coalesce(sum(length(steps)), 0) FROM history)",
        ),
    }
}
