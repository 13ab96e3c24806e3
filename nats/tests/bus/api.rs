//! Request and reply, and the intake.

use std::time::Duration;

use async_nats::HeaderMap;
use futures::StreamExt;
use kintsugi_nats::{ApiError, Endpoint, Error, ServiceInfo};

use crate::support::{World, eventually, raw, soon, world};

const PATIENCE: Duration = Duration::from_secs(5);

fn info(name: &str) -> ServiceInfo {
    ServiceInfo { name: name.to_owned(), version: "0.1.0".to_owned(), description: "d".to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_answers_with_results_and_problems() {
    let Some(world) = world().await else { return };
    let World { bus, server, .. } = &world;
    let endpoints = vec![
        Endpoint::new("start", "kintsugi.api.start.*.*"),
        Endpoint::new("odd", "kintsugi.api.odd"),
    ];
    let info = info("kintsugi-api-gateway");
    let service = bus.serve_api(&info, endpoints, |request| async move {
        match request.subject.as_str() {
            "kintsugi.api.odd" => panic!("on purpose"),
            "kintsugi.api.start.a.missing" => Err(ApiError::new(404, "no such\ndefinition")),
            "kintsugi.api.start.a.huge" => Ok(vec![b'x'; 9 << 20]),
            _ => Ok([request.endpoint.as_bytes(), b" ", &request.payload].concat()),
        }
    });
    let service = service.await.unwrap();
    let ask = |subject: &'static str| bus.request(subject, b"x".to_vec(), PATIENCE);
    assert_eq!(ask("kintsugi.api.start.a.b").await.unwrap(), b"start x");
    let Err(Error::Api { status: 404, body, .. }) = ask("kintsugi.api.start.a.missing").await
    else {
        panic!("it is missing")
    };
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem["status"], 404);
    for failing in ["kintsugi.api.odd", "kintsugi.api.start.a.huge"] {
        let failed = ask(failing).await;
        assert!(matches!(failed, Err(Error::Api { status: 500, .. })), "{failed:?}");
    }
    let nobody = ask("kintsugi.api.nobody").await;
    assert!(matches!(nobody, Err(Error::NoResponders { .. })), "{nobody:?}");

    let stats = raw(server).await.request("$SRV.STATS.kintsugi-api-gateway", "".into()).await;
    let stats: serde_json::Value = serde_json::from_slice(&stats.unwrap().payload).unwrap();
    let of = |name: &str| {
        let all = stats["endpoints"].as_array().unwrap();
        let one = all.iter().find(|one| one["name"] == name).unwrap();
        (one["num_requests"].as_u64().unwrap(), one["num_errors"].as_u64().unwrap())
    };
    assert_eq!((of("start"), of("odd")), ((3, 2), (1, 1)));

    drop(service);
    eventually("it is gone", || async { ask("kintsugi.api.start.a.b").await.is_err() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_service_can_be_listed() {
    let Some(world) = world().await else { return };
    let World { bus, server, .. } = &world;
    let names = ["kintsugi-orchestrator", "kintsugi-monitoring"];
    let mut services = Vec::new();
    for name in names {
        services.push(bus.serve_health(&info(name), || true).await.unwrap());
    }
    assert!(bus.serve_health(&info("a.b"), || true).await.is_err());
    let client = raw(server).await;
    let inbox = client.new_inbox();
    let mut answers = client.subscribe(inbox.clone()).await.unwrap();
    client.publish_with_reply("$SRV.PING", inbox, "".into()).await.unwrap();
    let mut found = Vec::new();
    while found.len() < 2 {
        let answer = soon(answers.next()).await.unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
        found.push(answer["name"].as_str().unwrap().to_owned());
    }
    found.sort();
    assert_eq!(found, ["kintsugi-monitoring", "kintsugi-orchestrator"]);
    let health = bus.request("kintsugi.api.health.kintsugi-monitoring", Vec::new(), PATIENCE);
    assert_eq!(health.await.unwrap(), br#"{"status":"ready"}"#);
    let outside = vec![Endpoint::new("x", "kintsugi.events.1")];
    assert!(bus.serve_api(&info("s"), outside, |_| async { Ok(Vec::new()) }).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_intake_gives_what_was_published_while_nobody_listened() {
    let Some(world) = world().await else { return };
    let World { bus, server, .. } = &world;
    let js = async_nats::jetstream::new(raw(server).await);
    for _ in 0..2 {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", "order-1");
        headers.insert("Kintsugi-Run-Id", "r-1");
        let subject = "kintsugi.in.start.shop.order";
        let sent = js.publish_with_headers(subject, headers, "{}".into()).await.unwrap();
        sent.await.unwrap();
    }
    let mut intake = bus.intake().await.unwrap();
    let found = soon(intake.next(10)).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].tokens, ["start", "shop", "order"]);
    assert_eq!(found[0].msg_id.as_deref(), Some("order-1"));
    assert_eq!(found[0].headers.get("kintsugi-run-id"), Some("r-1"));
    assert_eq!((&found[0].payload[..], found[0].delivered), (&b"{}"[..], 1));
    found[0].nak(Some(Duration::from_millis(10))).await.unwrap();
    let again = soon(intake.next(10)).await;
    assert_eq!(again[0].delivered, 2);
    again[0].ack().await.unwrap();
}
