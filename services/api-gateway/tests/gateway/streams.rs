//! Server-sent events, and stopping while clients wait.

use std::time::{Duration, Instant};

use futures::StreamExt;
use reqwest::Method;
use serde_json::json;

use crate::{
    engine::Engine,
    rig::{Rig, answer, eventually},
};

/// Reads a stream of events to its end.
async fn read(rig: &Rig, path: &str, last: Option<&str>) -> (u16, String) {
    let mut request = rig.request(Method::GET, path);
    if let Some(last) = last {
        request = request.header("Last-Event-ID", last);
    }
    let answer = tokio::time::timeout(Duration::from_secs(10), async {
        answer(request.send().await.unwrap()).await
    });
    let answer = answer.await.expect("the stream ends");
    (answer.status, answer.text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_followed_to_its_end_and_picked_up_where_it_was_left() {
    let Some(rig) = Rig::start(|_| {}).await else { return };
    rig.define("order", &["echo", "echo"]).await;
    rig.post("/v1/runs", &json!({ "definition": "test/order:1.0.0", "id": "r" })).await;
    let (_, (status, text)) =
        tokio::join!(Engine::spawn(&rig), read(&rig, "/v1/runs/r/events", None));
    assert_eq!(status, 200, "{text}");
    let ids: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
    assert_eq!(ids, ["1", "2", "3"], "{text}");
    assert!(text.contains("event: status") && text.contains("event: end"), "{text}");
    assert!(text.contains("\"status\":\"completed\""), "{text}");

    let (_, rest) = read(&rig, "/v1/runs/r/events", Some("2")).await;
    assert!(rest.contains("id: 3") && !rest.contains("id: 2"), "{rest}");
    assert_eq!(read(&rig, "/v1/runs/r/events", Some("3")).await.0, 204);
    assert_eq!(read(&rig, "/v1/runs/r/events?after=3", None).await.0, 204);
    assert_eq!(read(&rig, "/v1/runs/r/events", Some("x")).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_followed_by_a_bounded_number_of_clients() {
    let Some(rig) = Rig::start(|config| config.streams_max = 1).await else { return };
    rig.define("order", &["echo"]).await;
    Engine::spawn(&rig).await;
    let response = rig.request(Method::GET, "/v1/events").send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.bytes_stream();
    rig.get("/v1/events").await.is_problem(503, "too_many_streams");
    let mut text = String::new();
    let mut number = 0;
    // The subscription opens a moment after the stream: what came before it is not told.
    while !text.contains("workflow.completed") {
        number += 1;
        assert!(number < 50, "no event: {text}");
        let body_of = json!({ "definition": "test/order:1.0.0", "id": format!("r-{number}") });
        rig.post("/v1/runs", &body_of).await;
        let chunk = tokio::time::timeout(Duration::from_millis(300), body.next()).await;
        if let Ok(Some(Ok(chunk))) = chunk {
            text += &String::from_utf8_lossy(&chunk);
        }
    }
    assert!(text.contains("event: life") && text.contains("\"specversion\":\"1.0\""), "{text}");
    drop(body);
    eventually("the place is free again", async || {
        let again = rig.request(Method::GET, "/v1/events").send().await.unwrap();
        again.status().as_u16() == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_lets_waiting_clients_go() {
    let Some(rig) = Rig::start(|_| {}).await else { return };
    rig.define("order", &["echo"]).await;
    rig.post("/v1/runs", &json!({ "definition": "test/order:1.0.0", "id": "r" })).await;
    let waiting = rig.request(Method::GET, "/v1/runs/r/result?wait=60s").send();
    let following = rig.request(Method::GET, "/v1/runs/r/events").send().await.unwrap();
    let stop = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        rig.shutdown.cancel();
        Instant::now()
    };
    let (waited, stopped, followed) = tokio::join!(waiting, stop, following.text());
    assert_eq!(waited.unwrap().status().as_u16(), 202);
    assert!(followed.unwrap().contains("event: status"));
    rig.gateway.await.unwrap();
    assert!(stopped.elapsed() < Duration::from_secs(3));
}
