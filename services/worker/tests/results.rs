//! What a handler gives, and what the engine hears.

mod harness;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use harness::{Engine, fault, output, run};
use kintsugi_core::{Input, LossCause};
use kintsugi_nats::TaskMessage;
use kintsugi_worker::{Context, Failure, Settings};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Order {
    amount: i64,
}

#[derive(Serialize)]
struct Receipt {
    charged: i64,
    key: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn results_and_failures_reach_the_engine() {
    let Some(mut engine) = Engine::start().await else { return };
    let charge = |context: Context, order: Order| async move {
        match order.amount {
            0 => Err(Failure::retryable("busy").retry_after(std::time::Duration::from_secs(7))),
            -1 => Err(Failure::fatal("no").kind("validation").status(422)),
            -2 => panic!("on purpose"),
            charged => Ok(Receipt { charged, key: context.idempotency_key().to_owned() }),
        }
    };
    let worker = run(engine.worker().await.task("charge", charge));

    let given = output(engine.ask("charge", json!({"amount": 5})).await);
    assert_eq!(given, json!({"charged": 5, "key": "run-1:1"}));

    let busy = fault(engine.ask("charge", json!({"amount": 0})).await);
    assert_eq!((busy.fatal, busy.retry_after_ms), (false, Some(7_000)));

    let refused = fault(engine.ask("charge", json!({"amount": -1})).await);
    assert_eq!((refused.fatal, refused.status), (true, Some(422)));
    assert_eq!(refused.kind.as_deref(), Some("validation"));

    let panicked = fault(engine.ask("charge", json!({"amount": -2})).await);
    assert!(!panicked.fatal && panicked.message.contains("on purpose"), "{panicked:?}");

    let misfit = fault(engine.ask("charge", json!({"amount": "many"})).await);
    assert!(misfit.fatal && misfit.kind.as_deref() == Some("validation"), "{misfit:?}");

    assert_eq!(output(engine.ask("charge", json!({"amount": 6})).await)["charged"], 6);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_has_a_limit() {
    let Some(mut engine) = Engine::start().await else { return };
    let settings = Settings { payload_max: 1 << 20, ..Settings::default() };
    let worker =
        engine.worker().await.settings(settings).task("echo", |_, input: Value| async move {
            match input["bytes"].as_u64() {
                Some(bytes) => Ok(json!("x".repeat(usize::try_from(bytes)?))),
                None => Ok(input),
            }
        });
    let worker = run(worker);
    let huge = fault(engine.ask("echo", json!({"bytes": 1 << 20})).await);
    assert!(huge.fatal && huge.message.contains("1048576 bytes"), "{huge:?}");
    assert!(output(engine.ask("echo", json!({"bytes": 1_000_000})).await).is_string());
    assert_eq!(output(engine.ask("echo", json!("a\u{0}b")).await), json!("a\u{0}b"));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redelivered_message_is_reported_and_not_executed() {
    let Some(mut engine) = Engine::start().await else { return };
    let task = engine.task("once", json!({}));
    let mut other = engine.bus.task_consumer("default", "once").await.unwrap();
    engine.give(&task).await;
    let first = harness::within(other.next(1)).await.remove(0);
    first.nak(None).await.unwrap();
    drop(other);

    let calls = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&calls);
    let worker = run(engine.worker().await.task("once", move |_, input: Value| {
        counter.fetch_add(1, Ordering::Relaxed);
        async move { Ok(input) }
    }));
    let lost = engine.said().await;
    assert_eq!(lost.run, task.run);
    assert!(
        matches!(lost.input, Input::Lost { task: 1, epoch: 1, cause: LossCause::Redelivered, .. }),
        "{lost:?}"
    );
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    let state = engine.bus.queue_state("default", "once").await.unwrap().unwrap();
    assert_eq!(state.pending, 0);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_from_before_the_broker_was_killed_is_reported_and_not_executed() {
    let Some(mut engine) = Engine::start().await else { return };
    let task = engine.task("once", json!({}));
    engine.give(&task).await;
    engine.server.kill9().await;
    engine.server.restart().await.unwrap();
    let worker = run(engine.worker().await.task("once", |_, input: Value| async { Ok(input) }));
    let lost = engine.said().await;
    assert_eq!(lost.run, task.run);
    let Input::Lost { cause, epoch, .. } = lost.input else { panic!("{lost:?}") };
    assert_eq!((cause, epoch), (LossCause::BrokerRestarted, 1));
    // Given out again, it is younger than the broker.
    let task = TaskMessage { epoch: 2, ..task };
    engine.give(&task).await;
    assert_eq!(output(engine.said().await.input), json!({}));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn results_wait_for_a_broker_that_is_away() {
    let Some(mut engine) = Engine::start().await else { return };
    let gate = Arc::new(tokio::sync::Notify::new());
    let (inside, reached) = tokio::sync::mpsc::unbounded_channel();
    let (waits, mut reached) = (Arc::clone(&gate), reached);
    let worker = run(engine.worker().await.task("slow", move |_, input: Value| {
        let (waits, inside) = (Arc::clone(&waits), inside.clone());
        async move {
            inside.send(()).unwrap();
            waits.notified().await;
            Ok(input)
        }
    }));
    engine.give(&engine.task("slow", json!(1))).await;
    harness::within(reached.recv()).await.unwrap();
    engine.server.kill9().await;
    gate.notify_one();
    engine.server.restart().await.unwrap();
    loop {
        match engine.said().await.input {
            Input::Started { .. } => {}
            other => break assert_eq!(output(other), json!(1)),
        }
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_cannot_be_read_is_put_aside_and_the_next_one_is_done() {
    let Some(mut engine) = Engine::start().await else { return };
    let echo = |_, input: Value| async move { Ok(input) };
    let worker = run(engine.worker().await.task("echo", echo).concurrency(1));
    let subject = "kintsugi.tasks.default.echo";
    let patience = std::time::Duration::from_secs(5);
    for bad in ["{", "[]", "{\"task\": 7}", "\0"] {
        engine.bus.request(subject, bad.as_bytes().to_vec(), patience).await.unwrap();
    }
    assert_eq!(output(engine.ask("echo", json!(1)).await), json!(1));
    let streams = engine.bus.stream_states().await.unwrap();
    let rejected = streams.iter().find(|one| one.name.ends_with("REJECTED")).unwrap();
    assert_eq!(rejected.messages, 4);
    worker.stop().await;
}
