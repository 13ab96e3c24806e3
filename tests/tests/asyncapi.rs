//! A worker that dies while it listens to somebody else's broker: what it had taken is gone, and the next
//! attempt listens anew.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::time::Duration;

use kintsugi_nats::{Bus, Error, Options};
use kintsugi_tests::{Answer, Engine, Peer, Shape, check_promises, eventually};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);

/// Whoever listens does not answer, which is not waited for long.
const NO_ANSWER: Duration = Duration::from_millis(200);

const CONTRACT: &str = "
asyncapi: 3.0.0
info: {title: t, version: '1'}
servers: {bus: {host: '{nats}', protocol: nats}}
channels: {pets: {address: test.pets}}
operations: {hear: {action: receive, channel: {$ref: '#/channels/pets'}}}
";

const DEFINITION: &str = "
document: {dsl: '1.0.3', namespace: test, name: hears, version: '1.0.0'}
do:
  - hear:
      call: asyncapi
      with:
        document: {endpoint: '{server}/contract.yaml'}
        operation: hear
        subscription: {consume: {amount: 2}}
";

/// Publishes a message once somebody listens: the broker says if nobody does, and keeps nothing.
async fn heard(bus: &Bus, n: u64) {
    eventually("somebody listens", SOON, || async {
        let sent = bus.request("test.pets", json!({ "n": n }).to_string().into_bytes(), NO_ANSWER);
        (!matches!(sent.await, Err(Error::NoResponders { .. }))).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_after_a_dead_one_listens_anew() {
    let set = ["--set", "worker.http.allow=any", "--set", "gateway.resources.allow=any"];
    let Some(mut engine) = Engine::start(Shape::Services, &set).await else { return };
    let options = Options { url: engine.nats_url(), ..Options::default() };
    let bus = Bus::connect(&options).await.unwrap();
    let contract = CONTRACT.replace("{nats}", engine.nats_url().trim_start_matches("nats://"));
    let peer = Peer::start(move |_| Answer::status(200).body(contract.as_str())).await;
    engine.client.define(&DEFINITION.replace("{server}", &peer.url(""))).await;

    let run = engine.client.start("test/hears:1.0.0", json!({})).await;
    heard(&bus, 1).await;
    // Either may be the one that listens.
    for worker in ["worker", "worker-2"] {
        engine.kill(worker);
    }
    // The broker may hear of their end a moment later.
    eventually("nobody listens", SOON, || async {
        let sent = bus.request("test.pets", b"{}".to_vec(), NO_ANSWER).await;
        matches!(sent, Err(Error::NoResponders { .. })).then_some(())
    })
    .await;
    engine.start_again("worker");
    heard(&bus, 2).await;
    heard(&bus, 3).await;

    let ended = engine.client.ended(&run, SOON).await;
    let taken = |at: usize| ended["output"][at]["payload"]["n"].clone();
    assert_eq!((taken(0), taken(1)), (json!(2), json!(3)), "{ended}");
    let (_, page) = engine.client.get(&format!("/v1/runs/{run}/tasks")).await;
    let attempts = page["items"][0]["attempts"].as_array().map(Vec::len);
    assert_eq!(attempts, Some(2), "{page}");
    assert_eq!(page["items"][0]["attempts"][0]["error"], Value::Null, "it was lost: {page}");
    check_promises(&engine, &[run]).await;
}
