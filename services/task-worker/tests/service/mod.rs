//! The service in this process or in one of its own, and something to call.

#![allow(dead_code, reason = "each test binary uses its own part of it")]

pub(crate) mod authority;
pub(crate) mod greeter;
pub(crate) mod tools;

use std::{
    collections::BTreeMap,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use kintsugi_core::Input;
use kintsugi_nats::{Bus, Options};
use kintsugi_observability::{TraceOptions, Tracer};
use kintsugi_runtime::{Secret, Service as _, Shutdown, WorkerDeps};
use kintsugi_task_worker::{Config, TaskWorker};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::harness::{Engine, within};

/// Where the worker process finds its broker.
const URL: &str = "KINTSUGI_BIN_TEST_NATS";

/// Gives a task out and waits for its end, however long it runs.
pub(crate) async fn end(engine: &mut Engine, task_type: &str, input: Value) -> Input {
    let mut said = engine.ask(task_type, input).await;
    while matches!(said, Input::Started { .. }) {
        said = engine.said().await.input;
    }
    said
}

pub(crate) struct Service {
    shutdown: Shutdown,
    task: JoinHandle<()>,
}

impl Service {
    pub(crate) async fn start(engine: &Engine, config: Config) -> Self {
        Self::start_with(engine, config, BTreeMap::new()).await
    }

    /// With these in place of `KINTSUGI_SECRET_<NAME>`.
    pub(crate) async fn start_with(
        engine: &Engine,
        config: Config,
        secrets: BTreeMap<String, String>,
    ) -> Self {
        let service = service(&engine.url(), config, secrets).await;
        let shutdown = Shutdown::new();
        let ends = shutdown.clone();
        let task = tokio::spawn(async move { service.run(ends).await.expect("it runs") });
        Self { shutdown, task }
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        within(self.task).await.expect("it stops in good order");
    }
}

async fn service(url: &str, config: Config, secrets: BTreeMap<String, String>) -> TaskWorker {
    let secrets = secrets.into_iter().map(|(name, value)| (name, Secret::new(value))).collect();
    let options = Options { url: url.to_owned(), ..Options::default() };
    let deps = WorkerDeps {
        bus: Bus::connect(&options).await.expect("a connection"),
        tracer: Tracer::new(&TraceOptions::default()).expect("a tracer"),
        instance: format!("test-{}", std::process::id()),
        secrets,
    };
    TaskWorker::start(config, deps).await.expect("it starts")
}

/// This test program once more, as a worker.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(engine: &Engine) -> Self {
        let program = std::env::current_exe().expect("this program");
        let child = Command::new(program)
            .args(["--exact", "worker_process", "--ignored"])
            .env(URL, engine.url())
            .stdout(Stdio::null())
            .spawn();
        Self(child.expect("it starts"))
    }

    /// As in `/proc/<pid>/stat`: `Z` dead, `T` stopped.
    pub(crate) fn state(&self) -> char {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id()));
        let stat = stat.unwrap_or_default();
        stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()).unwrap_or('?')
    }

    /// Kills it, and waits until the broker has noticed. Until then, the broker may hand tasks to
    /// the dead process's open request; that costs an attempt, which the failure detector sees to,
    /// but there is none in these tests.
    pub(crate) async fn forgotten(mut self, engine: &Engine) {
        self.kill();
        let waits = async {
            while engine
                .bus
                .queue_state("default", "simulate")
                .await
                .expect("the broker answers")
                .is_some_and(|state| state.waiting > 0)
            {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        within(waits).await;
    }

    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(crate) async fn run_as_process(config: Config) {
    let Some(url) = std::env::var_os(URL) else { return };
    let url = url.into_string().expect("a URL");
    let service = service(&url, config, BTreeMap::new()).await;
    service.run(Shutdown::new()).await.expect("it runs");
}

/// A small HTTP server.
pub(crate) struct Peer {
    address: std::net::SocketAddr,
    calls: Arc<AtomicUsize>,
}

impl Peer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&calls);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(answer(stream));
            }
        });
        Self { address, calls }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

async fn answer(stream: TcpStream) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let mut headers = serde_json::Map::new();
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await?;
        let Some((name, value)) = header.trim().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), json!(value));
    }
    let length = headers.get("content-length").and_then(|text| text.as_str()?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await?;
    let path = line.split_whitespace().nth(1).unwrap_or_default();
    let (head, body) = match path.split('?').next().unwrap_or_default() {
        "/echo" => {
            let body = String::from_utf8_lossy(&body);
            let echo = json!({"line": line.trim(), "headers": headers, "body": body});
            ("200 OK\r\ncontent-type: application/json", echo.to_string())
        }
        "/text" => ("200 OK\r\ncontent-type: text/plain", "[1] text".to_owned()),
        "/302" => ("302 Found\r\nlocation: /text", String::new()),
        "/503" => ("503 Busy\r\nretry-after: 7", String::new()),
        "/large" => ("200 OK", "x".repeat(3 << 20)),
        _ => ("404 Not Found", "nothing here".to_owned()),
    };
    let length = body.len();
    let head = format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await
}
