//! The front doors that are programs of others: the plain nats CLI, Jaeger's query API, a browser,
//! and any program as a worker.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::{
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use kintsugi_tests::{Engine, Role, Shape, Tool, eventually, free_port, tool};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(40);

const GREET: &str = "document: {dsl: '1.0.3', namespace: shop, name: greet, version: '1.0.0'}\n\
    do: [{greet: {call: greet, with: {name: '${ .name }'}}}]";

const ORDER: &str = "document: {dsl: '1.0.3', namespace: shop, name: order, version: '1.0.0'}\n\
    do: [{pay: {call: simulate, with: {mode: '${ .mode // \"succeed\" }', times: 1, output: paid}, metadata: {kintsugi: {when_exhausted: park}}}}]";

const NIGHTLY: &str = "document: {dsl: '1.0.3', namespace: shop, name: nightly, version: '1.0.0'}\n\
    schedule: {cron: '0 3 * * *'}\ndo: [{a: {set: {b: 1}}}]";

/// A process that ends with its test, however that ends.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Nats {
    cli: PathBuf,
    url: String,
}

impl Nats {
    fn run(&self, args: &[&str]) -> Output {
        Command::new(&self.cli)
            .args(["--server", &self.url])
            .args(args)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn ask(&self, args: &[&str]) -> Value {
        let output = self.run(&[&["request", "--raw", "--timeout", "30s"], args].concat());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        serde_json::from_str(text.trim()).unwrap_or_else(|error| {
            panic!("{args:?}: {error}: {text} {}", String::from_utf8_lossy(&output.stderr))
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plain_nats_cli_does_everything() {
    let Some(cli) = tool(Tool::NatsCli) else { return };
    let Some(mut engine) = Engine::start(Shape::Services, &[]).await else { return };
    let nats = Nats { cli, url: engine.nats_url() };
    assert_eq!(nats.ask(&["kintsugi.api.define", ORDER])["name"], "order");
    let run = nats.ask(&["kintsugi.api.start.shop.order", "{}", "-H", "Kintsugi-Run-Id:by-cli"]);
    assert_eq!(run["id"], "by-cli");
    let result = nats.ask(&["kintsugi.api.run.shop.order", "{}"]);
    assert_eq!((&result["status"], &result["output"]), (&json!("completed"), &json!("paid")));
    assert_eq!(nats.ask(&["kintsugi.api.get", "by-cli"])["id"], "by-cli");
    assert!(nats.ask(&["kintsugi.api.list", ""])["items"].as_array().unwrap().len() >= 2);
    engine.client.ended("by-cli", SOON).await;
    let late = json!({"run": "by-cli", "type": "com.example.late"}).to_string();
    assert_eq!(nats.ask(&["kintsugi.api.signal", &late])["code"], "run_ended");

    nats.ask(&["kintsugi.api.define", NIGHTLY]);
    assert_eq!(nats.ask(&["kintsugi.api.schedules", ""])["items"][0]["name"], "nightly");
    for (what, paused) in [("get", false), ("pause", true), ("resume", false)] {
        let subject = format!("kintsugi.api.schedule.{what}");
        assert_eq!(nats.ask(&[&subject, "shop/nightly"])["paused"], paused);
        assert_eq!(nats.ask(&[&subject, "shop/daily"])["code"], "schedule_not_found");
    }

    let parked = nats.ask(&["kintsugi.api.start.shop.order", "{\"mode\":\"fatal\"}"]);
    let id = parked["id"].as_str().unwrap().to_owned();
    let waits = |run: &Value| run["status"] == "waiting";
    engine.client.until(&id, "the run parks", SOON, waits).await;
    let (_, letters) = engine.client.get("/v1/dead-letters").await;
    let letter = letters["items"][0]["id"].as_str().unwrap();
    let request = json!({"id": letter, "input": {"mode": "succeed", "output": "late"}}).to_string();
    nats.ask(&["kintsugi.api.redrive", &request]);
    assert_eq!(engine.client.ended(&id, SOON).await["output"], "late");

    let slow = nats.ask(&["kintsugi.api.start.shop.order", "{\"mode\":\"hang\"}"]);
    let slow = slow["id"].as_str().unwrap().to_owned();
    nats.ask(&["kintsugi.api.cancel", &slow]);
    assert_eq!(engine.client.ended(&slow, SOON).await["status"], "cancelled");

    // Published while nobody is there to take it, twice: one run.
    engine.kill("gateway");
    for _ in 0..2 {
        let id = "Nats-Msg-Id:intake-1";
        let out = nats.run(&["publish", "kintsugi.in.start.shop.order", "{\"n\":1}", "-H", id]);
        assert!(out.status.success());
    }
    engine.spawn_role("gateway", Role::Gateway);
    engine.ready().await;
    let found = eventually("the published start runs", SOON, || async {
        let (_, page) = engine.client.try_get("/v1/runs?status=completed&limit=100").await?;
        let items = page["items"].as_array()?;
        let ids: Vec<String> =
            items.iter().filter_map(|run| run["id"].as_str().map(str::to_owned)).collect();
        let taken = |id: &&String| id.starts_with("m-");
        ids.iter().any(|id| taken(&id)).then(|| ids.iter().filter(taken).count())
    })
    .await;
    assert_eq!(found, 1);

    let services = nats.run(&["micro", "list", "--json"]);
    let text = String::from_utf8_lossy(&services.stdout).into_owned();
    for name in [
        "api-gateway",
        "orchestrator",
        "task-worker",
        "failure-detector",
        "retry-engine",
        "notification",
        "monitoring",
    ] {
        assert!(text.contains(&format!("kintsugi-{name}")), "{name} is not in {text}");
    }
    assert!(nats.run(&["micro", "info", "kintsugi-api-gateway"]).status.success());
    assert!(nats.run(&["micro", "stats", "kintsugi-api-gateway"]).status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn any_program_is_a_durable_worker() {
    let Some(engine) = Engine::start(Shape::Dev, &[]).await else { return };
    engine.client.define(GREET).await;
    let mut worker = Command::new(tool(Tool::Kintsugi).unwrap())
        .args(["worker", "exec", "greet", "--concurrency", "2", "--nats-url", &engine.nats_url()])
        .args(["--", "sh", "-c", "read input; echo \"{\\\"greeting\\\": $input}\""])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let run = engine.client.start("shop/greet:1.0.0", json!({"name": "Ada"})).await;
    let ended = engine.client.ended(&run, SOON).await;
    worker.kill().unwrap();
    worker.wait().unwrap();
    assert_eq!(ended["output"], json!({"greeting": {"name": "Ada"}}), "{ended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mended_run_is_one_whole_trace_in_jaeger() {
    let Some(jaeger) = tool(Tool::Jaeger) else { return };
    let (otlp, query) = (free_port(), free_port());
    let any = "127.0.0.1:0";
    let jaeger = Command::new(jaeger)
        .env("SPAN_STORAGE_TYPE", "memory")
        .arg(format!("--collector.otlp.http.host-port=127.0.0.1:{otlp}"))
        .arg(format!("--query.http-server.host-port=127.0.0.1:{query}"))
        .arg(format!("--collector.otlp.grpc.host-port={any}"))
        .arg(format!("--collector.http-server.host-port={any}"))
        .arg(format!("--collector.grpc-server.host-port={any}"))
        .arg(format!("--query.grpc-server.host-port={any}"))
        .arg(format!("--admin.http.host-port={any}"))
        .arg("--log-level=error")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let _jaeger = Killed(jaeger.unwrap());
    let endpoint = format!("http://127.0.0.1:{otlp}");
    let Some(engine) = Engine::start(Shape::Dev, &["--otlp-endpoint", &endpoint]).await else {
        return;
    };
    engine.client.define(ORDER).await;
    let run = engine.client.start("shop/order:1.0.0", json!({"mode": "crash"})).await;
    let ended = engine.client.ended(&run, SOON).await;
    assert_eq!(ended["status"], "completed");
    let trace = ended["trace_id"].as_str().unwrap();
    let store = kintsugi_tests::Client::new(&format!("http://127.0.0.1:{query}"));
    let spans = eventually("the whole trace is in Jaeger", SOON, || async {
        let (status, found) = store.try_get(&format!("/api/traces/{trace}")).await?;
        let spans = found["data"][0]["spans"].as_array()?.clone();
        let is = |span: &Value, name: &str| {
            span["operationName"].as_str().is_some_and(|text| text.starts_with(name))
        };
        let attempts = spans.iter().filter(|span| is(span, "process ")).count();
        let whole = attempts == 2 && spans.iter().any(|span| is(span, "run "));
        (status == 200 && whole).then_some(spans)
    })
    .await;
    let ids: Vec<&str> = spans.iter().filter_map(|span| span["spanID"].as_str()).collect();
    for span in &spans {
        for reference in span["references"].as_array().unwrap() {
            assert!(ids.contains(&reference["spanID"].as_str().unwrap()), "{span}");
        }
    }
    let lost = spans.iter().any(|span| {
        let tags = span["tags"].as_array().unwrap();
        tags.iter().any(|tag| tag["value"] == "lost")
    });
    assert!(lost, "the lost attempt is marked");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_shows_the_seam_in_a_browser() {
    let Some(chromium) = tool(Tool::Chromium) else { return };
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../frontend/e2e/dashboard.mjs");
    let Some(engine) = Engine::start(Shape::Dev, &[]).await else { return };
    let pictures = engine.path("pictures");
    let base = engine.client.url("");
    let output = tokio::task::spawn_blocking(move || {
        Command::new("node")
            .arg(script)
            .args([base.as_str(), pictures.to_str().unwrap()])
            .env("CHROMIUM_BIN", chromium)
            .output()
    })
    .await
    .unwrap()
    .expect("node is needed for the browser test");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    println!("{text}");
}
