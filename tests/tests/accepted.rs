//! What was answered for happens, once, whatever is lost in between: cancellations, redrives, events
//! that runs emit; and what finds no room is said to find none.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::time::Duration;

use kintsugi_nats::{Bus, stream};
use kintsugi_tests::{Engine, Role, Shape, eventually, streams};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);

const DEFINITIONS: [&str; 4] = [
    "document: {dsl: '1.0.3', namespace: test, name: hear, version: '1.0.0'}\n\
     do: [{hear: {listen: {to: {one: {with: {type: hit}}}}}}]",
    "document: {dsl: '1.0.3', namespace: test, name: emitter, version: '1.0.0'}\n\
     do: [{tell: {emit: {event: {with: {type: hit, source: 'https://example.com/shop', data: 1}}}}}]",
    "document: {dsl: '1.0.3', namespace: test, name: picky, version: '1.0.0'}\n\
     do: [{pick: {call: simulate, with: {mode: '${ .mode }', output: picked}}}]",
    "document: {dsl: '1.0.3', namespace: test, name: sleeper, version: '1.0.0'}\n\
     do: [{sleep: {wait: {hours: 1}}}]",
];

async fn engine(shape: Shape) -> Option<(Engine, Bus)> {
    let engine = Engine::start(shape, &[]).await?;
    for definition in DEFINITIONS {
        engine.client.define(definition).await;
    }
    let bus = streams::bus(&engine.nats_url()).await;
    Some((engine, bus))
}

async fn delete(bus: &Bus, name: &str) {
    let subject = format!("$JS.API.STREAM.DELETE.{name}");
    bus.request(&subject, Vec::new(), Duration::from_secs(5)).await.unwrap();
}

/// How often a run's history tells of `event`.
async fn told(engine: &Engine, run: &str, event: &str) -> usize {
    let (_, history) = engine.client.get(&format!("/v1/runs/{run}/history")).await;
    history.to_string().matches(&format!("\"{event}\"")).count()
}

