//! The engine from outside, in both shapes: what it is asked, what it answers, what it mends.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::time::Duration;

use kintsugi_tests::{Engine, Role, Shape, check_promises, eventually, signal};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(40);

/// Every construct of the language, through real workers.
const ALL: &str = r#"
document: {dsl: '1.0.3', namespace: test, name: all, version: '1.0.0'}
do:
  - first: {set: {items: [1, 2, 3], name: '${ .name }'}, export: {as: '${ {kept: .name} }'}}
  - choose:
      switch:
        - skip: {when: '${ .name == "nobody" }', then: last}
        - go: {then: each}
  - never: {raise: {error: {type: 'https://example.com/never', status: 500}}}
  - each:
      for: {each: item, in: '${ .items }'}
      do:
        - one: {call: simulate, with: {mode: succeed, output: {item: '${ $item }'}}}
  - both:
      fork:
        branches:
          - left: {call: simulate, with: {mode: succeed, duration_ms: 20, output: left}}
          - right: {do: [{pause: {wait: {milliseconds: 30}}}, {done: {set: {side: right}}}]}
  - race:
      fork:
        compete: true
        branches:
          - slow: {call: simulate, with: {mode: succeed, duration_ms: 20000, output: slow}}
          - fast: {call: simulate, with: {mode: succeed, duration_ms: 10, output: fast}}
  - careful:
      try:
        - breaks: {call: simulate, with: {mode: fatal}}
      catch:
        as: problem
        do: [{handled: {set: {status: '${ $problem.status }'}}}]
  - skipped: {if: '${ false }', set: {no: no}}
  - again: {call: simulate, with: {mode: fail_times, times: 1, output: {fine: true}},
      metadata: {kintsugi: {retry: {initial_interval: 50ms, maximum_attempts: 3}}}}
  - last: {set: {kept: '${ $context.kept }', fine: '${ .fine }'}}
"#;

const SIMULATE: &str = r#"
document: {dsl: '1.0.3', namespace: test, name: simulate, version: '1.0.0'}
do:
  - work:
      call: simulate
      metadata: {kintsugi: {retry: {initial_interval: 50ms, maximum_attempts: 2}, start_to_close: 3s}}
"#;

const PARK: &str = r#"
document: {dsl: '1.0.3', namespace: test, name: park, version: '1.0.0'}
do:
  - work:
      call: simulate
      metadata: {kintsugi: {retry: {maximum_attempts: 1}, when_exhausted: park}}
"#;

const TIMEOUT: &str = r#"
document: {dsl: '1.0.3', namespace: test, name: timeout, version: '1.0.0'}
do:
  - slow: {call: simulate, with: {mode: succeed, duration_ms: 20000}, timeout: {after: {milliseconds: 300}}}
"#;

struct Suite {
    engine: Engine,
    accepted: Vec<String>,
}

impl Suite {
    async fn start(&mut self, definition: &str, input: Value) -> String {
        let id = self.engine.client.start(definition, input).await;
        self.accepted.push(id.clone());
        id
    }

    async fn ended(&self, run: &str) -> Value {
        self.engine.client.ended(run, SOON).await
    }

    async fn constructs(&mut self) {
        let run = self.start("test/all:1.0.0", json!({"name": "vase"})).await;
        let ended = self.ended(&run).await;
        assert_eq!(ended["status"], "completed", "{ended}");
        assert_eq!(ended["output"], json!({"kept": "vase", "fine": true}));
        let run = self.start("test/timeout:1.0.0", json!(null)).await;
        let ended = self.ended(&run).await;
        assert_eq!(ended["error"]["status"], 408, "{ended}");
    }

    async fn accepted_once(&mut self) {
        let request = json!({"definition": "test/simulate:1.0.0", "id": "own-id",
            "input": {"mode": "succeed"}});
        let (first, _) = self.engine.client.post("/v1/runs", &request).await;
        let (second, _) = self.engine.client.post("/v1/runs", &request).await;
        assert_eq!((first.as_u16(), second.as_u16()), (201, 200));
        let other = json!({"definition": "test/simulate:1.0.0", "id": "own-id", "input": {}});
        assert_eq!(self.engine.client.post("/v1/runs", &other).await.0, 409);
        self.accepted.push("own-id".to_owned());
    }

