//! Runs that start runs, from outside and in both shapes: their ends, their errors, and what becomes
//! of them when a part of the engine dies between the two.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::time::Duration;

use kintsugi_nats::stream;
use kintsugi_tests::{Client, Engine, Shape, check_promises, eventually, streams};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);

const CHILD: &str = r#"
document: {dsl: '1.0.3', namespace: test, name: child, version: '1.0.0'}
do:
  - work:
      call: simulate
      metadata: {kintsugi: {crashes_max: 50, retry: {initial_interval: 50ms, maximum_attempts: 1}}}
"#;

const PARENT: &str = r#"
document: {dsl: '1.0.3', namespace: test, name: parent, version: '1.0.0'}
do:
  - sub: {run: {workflow: {namespace: test, name: child, version: latest, input: '${ .child }'}}}
"#;

const CATCHING: &str = r#"
document: {dsl: '1.0.3', namespace: test, name: catching, version: '1.0.0'}
do:
  - careful:
      try:
        - sub: {run: {workflow: {namespace: test, name: child, version: '1.0.0'}}}
      catch:
        do: [{handled: {set: {type: '${ $error.type }', status: '${ $error.status }', at: '${ $error.instance }'}}}]
"#;

const DETACHED: &str = r#"
document: {dsl: '1.0.3', namespace: test, name: detached, version: '1.0.0'}
do:
  - sub: {run: {await: false, workflow: {namespace: test, name: child, version: '1.0.0'}}}
  - on: {set: {went: on}}
"#;

const ITSELF: &str = r#"
document: {dsl: '1.0.3', namespace: test, name: itself, version: '1.0.0'}
do:
  - deeper:
      if: ${ .left > 0 }
      run: {workflow: {namespace: test, name: itself, version: '1.0.0', input: {left: '${ .left - 1 }'}}}
"#;

const NOWHERE: &str = r#"
document: {dsl: '1.0.3', namespace: test, name: nowhere, version: '1.0.0'}
do:
  - sub: {run: {workflow: {namespace: test, name: missing, version: '1.0.0'}}}
"#;

const MANY: &str = r#"
document: {dsl: '1.0.3', namespace: test, name: many, version: '1.0.0'}
do:
  - each:
      for: {each: item, in: '${ [range(.count)] }'}
      do:
        - sub: {run: {await: false, workflow: {namespace: test, name: leaf, version: '1.0.0'}}}
"#;

const LEAF: &str = r#"
document: {dsl: '1.0.3', namespace: test, name: leaf, version: '1.0.0'}
do: [{done: {set: {leaf: true}}}]
"#;

struct Suite {
    engine: Engine,
    accepted: Vec<String>,
}

impl Suite {
    fn client(&self) -> &Client {
        &self.engine.client
    }

    async fn start(&mut self, definition: &str, input: Value) -> String {
        let id = self.client().start(definition, input).await;
        self.accepted.push(id.clone());
        id
    }

    async fn ended(&self, run: &str) -> Value {
        self.client().ended(run, SOON).await
    }

    /// The only child of a run, once it is there.
    async fn child(&mut self, run: &str) -> String {
        let found = self.client().until(run, "a child", SOON, |run| !run["children"][0].is_null());
        let child = found.await["children"][0]["id"].as_str().unwrap().to_owned();
        self.accepted.push(child.clone());
        child
    }

