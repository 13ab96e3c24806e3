//! How each row is measured.

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use kintsugi_core::Status;
use kintsugi_entities::{Options as StoreOptions, Store};
use kintsugi_nats::{Bus, Options};
use kintsugi_tests::{Engine, Role, Shape, eventually, signal};
use serde::Serialize;
use serde_json::{Value, json};

use crate::work;

/// Starts that are under way at the same time.
const STARTS: usize = 128;

/// A row of the table.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Row {
    pub(crate) work: String,
    pub(crate) store: String,
    pub(crate) steps_per_s: Option<f64>,
    pub(crate) runs_per_s: Option<f64>,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    /// Busy CPU seconds of the whole machine: engine, broker, database, worker and load.
    pub(crate) cpu_s_per_1000_steps: Option<f64>,
    pub(crate) note: String,
}

/// An engine with the benchmark's worker.
pub(crate) struct Session {
    engine: Engine,
    bus: Bus,
    store: Store,
    name: &'static str,
    worker: Child,
}

impl Session {
    pub(crate) async fn start(engine: Engine, name: &'static str) -> Self {
        let options = Options { url: engine.nats_url(), ..Options::default() };
        let bus = Bus::connect(&options).await.unwrap();
        let store = Store::connect(&engine.database_url(), &StoreOptions::default()).await.unwrap();
        let worker = Command::new(std::env::current_exe().unwrap())
            .args(["worker", &engine.nats_url()])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        for (work, steps) in [("W1", 1), ("W10", 10)] {
            engine.client.define(&work::sequence(work, steps)).await;
        }
        engine.client.define(&work::fan("F100", 100)).await;
        let session = Self { engine, bus, store, name, worker };
        for _ in 0..50 {
            session.once("w10").await;
        }
        session
    }

    fn row(&self, work: &str) -> Row {
        Row { work: work.to_owned(), store: self.name.to_owned(), ..Row::default() }
    }

    async fn once(&self, work: &str) {
        let subject = format!("kintsugi.api.run.bench.{work}");
        let answer = self.bus.request(&subject, b"{}".to_vec(), Duration::from_secs(30)).await;
        let answer: Value = serde_json::from_slice(&answer.unwrap()).unwrap();
        assert_eq!(answer["status"], "completed", "{answer}");
    }

    /// One run at a time: from the request to the result, over NATS.
    pub(crate) async fn alone(&self, work: &str, runs: usize) -> Row {
        let mut taken = Vec::with_capacity(runs);
        for _ in 0..runs {
            let began = Instant::now();
            self.once(&work.to_lowercase()).await;
            taken.push(began.elapsed());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let note = format!("{runs} runs, one at a time, request to result");
        Row { note, ..self.quantiles(&format!("{work} alone"), taken) }
    }

    /// Many runs at once: from the first start to the last end.
    pub(crate) async fn peak(&self, work: &str, steps: usize, runs: usize) -> Row {
        let before = self.completed().await;
        let (busy, began) = (busy_seconds(), Instant::now());
        let subject = format!("kintsugi.api.start.bench.{}", work.to_lowercase());
        stream::iter(0..runs)
            .for_each_concurrent(STARTS, |_| {
                let (bus, subject) = (self.bus.clone(), subject.clone());
                async move {
                    bus.request(&subject, b"{}".to_vec(), Duration::from_secs(30)).await.unwrap();
                }
            })
            .await;
        let started = began.elapsed();
        let all = before + runs as u64;
        eventually("every run completes", Duration::from_secs(300), || async {
            (self.completed().await >= all).then_some(())
        })
        .await;
        let taken = began.elapsed().as_secs_f64();
        let done = (runs * steps) as f64;
        Row {
            steps_per_s: Some(done / taken),
            runs_per_s: Some(runs as f64 / taken),
            cpu_s_per_1000_steps: Some((busy_seconds() - busy) / done * 1000.0),
            note: format!(
                "{runs} runs, {STARTS} starts at a time, all started after {started:.1?}"
            ),
            ..self.row(work)
        }
    }

    async fn completed(&self) -> u64 {
        let counts = self.store.counts().await.unwrap();
        counts.runs.get(&Status::Completed).copied().unwrap_or(0)
    }

    /// From `kill -9` of the worker that holds a task until its next attempt is given out, which
    /// another worker that runs already takes up within milliseconds.
    pub(crate) async fn takeover(&mut self, kills: usize) -> Row {
        let definition = "document: {dsl: '1.0.3', namespace: bench, name: held, version: '1.0.0'}\n\
            do: [{held: {call: simulate, with: {mode: '${ .mode }', duration_ms: 600000}}}]";
        let definition = definition.replace("mode: '${ .mode }'", "mode: hang, times: 1");
        self.engine.client.define(&definition).await;
        let mut taken = Vec::new();
        for number in 0..kills {
            let run = self.engine.client.start("bench/held:1.0.0", json!({})).await;
            let pid = self.holder(&run).await;
            tokio::time::sleep(Duration::from_millis(200 + (number as u64 * 37) % 300)).await;
            let began = Instant::now();
            signal(pid, "KILL");
            eventually("the task is given out again", Duration::from_secs(60), || async {
                let (_, run) = self.engine.client.try_get(&format!("/v1/runs/{run}")).await?;
                let attempts = run["tasks"][0]["attempts"].as_array()?.len();
                (attempts > 1 || run["status"] == "completed").then_some(())
            })
            .await;
            taken.push(began.elapsed());
            if self.engine.shape == Shape::Services {
                self.engine.spawn_role(&format!("worker-{}", number + 10), Role::Worker);
            }
            let _ = self.engine.client.post(&format!("/v1/runs/{run}/cancel"), &json!({})).await;
            tokio::time::sleep(Duration::from_millis(1500)).await;
        }
        let note = format!(
            "{kills} kills of the worker that holds the task, until its next attempt is given out; polled every 50 ms"
        );
        Row { note, ..self.quantiles("kill to redispatch", taken) }
    }

    async fn holder(&self, run: &str) -> u32 {
        eventually("somebody holds the task", Duration::from_secs(60), || async {
            let (_, found) = self.engine.client.try_get("/v1/workers").await?;
            found["items"].as_array()?.iter().find_map(|worker| {
                let holds = worker["leases"]
                    .as_array()?
                    .iter()
                    .any(|lease| lease["task"].as_str().is_some_and(|task| task.starts_with(run)));
                if holds { u32::try_from(worker["pid"].as_u64()?).ok() } else { None }
            })
        })
        .await
    }

    /// Nothing to do: CPU of the whole machine.
    pub(crate) async fn idle(&self, seconds: u64) -> Row {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let busy = busy_seconds();
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let share = (busy_seconds() - busy) / seconds as f64 * 100.0;
        Row { note: format!("{share:.1} % of one core, the whole machine"), ..self.row("idle") }
    }

    fn quantiles(&self, work: &str, mut taken: Vec<Duration>) -> Row {
        taken.sort();
        let at = |part: f64| {
            let index = ((taken.len() as f64 * part).ceil() as usize).clamp(1, taken.len()) - 1;
            Some(taken[index].as_secs_f64() * 1000.0)
        };
        Row { p50_ms: at(0.5), p99_ms: at(0.99), ..self.row(work) }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.worker.kill();
        let _ = self.worker.wait();
    }
}

/// CPU seconds that the machine was not idle, since its start (proc(5), 100 ticks a second).
fn busy_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap();
    let ticks: Vec<f64> = stat
        .lines()
        .next()
        .unwrap()
        .split_whitespace()
        .skip(1)
        .map(|n| n.parse().unwrap())
        .collect();
    (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]) / 100.0
}
