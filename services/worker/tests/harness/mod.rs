//! A real broker with the engine's streams, and the engine's side of the protocol: tasks are given
//! out, and what workers say is read.

#![allow(dead_code, reason = "each test binary uses its own part of it")]

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use kintsugi_core::{Input, RunId, Timestamp};
use kintsugi_nats::{
    Bus, EventReader, Limits, Options, RunInput, Server, ServerOptions, TaskMessage,
};
use kintsugi_worker::{Error, Stop, Worker};
use serde_json::Value;
use tokio::task::JoinHandle;

/// No test waits longer than this for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Engine {
    pub(crate) server: Server,
    pub(crate) bus: Bus,
    /// Removed after the server is gone, which is dropped before it.
    pub(crate) folder: Folder,
    reader: EventReader,
    waiting: std::collections::VecDeque<RunInput>,
    next: AtomicU64,
}

/// A folder for the time of a test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A worker that runs beside the test.
pub(crate) struct Running {
    pub(crate) stop: Stop,
    task: JoinHandle<Result<(), Error>>,
}

impl Running {
    pub(crate) async fn ended(self) -> Result<(), Error> {
        within(self.task).await.expect("the worker does not panic")
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.ended().await.expect("it stops in good order");
    }
}

pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("it does not take for ever")
}

/// Waits until something is so.
pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = tokio::time::Instant::now() + PATIENCE;
    while !is_so() {
        assert!(tokio::time::Instant::now() < until, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

impl Engine {
    /// None, loudly, where there is no nats-server; a failure in CI.
    pub(crate) async fn start() -> Option<Self> {
        let name = format!("kintsugi-worker-{}", uuid::Uuid::new_v4().simple());
        let folder = Folder(std::env::temp_dir().join(name));
        let Some(binary) = nats_server() else {
            assert!(std::env::var_os("CI").is_none(), "nats-server is missing");
            eprintln!("SKIPPED: no nats-server (set NATS_SERVER_BIN)");
            return None;
        };
        let server = Server::spawn(ServerOptions::new(binary, &folder.0)).await.expect("a broker");
        let options = Options { url: server.url(), ..Options::default() };
        let bus = Bus::connect(&options).await.expect("a connection");
        bus.ensure_streams(&Limits::default()).await.expect("streams");
        let reader = bus.read_events(&[0], 1).await.expect("a reader");
        let (waiting, next) = (std::collections::VecDeque::new(), AtomicU64::new(1));
        Some(Self { server, bus, folder, reader, waiting, next })
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    pub(crate) async fn worker(&self) -> Worker {
        Worker::connect(&self.url()).await.expect("a worker")
    }

    /// A task of its own run, not yet given out.
    pub(crate) fn task(&self, task_type: &str, input: Value) -> TaskMessage {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let run = RunId::parse(&format!("run-{number}")).expect("a run id");
        TaskMessage {
            task: format!("{run}:1"),
            idempotency_key: format!("{run}:1"),
            run,
            number: 1,
            epoch: 1,
            attempt: 1,
            failures: 0,
            crashes: 0,
            task_type: task_type.to_owned(),
            queue: "default".to_owned(),
            input,
            definition: "test/test:1.0.0".to_owned(),
            pointer: "/do/0/it".to_owned(),
            start_to_close_ms: 60_000,
            lease_ms: None,
            heartbeat_ms: 300,
            reply: "kintsugi.events.0".to_owned(),
            dispatched_at: Timestamp(0),
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        }
    }

    pub(crate) async fn give(&self, task: &TaskMessage) {
        self.bus.publish_tasks(&[vec![&(task.clone(), 1)]]).await.expect("it is stored");
    }

    /// Gives a task out and waits for the first word about it.
    pub(crate) async fn ask(&mut self, task_type: &str, input: Value) -> Input {
        let task = self.task(task_type, input);
        self.give(&task).await;
        self.said().await.input
    }

    /// The next thing that a worker says.
    pub(crate) async fn said(&mut self) -> RunInput {
        while self.waiting.is_empty() {
            let batch = within(self.reader.next_batch(256)).await.expect("it reads");
            for delivery in batch {
                self.waiting.extend(delivery.inputs.expect("workers say what can be read"));
            }
        }
        self.waiting.pop_front().expect("there is one")
    }
}

pub(crate) fn run(worker: Worker) -> Running {
    let stop = Stop::new();
    let task = tokio::spawn(worker.run_until(stop.clone()));
    Running { stop, task }
}

/// What a completed task gave.
pub(crate) fn output(input: Input) -> Value {
    match input {
        Input::Completed { output, .. } => output,
        other => panic!("not completed: {other:?}"),
    }
}

/// How a failed task failed.
pub(crate) fn fault(input: Input) -> kintsugi_core::Fault {
    match input {
        Input::Failed { fault, .. } => fault,
        other => panic!("not failed: {other:?}"),
    }
}

fn nats_server() -> Option<PathBuf> {
    let named = std::env::var_os("NATS_SERVER_BIN").map(PathBuf::from);
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&paths).map(|folder| folder.join("nats-server"));
    let tools = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.cache/tools");
    let cached = tools.read_dir().into_iter().flatten().flatten();
    let cached = cached.map(|entry| entry.path().join("nats-server"));
    named.into_iter().chain(in_path).chain(cached).find(|path| path.is_file())
}
