//! The same answer at every door, and what is not there is a problem at each.

use std::process::{Command, Output, Stdio};

use kintsugi_nats::{Bus, Error};
use kintsugi_tests::{Engine, Shape, Tool, streams, tool};
use serde_json::{Value, json};

use crate::{SOON, Suite, codes};

impl Suite {
    /// `kintsugi explain`.
    fn command(&self, args: &[&str]) -> Output {
        let mut command = Command::new(tool(Tool::Kintsugi).unwrap());
        command.args(["explain", "--nats-url", &self.engine.nats_url()]).args(args);
        command.stdin(Stdio::null()).output().unwrap()
    }

    async fn over_nats(bus: &Bus, payload: &str) -> Result<Value, (u16, String)> {
        let asked = bus.request("kintsugi.api.explain", payload.as_bytes().to_vec(), SOON).await;
        match asked {
            Ok(answer) => Ok(serde_json::from_slice(&answer).unwrap()),
            Err(Error::Api { status, body, .. }) => {
                let problem: Value = serde_json::from_slice(&body).unwrap();
                Err((status, problem["code"].as_str().unwrap().to_owned()))
            }
            Err(error) => panic!("{payload}: {error:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_door_gives_the_same_answer() {
    let Some(engine) = Engine::start(Shape::Dev, &[]).await else { return };
    let mut suite = Suite::new(engine);
    let bus = streams::bus(&suite.engine.nats_url()).await;
    let run = suite.run("nobody", "[{pay: {call: nobody}}]").await;
    suite.says(&format!("runs/{run}"), "stuck", &["queue-wait", "no-worker"]).await;
    let worker = suite.serves("http").await;
    let hourly = "document: {dsl: '1.0.3', namespace: test, name: hourly, version: '1.0.0'}\n\
        schedule: {every: {hours: 1}}\ndo: [{a: {set: {b: 1}}}]";
    suite.engine.client.define(hourly).await;
    let task = format!("{run}:2");
    let slashed = format!("{run}/2");
    for (path, payload, args) in [
        (format!("runs/{run}"), json!({"run": run}), ["run", &run]),
        (format!("tasks/{task}"), json!({"task": task}), ["task", &slashed]),
        ("task-queues/default".into(), json!({"queue": "default"}), ["queue", "default"]),
        (
            "task-queues/default/nobody".into(),
            json!({"queue": "default", "type": "nobody"}),
            ["queue", "default/nobody"],
        ),
        (format!("workers/{worker}"), json!({"worker": worker}), ["worker", &worker]),
        (
            "schedules/test/hourly".into(),
            json!({"schedule": "test/hourly"}),
            ["schedule", "test/hourly"],
        ),
    ] {
        let (status, http) = suite.engine.client.get(&format!("/v1/{path}/explain")).await;
        assert_eq!(status, 200, "{path}: {http}");
        let nats = Suite::over_nats(&bus, &payload.to_string()).await.unwrap();
        let output = suite.command(&[args[0], args[1], "--json"]);
        assert!(output.status.success(), "{args:?}: {output:?}");
        let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
        for other in [&nats, &printed] {
            assert_eq!(
                (&other["subject"], &other["state"], codes(other)),
                (&http["subject"], &http["state"], codes(&http)),
                "{path}"
            );
        }
        let text = String::from_utf8(suite.command(&args).stdout).unwrap();
        for code in codes(&http) {
            assert!(text.contains(&format!("[{code}]")), "{code}: {text}");
        }
    }
    for alone in [&run, &task] {
        let told = Suite::over_nats(&bus, alone).await.unwrap();
        assert_eq!(told["subject"]["id"], **alone);
    }
    refused(&suite, &bus, &run).await;
}

async fn refused(suite: &Suite, bus: &Bus, run: &str) {
    let unknown = format!("{run}:99");
    for (path, payload, args, code) in [
        ("runs/none".to_owned(), json!({"run": "none"}), ["run", "none"], "run_not_found"),
        (
            format!("tasks/{unknown}"),
            json!({"task": unknown}),
            ["task", &unknown],
            "task_not_found",
        ),
        ("tasks/none:1".into(), json!({"task": "none:1"}), ["task", "none/1"], "run_not_found"),
        ("workers/none".into(), json!({"worker": "none"}), ["worker", "none"], "worker_not_found"),
        ("task-queues/none".into(), json!({"queue": "none"}), ["queue", "none"], "queue_not_found"),
        (
            "task-queues/default/none".into(),
            json!({"queue": "default", "type": "none"}),
            ["queue", "default/none"],
            "queue_not_found",
        ),
        (
            "schedules/test/none".into(),
            json!({"schedule": "test/none"}),
            ["schedule", "test/none"],
            "schedule_not_found",
        ),
    ] {
        let (status, problem) = suite.engine.client.get(&format!("/v1/{path}/explain")).await;
        assert_eq!((status.as_u16(), problem["code"].as_str()), (404, Some(code)), "{path}");
        let answer = Suite::over_nats(bus, &payload.to_string()).await;
        assert_eq!(answer, Err((404, code.to_owned())), "{payload}");
        let output = suite.command(&args);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(problem["title"].as_str().unwrap()), "{args:?}: {said}");
    }
    let (status, problem) = suite.engine.client.get("/v1/task-queues/a.b/explain").await;
    assert_eq!((status.as_u16(), &problem["code"]), (400, &json!("invalid_parameter")));
    for payload in ["{}", "{\"run\":\"a\",\"worker\":\"b\"}"] {
        let answer = Suite::over_nats(bus, payload).await;
        assert_eq!(answer, Err((422, "invalid_body".to_owned())), "{payload}");
    }
}
