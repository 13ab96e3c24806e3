//! Server-sent events, and stopping while clients wait.

use std::time::{Duration, Instant};

use futures::StreamExt;
use kintsugi_core::{DefinitionRef, RunId, Timestamp};
use kintsugi_nats::LifeEvent;
use reqwest::Method;
use serde_json::json;

use crate::{
    engine::Engine,
    rig::{Rig, answer, eventually},
    waits::delete_life,
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

/// A client that reads when it is told to.
struct Client {
    body: futures::stream::BoxStream<'static, reqwest::Result<Vec<u8>>>,
    text: String,
}

impl Client {
    async fn open(rig: &Rig, path: &str, last: Option<&str>) -> Self {
        let mut request = rig.request(Method::GET, path);
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let body = response.bytes_stream().map(|piece| piece.map(|piece| piece.to_vec())).boxed();
        Self { body, text: String::new() }
    }

    /// Reads until the text holds `needle`.
    async fn until(&mut self, needle: &str) {
        let read = async {
            let mut from = 0;
            while !self.text[from..].contains(needle) {
                from = self.text.len().saturating_sub(needle.len());
                let piece = self.body.next().await.expect("the stream goes on").unwrap();
                self.text += &String::from_utf8_lossy(&piece);
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(10), read).await;
        assert!(waited.is_ok(), "{needle:?} does not come: {}", tail(&self.text));
    }

    fn ids(&self) -> Vec<&str> {
        self.text.lines().filter_map(|line| line.strip_prefix("id: ")).collect()
    }
}

fn tail(text: &str) -> &str {
    &text[text.len().saturating_sub(2_000)..]
}

fn event(n: usize) -> LifeEvent {
    let definition = DefinitionRef::parse("test/other:1.0.0").unwrap();
    let run = RunId::parse("other").unwrap();
    let data = json!({ "n": n, "pad": "x".repeat(1_000) });
    LifeEvent::new(&definition, &run, "task.completed", format!("e-{n}-"), Timestamp(0), data)
}

async fn tell(rig: &Rig, numbers: std::ops::Range<usize>) {
    rig.bus.publish_life(&numbers.map(event).collect::<Vec<_>>()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_followed_by_a_bounded_number_of_clients() {
    let change = |config: &mut kintsugi_api_gateway::Config| {
        config.streams_max = 1;
        config.streams_keep_alive = Duration::from_millis(200);
    };
    let Some(rig) = Rig::start(change).await else { return };
    rig.define("order", &["echo"]).await;
    Engine::spawn(&rig).await;
    let mut client = Client::open(&rig, "/v1/events", None).await;
    rig.get("/v1/events").await.is_problem(503, "too_many_streams");
    rig.post("/v1/runs", &json!({ "definition": "test/order:1.0.0", "id": "r" })).await;
    client.until("workflow.completed").await;
    assert!(client.text.contains("event: life"), "{}", client.text);
    assert!(client.text.contains("\"specversion\":\"1.0\""), "{}", client.text);
    drop(client);
    eventually("the place is free again", async || {
        let again = rig.request(Method::GET, "/v1/events").send().await.unwrap();
        again.status().as_u16() == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_comes_back_to_where_it_was() {
    let Some(rig) = Rig::start(|_| {}).await else { return };
    let mut client = Client::open(&rig, "/v1/events", None).await;
    tell(&rig, 0..3).await;
    client.until("e-2-").await;
    let second = client.ids()[1].to_owned();
    drop(client);
    // More than one batch, and some that come while it catches up.
    tell(&rig, 3..700).await;
    let mut again = Client::open(&rig, "/v1/events", Some(&second)).await;
    tell(&rig, 700..710).await;
    again.until("e-709-").await;
    assert!(!again.text.contains("e-1-") && !again.text.contains("lagged"), "too much, or lost");
    for n in 2..710 {
        assert_eq!(again.text.matches(&format!("e-{n}-")).count(), 1, "event {n}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_caught_up_with_is_said() {
    let Some(rig) = Rig::start(|_| {}).await else { return };
    for foreign in ["20000101000000-1", "7-99"] {
        let mut client = Client::open(&rig, "/v1/events", Some(foreign)).await;
        client.until("event: lagged").await;
        tell(&rig, 0..1).await;
        client.until("e-0-").await;
    }
    let malformed = rig.request(Method::GET, "/v1/events").header("Last-Event-ID", "x");
    answer(malformed.send().await.unwrap()).await.is_problem(400, "invalid_parameter");

    // The stream is made anew under a follower: it is told, and follows the new one.
    let mut client = Client::open(&rig, "/v1/events", None).await;
    tell(&rig, 1..2).await;
    client.until("e-1-").await;
    delete_life(&rig).await;
    rig.bus.ensure_streams(&kintsugi_nats::Limits::default()).await.unwrap();
    client.until("event: lagged").await;
    let mut n = 2;
    while !client.text.contains("e-2-") {
        // The reader of the new stream opens in a moment; what came before is not told.
        tell(&rig, 2..3).await;
        let piece = tokio::time::timeout(Duration::from_millis(300), client.body.next()).await;
        if let Ok(Some(Ok(piece))) = piece {
            client.text += &String::from_utf8_lossy(&piece);
        }
        n += 1;
        assert!(n < 50, "the new stream is not followed: {}", tail(&client.text));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_follower_holds_nobody_up_and_is_told_what_it_missed() {
    let Some(rig) = Rig::start(|_| {}).await else { return };
    let mut slow = Client::open(&rig, "/v1/events", None).await;
    let mut quick = Client::open(&rig, "/v1/events", None).await;
    let flood = async {
        // Far more than the buffers of the sockets and of the gateway together.
        for batch in 0..60 {
            tell(&rig, batch * 500..(batch + 1) * 500).await;
        }
        tell(&rig, 99_999..100_000).await;
    };
    let begin = Instant::now();
    tokio::join!(flood, quick.until("e-99999-"));
    let took = begin.elapsed();
    slow.until("event: lagged").await;
    slow.until("e-99999-").await;
    let missed = slow.text.lines().filter_map(|line| line.strip_prefix("data: {\"missed\":"));
    let missed: usize =
        missed.map(|rest| rest.trim_end_matches('}').parse::<usize>().unwrap()).sum();
    assert_eq!(
        missed + slow.text.matches("event: life").count(),
        30_001,
        "each is told or counted"
    );
    assert!(took < Duration::from_secs(30), "the quick one had to wait: {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_stream_shows_that_it_is_open() {
    let change = |config: &mut kintsugi_api_gateway::Config| {
        config.streams_keep_alive = Duration::from_millis(200);
    };
    let Some(rig) = Rig::start(change).await else { return };
    rig.define("order", &["hold"]).await;
    rig.post("/v1/runs", &json!({ "definition": "test/order:1.0.0", "id": "r" })).await;
    for path in ["/v1/events", "/v1/runs/r/events"] {
        let mut client = Client::open(&rig, path, None).await;
        // A comment, which no client takes for an event.
        client.until("\n\n:").await;
        client.text.clear();
        client.until(":").await;
    }
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
