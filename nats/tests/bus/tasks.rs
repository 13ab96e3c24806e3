//! The tasks stream.

use std::time::Duration;

use async_nats::jetstream;
use futures::StreamExt;
use kintsugi_core::Timestamp;
use kintsugi_nats::stream;

use crate::support::{World, alone, eventually, raw, soon, task, world};

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_dropped_and_a_repair_is_not() {
    let Some(world) = world().await else { return };
    let World { bus, .. } = &world;
    bus.publish_tasks(&alone(&[(task("r", 1, 1), 1), (task("r", 1, 1), 1)])).await.unwrap();
    bus.publish_tasks(&alone(&[(task("r", 1, 1), 1), (task("r", 1, 1), 2), (task("r", 1, 2), 1)]))
        .await
        .unwrap();
    let state = bus.queue_state("default", "charge-card").await.unwrap().unwrap();
    assert_eq!((state.pending, state.has_consumer), (3, false));
    assert!(state.oldest_pending_at.unwrap() > Timestamp(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_is_taken_than_was_asked_for() {
    let Some(world) = world().await else { return };
    let World { bus, .. } = &world;
    assert_eq!(bus.queue_state("default", "charge-card").await.unwrap(), None);
    let mut consumer = bus.task_consumer("default", "charge-card").await.unwrap();
    let tasks: Vec<_> = (1..=100).map(|number| (task("r", number, 1), 1)).collect();
    bus.publish_tasks(&alone(&tasks)).await.unwrap();
    let mut taken = Vec::new();
    while taken.len() < 10 {
        taken.extend(soon(consumer.next(10 - taken.len())).await);
    }
    assert_eq!(taken[0].message.as_ref().unwrap(), &task("r", 1, 1));
    assert!(taken.iter().all(|delivery| delivery.delivered == 1));
    let state = bus.queue_state("default", "charge-card").await.unwrap().unwrap();
    assert_eq!((state.pending, state.ack_pending), (90, 10));
    assert!(state.oldest_pending_at.unwrap() >= taken[9].published_at);
    for delivery in &taken {
        delivery.ack_confirmed().await.unwrap();
    }
    let state = bus.queues().await.unwrap().remove(0);
    assert_eq!((state.pending, state.ack_pending), (90, 0));
    assert_eq!((state.queue.as_str(), state.task_type.as_str()), ("default", "charge-card"));
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_of_one_message_are_done_with_together() {
    let Some(world) = world().await else { return };
    let World { bus, .. } = &world;
    let tasks: Vec<_> = (1..=3).map(|number| (task("r", number, 1), 1)).collect();
    for _ in 0..2 {
        // Its second copy is a repeat.
        bus.publish_tasks(&[tasks.iter().collect(), vec![]]).await.unwrap();
    }
    let mut consumer = bus.task_consumer("default", "charge-card").await.unwrap();
    let open = || async {
        let state = bus.queue_state("default", "charge-card").await.unwrap().unwrap();
        (state.pending, state.ack_pending)
    };
    let taken = soon(consumer.next(1)).await;
    let read: Vec<_> = taken.iter().map(|one| one.message.clone().unwrap().number).collect();
    assert_eq!(read, [1, 2, 3]);
    for done in [&taken[0], &taken[0].clone(), &taken[2], &taken[0]] {
        done.ack_confirmed().await.unwrap();
    }
    assert_eq!(open().await, (0, 1));
    taken[1].ack_confirmed().await.unwrap();
    assert_eq!(open().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_stops_waiting_loses_nothing() {
    let Some(world) = world().await else { return };
    let World { bus, .. } = &world;
    let mut consumer = bus.task_consumer("default", "charge-card").await.unwrap();
    for number in 1..=20 {
        let waited = tokio::time::timeout(Duration::from_millis(1), consumer.next(1)).await;
        assert!(waited.is_err());
        bus.publish_tasks(&alone(&[(task("r", number, 1), 1)])).await.unwrap();
        let delivery = soon(consumer.next(1)).await.remove(0);
        assert_eq!((delivery.message.as_ref().unwrap().number, delivery.delivered), (number, 1));
        delivery.ack_confirmed().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_gets_nothing_asks_with_one_request_and_gets_what_comes_at_once() {
    let Some(world) = world().await else { return };
    let World { bus, server, .. } = &world;
    let mut consumer = bus.task_consumer("default", "charge-card").await.unwrap();
    // Leaves requests of many sizes behind, which end one after the other.
    for number in 1..=20 {
        bus.publish_tasks(&alone(&[(task("r", number, 1), 1)])).await.unwrap();
        assert_eq!(soon(consumer.next(32)).await.len(), 1);
    }
    let asked = raw(server).await.subscribe("$JS.API.CONSUMER.MSG.NEXT.>").await.unwrap();
    let rest = tokio::time::timeout(Duration::from_millis(4_500), consumer.next(32)).await;
    assert!(rest.is_err(), "nothing comes");
    bus.publish_tasks(&alone(&[(task("r", 21, 1), 1)])).await.unwrap();
    let came = tokio::time::timeout(Duration::from_millis(500), consumer.next(32)).await;
    assert_eq!(came.expect("it comes at once").len(), 1);
    let asked: Vec<_> = asked.ready_chunks(1_000).next().await.unwrap();
    // At the beginning, once a second, and for the next after what came; not twenty times a second.
    assert!(asked.len() <= 8, "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redelivery_is_counted() {
    let Some(world) = world().await else { return };
    let World { bus, .. } = &world;
    let mut consumer = bus.task_consumer("default", "charge-card").await.unwrap();
    bus.publish_tasks(&alone(&[(task("r", 1, 1), 1)])).await.unwrap();
    for count in 1..=3 {
        let delivery = soon(consumer.next(1)).await.remove(0);
        assert_eq!(delivery.delivered, count);
        delivery.in_progress().await.unwrap();
        delivery.nak((count == 1).then_some(Duration::from_millis(50))).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_was_deleted_is_made_anew() {
    let Some(world) = world().await else { return };
    let World { bus, server, .. } = &world;
    let mut consumer = bus.task_consumer("default", "charge-card").await.unwrap();
    let js = jetstream::new(raw(server).await);
    let waiting = tokio::spawn(async move { (consumer.next(5).await, consumer) });
    eventually("it waits", || async {
        let state = bus.queue_state("default", "charge-card").await.unwrap();
        state.is_some_and(|state| state.waiting > 0)
    })
    .await;
    js.get_stream(stream::TASKS)
        .await
        .unwrap()
        .delete_consumer("w-default-charge-card")
        .await
        .unwrap();
    bus.publish_tasks(&alone(&[(task("r", 1, 1), 1)])).await.unwrap();
    let (deliveries, mut consumer) = soon(waiting).await.unwrap();
    deliveries[0].ack_confirmed().await.unwrap();

    // And when the whole stream was.
    js.delete_stream(stream::TASKS).await.unwrap();
    bus.ensure_streams(&kintsugi_nats::Limits::default()).await.unwrap();
    bus.publish_tasks(&alone(&[(task("r", 2, 1), 1)])).await.unwrap();
    assert_eq!(soon(consumer.next(5)).await[0].message.as_ref().unwrap().number, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_go_on_after_the_server_was_killed() {
    let Some(world) = world().await else { return };
    let World { bus, server, .. } = &world;
    let mut consumer = bus.task_consumer("default", "charge-card").await.unwrap();
    let waiting = tokio::spawn(async move { consumer.next(1).await });
    bus.ping().await.unwrap();
    server.kill9().await;
    server.restart().await.unwrap();
    eventually("published", || async {
        bus.publish_tasks(&alone(&[(task("r", 1, 1), 1)])).await.is_ok()
    })
    .await;
    assert_eq!(soon(waiting).await.unwrap()[0].delivered, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_advisory_is_kept_while_nobody_listens() {
    let Some(world) = world().await else { return };
    let World { bus, server, .. } = &world;
    let mut consumer = bus.task_consumer("default", "charge-card").await.unwrap();
    bus.publish_tasks(&alone(&[(task("r", 1, 1), 1), (task("r", 2, 1), 1)])).await.unwrap();
    // Delivered as often as may be, and never acknowledged.
    for _ in 0..40 {
        let delivery = soon(consumer.next(1)).await.remove(0);
        delivery.nak(None).await.unwrap();
    }
    // The broker gives up when somebody asks again.
    let _ = tokio::time::timeout(Duration::from_millis(50), consumer.next(1)).await;
    let held = || async {
        let states = bus.stream_states().await.unwrap_or_default();
        let found = states.iter().find(|state| state.name == stream::ADVISORIES);
        found.map_or(0, |state| state.messages)
    };
    eventually("advisories", || async { held().await == 2 }).await;
    server.kill9().await;
    server.restart().await.unwrap();
    eventually("connected", || async { bus.ping().await.is_ok() }).await;

    let mut advisories = bus.advisories(10).await.unwrap();
    advisories.sort_by_key(|advisory| advisory.stream_seq);
    let seen: Vec<_> = advisories.iter().map(|one| (one.stream_seq, one.deliveries)).collect();
    assert_eq!(seen, [(1, 20), (2, 20)]);
    let dead = bus.message_at(1).await.unwrap().unwrap().remove(0).unwrap();
    assert_eq!(dead.task, "r:1");
    bus.delete_message(1).await.unwrap();
    assert!(bus.message_at(1).await.unwrap().is_none());
    bus.delete_message(1).await.unwrap();
    advisories[0].ack().await.unwrap();
    // Deleting what was not acknowledged gives an advisory of its own, perhaps a moment later; the
    // other of the first two is with us still.
    eventually("only that one is left", || async {
        for advisory in bus.advisories(10).await.unwrap() {
            assert_eq!((advisory.stream_seq, advisory.terminated.is_some()), (1, true));
            assert!(bus.message_at(advisory.stream_seq).await.unwrap().is_none());
            advisory.ack().await.unwrap();
        }
        held().await == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_cannot_be_read_is_given_as_such() {
    let Some(world) = world().await else { return };
    let World { bus, server, .. } = &world;
    let js = jetstream::new(raw(server).await);
    let mut wild = serde_json::to_value(task("r", 1, 1)).unwrap();
    wild["queue"] = "a.>".into();
    let wild = wild.to_string();
    for bad in ["", "nonsense", &wild] {
        let subject = "kintsugi.tasks.default.charge-card";
        js.publish(subject, bad.to_owned().into()).await.unwrap().await.unwrap();
    }
    let mut consumer = bus.task_consumer("default", "charge-card").await.unwrap();
    for _ in 0..3 {
        let delivery = soon(consumer.next(1)).await.remove(0);
        assert!(delivery.message.is_err());
        delivery.term("cannot be read").await.unwrap();
    }
    eventually("advisories of what was ended", || async {
        let found = bus.advisories(10).await.unwrap();
        found.iter().any(|advisory| advisory.terminated.as_deref() == Some("cannot be read"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_with_wildcards_are_refused() {
    let Some(world) = world().await else { return };
    let World { bus, .. } = &world;
    for bad in ["*", ">", "a.b", "", "a b"] {
        assert!(bus.task_consumer(bad, "t").await.is_err(), "{bad:?}");
        assert!(bus.task_consumer("q", bad).await.is_err(), "{bad:?}");
        assert!(bus.queue_state("q", bad).await.is_err(), "{bad:?}");
        let mut message = task("r", 1, 1);
        message.task_type = bad.to_owned();
        assert!(bus.publish_tasks(&alone(&[(message, 1)])).await.is_err(), "{bad:?}");
        assert!(bus.ping_worker(bad, Duration::from_millis(10)).await.is_err(), "{bad:?}");
        let reply = format!("kintsugi.events.{bad}");
        let inputs = vec![crate::support::tick("r")];
        assert!(bus.publish_replies([(reply.as_str(), inputs)], &[]).await.is_err(), "{bad:?}");
    }
}
