//! A run in a real Jaeger: one whole trace. And what happens when there is none.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod support;

use std::{
    collections::HashSet,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant, SystemTime},
};

use kintsugi_core::{RunId, Timestamp};
use kintsugi_observability::{
    RunSubject, SpanIndex, SpanRecord, TraceOptions, Tracer, run_spans, trace_id,
};
use serde_json::Value;

struct Jaeger {
    child: Child,
    otlp: u16,
    query: u16,
}

impl Drop for Jaeger {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "a test has no configuration")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// `JAEGER_BIN`, or one that `./dev` has installed. Without one the test is skipped, but not in CI.
fn binary() -> Option<PathBuf> {
    let tools = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../.cache/tools");
    let installed = std::fs::read_dir(tools).into_iter().flatten().flatten();
    let mut installed = installed.map(|entry| entry.path().join("jaeger")).filter(|p| p.is_file());
    let found = variable("JAEGER_BIN").map(PathBuf::from).or_else(|| installed.next());
    if found.is_none() {
        assert!(variable("CI").is_none(), "there is no Jaeger: set JAEGER_BIN or run ./dev test");
        eprintln!("SKIPPED: there is no Jaeger; set JAEGER_BIN or run ./dev test");
    }
    found
}

fn free_ports<const N: usize>() -> [u16; N] {
    let held = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}

fn start(binary: &PathBuf, [otlp, query]: [u16; 2]) -> Jaeger {
    let nowhere = "127.0.0.1:0";
    let child = Command::new(binary)
        .env("SPAN_STORAGE_TYPE", "memory")
        .arg(format!("--collector.otlp.http.host-port=127.0.0.1:{otlp}"))
        .arg(format!("--query.http-server.host-port=127.0.0.1:{query}"))
        .arg(format!("--collector.otlp.grpc.host-port={nowhere}"))
        .arg(format!("--collector.http-server.host-port={nowhere}"))
        .arg(format!("--collector.grpc-server.host-port={nowhere}"))
        .arg(format!("--query.grpc-server.host-port={nowhere}"))
        .arg(format!("--admin.http.host-port={nowhere}"))
        .arg("--log-level=error")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Jaeger { child, otlp, query }
}

fn tracer(otlp: u16, queue_max: usize) -> Tracer {
    let otlp_endpoint = Some(format!("http://127.0.0.1:{otlp}"));
    let options = TraceOptions { otlp_endpoint, queue_max, ..TraceOptions::default() };
    Tracer::new(&options).unwrap()
}

fn spans_of(run: &RunId) -> Vec<SpanRecord> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    let created_at = Timestamp(i64::try_from(now).unwrap() - 10_000);
    let steps = support::history(run, created_at);
    let subject =
        RunSubject { run, definition: "shop/order:1.0.0", trace_parent: None, created_at };
    run_spans(&subject, &mut SpanIndex::default(), &steps)
}

/// Asks until `check` gives something, or the deadline passes.
async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut check: impl FnMut() -> F,
) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within 20 s");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn trace(jaeger: &Jaeger, id: &str, spans: usize) -> Value {
    let url = format!("http://127.0.0.1:{}/api/traces/{id}", jaeger.query);
    let client = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
    let ask = || async {
        let body: Value = client.get(&url).send().await.ok()?.json().await.ok()?;
        let found = body["data"][0]["spans"].as_array()?.len();
        (found >= spans).then(|| body["data"][0].clone())
    };
    eventually("the whole trace in Jaeger", ask).await
}

#[tokio::test]
async fn a_run_is_one_whole_trace_in_jaeger() {
    let Some(binary) = binary() else { return };
    let ports = free_ports::<2>();
    let run = RunId::parse("jaeger-1").unwrap();
    let spans = spans_of(&run);

    // The collector comes later than the spans: they wait for it.
    let tracer = tracer(ports[0], 1_000);
    tracer.emit_all(spans.clone());
    let jaeger = start(&binary, ports);

    let found = trace(&jaeger, &trace_id(&run, None).to_string(), spans.len()).await;
    let found_spans = found["spans"].as_array().unwrap();
    assert_eq!(found_spans.len(), spans.len());
    let ids =
        found_spans.iter().map(|span| span["spanID"].as_str().unwrap()).collect::<HashSet<_>>();
    assert_eq!(ids.len(), spans.len());
    let mut roots = 0;
    for span in found_spans {
        // Jaeger 1 takes every service to be on a clock of its own.
        let warnings = span["warnings"].as_array().into_iter().flatten();
        let mut warnings = warnings.filter(|text| !text.to_string().contains("clock skew"));
        assert_eq!(warnings.next(), None, "{span}");
        let mut parents = span["references"].as_array().into_iter().flatten();
        match parents.find(|reference| reference["refType"] == "CHILD_OF") {
            Some(parent) => assert!(ids.contains(parent["spanID"].as_str().unwrap()), "{span}"),
            None => roots += 1,
        }
    }
    assert_eq!(roots, 1);
    let services = found["processes"].as_object().unwrap().values();
    let services = services.map(|process| process["serviceName"].as_str().unwrap());
    assert_eq!(services.collect::<HashSet<_>>().len(), 4);
    assert_eq!(tracer.stats().dropped, 0);

    // The same spans once more, as after a crash between commit and emit: nothing is added.
    tracer.emit_all(spans.clone());
    tracer.shutdown();
    assert_eq!(tracer.stats().sent, 2 * spans.len() as u64);
    let again = trace(&jaeger, &trace_id(&run, None).to_string(), spans.len()).await;
    let ids_again =
        again["spans"].as_array().unwrap().iter().map(|s| s["spanID"].as_str().unwrap());
    assert_eq!(ids_again.collect::<HashSet<_>>(), ids);
    assert_eq!(jaeger.otlp, ports[0]);
}

#[tokio::test]
async fn without_a_collector_nothing_waits_and_what_is_lost_is_counted() {
    let tracer = tracer(free_ports::<1>()[0], 8);
    let spans = spans_of(&RunId::parse("nobody-listens").unwrap());
    let began = Instant::now();
    for _ in 0..1_000 {
        tracer.emit_all(spans.clone());
    }
    assert!(began.elapsed() < Duration::from_secs(2), "emitting never waits");
    tracer.shutdown();
    let stats = tracer.stats();
    assert_eq!((stats.sent, stats.dropped), (0, 1_000 * spans.len() as u64));
}

#[test]
fn what_cannot_be_an_endpoint_is_refused() {
    for endpoint in ["", "localhost:4318", "ftp://localhost", "http://"] {
        let otlp_endpoint = Some(endpoint.to_owned());
        let options = TraceOptions { otlp_endpoint, ..TraceOptions::default() };
        assert!(Tracer::new(&options).is_err(), "{endpoint:?}");
    }
    assert!(!Tracer::new(&TraceOptions::default()).unwrap().is_on());
}
