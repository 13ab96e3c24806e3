//! Streams of an engine before this one.

use std::time::Duration;

use kintsugi_nats::{Headers, Limits, Server, ServerOptions};
use serde_json::json;

use crate::support::{Dir, binary, connect, raw, tick, world};

const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_on_disk_gets_its_new_subjects_and_keeps_what_it_holds() {
    let Some(binary) = binary() else { return };
    let dir = Dir::new();
    let server = Server::spawn(ServerOptions::new(binary, dir.0.join("nats"))).await.unwrap();
    let bus = connect(&server).await;
    for (name, retention, subjects) in [
        ("KINTSUGI_INTAKE", "workqueue", json!(["kintsugi.in.*", "kintsugi.in.start.>"])),
        ("KINTSUGI_CLOUDEVENTS", "limits", json!(["kintsugi.in.event.>"])),
    ] {
        let config = json!({"name": name, "subjects": subjects, "retention": retention});
        let subject = format!("$JS.API.STREAM.CREATE.{name}");
        bus.request(&subject, config.to_string().into_bytes(), PATIENCE).await.unwrap();
    }
    let publish = |subject: &'static str, id: &'static str| {
        let (bus, mut headers) = (bus.clone(), Headers::default());
        headers.insert("Nats-Msg-Id", id);
        async move { bus.request_with(subject, b"1".to_vec(), headers, PATIENCE).await }
    };
    publish("kintsugi.in.start.shop.order", "m-1").await.unwrap();
    publish("kintsugi.in.event.paid", "m-2").await.unwrap();
    assert!(publish("kintsugi.in.foo.bar", "m-3").await.is_err(), "nobody kept it");

    for _ in 0..2 {
        bus.ensure_streams(&Limits::default()).await.unwrap();
    }
    publish("kintsugi.in.foo.bar", "m-3").await.unwrap();
    publish("kintsugi.in.event.paid", "m-4").await.unwrap();
    publish("kintsugi.cloudevents.paid", "m-5").await.unwrap();
    let mut intake = bus.intake().await.unwrap();
    let mut found = Vec::new();
    while found.len() < 3 {
        for delivery in crate::support::soon(intake.next(9)).await {
            delivery.ack().await.unwrap();
            if delivery.is_event() {
                // Twice, as after a crash in between.
                bus.forward_events(&[&delivery]).await.unwrap();
                bus.forward_events(&[&delivery]).await.unwrap();
            }
            found.push(delivery.subject);
        }
    }
    let wanted = ["kintsugi.in.start.shop.order", "kintsugi.in.foo.bar", "kintsugi.in.event.paid"];
    assert_eq!(found, wanted);
    let mut published = bus.published().await.unwrap();
    let mut events = Vec::new();
    while events.len() < 3 {
        for delivery in crate::support::soon(published.next(9)).await {
            let event = delivery.event.unwrap();
            events.push((event.kind().to_owned(), event.identity().1.to_owned()));
        }
    }
    assert_eq!(events, ["m-2", "m-5", "m-4"].map(|id| ("paid".to_owned(), id.to_owned())));
    let states = bus.stream_states().await.unwrap();
    let held = |name| states.iter().find(|one| one.name == name).unwrap().messages;
    assert_eq!(held("KINTSUGI_CLOUDEVENTS"), 3);
}

/// Whoever makes a stream anew the moment it is deleted must not be given what is left of it: the broker
/// (nats-server 2.15) takes its name free before its files, and such a stream loses them afterwards and
/// stores nothing ever again.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_made_anew_at_once_stores() {
    let Some(world) = world().await else { return };
    let bus = &world.bus;
    let raw = raw(&world.server).await;
    for round in 0..40 {
        for part in 0..8 {
            bus.publish_inputs(vec![tick(&format!("run-{round}-{part}"))], 16).await.unwrap();
        }
        let gone = async {
            let deleted = raw.request("$JS.API.STREAM.DELETE.KINTSUGI_EVENTS", "".into());
            let answer: serde_json::Value =
                serde_json::from_slice(&deleted.await.unwrap().payload).unwrap();
            assert_eq!(answer["success"], true, "{answer}");
        };
        let anew = async {
            loop {
                let states = bus.ensure_streams(&Limits::default()).await.unwrap();
                if let Some(made) = states.into_iter().find(|state| state.is_new) {
                    return made;
                }
            }
        };
        let ((), made) = tokio::join!(gone, anew);
        assert_eq!((made.last_seq, made.is_left_over), (0, false), "round {round}");
        let stored = bus.publish_inputs(vec![tick("run-after")], 16).await;
        assert!(stored.is_ok(), "round {round}, {made:?}: {stored:?}");
    }
}
