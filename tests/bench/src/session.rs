//! An engine with the benchmark's own worker, and what every measurement needs of it.

use std::{
    collections::BTreeMap,
    process::{Child, Command, Stdio},
    time::Duration,
};

use kintsugi_nats::{Bus, Options};
use kintsugi_tests::{Engine, Shape};
use serde_json::Value;

use crate::{processes::Processes, row::Row, work};

/// How long an answer of the engine may take.
pub(crate) const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Starts that are under way at the same time.
pub(crate) const STARTS: usize = 128;

/// Statuses of runs that have not ended.
const OPEN: [&str; 4] = ["pending", "running", "waiting", "suspended"];

/// An engine with the benchmark's worker. It is asked over its doors only, so that engines of
/// other revisions can be measured as well.
pub(crate) struct Session {
    pub(crate) engine: Engine,
    pub(crate) bus: Bus,
    /// `postgres` or `sqlite`.
    pub(crate) store: &'static str,
    workers: Vec<Child>,
}

impl Session {
    /// Makes the engine ready to be measured: definitions, worker, warm caches.
    pub(crate) async fn start(engine: Engine, store: &'static str) -> Self {
        let options = Options { url: engine.nats_url(), ..Options::default() };
        let bus = Bus::connect(&options).await.unwrap();
        for (name, steps) in [("w1", 1), ("w10", 10)] {
            engine.client.define(&work::sequence(name, steps, "noop")).await;
        }
        engine.client.define(&work::fan("f100", 100)).await;
        engine.client.define(&work::large("w1-100kb", work::LARGE)).await;
        let mut session = Self { engine, bus, store, workers: Vec::new() };
        session.one_worker_more();
        for _ in 0..50 {
            session.run("w10").await;
        }
        session
    }

    /// Starts a further process of the benchmark's worker.
    pub(crate) fn one_worker_more(&mut self) {
        let worker = Command::new(std::env::current_exe().unwrap())
            .args(["worker", &self.engine.nats_url()])
            .stdout(Stdio::null())
            .spawn();
        self.workers.push(worker.unwrap());
    }

    pub(crate) fn row(&self, work: impl Into<String>) -> Row {
        Row::new(work, self.store)
    }

    /// Starts a run and waits for its result.
    pub(crate) async fn run(&self, name: &str) {
        let subject = format!("kintsugi.api.run.bench.{name}");
        let answer = self.bus.request(&subject, b"{}".to_vec(), ANSWER_MAX).await;
        let answer: Value = serde_json::from_slice(&answer.unwrap()).unwrap();
        assert_eq!(answer["status"], "completed", "{answer}");
    }

    /// Starts a run, and gives its id.
    pub(crate) async fn start_run(bus: &Bus, name: &str) -> String {
        Self::start_with(bus, name, &Value::Object(serde_json::Map::new())).await
    }

    /// Starts a run with an input, and gives its id.
    pub(crate) async fn start_with(bus: &Bus, name: &str, input: &Value) -> String {
        let subject = format!("kintsugi.api.start.bench.{name}");
        let answer =
            bus.request(&subject, input.to_string().into_bytes(), ANSWER_MAX).await.unwrap();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        answer["id"].as_str().unwrap_or_else(|| panic!("no id: {answer}")).to_owned()
    }

    /// Whether all runs of a definition have ended.
    ///
    /// # Panics
    ///
    /// When one faulted: what was measured then is another work.
    pub(crate) async fn all_ended(&self, name: &str) -> bool {
        assert!(!self.any("faulted", name).await, "a run of {name} faulted");
        for status in OPEN {
            if self.any(status, name).await {
                return false;
            }
        }
        true
    }

    /// Whether any run of a definition stands so.
    pub(crate) async fn any(&self, status: &str, name: &str) -> bool {
        let path = format!("/v1/runs?status={status}&definition=bench/{name}:1.0.0&limit=1");
        let (code, found) = self.engine.client.get(&path).await;
        assert_eq!(code, 200, "{found}");
        !found["items"].as_array().expect("a list").is_empty()
    }

    /// Every process of the benchmark by name.
    pub(crate) fn processes(&self) -> Processes {
        let mut named = self.engine.pids();
        if self.engine.shape == Shape::Dev {
            named = self.of_one_process(&named);
        }
        if let Some(postgres) = &self.engine.postgres {
            named.insert("postgres".to_owned(), postgres.pid);
        }
        let workers = self.workers.iter().enumerate();
        let name = |number| match number {
            0 => "bench-worker".to_owned(),
            more => format!("bench-worker-{}", more + 1),
        };
        named.extend(workers.map(|(number, worker)| (name(number), worker.id())));
        Processes::new(named)
    }

    /// `kintsugi dev` says which processes it started.
    fn of_one_process(&self, started: &BTreeMap<String, u32>) -> BTreeMap<String, u32> {
        let ready = self.engine.ready_file();
        let pids = |role: &str| -> Vec<u32> {
            let pids = ready["pids"][role].as_array().into_iter().flatten();
            pids.filter_map(|pid| u32::try_from(pid.as_u64()?).ok()).collect()
        };
        let mut named = BTreeMap::from([("engine".to_owned(), started["dev"])]);
        named.extend(pids("nats").into_iter().map(|pid| ("nats".to_owned(), pid)));
        let workers = pids("worker").into_iter().enumerate();
        named.extend(workers.map(|(number, pid)| (format!("worker-{}", number + 1), pid)));
        assert!(named.len() >= 3, "the ready file names no broker or workers: {ready}");
        named
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            let _ = worker.kill();
            let _ = worker.wait();
        }
    }
}
