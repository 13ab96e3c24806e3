//! NATS as a front door.

use std::time::Duration;

use kintsugi_core::RunId;
use kintsugi_nats::{Error, Headers, LifeFrom};
use serde_json::{Value, json};

use crate::{
    engine::Engine,
    rig::{Rig, eventually},
};

const PATIENCE: Duration = Duration::from_secs(10);

/// An answer, or status and code of the problem in its place.
pub(crate) async fn ask(
    rig: &Rig,
    subject: &str,
    payload: impl Into<Vec<u8>>,
    headers: &[(&str, &str)],
) -> Result<Value, (u16, String)> {
    let mut all = Headers::default();
    headers.iter().for_each(|(name, value)| all.insert(name, value));
    match rig.bus.request_with(subject, payload.into(), all, PATIENCE).await {
        Ok(body) => Ok(serde_json::from_slice(&body).unwrap()),
        Err(Error::Api { status, body, .. }) => {
            let problem: Value = serde_json::from_slice(&body).unwrap();
            Err((status, problem["code"].as_str().unwrap_or_default().to_owned()))
        }
        Err(error) => panic!("{subject}: {error:?}"),
    }
}

pub(crate) async fn registered(rig: &Rig) {
    eventually("the door is open", async || {
        rig.bus.request("kintsugi.api.list", Vec::new(), PATIENCE).await.is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_answered_and_errors_are_problems() {
    let Some(rig) = Rig::start(|_| {}).await else { return };
    registered(&rig).await;
    Engine::spawn(&rig).await;
    let document = "document: {dsl: 1.0.3, namespace: test, name: order, version: 1.0.0}\n\
        do:\n  - a: {call: echo, with: {from: '${ . }'}}\n";
    let defined = ask(&rig, "kintsugi.api.define", document, &[]).await.unwrap();
    assert_eq!(defined["definition"], "test/order:1.0.0");
    let bad = ask(&rig, "kintsugi.api.define", "do: 7", &[]).await.unwrap_err();
    assert_eq!(bad, (422, "invalid_definition".into()));

    let id = [("Kintsugi-Run-Id", "r"), ("Kintsugi-Version", "1.0.0")];
    let start = "kintsugi.api.start.test.order";
    let started = ask(&rig, start, "{\"a\":1}", &id).await.unwrap();
    assert_eq!((&started["id"], &started["status"]), (&json!("r"), &json!("pending")));
    ask(&rig, start, "{\"a\":1}", &id).await.expect("a repeat is the same run");
    assert_eq!(ask(&rig, start, "2", &id).await.unwrap_err(), (409, "run_exists".into()));
    assert_eq!(ask(&rig, start, "{", &[]).await.unwrap_err(), (400, "malformed_json".into()));
    let none = ask(&rig, "kintsugi.api.start.test.none", "", &[]).await.unwrap_err();
    assert_eq!(none, (404, "definition_not_found".into()));
    let odd = ask(&rig, start, "1", &[("Kintsugi-Run-Id", "a.*")]).await.unwrap_err();
    assert_eq!(odd, (422, "invalid_id".into()));

    let result = ask(&rig, "kintsugi.api.run.test.order", "7", &[]).await.unwrap();
    assert_eq!(
        (&result["status"], &result["output"]),
        (&json!("completed"), &json!({ "from": 7 }))
    );
    let run = ask(&rig, "kintsugi.api.get", "r", &[]).await.unwrap();
    assert_eq!(run["input"], json!({ "a": 1 }));
    let list =
        ask(&rig, "kintsugi.api.list", "{\"definition\":\"test/order\"}", &[]).await.unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    let definitions = ask(&rig, "kintsugi.api.definitions", "", &[]).await.unwrap();
    assert_eq!(definitions["items"].as_array().unwrap().len(), 1);
    assert_eq!(ask(&rig, "kintsugi.api.cancel", "{\"id\":\"r\"}", &[]).await.unwrap()["id"], "r");
    for (subject, payload, expected) in [
        ("kintsugi.api.get", "none", (404, "run_not_found")),
        ("kintsugi.api.get", "", (400, "malformed_payload")),
        ("kintsugi.api.get", "{\"id\":\"r\",\"x\":1}", (422, "invalid_body")),
        ("kintsugi.api.redrive", "none:1:1", (404, "dead_letter_not_found")),
        ("kintsugi.api.signal", "{\"id\":\"r\"}", (422, "invalid_body")),
        ("kintsugi.api.signal", "{\"run\":\"r\",\"type\":\"t\"}", (409, "run_ended")),
        ("kintsugi.api.signal.none.t", "1", (404, "run_not_found")),
        ("kintsugi.api.list", "{\"limit\":0}", (400, "invalid_parameter")),
    ] {
        let (status, code) = ask(&rig, subject, payload, &[]).await.unwrap_err();
        assert_eq!((status, code.as_str()), expected, "{subject} {payload}");
    }
}

async fn publish(rig: &Rig, subject: &str, payload: &str, id: Option<&str>) {
    // With plain means, as `nats pub` does it: a publish that the stream captures.
    let mut headers = Headers::default();
    if let Some(id) = id {
        headers.insert("Nats-Msg-Id", id);
    }
    rig.bus.request_with(subject, payload.into(), headers, PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_is_started_once_and_what_cannot_be_is_kept_elsewhere() {
    let Some(rig) = Rig::start(|_| {}).await else { return };
    rig.define("order", &["echo"]).await;
    Engine::spawn(&rig).await;
    let mut life = rig.bus.life("kintsugi.life.>", LifeFrom::All).await.unwrap();
    let subject = "kintsugi.in.start.test.order";
    publish(&rig, subject, "{\"a\":1}", Some("m-1")).await;
    publish(&rig, subject, "{\"a\":1}", Some("m-1")).await;
    publish(&rig, subject, "not json", Some("m-2")).await;
    publish(&rig, "kintsugi.in.start.test.none", "1", Some("m-3")).await;
    for nobodys in
        ["kintsugi.in.stop", "kintsugi.in.foo.bar", "kintsugi.in.a.b.c.d.e", "kintsugi.in.event"]
    {
        publish(&rig, nobodys, "1", None).await;
    }
    for _ in 0..2 {
        publish(&rig, "kintsugi.in.event.com.example.paid", "{\"n\":1}", Some("e-1")).await;
    }
    publish(&rig, "kintsugi.in.event.com.example.paid", "{\"n\":2}", None).await;
    publish(&rig, subject, "2", None).await;
    publish(&rig, subject, "2", None).await;
    eventually("everything is taken up", async || {
        let states = rig.bus.stream_states().await.unwrap();
        let messages = |name: &str| states.iter().find(|one| one.name == name).unwrap().messages;
        messages("KINTSUGI_INTAKE") == 0
            && messages("KINTSUGI_REJECTED") == 6
            && messages("KINTSUGI_CLOUDEVENTS") == 2
    })
    .await;
    eventually("three runs complete", async || {
        rig.get("/v1/runs?status=completed").await.json["items"].as_array().unwrap().len() == 3
    })
    .await;
    let (mut published, mut events) = (rig.bus.published().await.unwrap(), Vec::new());
    while events.len() < 2 {
        let found = published.next(2).await.into_iter();
        events.extend(found.map(|one| serde_json::to_value(one.event.unwrap()).unwrap()));
    }
    assert_eq!((&events[0]["id"], &events[0]["data"]["n"]), (&"e-1".into(), &1.into()));
    assert_eq!(
        (&events[1]["type"], &events[1]["data"]["n"]),
        (&"com.example.paid".into(), &2.into())
    );
    let told = tokio::time::timeout(PATIENCE, async {
        loop {
            let (_, event) = life.next(1).await.unwrap().remove(0);
            if event.event() == "workflow.rejected" {
                break event;
            }
        }
    });
    assert_eq!(told.await.unwrap().data["code"], "malformed_json");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_for_a_run_that_is_there_changes_nothing() {
    let Some(rig) = Rig::start(|_| {}).await else { return };
    rig.define("order", &["echo"]).await;
    let mut headers = Headers::default();
    headers.insert("Kintsugi-Run-Id", "r");
    for payload in ["1", "1", "2"] {
        let subject = "kintsugi.in.start.test.order";
        rig.bus.request_with(subject, payload.into(), headers.clone(), PATIENCE).await.unwrap();
    }
    eventually("the other one is rejected", async || {
        let states = rig.bus.stream_states().await.unwrap();
        let messages = |name: &str| states.iter().find(|one| one.name == name).unwrap().messages;
        messages("KINTSUGI_INTAKE") == 0 && messages("KINTSUGI_REJECTED") == 1
    })
    .await;
    let row = rig.store.run_get(&RunId::parse("r").unwrap()).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&row.state).contains("\"raw_input\":1"));
}