fn orchestrators(engine: &mut Engine, alive: bool) {
    for name in ["orchestrator", "orchestrator-2"] {
        if alive {
            engine.spawn_role(name, Role::Orchestrator);
        } else {
            engine.kill(name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_of_a_run_happens_once_though_the_stream_is_lost() {
    let Some((mut engine, bus)) = engine(Shape::Services).await else { return };
    let sleeper = engine.client.start("test/sleeper:1.0.0", Value::Null).await;
    let waits = |run: &Value| run["status"] == "waiting";
    engine.client.until(&sleeper, "it sleeps", SOON, waits).await;
    let picky = engine.client.start("test/picky:1.0.0", json!({"mode": "fatal"})).await;
    assert_eq!(engine.client.ended(&picky, SOON).await["status"], "faulted");
    let (_, letters) = engine.client.get(&format!("/v1/dead-letters?run={picky}")).await;
    let letter = letters["items"][0]["id"].as_str().unwrap();
    let letter = format!("/v1/dead-letters/{letter}/redrive");

    orchestrators(&mut engine, false);
    let cancel = format!("/v1/runs/{sleeper}/cancel");
    for _ in 0..2 {
        let asked = json!({"reason": "enough"});
        assert_eq!(engine.client.post(&cancel, &asked).await.0, 202);
        let edited = json!({"input": {"mode": "succeed", "output": "mended"}});
        let (status, body) = engine.client.post(&letter, &edited).await;
        assert_eq!(status, 202, "{body}");
    }
    let otherwise = engine.client.post(&letter, &json!({"input": {}})).await;
    assert_eq!((otherwise.0.as_u16(), &otherwise.1["code"]), (409, &json!("not_open")));
    delete(&bus, stream::EVENTS).await;
    orchestrators(&mut engine, true);

    assert_eq!(engine.client.ended(&sleeper, SOON).await["status"], "cancelled");
    let done = |run: &Value| run["status"] == "completed";
    let mended = engine.client.until(&picky, "it is redriven", SOON, done).await;
    assert_eq!(mended["output"], "mended");
    let known = engine.postgres.as_ref().unwrap();
    eventually("nothing is left to be asked", SOON, || async {
        (known.psql_in("postgres", "SELECT count(*) FROM requests") == "0").then_some(())
    })
    .await;
    assert_eq!(told(&engine, &sleeper, "run_cancelled").await, 1);
    assert_eq!(told(&engine, &picky, "task_redriven").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_run_was_killed_before_it_was_published_is_there_once() {
    let Some((mut engine, bus)) = engine(Shape::Services).await else { return };
    let hears = engine.client.start("test/hear:1.0.0", Value::Null).await;
    let waits = |run: &Value| run["status"] == "waiting";
    engine.client.until(&hears, "it listens", SOON, waits).await;
    // Nobody can publish it, and nobody makes the stream anew.
    engine.kill("detector");
    delete(&bus, stream::CLOUDEVENTS).await;
    let emits = engine.client.start("test/emitter:1.0.0", Value::Null).await;
    assert_eq!(engine.client.ended(&emits, SOON).await["status"], "completed", "it is committed");
    orchestrators(&mut engine, false);
    assert!(streams::try_messages(&bus, stream::CLOUDEVENTS).await.is_none());
    engine.start_again("detector");
    orchestrators(&mut engine, true);

    let heard = engine.client.ended(&hears, SOON).await;
    assert_eq!((&heard["status"], &heard["output"]), (&json!("completed"), &json!([1])));
    let known = engine.postgres.as_ref().unwrap();
    eventually("it has left the outbox", SOON, || async {
        (known.psql_in("postgres", "SELECT count(*) FROM outbox") == "0").then_some(())
    })
    .await;
    // Whoever would publish it again has done so by then.
    tokio::time::sleep(Duration::from_secs(7)).await;
    let events = streams::messages(&bus, stream::CLOUDEVENTS).await;
    let ids: Vec<_> = events.iter().map(|event| event.headers.contains("Nats-Msg-Id")).collect();
    assert_eq!(ids, [true], "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_finds_no_room_in_an_inbox_is_said_to_find_none() {
    let Some((engine, bus)) = engine(Shape::Dev).await else { return };
    let run = engine.client.start("test/hear:1.0.0", Value::Null).await;
    let waits = |run: &Value| run["status"] == "waiting";
    engine.client.until(&run, "it listens", SOON, waits).await;
    let path = format!("/v1/runs/{run}/events");
    let signal = json!({"type": "other", "data": "x".repeat(1_000_000)});
    let mut kept = 0;
    let full = loop {
        let (status, body) = engine.client.post(&path, &signal).await;
        if status != 202 {
            break (status.as_u16(), body["code"].clone());
        }
        kept += 1;
        assert!(kept <= 10, "the inbox is never full");
    };
    assert_eq!((kept, full), (9, (429, json!("inbox_full"))));

    let subject = "kintsugi.cloudevents.hit";
    bus.request(subject, b"\"lost?\"".to_vec(), Duration::from_secs(5)).await.unwrap();
    eventually("the event is put aside", SOON, || async {
        let found = streams::try_messages(&bus, stream::REJECTED).await?;
        let of_run = format!("Kintsugi-Run-Id: {run}\r\n");
        let found = found.iter().filter(|message| {
            message.headers.contains("Kintsugi-Code: inbox_full\r\n")
                && message.headers.contains(&of_run)
                && String::from_utf8_lossy(&message.payload).contains("lost?")
        });
        (found.count() == 1).then_some(())
    })
    .await;
    let counted = "kintsugi_stream_published_total{stream=\"KINTSUGI_REJECTED\"} 1";
    eventually("it is counted", SOON, || async {
        let (_, text) = engine.client.try_get("/metrics").await?;
        text.as_str()?.contains(counted).then_some(())
    })
    .await;
    assert_eq!(engine.client.get(&format!("/v1/runs/{run}")).await.1["status"], "waiting");
}
