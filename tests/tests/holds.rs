//! Task types, queues and definitions that are held, end to end, in both shapes: what waits loses no
//! attempt, nothing begins, and all of it goes on when the hold is lifted, whoever was killed meanwhile.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use kintsugi_tests::{Engine, Shape, Tool, check_promises, eventually, tool};
use serde_json::{Value, json};
use tokio::time::Instant;

const SOON: Duration = Duration::from_secs(60);

/// How long what is held is watched: longer than the detector takes to call a message lost (3 s).
const A_WHILE: Duration = Duration::from_secs(7);

const DEFINITIONS: [&str; 2] = [
    "document: {dsl: '1.0.3', namespace: test, name: work, version: '1.0.0'}\n\
     do: [{one: {call: simulate, with: {mode: succeed, output: done}}}]",
    "document: {dsl: '1.0.3', namespace: test, name: parent, version: '1.0.0'}\n\
     do: [{child: {run: {workflow: {namespace: test, name: work, version: '1.0.0'}}}}]",
];

struct Suite {
    engine: Engine,
    accepted: Vec<String>,
}

impl Suite {
    async fn start(&mut self, name: &str) -> String {
        let run = self.engine.client.start(&format!("test/{name}:1.0.0"), json!(null)).await;
        self.accepted.push(run.clone());
        run
    }

    async fn done(&self, run: &str) -> Value {
        let ended = self.engine.client.ended(run, SOON).await;
        assert_eq!((&ended["status"], &ended["output"]), (&json!("completed"), &json!("done")));
        ended
    }

    async fn hold(&self, what: &str) -> Value {
        let body = json!({"by": "ada", "reason": "a fire"});
        let (status, hold) = self.engine.client.put(&format!("/v1/holds/{what}"), &body).await;
        assert_eq!(status, 201, "{hold}");
        hold
    }

    async fn lift(&self, what: &str) -> Instant {
        let path = format!("/v1/holds/{what}?by=eve&reason=out");
        let (status, hold) = self.engine.client.delete(&path).await;
        assert_eq!((status.as_u16(), &hold["lifted_by"]), (200, &json!("eve")), "{hold}");
        Instant::now()
    }

    async fn tasks(&mut self, what: &str) {
        // A worker has taken tasks of this type before, so that there is something to pause.
        let first = self.start("work").await;
        self.done(&first).await;
        let hold = self.hold(what).await;
        let again = self.engine.client.put(&format!("/v1/holds/{what}"), &json!({})).await;
        assert_eq!((again.0.as_u16(), &again.1["id"]), (200, &hold["id"]));
        let (_, page) = self.engine.client.get("/v1/holds").await;
        assert_eq!(
            (&page["items"][0]["by"], &page["items"][0]["reason"]),
            (&json!("ada"), &json!("a fire"))
        );
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let mut waiting = Vec::new();
        for _ in 0..3 {
            waiting.push(self.start("work").await);
        }
        // Workers and whoever keeps it so go and come meanwhile.
        match self.engine.shape {
            Shape::Dev => self.engine.kill_and_restart("dev"),
            Shape::Services => {
                self.engine.kill_and_restart("detector");
                self.engine.kill_and_restart("worker");
            }
        }
        self.engine.ready().await;
        tokio::time::sleep(A_WHILE).await;
        for run in &waiting {
            let (_, shown) = self.engine.client.get(&format!("/v1/runs/{run}")).await;
            let task = &shown["tasks"][0];
            assert_eq!(task["status"], "scheduled", "{task}");
            assert_eq!((&task["attempt"], &task["failures"]), (&json!(1), &json!(0)), "{task}");
        }
        let lifted = self.lift(what).await;
        for run in &waiting {
            let ended = self.done(run).await;
            let task = &ended["tasks"][0];
            assert_eq!((&task["failures"], &task["crashes"]), (&json!(0), &json!(0)), "{task}");
            // A broker that was killed, as with the one process, forgets what it delivered.
            if self.engine.shape == Shape::Services {
                assert_eq!(task["attempt"], 1, "no attempt was spent: {task}");
            }
        }
        println!("{what} went on within {:?}", lifted.elapsed());
        assert!(lifted.elapsed() < Duration::from_secs(20));
        let (status, problem) = self.engine.client.delete(&format!("/v1/holds/{what}")).await;
        assert_eq!((status.as_u16(), &problem["code"]), (404, &json!("hold_not_found")));
    }

