//! Definitions, errors, garbage, pages.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::rig::{Rig, answer};

const DOCUMENT: &str = "document: {dsl: 1.0.3, namespace: test, name: order, version: 1.0.0}\n\
    do:\n  - a: {set: {x: 1}}\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_is_immutable_once_registered() {
    let Some(rig) = Rig::start(|_| {}).await else { return };
    let put = async |text: &str| rig.post_text("/v1/definitions", "application/yaml", text).await;
    let first = put(DOCUMENT).await;
    assert_eq!((first.status, &first.json["definition"]), (201, &json!("test/order:1.0.0")));
    assert_eq!(first.headers["location"], "/v1/definitions/test/order/1.0.0");
    assert_eq!(put(&format!("# another comment\n{DOCUMENT}")).await.status, 200);
    put(&DOCUMENT.replace("x: 1", "x: 2")).await.is_problem(409, "definition_conflict");

    let shown = rig.get("/v1/definitions/test/order/latest").await;
    assert_eq!((shown.status, &shown.json["source"]), (200, &json!(DOCUMENT)));
    assert_eq!(shown.json["document"]["do"], json!([{ "a": { "set": { "x": 1 } } }]));
    let list = rig.get("/v1/definitions?namespace=test").await;
    assert_eq!(list.json["items"].as_array().unwrap().len(), 1);
    rig.get("/v1/definitions/test/none/1.0.0").await.is_problem(404, "definition_not_found");
    rig.get("/v1/definitions/T%20/none/1.0.0").await.is_problem(404, "definition_not_found");

    let json = serde_json::to_string(&shown.json["document"]).unwrap();
    assert_eq!(rig.post_text("/v1/definitions", "application/json", json).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_checked_without_being_registered() {
    let Some(rig) = Rig::start(|_| {}).await else { return };
    let check = "/v1/definitions?dry_run=true";
    let checked = rig.post_text(check, "application/yaml", DOCUMENT).await;
    assert_eq!((checked.status, &checked.json["definition"]), (200, &json!("test/order:1.0.0")));
    rig.get("/v1/definitions/test/order/1.0.0").await.is_problem(404, "definition_not_found");
    let wrong = rig.post_text(check, "application/yaml", "do: 3\n").await;
    wrong.is_problem(422, "invalid_definition");
    assert!(wrong.json["problems"][0]["line"].is_number());
    let odd = rig.post_text("/v1/definitions?dry_run=maybe", "application/yaml", DOCUMENT).await;
    odd.is_problem(400, "invalid_parameter");
    assert_eq!(rig.post_text("/v1/definitions", "application/yaml", DOCUMENT).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_is_drawn_in_every_form() {
    let Some(rig) = Rig::start(|_| {}).await else { return };
    let document = DOCUMENT.replace("- a:", "- '<script>\"a':");
    assert_eq!(rig.post_text("/v1/definitions", "application/yaml", document).await.status, 201);
    let graph = "/v1/definitions/test/order/1.0.0/graph";
    for (query, kind, part) in [
        ("", "image/svg+xml", "&lt;script&gt;"),
        ("?as=svg", "image/svg+xml", "data-reference=\"/do/0/&lt;script&gt;&quot;a\""),
        ("?as=mermaid", "text/vnd.mermaid", "flowchart"),
        ("?as=dot", "text/vnd.graphviz", "digraph"),
        ("?as=text", "text/plain", "set x"),
        ("?as=json", "application/json", "\"set x\""),
    ] {
        let drawn = rig.get(&format!("{graph}{query}")).await;
        assert_eq!(drawn.status, 200, "{query}: {}", drawn.text);
        let found = drawn.headers["content-type"].to_str().unwrap();
        assert!(found.starts_with(kind), "{query}: {found}");
        assert!(drawn.text.contains(part), "{query}: {}", drawn.text);
        let policy = drawn.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
    }
    rig.get(&format!("{graph}?as=png")).await.is_problem(400, "invalid_parameter");
    let none = "/v1/definitions/test/none/1.0.0/graph";
    rig.get(none).await.is_problem(404, "definition_not_found");
    let tasks: Vec<_> = (0..2_100).map(|n| format!("  - t{n}: {{set: {{x: 1}}}}\n")).collect();
    let large = format!(
        "document: {{dsl: 1.0.3, namespace: test, name: large, version: 1.0.0}}\ndo:\n{}",
        tasks.concat()
    );
    assert_eq!(rig.post_text("/v1/definitions", "application/yaml", large).await.status, 201);
    let large = "/v1/definitions/test/large/latest/graph";
    rig.get(large).await.is_problem(422, "graph_too_large");
    assert_eq!(rig.get(&format!("{large}?as=text")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_wrong_with_a_document_is_told_at_once() {
    let Some(rig) = Rig::start(|_| {}).await else { return };
    let bad = "document: {dsl: 1.0.3, namespace: test, name: order, version: 1.0.0}\n\
        do:\n  - a: {sett: {x: 1}}\n  - b: {set: {x: 1}, then: nowhere}\n";
    let answer = rig.post_text("/v1/definitions", "application/yaml", bad).await;
    answer.is_problem(422, "invalid_definition");
    let problems = answer.json["problems"].as_array().unwrap();
    assert!(problems.len() >= 2, "{}", answer.text);
    assert!(problems.iter().all(|one| one["line"].as_u64() > Some(0) && one["code"].is_string()));
    for garbage in ["", "{", "- - -", "a: b: c", "\u{0}", "[]", &"[".repeat(10_000)] {
        let answer = rig.post_text("/v1/definitions", "application/yaml", garbage).await;
        answer.is_problem(422, "invalid_definition");
    }
    let latin1 = rig.post_text("/v1/definitions", "application/yaml", vec![0xff, 0xfe, 0x00]).await;
    assert_eq!(latin1.status, 422, "{}", latin1.text);
    let large = " ".repeat(5 << 20);
    rig.post_text("/v1/definitions", "text/yaml", large).await.is_problem(413, "too_large");
    let image = rig.post_text("/v1/definitions", "image/png", DOCUMENT).await;
    image.is_problem(415, "unsupported_media_type");
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_in_place_of_a_start_gets_a_clear_error() {
    let Some(rig) = Rig::start(|config| config.input_bytes_max = 1_000).await else { return };
    rig.define("order", &["echo"]).await;
    let post = async |text: &str| rig.post_text("/v1/runs", "application/json", text).await;
    for malformed in ["", "{", "nonsense", "{\"definition\":}", "\u{1}"] {
        post(malformed).await.is_problem(400, "malformed_json");
    }
    for (body, code) in [
        ("[]", "invalid_body"),
        ("null", "invalid_body"),
        ("{}", "invalid_body"),
        (r#"{"definition":7}"#, "invalid_body"),
        (r#"{"definition":"test/order:1.0.0","extra":1}"#, "invalid_body"),
        (r#"{"definition":"Test/Order"}"#, "invalid_id"),
        (r#"{"definition":"test/order:1.0.0","id":"a.b"}"#, "invalid_id"),
        (r#"{"definition":"test/order:1.0.0","id":""}"#, "invalid_id"),
        (r#"{"definition":"test/order:1.0.0","input":"\ud800"}"#, "invalid_string"),
        (
            r#"{"definition":"test/order:1.0.0","input":18446744073709551616}"#,
            "number_out_of_range",
        ),
        (r#"{"definition":"test/order:1.0.0","input":1e999}"#, "number_out_of_range"),
    ] {
        post(body).await.is_problem(422, code);
    }
    let deep = format!("{{\"definition\":\"test/order:1.0.0\",\"input\":{}}}", "[".repeat(50_000));
    assert!(deep.len() > 17_384, "larger than the limit and the envelope together");
    post(&deep).await.is_problem(413, "too_large");
    let deep = format!("{{\"definition\":\"test/order:1.0.0\",\"input\":{}}}", "[".repeat(500));
    post(&deep).await.is_problem(422, "too_deep");
    let large = json!({ "definition": "test/order:1.0.0", "input": "x".repeat(1_001) });
    rig.post("/v1/runs", &large).await.is_problem(413, "too_large");
    let unknown = json!({ "definition": "test/none:1.0.0" });
    rig.post("/v1/runs", &unknown).await.is_problem(404, "definition_not_found");
    let form = rig.post_text("/v1/runs", "text/plain", "{}").await;
    form.is_problem(415, "unsupported_media_type");
    for good in
        [r#"{"definition":"test/order","input":"a\u0000b"}"#, r#"{"definition":"test/order"}"#]
    {
        assert_eq!(post(good).await.status, 201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_a_problem_too() {
    let Some(rig) = Rig::start(|_| {}).await else { return };
    rig.get("/v1/nothing").await.is_problem(404, "not_found");
    rig.get("/v1").await.is_problem(404, "not_found");
    rig.get("/v1/runs/none").await.is_problem(404, "run_not_found");
    rig.get("/v1/runs/..%2f").await.is_problem(404, "run_not_found");
    rig.get("/v1/runs/none/history").await.is_problem(404, "run_not_found");
    rig.get("/v1/runs/none/result").await.is_problem(404, "run_not_found");
    rig.get("/v1/runs/none/events").await.is_problem(404, "run_not_found");
    rig.get("/v1/tasks/none").await.is_problem(404, "task_not_found");
    rig.get("/v1/tasks/none:1").await.is_problem(404, "run_not_found");
    rig.get("/v1/runs/none/result?wait=soon").await.is_problem(400, "invalid_parameter");
    rig.get("/v1/runs/none/history?after=x").await.is_problem(400, "invalid_parameter");
    let put = answer(rig.request(Method::PUT, "/v1/runs").send().await.unwrap()).await;
    put.is_problem(405, "method_not_allowed");
    let post = answer(rig.request(Method::POST, "/docs").send().await.unwrap()).await;
    post.is_problem(405, "method_not_allowed");
    rig.get("/v1/system").await.is_problem(503, "monitoring_unavailable");
    rig.get("/metrics").await.is_problem(503, "monitoring_unavailable");
    assert_eq!(rig.get("/v1/recoveries").await.json["items"], json!([]));
    rig.get("/v1/recoveries?run=a.b").await.is_problem(400, "invalid_parameter");
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = rig.request(Method::GET, "/v1/nothing").header("traceparent", trace);
    let traced = answer(request.send().await.unwrap()).await;
    assert_eq!(traced.json["trace_id"], "0af7651916cd43dd8448eb211c80319c");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_that_lies_does_no_harm() {
    let Some(rig) = Rig::start(|config| config.input_bytes_max = 1_000).await else { return };
    let send = async |head: &str, body: &[u8]| {
        let mut stream = tokio::net::TcpStream::connect(rig.address).await.unwrap();
        let host =
            format!("POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{head}\r\n");
        stream.write_all(host.as_bytes()).await.unwrap();
        // The gateway may have answered and closed before all of it is sent.
        let _refused = stream.write_all(body).await;
        let mut text = Vec::new();
        let _reset = stream.read_to_end(&mut text).await;
        String::from_utf8_lossy(&text).into_owned()
    };
    let json = "Content-Type: application/json\r\n";
    let chunk = format!("{:x}\r\n{}\r\n", 60_000, "x".repeat(60_000)).repeat(4) + "0\r\n\r\n";
    let chunked = send(&format!("{json}Transfer-Encoding: chunked\r\n"), chunk.as_bytes()).await;
    assert!(chunked.starts_with("HTTP/1.1 413"), "{chunked}");
    let promised = send(&format!("{json}Content-Length: 900000000000\r\n"), &[b'x'; 40_000]).await;
    assert!(promised.starts_with("HTTP/1.1 413"), "{promised}");
    assert_eq!(rig.get("/health/live").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_tells_the_truth_and_workers_are_known_by_their_heartbeats() {
    let Some(rig) = Rig::start(|_| {}).await else { return };
    let health = rig.get("/health/ready").await;
    let ok = |health: &Value, name: &str| {
        let checks = health["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == name).unwrap()["ok"] == true
    };
    assert_eq!(health.status, 503);
    assert!(
        ok(&health.json, "store") && ok(&health.json, "bus") && !ok(&health.json, "orchestrator")
    );
    let beat = kintsugi_nats::ServiceBeat {
        service: "orchestrator".into(),
        instance: "o1".into(),
        pid: 1,
        ready: true,
        ..Default::default()
    };
    crate::rig::eventually("an orchestrator is heard of", async || {
        rig.bus.service_beat(&beat).await.unwrap();
        rig.get("/health/ready").await.status == 200
    })
    .await;
    let now = kintsugi_runtime::now();
    let heartbeat = kintsugi_nats::Heartbeat {
        worker: "w1".into(),
        incarnation: "i".into(),
        pid: 7,
        host: "h".into(),
        version: "1".into(),
        types: vec![kintsugi_nats::Served::new("default", "echo")],
        concurrency: 4,
        started_at: now,
        at: now,
        targets: Vec::new(),
        leases: vec![kintsugi_nats::Lease {
            task: "r:1".into(),
            epoch: 1,
            since: now,
            crashes: 0,
            progress: None,
            progress_at: None,
        }],
        stopping: false,
    };
    crate::rig::eventually("a worker is heard of", async || {
        rig.bus.heartbeat(&heartbeat).await.unwrap();
        let workers = rig.get("/v1/workers").await;
        workers.json["items"][0]["leases"][0]["task"] == "r:1"
            && workers.json["items"][0]["alive"] == true
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_come_with_a_policy_and_need_no_other_host() {
    let Some(rig) = Rig::start(|_| {}).await else { return };
    let docs = rig.get("/docs").await;
    assert_eq!(docs.status, 200);
    let policy = docs.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("'sha256-"), "{policy}");
    let home = rig.get("/").await;
    assert_eq!(
        (home.status, &home.headers["content-type"]),
        (200, &"text/html; charset=utf-8".parse().unwrap())
    );
    assert_eq!(home.headers["x-content-type-options"], "nosniff");
    assert_eq!(rig.get("/runs/some-run").await.text, home.text, "pages of the dashboard");
    rig.get("/assets/none.js").await.is_problem(404, "not_found");
    if let Some(tag) = home.headers.get("etag") {
        let again =
            rig.request(Method::GET, "/").header("if-none-match", tag).send().await.unwrap();
        assert_eq!(again.status().as_u16(), 304);
    }
    let document = rig.get("/openapi.json").await;
    assert_eq!(document.json["paths"]["/v1/runs"]["post"]["operationId"], "startRun");
    let packed = rig.request(Method::GET, "/openapi.json").header("accept-encoding", "gzip");
    let packed = packed.send().await.unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    assert_eq!(rig.get("/v1/runs").await.headers["cache-control"], "no-store");
}
