//! Explanations, seeded for real: a whole engine over HTTP, NATS and the command line, in which nobody
//! serves a type, workers are busy, frozen or dead, tasks are tried again or given up, runs wait for time,
//! events, people, permits and each other, and services, the broker and the database are gone.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

mod broken;
mod doors;
mod seeded;

use std::time::Duration;

use kintsugi_tests::{Engine, Tool, eventually, tool};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);

/// A definition of the namespace `test` with these tasks.
fn definition(name: &str, tasks: &str) -> String {
    format!(
        "document: {{dsl: '1.0.3', namespace: test, name: {name}, version: '1.0.0'}}\ndo: {tasks}\n"
    )
}

/// Everything that is explained.
struct Suite {
    engine: Engine,
    /// How many situations were seen.
    seen: usize,
}

impl Suite {
    fn new(engine: Engine) -> Self {
        Self { engine, seen: 0 }
    }

    /// Registers a definition and starts a run of it.
    async fn run(&self, name: &str, tasks: &str) -> String {
        self.engine.client.define(&definition(name, tasks)).await;
        self.again(name).await
    }

    /// Starts another run of it.
    async fn again(&self, name: &str) -> String {
        self.engine.client.start(&format!("test/{name}:1.0.0"), json!({})).await
    }

    /// Asks until the answer is as expected: the state and the codes of the chain.
    async fn says(&mut self, path: &str, state: &str, codes: &[&str]) -> Value {
        let last = std::sync::Mutex::new(Value::Null);
        let asked = tokio::time::timeout(SOON, async {
            loop {
                let told = self.engine.client.try_get(&format!("/v1/{path}/explain")).await;
                if let Some((status, told)) = told {
                    if status == 200 && told["state"] == state && self::codes(&told) == codes {
                        return told;
                    }
                    *last.lock().unwrap() = told;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        let Ok(told) = asked.await else {
            panic!("{path}: not {state} {codes:?} but {:#}", last.lock().unwrap());
        };
        println!("{path}: {}", told["summary"].as_str().unwrap());
        self.seen += 1;
        told
    }

    /// Starts a worker that runs a shell script for each task of a type, one at a time.
    fn worker(&mut self, name: &str, kind: &str, script: &str) {
        let program = tool(Tool::Kintsugi).unwrap();
        let args = ["worker", "exec", kind, "--nats-url", &self.engine.nats_url()];
        let mut args: Vec<String> = args.map(str::to_owned).to_vec();
        args.extend(["--", "sh", "-c", script].map(str::to_owned));
        self.engine.spawn_program(name, &program, &args);
    }

    /// The name under which a worker is known that serves a type.
    async fn serves(&self, kind: &str) -> String {
        eventually("the worker is heard of", SOON, || async {
            let (_, found) = self.engine.client.try_get("/v1/workers").await?;
            let serves = |worker: &&Value| {
                let types = worker["types"].as_array().into_iter().flatten();
                worker["alive"] == true && types.into_iter().any(|one| one["type"] == kind)
            };
            let worker = found["items"].as_array()?.iter().find(serves)?;
            worker["worker"].as_str().map(str::to_owned)
        })
        .await
    }

    /// The task of a run that is open, as the chain names it.
    fn task_of(told: &Value) -> String {
        let subjects = told["causes"].as_array().into_iter().flatten();
        let tasks = subjects.filter(|cause| cause["subject"]["kind"] == "task");
        tasks.filter_map(|cause| cause["subject"]["id"].as_str()).next().unwrap().to_owned()
    }
}

/// The codes of a chain.
fn codes(told: &Value) -> Vec<&str> {
    let causes = told["causes"].as_array().into_iter().flatten();
    causes.filter_map(|cause| cause["code"].as_str()).collect()
}

/// Milliseconds of the day that an answer names.
fn time<'a>(told: &'a Value, cause: usize, at: &str) -> &'a str {
    told["causes"][cause].pointer(at).and_then(Value::as_str).unwrap_or_else(|| panic!("{told:#}"))
}