    async fn definitions(&mut self) {
        self.hold("definition/test%2Fwork").await;
        tokio::time::sleep(Duration::from_millis(700)).await;
        let held = self.start("work").await;
        let parent = self.start("parent").await;
        let suspended = |run: &Value| run["status"] == "suspended";
        let shown = self.engine.client.until(&held, "it does not begin", SOON, suspended).await;
        assert_eq!(shown["tasks"], json!([]));
        // By hand, one may begin all the same; and one that is cancelled stays so.
        let (by_hand, gone) = (self.start("work").await, self.start("work").await);
        for run in [&by_hand, &gone] {
            self.engine.client.until(run, "it does not begin", SOON, suspended).await;
        }
        let resume = format!("/v1/runs/{by_hand}/resume");
        assert_eq!(self.engine.client.post(&resume, &json!({"by": "ada"})).await.0, 202);
        self.done(&by_hand).await;
        self.engine.client.post(&format!("/v1/runs/{gone}/cancel"), &json!({})).await;
        self.engine.client.ended(&gone, SOON).await;
        // Lifted while nobody is there to see it.
        if self.engine.shape == Shape::Services {
            self.engine.kill("detector");
            self.engine.kill("orchestrator");
        }
        self.lift("definition/test%2Fwork").await;
        match self.engine.shape {
            Shape::Services => {
                self.engine.start_again("detector");
                self.engine.start_again("orchestrator");
            }
            Shape::Dev => self.engine.kill_and_restart("dev"),
        }
        self.engine.ready().await;
        self.done(&held).await;
        self.done(&parent).await;
        let (_, history) = self.engine.client.get(&format!("/v1/runs/{held}/history")).await;
        let text = history.to_string();
        assert!(text.contains("the definition test/work is held: a fire"), "{text}");
        assert_eq!(
            self.engine.client.get(&format!("/v1/runs/{gone}")).await.1["status"],
            "cancelled"
        );
    }

    /// The plain nats CLI holds and lifts, too.
    async fn over_nats(&mut self) {
        let Some(cli) = tool(Tool::NatsCli) else { return };
        let url = self.engine.nats_url();
        let ask = |subject: &str, payload: &str| -> Value {
            let output = Command::new(&cli)
                .args(["--server", &url, "request", "--raw", "--timeout", "20s", subject, payload])
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("{subject}: {text}"))
        };
        let what = json!({"kind": "queue", "name": "nobody", "by": "cli"}).to_string();
        assert_eq!(ask("kintsugi.api.hold.put", &what)["by"], "cli");
        assert_eq!(ask("kintsugi.api.holds", "{}")["items"][0]["name"], "nobody");
        assert!(ask("kintsugi.api.hold.lift", &what)["lifted_at"].is_string());
        assert_eq!(ask("kintsugi.api.holds", "")["items"], json!([]));
        let odd = json!({"kind": "host", "name": "x"}).to_string();
        assert_eq!(ask("kintsugi.api.hold.put", &odd)["code"], "invalid_parameter");
    }
}

async fn suite(shape: Shape) {
    let Some(engine) = Engine::start(shape, &[]).await else { return };
    for definition in DEFINITIONS {
        engine.client.define(definition).await;
    }
    let mut suite = Suite { engine, accepted: Vec::new() };
    suite.tasks("task-type/simulate").await;
    suite.tasks("queue/default").await;
    suite.definitions().await;
    suite.over_nats().await;
    check_promises(&suite.engine, &suite.accepted).await;
    eventually("nothing is held", SOON, || async {
        let (_, page) = suite.engine.client.try_get("/v1/holds").await?;
        (page["items"] == json!([])).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_waits_in_one_process() {
    suite(Shape::Dev).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_waits_in_seven_processes() {
    suite(Shape::Services).await;
}
