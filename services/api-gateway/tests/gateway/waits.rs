//! Who waits for a result is told when the run ends, and not when it looks again by itself after
//! five seconds, whatever became of the lifecycle events meanwhile.

use std::time::{Duration, Instant};

use kintsugi_core::{DefinitionRef, Input, RunId, Timestamp};
use kintsugi_nats::{LifeEvent, RunInput};
use reqwest::Method;
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    engine::Engine,
    rig::{PARTITIONS, Rig, eventually},
};

/// Well below the five seconds after which everybody looks again.
const SOON: Duration = Duration::from_millis(1_500);

/// A run whose only task waits to be completed by hand.
async fn open_run(rig: &Rig, id: &str) {
    let started = json!({ "definition": "test/hold:1.0.0", "id": id });
    assert_eq!(rig.post("/v1/runs", &started).await.status, 201);
    eventually("the task is given out", async || {
        rig.get(&format!("/v1/runs/{id}")).await.json["tasks"][0]["epoch"] == 1
    })
    .await;
}

/// Completes the task of a run; returns when the end is in the database.
async fn complete(rig: &Rig, id: &str) -> Instant {
    let task = rig.get(&format!("/v1/runs/{id}")).await.json["tasks"][0]["number"].clone();
    let (task, worker) = (task.as_u64().unwrap(), "w1".to_owned());
    let input =
        Input::Completed { task, epoch: 1, output: json!("done"), worker, started_at: None };
    let run = RunId::parse(id).unwrap();
    rig.bus.publish_inputs(vec![RunInput { run: run.clone(), input }], PARTITIONS).await.unwrap();
    eventually("the run has ended", async || {
        rig.store.run_get(&run).await.unwrap().unwrap().status.is_terminal()
    })
    .await;
    Instant::now()
}

/// How long after the end of a run its result came to who waited while `trouble` went on.
async fn told_after(rig: &Rig, id: &str, trouble: impl Future<Output = ()>) -> Duration {
    let wait = async {
        let path = format!("/v1/runs/{id}/result?wait=30s");
        let answer = rig.request(Method::GET, &path).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        Instant::now()
    };
    let ended = async {
        // The wait has to be one: it began to watch before anything happens.
        tokio::time::sleep(Duration::from_millis(700)).await;
        trouble.await;
        complete(rig, id).await
    };
    let (told, ended) = tokio::join!(wait, ended);
    told.saturating_duration_since(ended)
}

async fn rig() -> Option<Rig> {
    let rig = Rig::start(|_| {}).await?;
    rig.define("hold", &["hold"]).await;
    Engine::spawn(&rig).await;
    Some(rig)
}

/// Deletes the lifecycle stream, in the broker's own words: the bus has no such wish.
pub(crate) async fn delete_life(rig: &Rig) {
    let mut connection = TcpStream::connect(rig.server.address()).await.unwrap();
    let wish = "CONNECT {}\r\nPUB $JS.API.STREAM.DELETE.KINTSUGI_LIFE 0\r\n\r\nPING\r\n";
    connection.write_all(wish.as_bytes()).await.unwrap();
    eventually("the stream is gone", async || {
        let states = rig.bus.stream_states().await.unwrap();
        states.iter().any(|state| state.name == "KINTSUGI_LIFE" && state.created.is_none())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_may_be_deleted_under_a_wait() {
    let Some(rig) = rig().await else { return };
    for id in ["gone", "anew"] {
        open_run(&rig, id).await;
        let trouble = async {
            delete_life(&rig).await;
            if id == "anew" {
                rig.bus.ensure_streams(&kintsugi_nats::Limits::default()).await.unwrap();
            }
        };
        let took = told_after(&rig, id, trouble).await;
        assert!(took < SOON, "told after {took:?} with the stream {id}");
        rig.bus.ensure_streams(&kintsugi_nats::Limits::default()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_broker_may_restart_under_a_wait() {
    let Some(rig) = rig().await else { return };
    open_run(&rig, "r").await;
    let trouble = async {
        rig.server.kill9().await;
        rig.server.restart().await.unwrap();
        eventually("connected again", async || rig.bus.ping().await.is_ok()).await;
    };
    let took = told_after(&rig, "r", trouble).await;
    assert!(took < SOON, "told after {took:?} with a new connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_events_holds_no_answer_up() {
    let Some(rig) = rig().await else { return };
    open_run(&rig, "watched").await;
    open_run(&rig, "r").await;
    // Somebody watches all the time, so that the flood comes through.
    let trouble = async {
        futures::future::join_all((0..4).map(|part| flood(&rig, part))).await;
        let took = told_after(&rig, "r", async {}).await;
        assert!(took < SOON, "told after {took:?} behind a flood");
    };
    told_after(&rig, "watched", trouble).await;
}

async fn flood(rig: &Rig, part: usize) {
    let definition = DefinitionRef::parse("test/other:1.0.0").unwrap();
    let run = RunId::parse("other").unwrap();
    let data = json!({ "text": "x".repeat(300) });
    for batch in 0..25 {
        let events = (0..1_000).map(|n| {
            let id = format!("{part}:{batch}:{n}");
            LifeEvent::new(&definition, &run, "task.completed", id, Timestamp(0), data.clone())
        });
        rig.bus.publish_life(&events.collect::<Vec<_>>()).await.unwrap();
    }
}
