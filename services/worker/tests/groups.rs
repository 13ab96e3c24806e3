//! Tasks that come several in a message.

mod harness;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use harness::{Engine, run};
use kintsugi_core::{Input, LossCause};
use kintsugi_nats::TaskMessage;
use kintsugi_worker::{Context, Failure};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// The same task type, each of its own run.
fn tasks(engine: &Engine, count: usize) -> Vec<(TaskMessage, u32)> {
    (0..count).map(|n| (engine.task("work", json!(n)), 1)).collect()
}

async fn give(engine: &Engine, tasks: &[(TaskMessage, u32)]) {
    engine.bus.publish_tasks(&[tasks.iter().collect()]).await.expect("it is stored");
}

async fn unacked(engine: &Engine) -> u64 {
    let state = engine.bus.queue_state("default", "work").await.expect("the broker answers");
    state.expect("there is a consumer").ack_pending
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_has_more_tasks_than_there_are_slots() {
    let Some(mut engine) = Engine::start().await else { return };
    let (at_once, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = (Arc::clone(&at_once), Arc::clone(&most));
    let work = move |_: Context, input: Value| {
        let (at_once, most) = seen.clone();
        async move {
            most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            at_once.fetch_sub(1, Ordering::SeqCst);
            Ok::<_, Failure>(input)
        }
    };
    let worker = run(engine.worker().await.concurrency(2).task("work", work));
    let tasks = tasks(&engine, 8);
    give(&engine, &tasks).await;
    let mut outputs = BTreeMap::new();
    for _ in &tasks {
        let said = engine.said().await;
        let Input::Completed { output, .. } = said.input else { panic!("{:?}", said.input) };
        assert_eq!(outputs.insert(said.run, output), None);
    }
    let wanted: BTreeMap<_, _> =
        tasks.iter().map(|(task, _)| (task.run.clone(), task.input.clone())).collect();
    assert_eq!(outputs, wanted);
    assert!(most.load(Ordering::SeqCst) <= 2);
    worker.stop().await;
    assert_eq!(unacked(&engine).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_up_by_its_neighbours_goes_to_another_worker() {
    let Some(mut engine) = Engine::start().await else { return };
    let gate = Arc::new(Semaphore::new(0));
    let closed = Arc::clone(&gate);
    let work = move |_: Context, input: Value| {
        let closed = Arc::clone(&closed);
        async move {
            let _pass = closed.acquire().await;
            Ok::<_, Failure>(input)
        }
    };
    let worker = run(engine.worker().await.concurrency(1).task("work", work));
    let tasks = tasks(&engine, 3);
    give(&engine, &tasks).await;
    for _ in 0..2 {
        let said = engine.said().await;
        let is_given_back =
            matches!(said.input, Input::Lost { cause: LossCause::LeaseDropped, .. });
        assert!(is_given_back && said.run != tasks[0].0.run, "{said:?}");
    }
    // The first is at work: its message is not done with.
    assert_eq!(unacked(&engine).await, 1);
    gate.add_permits(1);
    let said = engine.said().await;
    assert!(
        matches!(said.input, Input::Completed { .. }) && said.run == tasks[0].0.run,
        "{said:?}"
    );
    worker.stop().await;
    assert_eq!(unacked(&engine).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_task_of_a_message_is_a_lease_of_its_own() {
    let Some(mut engine) = Engine::start().await else { return };
    let work = |_: Context, _: Value| std::future::pending::<Result<Value, Failure>>();
    let worker = run(engine.worker().await.concurrency(4).task("work", work));
    let tasks = tasks(&engine, 3);
    give(&engine, &tasks).await;
    let mut beats = std::pin::pin!(engine.bus.heartbeats().await.unwrap());
    let held = |leases: &[kintsugi_nats::Lease]| {
        tasks.iter().all(|(task, _)| leases.iter().any(|lease| lease.task == task.task))
    };
    while !held(&harness::within(futures::StreamExt::next(&mut beats)).await.unwrap().leases) {}
    // Cancelled, one by one.
    for (task, _) in &tasks {
        let cancel = kintsugi_nats::Cancel { task: task.task.clone(), epoch: 1 };
        engine.bus.cancel(&[cancel]).await.unwrap();
        loop {
            let said = engine.said().await;
            if matches!(said.input, Input::Started { .. }) {
                continue;
            }
            let is_dropped =
                matches!(said.input, Input::Lost { cause: LossCause::LeaseDropped, .. });
            assert!(is_dropped && said.run == task.run, "{said:?}");
            break;
        }
    }
    worker.stop().await;
    assert_eq!(unacked(&engine).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_spoils_nothing_beside_it() {
    let Some(mut engine) = Engine::start().await else { return };
    let work = |_: Context, input: Value| async move { Ok::<_, Failure>(input) };
    let worker = run(engine.worker().await.task("work", work));
    let tasks = tasks(&engine, 2);
    let body = json!([tasks[0].0, { "task": "nonsense" }, tasks[1].0]).to_string();
    let client = async_nats::connect(engine.url()).await.unwrap();
    client.publish("kintsugi.tasks.default.work", body.into()).await.unwrap();
    client.flush().await.unwrap();
    for _ in 0..2 {
        assert!(matches!(engine.said().await.input, Input::Completed { .. }));
    }
    worker.stop().await;
    let states = engine.bus.stream_states().await.unwrap();
    let rejected = states.iter().find(|it| it.name == kintsugi_nats::stream::REJECTED).unwrap();
    assert_eq!((rejected.messages, unacked(&engine).await), (1, 0));
}