    async fn dead_letters(&mut self) {
        let run = self.start("test/park:1.0.0", json!({"mode": "fail"})).await;
        let parked = |run: &Value| run["status"] == "waiting";
        self.engine.client.until(&run, "the run parks", SOON, parked).await;
        let letter = eventually("a dead letter", SOON, || async {
            let (_, found) = self.engine.client.try_get("/v1/dead-letters").await?;
            let items = found["items"].as_array()?.clone();
            items.into_iter().find(|letter| letter["run"] == run.as_str())
        })
        .await;
        let id = letter["id"].as_str().unwrap();
        let path = format!("/v1/dead-letters/{id}/redrive");
        let (status, body) = self
            .engine
            .client
            .post(&path, &json!({"input": {"mode": "succeed", "output": "mended"}}))
            .await;
        assert_eq!(status, 202, "{body}");
        let ended = self.ended(&run).await;
        assert_eq!((&ended["status"], &ended["output"]), (&json!("completed"), &json!("mended")));
        // A second redrive of the same letter finds it closed.
        assert_eq!(self.engine.client.post(&path, &json!({})).await.0, 409);

        let run = self.start("test/simulate:1.0.0", json!({"mode": "fail"})).await;
        let ended = self.ended(&run).await;
        assert_eq!(ended["status"], "faulted");
        assert_eq!(ended["tasks"][0]["attempts"].as_array().map(Vec::len), Some(2), "{ended}");
    }

    async fn mends(&mut self) {
        for mode in ["crash", "freeze", "hang", "garbage"] {
            let input = json!({"mode": mode, "times": 1, "duration_ms": 100});
            let run = self.start("test/simulate:1.0.0", input).await;
            let ended = self.ended(&run).await;
            assert_eq!(ended["status"], "completed", "{mode}: {ended}");
            if self.engine.shape == Shape::Services {
                // Nobody starts a worker again there but us.
                self.engine.spawn_role(&format!("worker-after-{mode}"), Role::Worker);
            }
        }
        let (_, found) = self.engine.client.get("/v1/recoveries?limit=100").await;
        let kinds: Vec<&str> =
            found["items"].as_array().unwrap().iter().filter_map(|r| r["kind"].as_str()).collect();
        for kind in ["worker_dead", "worker_frozen"] {
            assert!(kinds.contains(&kind), "{kind} is not in the recovery log: {kinds:?}");
        }
    }

    async fn a_killed_worker_is_taken_over(&mut self) {
        let input = json!({"mode": "succeed", "duration_ms": 2000, "output": "done"});
        let run = self.start("test/simulate:1.0.0", input).await;
        let holder = eventually("somebody holds the task", SOON, || async {
            let (_, found) = self.engine.client.try_get("/v1/workers").await?;
            let workers = found["items"].as_array()?.clone();
            let holds = |worker: &&Value| {
                let leases = worker["leases"].as_array();
                leases.is_some_and(|leases| {
                    leases.iter().any(|l| l["task"].as_str().is_some_and(|t| t.starts_with(&run)))
                })
            };
            let worker = workers.iter().find(holds)?;
            u32::try_from(worker["pid"].as_u64()?).ok()
        })
        .await;
        signal(holder, "KILL");
        let ended = self.ended(&run).await;
        assert_eq!(ended["status"], "completed", "{ended}");
        assert_eq!(ended["tasks"][0]["attempts"].as_array().map(Vec::len), Some(2), "{ended}");
        if self.engine.shape == Shape::Services {
            // Nobody starts it again there but us.
            self.engine.spawn_role("worker-3", Role::Worker);
            self.engine.spawn_role("worker-4", Role::Worker);
        }
    }

