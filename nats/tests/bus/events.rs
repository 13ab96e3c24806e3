//! The events stream.

use kintsugi_core::Input;
use kintsugi_nats::{Error, EventReader, Limits, stream};

use crate::support::{World, numbered, raw, soon, tick, world};

/// The numbers of the next `count` inputs.
async fn read(reader: &mut EventReader, count: usize) -> (Vec<u64>, u64) {
    let (mut numbers, mut seq) = (Vec::new(), 0);
    while numbers.len() < count {
        for delivery in soon(reader.next_batch(1_000)).await.unwrap() {
            seq = delivery.seq;
            numbers.extend(delivery.inputs.unwrap().into_iter().map(|one| match one.input {
                Input::Redrive { task, .. } => task,
                _ => 0,
            }));
        }
    }
    (numbers, seq)
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_come_in_order_and_in_batches() {
    let Some(world) = world().await else { return };
    let World { bus, .. } = &world;
    let inputs = (1..=5_000).map(|number| numbered("run", number)).collect();
    bus.publish_inputs(inputs, 1).await.unwrap();
    let mut reader = bus.read_events(&[0], 1).await.unwrap();
    let (numbers, last) = read(&mut reader, 5_000).await;
    assert_eq!(numbers, (1..=5_000).collect::<Vec<_>>());
    assert!(last <= 30, "5,000 inputs took {last} messages");

    // From a position in the middle, only what follows.
    let mut later = bus.read_events(&[0], last).await.unwrap();
    assert_eq!(soon(later.next_batch(10)).await.unwrap()[0].seq, last);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_sees_its_partitions_only_and_purging_keeps_the_others() {
    let Some(world) = world().await else { return };
    let World { bus, .. } = &world;
    let inputs = (0..200).map(|number| tick(&format!("run-{number}"))).collect();
    bus.publish_inputs(inputs, 4).await.unwrap();
    let mut reader = bus.read_events(&[1, 3], 1).await.unwrap();
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 2 {
        seen.extend(soon(reader.next_batch(10)).await.unwrap().iter().map(|one| one.partition));
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [1, 3]);
    let held = |states: Vec<kintsugi_nats::StreamState>| {
        states.into_iter().find(|state| state.name == stream::EVENTS).unwrap()
    };
    let before = held(bus.stream_states().await.unwrap());
    bus.purge_events(1, before.last_seq).await.unwrap();
    let after = held(bus.stream_states().await.unwrap());
    assert_eq!((after.messages, after.last_seq), (before.messages - 1, before.last_seq));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_goes_on_after_the_server_was_killed() {
    let Some(world) = world().await else { return };
    let World { bus, server, .. } = &world;
    let mut reader = bus.read_events(&[0], 1).await.unwrap();
    bus.publish_inputs((1..=10).map(|n| numbered("run", n)).collect(), 1).await.unwrap();
    assert_eq!(read(&mut reader, 10).await.0.len(), 10);
    for round in 0..3 {
        server.kill9().await;
        let restarted = tokio::spawn({
            let server = server.clone();
            async move { server.restart().await }
        });
        let first = 11 + round * 10;
        let inputs: Vec<_> = (first..first + 10).map(|n| numbered("run", n)).collect();
        crate::support::eventually("published", || {
            let (bus, inputs) = (bus.clone(), inputs.clone());
            async move { bus.publish_inputs(inputs, 1).await.is_ok() }
        })
        .await;
        restarted.await.unwrap().unwrap();
        // A publish that failed half-way may have been repeated: the order holds all the same.
        let mut numbers = Vec::new();
        while numbers.last() != Some(&(first + 9)) {
            numbers.extend(read(&mut reader, 1).await.0);
        }
        numbers.dedup();
        assert_eq!(numbers, (first..first + 10).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_deleted_and_made_anew_is_reported() {
    let Some(world) = world().await else { return };
    let World { bus, server, .. } = &world;
    bus.publish_inputs(vec![tick("a"), tick("b")], 1).await.unwrap();
    let mut reader = bus.read_events(&[0], 1).await.unwrap();
    read(&mut reader, 2).await;
    let created = reader.stream_created().to_owned();

    let js = async_nats::jetstream::new(raw(server).await);
    js.delete_stream(stream::EVENTS).await.unwrap();
    let gone = bus.publish_inputs(vec![tick("a")], 1).await;
    assert!(matches!(gone, Err(Error::StreamMissing { .. })), "{gone:?}");
    assert!(gone.unwrap_err().is_transient());
    let missing = bus.read_events(&[0], 1).await.err();
    assert!(matches!(missing, Some(Error::StreamMissing { .. })), "{missing:?}");
    let states = bus.stream_states().await.unwrap();
    let events = states.iter().find(|state| state.name == stream::EVENTS).unwrap();
    assert_eq!(events.created, None);

    let made = bus.ensure_streams(&Limits::default()).await.unwrap();
    let new: Vec<_> = made.iter().filter(|state| state.is_new).map(|state| &state.name).collect();
    assert_eq!(new, [stream::EVENTS]);
    let events = made.iter().find(|state| state.name == stream::EVENTS).unwrap();
    assert_ne!(events.created.as_deref(), Some(created.as_str()));

    bus.publish_inputs(vec![tick("a")], 1).await.unwrap();
    let reset = soon(reader.next_batch(10)).await;
    assert!(matches!(reset, Err(Error::Reset { .. })), "{reset:?}");
    let behind = bus.read_events(&[0], 50).await.err();
    assert!(matches!(behind, Some(Error::Reset { .. })), "{behind:?}");
    assert!(bus.read_events(&[0], 2).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_given_as_such_and_blocks_nothing() {
    let Some(world) = world().await else { return };
    let World { bus, server, .. } = &world;
    let js = async_nats::jetstream::new(raw(server).await);
    let huge = vec![b'x'; 7 << 20];
    for bad in
        [&b""[..], b"{", b"\xff\xfe", b"[1,{\"run\":\"r\",\"input\":{\"kind\":\"tick\"}}]", &huge]
    {
        js.publish("kintsugi.events.0", bad.to_vec().into()).await.unwrap().await.unwrap();
    }
    bus.publish_inputs(vec![tick("good")], 1).await.unwrap();
    let mut reader = bus.read_events(&[0], 1).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 6 {
        seen.extend(soon(reader.next_batch(2)).await.unwrap());
    }
    let readable: Vec<_> = seen.iter().map(|delivery| delivery.inputs.is_ok()).collect();
    assert_eq!(readable, [false, false, false, true, false, true]);
    assert_eq!((seen[3].inputs.as_ref().unwrap().len(), seen[3].rejected.len()), (1, 1));

    let rejected = seen[4].inputs.clone().unwrap_err();
    bus.reject("events", &rejected.reason, &rejected.raw).await.unwrap();
    bus.reject("events", "two\r\nlines", b"").await.unwrap();
    assert!(bus.reject("a.b", "", b"").await.is_err());

    let mut input = numbered("r", 1);
    let output = serde_json::Value::String("x".repeat(9 << 20));
    let worker = "w".to_owned();
    input.input = Input::Completed { task: 1, epoch: 1, output, worker, started_at: None };
    let refused = bus.publish_inputs(vec![input], 1).await;
    assert!(matches!(refused, Err(Error::TooLarge { .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_brought_up_to_date_and_a_full_stream_says_so() {
    let Some(world) = world().await else { return };
    let World { bus, .. } = &world;
    let small = Limits { events_bytes: 2_000, ..Limits::default() };
    let states = bus.ensure_streams(&small).await.unwrap();
    assert!(states.iter().all(|state| !state.is_new));
    let many = || (0..2_000).map(|number| tick(&format!("run-{number}"))).collect();
    let full = bus.publish_inputs(many(), 16).await;
    assert!(matches!(full, Err(Error::Full { .. })), "{full:?}");
    bus.ensure_streams(&Limits::default()).await.unwrap();
    bus.publish_inputs(many(), 16).await.unwrap();
}
