//! Signs of life, and what happens to runs.

use std::time::Duration;

use futures::StreamExt;
use kintsugi_core::{DefinitionRef, RunId, Timestamp};
use kintsugi_nats::{
    Cancel, Heartbeat, LifeEvent, LifeFrom, Liveness, RunHint, ServiceBeat, WakeHint,
};
use serde_json::json;

use crate::support::{World, connect, eventually, raw, soon, world};

fn beat(worker: &str) -> Heartbeat {
    Heartbeat {
        worker: worker.to_owned(),
        incarnation: "1".to_owned(),
        pid: 1,
        host: "h".to_owned(),
        version: "0".to_owned(),
        types: Vec::new(),
        concurrency: 1,
        started_at: Timestamp(0),
        at: Timestamp(0),
        targets: Vec::new(),
        leases: Vec::new(),
        stopping: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_answers_until_it_is_gone() {
    let Some(world) = world().await else { return };
    let World { bus, server, .. } = &world;
    let timeout = Duration::from_millis(500);
    assert_eq!(bus.ping_worker("w", timeout).await.unwrap(), Liveness::NoResponders);
    let worker = connect(server).await;
    let mut pings = Box::pin(worker.pings("w").await.unwrap());
    let answers = tokio::spawn(async move {
        while let Some(ping) = pings.next().await {
            ping.answer().await;
        }
    });
    eventually("it answers", || async {
        bus.ping_worker("w", timeout).await.unwrap() == Liveness::Answered
    })
    .await;
    answers.abort();
    eventually("it does not", || async {
        bus.ping_worker("w", timeout).await.unwrap() == Liveness::NoResponders
    })
    .await;
    let frozen = raw(server).await;
    let _held = frozen.subscribe("kintsugi.worker.ping.w").await.unwrap();
    frozen.flush().await.unwrap();
    eventually("it is silent", || async {
        bus.ping_worker("w", timeout).await.unwrap() == Liveness::Silent
    })
    .await;
    server.kill9().await;
    assert!(bus.ping_worker("w", timeout).await.is_err(), "that says nothing about the worker");
}

#[tokio::test(flavor = "multi_thread")]
async fn signs_of_life_come_through_and_odd_ones_are_dropped() {
    let Some(world) = world().await else { return };
    let World { bus, server, .. } = &world;
    let mut beats = Box::pin(bus.heartbeats().await.unwrap());
    let mut cancels = Box::pin(bus.cancels().await.unwrap());
    let mut hints = Box::pin(bus.wake_hints().await.unwrap());
    let mut services = Box::pin(bus.service_beats().await.unwrap());
    bus.ping().await.unwrap();
    let other = raw(server).await;
    let forged = serde_json::to_vec(&beat("somebody")).unwrap();
    other.publish("kintsugi.worker.heartbeat.other", forged.into()).await.unwrap();
    other.publish("kintsugi.worker.heartbeat.other", "garbage".into()).await.unwrap();
    other.flush().await.unwrap();
    bus.heartbeat(&beat("w")).await.unwrap();
    assert_eq!(soon(beats.next()).await.unwrap(), beat("w"));
    let cancel = Cancel { task: "r:1".to_owned(), epoch: 1 };
    bus.cancel(std::slice::from_ref(&cancel)).await.unwrap();
    assert_eq!(soon(cancels.next()).await.unwrap(), cancel);
    bus.wake_hint(WakeHint { at: 5 }).await.unwrap();
    assert_eq!(soon(hints.next()).await.unwrap().at, 5);
    let (service, instance) = ("monitoring".to_owned(), "m-1".to_owned());
    let sign = ServiceBeat { service, instance, pid: 1, ready: true, ..ServiceBeat::default() };
    bus.service_beat(&sign).await.unwrap();
    assert_eq!(soon(services.next()).await.unwrap(), sign);

    // Subscriptions outlive the connection.
    server.kill9().await;
    assert!(bus.heartbeat(&beat("w")).await.is_err());
    server.restart().await.unwrap();
    let sending = tokio::spawn({
        let bus = bus.clone();
        async move {
            eventually("sent", || async { bus.heartbeat(&beat("w")).await.is_ok() }).await;
        }
    });
    assert_eq!(soon(beats.next()).await.unwrap(), beat("w"));
    sending.await.unwrap();
}

fn event(run: &str, name: &str) -> LifeEvent {
    let definition = DefinitionRef::parse("shop/order:1.0.0").unwrap();
    let run = RunId::parse(run).unwrap();
    let id = format!("{run}/{name}");
    LifeEvent::new(&definition, &run, name, id, Timestamp(0), json!({ "name": "order" }))
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_looks_on_sees_what_happens() {
    let Some(world) = world().await else { return };
    let World { bus, .. } = &world;
    bus.publish_life(&[event("a", "workflow.started")]).await.unwrap();
    let mut new = bus.life("kintsugi.life.>", LifeFrom::New).await.unwrap();
    let mut of_b = bus.life("kintsugi.life.*.*.b.>", LifeFrom::All).await.unwrap();
    let events = [event("b", "workflow.started"), event("a", "workflow.completed")];
    bus.publish_life(&events).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 2 {
        seen.extend(soon(new.next(9)).await.unwrap());
    }
    assert_eq!(seen, [(2, events[0].clone()), (3, events[1].clone())]);
    assert_eq!(soon(of_b.next(9)).await.unwrap(), [(2, events[0].clone())]);
    assert_eq!((new.kept(), new.stream_created()), ((1, 1), of_b.stream_created()));
    let later = LifeFrom::Sequence(3);
    let mut later = bus.life("kintsugi.life.>", later).await.unwrap();
    assert_eq!(soon(later.next(9)).await.unwrap()[0].0, 3);
    assert!(bus.life("kintsugi.life.>", LifeFrom::Sequence(9)).await.is_err(), "beyond its end");
    for bad in [">", "kintsugi.>", "kintsugi.life.>.a", "kintsugi.life.", "kintsugi.life.a b"] {
        assert!(bus.life(bad, LifeFrom::New).await.is_err(), "{bad}");
    }
    let mut consumer = bus.life_consumer("notification").await.unwrap();
    let first = soon(consumer.next(1)).await.remove(0);
    assert_eq!(first.event.unwrap(), event("a", "workflow.started"));
    assert_eq!(first.subject, "kintsugi.life.shop.order.a.workflow_started");
}

#[tokio::test(flavor = "multi_thread")]
async fn hints_come_without_a_stream_and_say_when_some_were_missed() {
    let Some(world) = world().await else { return };
    let World { bus, server, .. } = &world;
    let (a, b) = (RunId::parse("a").unwrap(), RunId::parse("b").unwrap());
    let mut ended = bus.ended_hints().await.unwrap();
    let mut life = bus.life_hints().await.unwrap();
    for hints in [&mut ended, &mut life] {
        assert_eq!(soon(hints.next()).await, Some(RunHint::Missed), "from here on none is missed");
    }
    bus.ended(&[a.clone(), b.clone()]).await.unwrap();
    assert_eq!(soon(ended.next()).await, Some(RunHint::Of(a)));
    assert_eq!(soon(ended.next()).await, Some(RunHint::Of(b.clone())));
    bus.publish_life(&[event("b", "workflow.started")]).await.unwrap();
    assert_eq!(soon(life.next()).await, Some(RunHint::Of(b.clone())));

    server.kill9().await;
    server.restart().await.unwrap();
    let missed = async {
        while !bus.is_connected() || bus.ended(std::slice::from_ref(&b)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let (mut missed, mut told) = (0, 0);
        while missed == 0 || told == 0 {
            match ended.next().await.unwrap() {
                RunHint::Missed => missed += 1,
                RunHint::Of(_) => told += 1,
            }
            bus.ended(std::slice::from_ref(&b)).await.unwrap();
        }
        missed
    };
    assert!(soon(missed).await >= 1, "a new connection was not noticed");
}
