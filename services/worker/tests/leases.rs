//! What a worker does while a handler runs: signs of life, limits, cancellation, slots, the end.

mod harness;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use futures::StreamExt;
use harness::{Engine, eventually, fault, output, run, within};
use kintsugi_core::{Input, LossCause};
use kintsugi_nats::{Cancel, Limit, Liveness, TypeLimit};
use kintsugi_worker::{Context, Failure, Settings, Stop};
use serde_json::{Value, json};
use tokio::sync::Notify;

/// Says when it is dropped.
struct Dropped(Arc<AtomicBool>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

async fn forever(_: Context, _: Value) -> Result<Value, Failure> {
    std::future::pending().await
}

fn is_dropped_lease(input: &Input) -> bool {
    matches!(input, Input::Lost { cause: LossCause::LeaseDropped, .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_blocks_its_runtime_silences_nothing() {
    let Some(mut engine) = Engine::start().await else { return };
    let url = engine.url();
    let (release, gate) = mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let stop = Stop::new();
    let stopped = stop.clone();
    // The user's whole runtime is one thread, and the handler blocks it.
    let user = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let worker = kintsugi_worker::Worker::connect(&url).await.unwrap();
            let block = move |_, input: Value| {
                gate.lock().unwrap().recv().unwrap();
                async move { Ok(input) }
            };
            worker.task("block", block).run_until(stopped).await.unwrap();
        });
    });
    let mut beats = std::pin::pin!(engine.bus.heartbeats().await.unwrap());
    engine.give(&engine.task("block", json!(1))).await;
    let mut held = 0;
    let mut name = String::new();
    while held < 5 {
        let beat = within(beats.next()).await.unwrap();
        held += beat.leases.iter().filter(|lease| lease.task == "run-1:1").count();
        name = beat.worker;
    }
    let alive = engine.bus.ping_worker(&name, Duration::from_secs(1)).await.unwrap();
    assert!(matches!(alive, Liveness::Answered), "{alive:?}");
    assert!(matches!(engine.said().await.input, Input::Started { task: 1, epoch: 1, .. }));
    release.send(()).unwrap();
    assert_eq!(output(engine.said().await.input), json!(1));
    stop.cancel();
    user.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_over_its_limit_is_ended_and_its_slot_is_free_again() {
    let Some(mut engine) = Engine::start().await else { return };
    let gone = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&gone);
    let hang = move |_: Context, input: Value| {
        let guard = Dropped(Arc::clone(&flag));
        async move {
            if input == json!("hang") {
                std::future::pending::<()>().await;
            }
            drop(guard);
            Ok(input)
        }
    };
    let worker = run(engine.worker().await.task("hang", hang).concurrency(1));
    let mut task = engine.task("hang", json!("hang"));
    task.start_to_close_ms = 200;
    engine.give(&task).await;
    let failed = fault(engine.said().await.input);
    assert_eq!(failed.kind.as_deref(), Some("timeout"));
    eventually("the handler is dropped", || gone.load(Ordering::Acquire)).await;
    assert_eq!(output(engine.ask("hang", json!(2)).await), json!(2));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_is_silent_for_its_lease_is_ended_and_one_that_tells_is_not() {
    let Some(mut engine) = Engine::start().await else { return };
    let tell = |context: Context, input: Value| async move {
        for step in 0..input["told"].as_u64().unwrap() {
            context.progress(json!(step))?;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        if input["hang"] == json!(true) {
            std::future::pending::<()>().await;
        }
        Ok(input)
    };
    let worker = run(engine.worker().await.task("tell", tell).concurrency(1));
    let mut task = engine.task("tell", json!({"told": 8}));
    task.lease_ms = Some(1_000);
    engine.give(&task).await;
    // In all it takes longer than its lease, and long enough to be told of.
    assert!(matches!(engine.said().await.input, Input::Started { .. }));
    assert_eq!(output(engine.said().await.input), json!({"told": 8}));
    let mut task = engine.task("tell", json!({"told": 1, "hang": true}));
    task.lease_ms = Some(300);
    engine.give(&task).await;
    let failed = fault(engine.said().await.input);
    assert_eq!(failed.kind.as_deref(), Some("timeout"));
    assert!(failed.message.contains("its lease of 300 ms") && !failed.fatal, "{failed:?}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_handler_may_clean_up() {
    let Some(mut engine) = Engine::start().await else { return };
    let clean = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&clean);
    let tidy = move |context: Context, _: Value| {
        let flag = Arc::clone(&flag);
        async move {
            context.progress(json!({"half": true}))?;
            context.cancelled().await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            flag.store(true, Ordering::Release);
            Ok(Value::Null)
        }
    };
    let mut beats = std::pin::pin!(engine.bus.heartbeats().await.unwrap());
    let worker = run(engine.worker().await.task("tidy", tidy));
    let task = engine.task("tidy", json!({}));
    engine.give(&task).await;
    while !within(beats.next()).await.unwrap().leases.iter().any(|lease| lease.progress.is_some()) {
    }
    // One for another epoch does nothing.
    let cancels = [2, 1].map(|epoch| Cancel { task: task.task.clone(), epoch });
    engine.bus.cancel(&cancels).await.unwrap();
    loop {
        match engine.said().await.input {
            Input::Started { .. } => {}
            other => break assert!(is_dropped_lease(&other), "{other:?}"),
        }
    }
    eventually("it cleaned up", || clean.load(Ordering::Acquire)).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_tasks_are_taken_than_there_are_slots() {
    let Some(mut engine) = Engine::start().await else { return };
    let (gate, inside) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let (waits, counts) = (Arc::clone(&gate), Arc::clone(&inside));
    let hold = move |_: Context, input: Value| {
        let (waits, counts) = (Arc::clone(&waits), Arc::clone(&counts));
        async move {
            counts.fetch_add(1, Ordering::AcqRel);
            waits.notified().await;
            Ok(input)
        }
    };
    let quick = |_: Context, input: Value| async move { Ok(input) };
    let worker = engine.worker().await.task("hold", hold).task("quick", quick).concurrency(2);
    let worker = run(worker);
    for n in 0..5 {
        engine.give(&engine.task("hold", json!(n))).await;
    }
    eventually("two run", || inside.load(Ordering::Acquire) == 2).await;
    // A flood of one type does not starve another.
    assert_eq!(output(engine.ask("quick", json!("q")).await), json!("q"));
    let state = engine.bus.queue_state("default", "hold").await.unwrap().unwrap();
    assert_eq!((state.pending, state.ack_pending), (3, 2));
    for n in 3..=5 {
        gate.notify_one();
        eventually("the next one runs", || inside.load(Ordering::Acquire) == n).await;
    }
    gate.notify_waiters();
    let mut done = 0;
    while done < 5 {
        done += usize::from(matches!(engine.said().await.input, Input::Completed { .. }));
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_worker_finishes_what_it_can_and_gives_back_the_rest() {
    let Some(mut engine) = Engine::start().await else { return };
    let (gate, begun) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let (waits, counts) = (Arc::clone(&gate), Arc::clone(&begun));
    let finish = move |_: Context, input: Value| {
        let (waits, counts) = (Arc::clone(&waits), Arc::clone(&counts));
        async move {
            counts.fetch_add(1, Ordering::AcqRel);
            waits.notified().await;
            Ok(input)
        }
    };
    let count = Arc::clone(&begun);
    let hang = move |context: Context, input: Value| {
        count.fetch_add(1, Ordering::AcqRel);
        forever(context, input)
    };
    let settings = Settings { grace: Duration::from_millis(400), ..Settings::default() };
    let mut beats = std::pin::pin!(engine.bus.heartbeats().await.unwrap());
    let worker = engine.worker().await.settings(settings).task("finish", finish).task("hang", hang);
    let worker = run(worker);
    let finishes = engine.task("finish", json!(1));
    let hangs = engine.task("hang", json!(1));
    engine.give(&finishes).await;
    engine.give(&hangs).await;
    eventually("both run", || begun.load(Ordering::Acquire) == 2).await;
    worker.stop.cancel();
    let late = engine.task("finish", json!("too late"));
    engine.give(&late).await;
    gate.notify_one();
    let (mut finished, mut given_back) = (false, false);
    while !(finished && given_back) {
        let said = engine.said().await;
        match said.input {
            Input::Completed { output, .. } if said.run == finishes.run => {
                assert_eq!(output, json!(1));
                finished = true;
            }
            input if said.run == hangs.run => {
                assert!(is_dropped_lease(&input), "{input:?}");
                given_back = true;
            }
            // It was on its way when the worker stopped: not executed, and given back at once.
            input => {
                assert_eq!(said.run, late.run);
                assert!(is_dropped_lease(&input), "{input:?}");
            }
        }
    }
    worker.ended().await.unwrap();
    loop {
        let beat = within(beats.next()).await.unwrap();
        if beat.stopping && beat.leases.is_empty() {
            break;
        }
    }
    assert_eq!(begun.load(Ordering::Acquire), 2, "nothing is taken any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_takes_no_more_than_it_is_told_for_as_long_as_that_holds() {
    let Some(engine) = Engine::start().await else { return };
    let at_work = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (count, peak) = (Arc::clone(&at_work), Arc::clone(&most));
    let work = move |_: Context, input: Value| {
        let (count, peak) = (Arc::clone(&count), Arc::clone(&peak));
        async move {
            peak.fetch_max(count.fetch_add(1, Ordering::AcqRel) + 1, Ordering::AcqRel);
            tokio::time::sleep(Duration::from_millis(20)).await;
            count.fetch_sub(1, Ordering::AcqRel);
            Ok::<_, Failure>(input)
        }
    };
    let worker = run(engine.worker().await.task("slow", work).concurrency(8));
    let limit = |slots, for_ms| Limit {
        for_ms,
        types: vec![TypeLimit {
            task_type: "slow".to_owned(),
            slots,
            once: None,
            reason: "a test".to_owned(),
        }],
        targets: Vec::new(),
    };
    let mut beats = std::pin::pin!(engine.bus.heartbeats().await.unwrap());
    let name = loop {
        let beat = within(beats.next()).await.unwrap();
        if beat.types[0].limit == Some(0) {
            break beat.worker;
        }
        engine.bus.limit_worker(&beat.worker, &limit(0, 10_000)).await.unwrap();
    };
    for n in 0..20 {
        engine.give(&engine.task("slow", json!(n))).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(most.load(Ordering::Acquire), 0, "it took something that it may not");
    engine.bus.limit_worker(&name, &limit(1, 60_000)).await.unwrap();
    eventually("it takes one at a time", || most.load(Ordering::Acquire) == 1).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(most.load(Ordering::Acquire), 1);
    engine.bus.limit_worker(&name, &limit(0, 0)).await.unwrap();
    eventually("it takes what it can", || most.load(Ordering::Acquire) > 1).await;
    loop {
        let beat = within(beats.next()).await.unwrap();
        if beat.types[0].completed == 20 && beat.types[0].limit.is_none() {
            break;
        }
    }
    worker.stop().await;
}
