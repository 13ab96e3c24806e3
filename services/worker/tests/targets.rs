//! What a worker does when what its tasks call is left alone, and when too much of it are retries.

mod harness;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::StreamExt;
use harness::{Engine, fault, output, run, within};
use kintsugi_core::Input;
use kintsugi_nats::{Limit, TargetLimit};
use kintsugi_worker::{Context, Failure, Retries, Settings};
use serde_json::{Value, json};

const SHOP: &str = "shop.example:443";

fn limit(slots: u32, once: Option<u64>) -> Limit {
    let (target, reason) = (SHOP.to_owned(), "down".to_owned());
    let targets = vec![TargetLimit { target, slots, once, for_ms: None, by_hand: false, reason }];
    Limit { for_ms: 60_000, types: Vec::new(), targets }
}

/// Tells the one worker something, and waits until it says that it knows.
async fn tell(engine: &Engine, limit: &Limit) {
    let mut beats = std::pin::pin!(engine.bus.heartbeats().await.expect("heartbeats"));
    let worker = within(beats.next()).await.expect("a heartbeat").worker;
    engine.bus.limit_worker(&worker, limit).await.expect("it is sent");
    loop {
        let beat = within(beats.next()).await.expect("a heartbeat");
        if beat
            .targets
            .iter()
            .any(|it| it.target == SHOP && it.limit == Some(limit.targets[0].slots))
        {
            return;
        }
    }
}

/// Why an attempt was put off, and how it failed if it was begun.
fn put_off(input: Input) -> (String, Option<String>) {
    match input {
        Input::Deferred { reason, fault, .. } => (reason, fault.map(|fault| fault.message)),
        other => panic!("not put off: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_one_call_that_is_let_through_costs_its_task_nothing() {
    let Some(mut engine) = Engine::start().await else { return };
    let (down, calls) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let (is_down, count) = (Arc::clone(&down), Arc::clone(&calls));
    let work = move |context: Context, input: Value| {
        let (is_down, count) = (Arc::clone(&is_down), Arc::clone(&count));
        async move {
            let calling = context.calling(SHOP)?;
            count.fetch_add(1, Ordering::AcqRel);
            if input == json!("hang") {
                std::future::pending::<()>().await;
            }
            if is_down.load(Ordering::Acquire) {
                calling.failed(None);
                return Err(Failure::retryable("nobody there"));
            }
            calling.answered();
            Ok(input)
        }
    };
    let worker = run(engine.worker().await.task("buy", work));
    assert_eq!(fault(engine.ask("buy", json!(1)).await).message, "nobody there");

    tell(&engine, &limit(0, None)).await;
    let (reason, failed) = put_off(engine.ask("buy", json!(2)).await);
    assert!(reason.contains(SHOP) && failed.is_none(), "{reason} {failed:?}");
    assert_eq!(calls.load(Ordering::Acquire), 1, "it was called while it is left alone");

    tell(&engine, &limit(1, Some(1))).await;
    let (_, failed) = put_off(engine.ask("buy", json!(3)).await);
    assert_eq!(failed.as_deref(), Some("nobody there"));
    assert_eq!(put_off(engine.ask("buy", json!(4)).await).1, None, "one, not two");
    assert_eq!(calls.load(Ordering::Acquire), 2);

    // One that does not answer at all.
    tell(&engine, &limit(0, None)).await;
    tell(&engine, &limit(1, Some(2))).await;
    let mut slow = engine.task("buy", json!("hang"));
    slow.start_to_close_ms = 200;
    engine.give(&slow).await;
    let failed = put_off(engine.said().await.input).1.unwrap();
    assert!(failed.contains("200 ms"), "{failed}");

    tell(&engine, &limit(0, None)).await;
    tell(&engine, &limit(1, Some(3))).await;
    down.store(false, Ordering::Release);
    assert_eq!(output(engine.ask("buy", json!(5)).await), json!(5));
    worker.stop().await;
}

/// Gives out retries and as many others at once; how many of each were made, and in which time.
async fn storm(engine: &mut Engine, of: usize) -> (usize, usize, Duration) {
    let began = Instant::now();
    for n in 0..2 * of {
        let mut task = engine.task("buy", json!(n));
        task.failures = u32::from(n >= of);
        engine.give(&task).await;
    }
    let (mut fresh, mut retries) = (0, 0);
    for _ in 0..2 * of {
        match engine.said().await.input {
            Input::Completed { output, .. } if output.as_u64() < Some(of as u64) => fresh += 1,
            Input::Completed { .. } => retries += 1,
            Input::Deferred { reason, fault: None, .. } => {
                assert!(reason.contains("budget for retries"), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
    (fresh, retries, began.elapsed())
}

/// A tenth of the others, five a second, and what two seconds leave over.
async fn is_bounded(engine: &mut Engine) {
    let (fresh, retries, took) = storm(engine, 100).await;
    assert_eq!(fresh, 100, "what is no retry is never put off");
    let most = 10.0 + 10.0 + 5.0 * took.as_secs_f64() + 1.0;
    assert!((10..100).contains(&retries) && (retries as f64) <= most, "{retries} in {took:?}");
}

const RETRIES: Retries = Retries { percent: 10, floor_per_second: 5 };

#[tokio::test(flavor = "multi_thread")]
async fn retries_of_a_type_have_a_budget() {
    let Some(mut engine) = Engine::start().await else { return };
    let work = |_: Context, input: Value| async move { Ok::<_, Failure>(input) };
    let worker = run(engine
        .worker()
        .await
        .settings(Settings { type_retries: Some(RETRIES), ..Settings::default() })
        .task("buy", work));
    is_bounded(&mut engine).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_of_a_target_have_a_budget() {
    let Some(mut engine) = Engine::start().await else { return };
    let work = |context: Context, input: Value| async move {
        context.calling(SHOP)?.answered();
        Ok::<_, Failure>(input)
    };
    let worker = run(engine
        .worker()
        .await
        .settings(Settings { retries: RETRIES, ..Settings::default() })
        .task("buy", work));
    is_bounded(&mut engine).await;
    worker.stop().await;
}