    async fn outcomes(&mut self) {
        let input = json!({"child": {"mode": "succeed", "output": {"from": "child"}}});
        let run = self.start("test/parent:1.0.0", input).await;
        let ended = self.ended(&run).await;
        assert_eq!(
            (&ended["status"], &ended["output"]["from"]),
            (&json!("completed"), &json!("child"))
        );
        let child = self.child(&run).await;
        let (_, shown) = self.client().get(&format!("/v1/runs/{child}")).await;
        assert_eq!(shown["parent"]["run"], json!(run), "{shown}");
        assert_eq!(shown["trace_id"], ended["trace_id"], "one trace");
        assert_eq!(shown["definition"], "test/child:1.0.0", "latest is resolved");
        let (_, listed) = self.client().get(&format!("/v1/runs?parent={run}")).await;
        assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));

        let run = self.start("test/catching:1.0.0", json!({"mode": "fatal"})).await;
        let ended = self.ended(&run).await;
        assert_eq!(ended["status"], "completed", "{ended}");
        assert_eq!(ended["output"]["at"], "/do/0/careful/try/0/sub", "{ended}");
        let child = self.child(&run).await;
        assert_eq!(self.ended(&child).await["status"], "faulted");

        let input = json!({"mode": "succeed", "duration_ms": 1500});
        let run = self.start("test/detached:1.0.0", input).await;
        assert_eq!(self.ended(&run).await["output"], json!({"went": "on"}));
        let child = self.child(&run).await;
        assert_eq!(self.ended(&child).await["status"], "completed");

        let run = self.start("test/nowhere:1.0.0", json!({})).await;
        let ended = self.ended(&run).await;
        assert_eq!((&ended["status"], &ended["error"]["status"]), (&json!("faulted"), &json!(400)));
        assert!(ended["error"]["type"].as_str().unwrap().ends_with("/configuration"), "{ended}");
    }

    /// A definition may run itself, as deep as is allowed.
    async fn depth(&mut self) {
        let run = self.start("test/itself:1.0.0", json!({"left": 5})).await;
        assert_eq!(self.ended(&run).await["status"], "completed");
        let run = self.start("test/itself:1.0.0", json!({"left": 100})).await;
        let ended = self.ended(&run).await;
        assert_eq!(ended["status"], "faulted");
        assert!(ended["error"]["detail"].as_str().unwrap().contains("depth_max"), "{ended}");
    }

    async fn cancelled(&mut self) {
        let input = json!({"child": {"mode": "succeed", "duration_ms": 60000}});
        let run = self.start("test/parent:1.0.0", input.clone()).await;
        let child = self.child(&run).await;
        self.client().post(&format!("/v1/runs/{run}/cancel"), &json!({})).await;
        assert_eq!(self.ended(&run).await["status"], "cancelled");
        assert_eq!(self.ended(&child).await["status"], "cancelled");
        // A child that someone else cancels is an error of its parent.
        let run = self.start("test/parent:1.0.0", input).await;
        let child = self.child(&run).await;
        self.client().post(&format!("/v1/runs/{child}/cancel"), &json!({})).await;
        let ended = self.ended(&run).await;
        assert_eq!(ended["status"], "faulted", "{ended}");
        assert!(ended["error"]["detail"].as_str().unwrap().contains("was cancelled"), "{ended}");
    }

    async fn redriven(&mut self) {
        let input = json!({"child": {"mode": "fail"}});
        let run = self.start("test/parent:1.0.0", input).await;
        assert_eq!(self.ended(&run).await["status"], "faulted");
        let child = self.child(&run).await;
        let letter = eventually("a dead letter", SOON, || async {
            let (_, found) =
                self.client().try_get(&format!("/v1/dead-letters?run={child}")).await?;
            found["items"][0]["id"].as_str().map(str::to_owned)
        })
        .await;
        let path = format!("/v1/dead-letters/{letter}/redrive");
        let mended = json!({"input": {"mode": "succeed", "output": "mended"}});
        assert_eq!(self.client().post(&path, &mended).await.0, 202);
        let completed = |run: &Value| run["status"] == "completed";
        let ended = self.client().until(&run, "the parent completes", SOON, completed).await;
        assert_eq!(ended["output"], "mended");
    }

    /// The id that a child would have is another run's: said, although nobody waits for the child.
    async fn taken(&mut self) {
        for task in 1..8 {
            let id = format!("squatted__{task}");
            let other = json!({"definition": "test/leaf:1.0.0", "id": id, "input": {}});
            assert_eq!(self.client().post("/v1/runs", &other).await.0, 201);
        }
        let request = json!({"definition": "test/detached:1.0.0", "id": "squatted", "input": {}});
        assert_eq!(self.client().post("/v1/runs", &request).await.0, 201);
        self.accepted.push("squatted".to_owned());
        let ended = self.ended("squatted").await;
        assert_eq!(ended["status"], "faulted", "{ended}");
        assert!(ended["error"]["detail"].as_str().unwrap().contains("already"), "{ended}");
    }

    /// A run may not start runs without end.
    async fn too_many(&mut self) {
        let run = self.start("test/many:1.0.0", json!({"count": 1501})).await;
        let ended = self.ended(&run).await;
        assert_eq!(ended["status"], "faulted", "{ended}");
        assert!(ended["error"]["detail"].as_str().unwrap().contains("children_max"), "{ended}");
    }

    /// More children than one transaction takes.
    async fn many(&mut self) {
        let run = self.start("test/many:1.0.0", json!({"count": 1200})).await;
        assert_eq!(self.ended(&run).await["status"], "completed");
        let (mut path, mut children) = (format!("/v1/runs?parent={run}&limit=200"), Vec::new());
        loop {
            let (_, page) = self.client().get(&path).await;
            let items = page["items"].as_array().unwrap();
            children.extend(items.iter().map(|run| run["id"].as_str().unwrap().to_owned()));
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/v1/runs?parent={run}&limit=200&cursor={next}");
        }
        assert_eq!(children.len(), 1200);
        for child in &children {
            self.ended(child).await;
        }
        self.accepted.extend(children);
    }

    async fn retired(&mut self) {
        self.client().define(&LEAF.replace("leaf", "old")).await;
        let slow = CHILD.replace("name: child", "name: slow");
        self.client().define(&slow).await;
        let input = json!({"mode": "succeed", "duration_ms": 1500});
        let open = self.start("test/slow:1.0.0", input).await;
        let retire = |name: &str| format!("/v1/definitions/test/{name}/1.0.0/retire");
        for name in ["old", "slow"] {
            let (status, body) = self.client().post(&retire(name), &json!({})).await;
            assert_eq!(status, 200, "{body}");
        }
        for reference in ["test/old:1.0.0", "test/old"] {
            let request = json!({"definition": reference, "input": {}});
            let (status, body) = self.client().post("/v1/runs", &request).await;
            assert_eq!((status.as_u16(), &body["code"]), (409, &json!("definition_retired")));
        }
        assert_eq!(self.ended(&open).await["status"], "completed", "open runs stay");
        assert_eq!(self.client().post(&retire("none"), &json!({})).await.0, 404);
        let (_, listed) = self.client().get("/v1/definitions?namespace=test&limit=200").await;
        let items = listed["items"].as_array().unwrap();
        assert!(items.iter().any(|one| one["name"] == "old" && one["retired_at"].is_string()));
        self.client().define(&LEAF.replace("leaf", "old").replace("1.0.0", "1.1.0")).await;
        let run = self.start("test/old", json!({})).await;
        assert_eq!(self.ended(&run).await["status"], "completed");
    }

    /// Whatever carries a child's end may be lost: the orchestrators die with it, or the streams go.
    async fn lost(&mut self) {
        let input = json!({"child": {"mode": "succeed", "duration_ms": 2500, "output": 1}});
        let mut runs = Vec::new();
        for _ in 0..20 {
            let run = self.start("test/parent:1.0.0", input.clone()).await;
            runs.push(run);
        }
        for round in 0..4 {
            tokio::time::sleep(Duration::from_millis(700)).await;
            match self.engine.shape {
                Shape::Dev => self.engine.kill_and_restart("dev"),
                Shape::Services => {
                    let name = if round % 2 == 0 { "orchestrator" } else { "orchestrator-2" };
                    self.engine.kill_and_restart(name);
                }
            }
        }
        self.engine.ready().await;
        for run in &runs {
            let ended = self.ended(run).await;
            assert_eq!(ended["status"], "completed", "{ended}");
            self.child(run).await;
        }
        let mut runs = Vec::new();
        for _ in 0..5 {
            let run = self.start("test/parent:1.0.0", input.clone()).await;
            self.child(&run).await;
            runs.push(run);
        }
        let bus = streams::bus(&self.engine.nats_url()).await;
        for name in [stream::EVENTS, stream::TASKS, stream::LIFE, stream::INTAKE] {
            streams::delete(&bus, name).await;
        }
        for run in &runs {
            assert_eq!(self.ended(run).await["status"], "completed");
        }
    }
}

async fn suite(shape: Shape) {
    let flags = ["--set", "orchestrator.children_max=1500"];
    let Some(engine) = Engine::start(shape, &flags).await else { return };
    for definition in [CHILD, PARENT, CATCHING, DETACHED, ITSELF, NOWHERE, MANY, LEAF] {
        engine.client.define(definition).await;
    }
    let mut suite = Suite { engine, accepted: Vec::new() };
    suite.outcomes().await;
    suite.depth().await;
    suite.cancelled().await;
    suite.redriven().await;
    suite.many().await;
    suite.too_many().await;
    suite.taken().await;
    suite.retired().await;
    suite.lost().await;
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
