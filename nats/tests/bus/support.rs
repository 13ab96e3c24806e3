//! A real nats-server for a test.

use std::{
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use kintsugi_core::{Input, RunId, Timestamp};
use kintsugi_nats::{
    Bus, Limits, Options, RunInput, Server, ServerOptions, TaskGroup, TaskMessage,
};
use serde_json::json;
use tokio::time::{Instant, sleep};

/// A server with its streams, and a connection.
pub(crate) struct World {
    pub(crate) bus: Bus,
    pub(crate) server: Server,
    _dir: Dir,
}

/// A folder that goes with the test.
pub(crate) struct Dir(pub(crate) PathBuf);

impl Dir {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("kintsugi-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The nats-server to test with; none: skip, loudly. Where `CI` is set there must be one.
#[expect(clippy::disallowed_methods, reason = "tests are told where programs are")]
pub(crate) fn binary() -> Option<PathBuf> {
    if let Ok(path) = std::env::var("NATS_SERVER_BIN") {
        return Some(path.into());
    }
    let tools = concat!(env!("CARGO_MANIFEST_DIR"), "/../.cache/tools");
    let cached = std::fs::read_dir(tools).into_iter().flatten().flatten();
    let cached = cached.map(|entry| entry.path().join("nats-server")).find(|path| path.is_file());
    if cached.is_some() {
        return cached;
    }
    if Command::new("nats-server").arg("--version").output().is_ok() {
        return Some("nats-server".into());
    }
    assert!(std::env::var("CI").is_err(), "there is no nats-server");
    eprintln!("SKIPPED: there is no nats-server (set NATS_SERVER_BIN)");
    None
}

pub(crate) async fn world() -> Option<World> {
    let binary = binary()?;
    let dir = Dir::new();
    let server = Server::spawn(ServerOptions::new(binary, dir.0.join("nats"))).await.unwrap();
    let bus = connect(&server).await;
    bus.ensure_streams(&Limits::default()).await.unwrap();
    Some(World { bus, server, _dir: dir })
}

pub(crate) async fn connect(server: &Server) -> Bus {
    Bus::connect(&Options { url: server.url(), ..Options::default() }).await.unwrap()
}

/// A plain connection, for what the bus would not do.
pub(crate) async fn raw(server: &Server) -> async_nats::Client {
    async_nats::connect(server.url()).await.unwrap()
}

pub(crate) fn tick(run: &str) -> RunInput {
    RunInput { run: RunId::parse(run).unwrap(), input: Input::Tick }
}

pub(crate) fn numbered(run: &str, task: u64) -> RunInput {
    let input = Input::Redrive { task, epoch: 1, input: None };
    RunInput { run: RunId::parse(run).unwrap(), input }
}

pub(crate) fn task(run: &str, number: u64, epoch: u64) -> TaskMessage {
    let task = format!("{run}:{number}");
    TaskMessage {
        run: RunId::parse(run).unwrap(),
        number,
        epoch,
        attempt: epoch,
        failures: 0,
        crashes: 0,
        task_type: "charge-card".to_owned(),
        queue: "default".to_owned(),
        input: json!({ "amount": 7, "text": "\u{0}" }),
        definition: "shop/order:1.0.0".to_owned(),
        pointer: "/do/0/charge".to_owned(),
        idempotency_key: task.clone(),
        start_to_close_ms: 60_000,
        lease_ms: None,
        heartbeat_ms: 300,
        reply: "kintsugi.events.0".to_owned(),
        dispatched_at: Timestamp(1),
        traceparent: None,
        task,
    }
}

/// Each task in a message of its own.
pub(crate) fn alone(tasks: &[(TaskMessage, u32)]) -> Vec<TaskGroup<'_>> {
    tasks.iter().map(|task| vec![task]).collect()
}

/// Waits until `holds`, or fails after ten seconds.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds().await {
        assert!(Instant::now() < deadline, "not within ten seconds: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Fails where `work` takes longer than 20 seconds.
pub(crate) async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work).await.expect("took longer than 20 s")
}