    async fn garbage_stops_nothing(&mut self) {
        let client = self.engine.client.clone();
        let deep = format!("do: {}", "[".repeat(10_000));
        let bodies: [(&str, String); 5] = [
            ("malformed", "do: [".to_owned()),
            ("deep", deep),
            ("large", " ".repeat(5 << 20)),
            ("unknown task", "do: [{a: {cal: x}}]".to_owned()),
            ("unknown then", ALL.replace("then: each", "then: nowhere").replace("1.0.0", "1.0.1")),
        ];
        for (what, body) in bodies {
            let answer = client.try_send("/v1/definitions", "application/yaml", body).await;
            let (status, answer) = answer.unwrap_or_else(|| panic!("{what}: no answer"));
            assert!([400, 413, 422].contains(&status.as_u16()), "{what}: {status} {answer}");
        }
        let bad = "{\"definition\":\"test/simulate:1.0.0\",\"input\":\"\\ud800\"}";
        let (status, _) = client.try_send("/v1/runs", "application/json", bad).await.unwrap();
        assert!([400, 422].contains(&status.as_u16()));
        let bus = kintsugi_nats::Options { url: self.engine.nats_url(), ..Default::default() };
        let bus = kintsugi_nats::Bus::connect(&bus).await.unwrap();
        // Results for a run that never was, for a task that is over (twice), and for one that
        // never was. Messages that cannot be read at all come from the mode `garbage`.
        let late =
            json!({"kind": "completed", "task": 2, "epoch": 1, "output": "late", "worker": "x"});
        let never =
            json!({"kind": "completed", "task": 99, "epoch": 1, "output": 0, "worker": "x"});
        let inputs = serde_json::from_value::<Vec<kintsugi_nats::RunInput>>(json!([
            {"run": "nobody", "input": {"kind": "tick"}},
            {"run": "own-id", "input": late},
            {"run": "own-id", "input": late},
            {"run": "own-id", "input": never},
        ]));
        bus.publish_inputs(inputs.unwrap(), 16).await.unwrap();
        let run =
            self.start("test/simulate:1.0.0", json!({"mode": "succeed", "output": "\u{0}"})).await;
        assert_eq!(self.ended(&run).await["output"], json!("\u{0}"));
        let (_, own) = client.get("/v1/runs/own-id").await;
        assert_eq!(own["status"], "completed", "{own}");
        assert_ne!(own["output"], json!("late"));
    }

    async fn cancelled(&mut self) {
        let input = json!({"mode": "succeed", "duration_ms": 30000});
        let run = self.start("test/simulate:1.0.0", input).await;
        let (status, body) =
            self.engine.client.post(&format!("/v1/runs/{run}/cancel"), &json!({})).await;
        assert_eq!(status, 202, "{body}");
        assert_eq!(self.ended(&run).await["status"], "cancelled");
    }

    async fn lists(&self) {
        let mut path = "/v1/runs?limit=3".to_owned();
        let mut seen = Vec::new();
        loop {
            let (_, page) = self.engine.client.get(&path).await;
            let items = page["items"].as_array().unwrap();
            seen.extend(items.iter().map(|run| run["id"].as_str().unwrap().to_owned()));
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/v1/runs?limit=3&cursor={next}");
        }
        seen.sort();
        let mut accepted = self.accepted.clone();
        accepted.sort();
        assert_eq!(seen, accepted, "each run is in the list once");
        for path in ["/metrics", "/openapi.json", "/v1/system", "/docs", "/"] {
            let (status, _) = self.engine.client.get(path).await;
            assert_eq!(status, 200, "{path}");
        }
    }
}

async fn suite(shape: Shape) {
    let Some(engine) = Engine::start(shape, &[]).await else { return };
    for definition in [ALL, SIMULATE, PARK, TIMEOUT] {
        engine.client.define(definition).await;
    }
    let mut suite = Suite { engine, accepted: Vec::new() };
    suite.constructs().await;
    suite.accepted_once().await;
    suite.dead_letters().await;
    suite.mends().await;
    suite.a_killed_worker_is_taken_over().await;
    suite.garbage_stops_nothing().await;
    suite.cancelled().await;
    suite.lists().await;
    check_promises(&suite.engine, &suite.accepted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_on_sqlite() {
    suite(Shape::Dev).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn seven_processes_on_postgres() {
    suite(Shape::Services).await;
}
