//! Steering by hand, end to end, in both shapes: over HTTP and the plain nats CLI, each in its run's
//! history; nothing lost and nothing done twice, whoever is killed between request and effect.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    process::{Command, Stdio},
    time::{Duration, UNIX_EPOCH},
};

use kintsugi_core::{Input, RunId, Steer, Steering};
use kintsugi_entities::{Options, RequestRow, STEER, Store};
use kintsugi_tests::{Engine, Shape, Tool, check_promises, eventually, tool};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);

const DEFINITIONS: [&str; 4] = [
    "document: {dsl: '1.0.3', namespace: test, name: two, version: '1.0.0'}\n\
     do: [{one: {call: simulate, with: {mode: succeed, duration_ms: 1200, output: one}}}, \
     {two: {call: simulate, with: {mode: succeed, output: two}}}, \
     {end: {set: {said: '${ . }', who: '${ $context.who }'}}}]",
    "document: {dsl: '1.0.3', namespace: test, name: flaky, version: '1.0.0'}\n\
     do: [{one: {call: simulate, with: {mode: fail_times, times: 1, output: ok}, \
     metadata: {kintsugi: {retry: {initial_interval: 1h, maximum_interval: 1h}}}}}]",
    "document: {dsl: '1.0.3', namespace: test, name: long, version: '1.0.0'}\n\
     do: [{pause: {wait: {hours: 1}}}, \
     {hang: {call: simulate, with: {mode: hang}}}, \
     {last: {set: '${ . }'}}]",
    "document: {dsl: '1.0.3', namespace: test, name: bad, version: '1.0.0'}\n\
     do: [{fatal: {call: simulate, with: {mode: fatal}}}, {last: {set: {got: '${ . }'}}}]",
];

struct Suite {
    engine: Engine,
    accepted: Vec<String>,
}

impl Suite {
    async fn start(&mut self, name: &str, input: Value) -> String {
        let run = self.engine.client.start(&format!("test/{name}:1.0.0"), input).await;
        self.accepted.push(run.clone());
        run
    }

    async fn ask(&self, run: &str, what: &str, body: Value) -> (u16, Value) {
        let path = format!("/v1/runs/{run}/{what}");
        let (status, body) = self.engine.client.post(&path, &body).await;
        (status.as_u16(), body)
    }

    async fn asked(&self, run: &str, what: &str, body: Value) -> Value {
        let (status, answer) = self.ask(run, what, body).await;
        assert_eq!(status, 202, "{what}: {answer}");
        answer
    }

    async fn refused(&self, run: &str, what: &str, body: Value) -> (u16, String) {
        let (status, answer) = self.ask(run, what, body).await;
        (status, answer["code"].as_str().unwrap_or_default().to_owned())
    }

    async fn until(&self, run: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.engine.client.until(run, what, SOON, wanted).await
    }

    async fn is(&self, run: &str, status: &str) -> Value {
        self.until(run, status, |run| run["status"] == status).await
    }

    async fn output(&self, run: &str) -> Value {
        let ended = self.engine.client.ended(run, SOON).await;
        assert_eq!(ended["status"], "completed", "{ended}");
        ended["output"].clone()
    }

    /// What the run's history says was done by hand, with who and why.
    async fn by_hand(&self, run: &str) -> Vec<Value> {
        let (_, page) = self.engine.client.get(&format!("/v1/runs/{run}/history?limit=1000")).await;
        let entries = page["items"].as_array().unwrap().clone();
        let steps = entries.iter().flat_map(|entry| entry["steps"].as_array().unwrap().clone());
        let events = steps.flat_map(|step| step["events"].as_array().unwrap().clone());
        events.filter(|event| event["event"] == "steered").collect()
    }

    async fn done(&self, run: &str) -> Vec<String> {
        let said = self.by_hand(run).await;
        said.iter().map(|said| said["done"].as_str().unwrap().to_owned()).collect()
    }

    /// What the plain nats CLI is answered.
    fn over_nats(&self, subject: &str, payload: &str) -> Option<Value> {
        let cli = tool(Tool::NatsCli)?;
        let url = self.engine.nats_url();
        let output = Command::new(&cli)
            .args(["--server", &url, "request", "--raw", "--timeout", "20s", subject, payload])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Some(serde_json::from_str(&text).unwrap_or_else(|_| panic!("{subject}: {text}")))
    }

    async fn runs(&mut self) {
        let run = self.start("two", json!(null)).await;
        self.is(&run, "running").await;
        assert_eq!(self.refused(&run, "resume", json!({})).await, (409, "not_suspended".into()));
        assert_eq!(self.refused(&run, "suspend", json!({"odd": 1})).await.0, 422);
        let first = self
            .asked(&run, "suspend", json!({"request": "hold", "by": "ada", "reason": "a fire"}))
            .await;
        assert_eq!((&first["steer"], &first["request"]), (&json!("suspend"), &json!("hold")));
        let held = self
            .until(&run, "the task that was out is done", |run| {
                run["status"] == "suspended" && run["tasks"][0]["status"] == "completed"
            })
            .await;
        assert_eq!(held["tasks"].as_array().unwrap().len(), 1, "{held}");
        assert_eq!(self.refused(&run, "suspend", json!({})).await, (409, "suspended".into()));
        let repeat = json!({"request": "hold", "by": "ada", "reason": "a fire"});
        self.asked(&run, "suspend", repeat).await;
        let other = json!({"request": "hold", "by": "bob"});
        assert_eq!(self.refused(&run, "suspend", other).await, (409, "request_taken".into()));
        self.asked(&run, "variables", json!({"replace": {"who": "bob", "x": 1}})).await;
        self.asked(&run, "variables", json!({"merge": {"who": "ada", "x": null}})).await;
        assert_eq!(self.refused(&run, "variables", json!({})).await.0, 422);
        self.asked(&run, "resume", json!({"by": "ada"})).await;
        assert_eq!(self.output(&run).await, json!({"said": "two", "who": "ada"}));
        let said = self.by_hand(&run).await;
        assert_eq!(said[0]["by"], "ada");
        assert_eq!(said[0]["reason"], "a fire");
        let wanted = ["run_suspended", "variables_changed", "variables_changed", "run_resumed"];
        assert_eq!(self.done(&run).await, wanted);
        assert_eq!(self.refused(&run, "terminate", json!({})).await, (409, "run_over".into()));

        // What is completed begins anew, with other input.
        assert_eq!(
            self.refused(&run, "rerun", json!({"from": "/do/1/two"})).await,
            (422, "input_unknown".into())
        );
        assert_eq!(
            self.refused(&run, "rerun", json!({"from": "/do/9/no"})).await,
            (422, "no_such_task".into())
        );
        self.asked(&run, "rerun", json!({"from": "/do/2/end", "input": "edited"})).await;
        let edited = json!({"said": "edited", "who": "ada"});
        self.until(&run, "it began anew", |run| run["output"] == edited).await;
        let missing = self.ask("nobody", "suspend", json!({})).await;
        assert_eq!(missing.0, 404);
    }

    async fn tasks(&mut self) {
        let run = self.start("flaky", json!(null)).await;
        let backs_off = |run: &Value| run["tasks"][0]["status"] == "backing_off";
        let held = self.until(&run, "it backs off", backs_off).await;
        let number = held["tasks"][0]["number"].as_u64().unwrap();
        let unknown = self.refused(&run, "tasks/99/retry", json!({})).await;
        assert_eq!(unknown, (409, "task_not_open".into()));
        assert_eq!(self.refused(&run, "tasks/odd/retry", json!({})).await.0, 400);
        let answer = self.asked(&run, &format!("tasks/{number}/retry"), json!({})).await;
        assert_eq!(answer["task"], number);
        assert_eq!(self.output(&run).await, "ok");

        // A wait has no number that anyone is shown: it is named by its reference.
        let run = self.start("long", json!("in")).await;
        self.is(&run, "waiting").await;
        self.asked(&run, "tasks/%2Fdo%2F0%2Fpause/skip", json!({"by": "ada"})).await;
        let out =
            |run: &Value| run["tasks"][0]["attempts"].as_array().is_some_and(|a| !a.is_empty());
        self.until(&run, "the next task is out", out).await;
        let body = json!({"output": {"by": "hand"}, "request": "once"});
        self.asked(&run, "tasks/%2Fdo%2F1%2Fhang/complete", body.clone()).await;
        self.asked(&run, "tasks/%2Fdo%2F1%2Fhang/complete", body).await;
        assert_eq!(self.output(&run).await, json!({"by": "hand"}));
        assert_eq!(self.done(&run).await, ["task_skipped", "task_completed"]);
        let (_, shown) = self.engine.client.get(&format!("/v1/runs/{run}")).await;
        let task = &shown["tasks"][0];
        assert_eq!(
            (&task["status"], &task["attempts"][0]["status"]),
            (&json!("completed"), &json!("cancelled"))
        );

        // A dead letter that somebody settles by hand takes its run up.
        let run = self.start("bad", json!(null)).await;
        self.is(&run, "faulted").await;
        let (_, letters) = self.engine.client.get(&format!("/v1/dead-letters?run={run}")).await;
        assert_eq!(letters["items"][0]["status"], "open");
        self.asked(&run, "tasks/%2Fdo%2F0%2Ffatal/complete", json!({"output": 7})).await;
        self.until(&run, "it goes on", |run| run["output"] == json!({"got": 7})).await;
        let (_, letters) = self.engine.client.get(&format!("/v1/dead-letters?run={run}")).await;
        assert_eq!(letters["items"][0]["status"], "redriven");

        let run = self.start("long", json!("in")).await;
        self.is(&run, "waiting").await;
        let error = json!({"error": {"type": "timeout", "detail": "enough"}});
        self.asked(&run, "tasks/%2Fdo%2F0%2Fpause/fail", error).await;
        let ended = self.engine.client.ended(&run, SOON).await;
        assert_eq!((&ended["status"], &ended["error"]["status"]), (&json!("faulted"), &json!(408)));
        // Nothing caught it; from where it failed it goes on.
        let again = json!({"from": "/do/2/last", "input": "anew"});
        self.asked(&run, "rerun", again).await;
        self.until(&run, "it began anew", |run| run["output"] == "anew").await;
    }

    /// The plain nats CLI steers, too.
    async fn over_the_bus(&mut self) {
        let run = self.start("long", json!("in")).await;
        self.is(&run, "waiting").await;
        let Some(said) = self.over_nats("kintsugi.api.steer.suspend", &run) else { return };
        assert_eq!(said["steer"], "suspend");
        self.is(&run, "suspended").await;
        let skip = json!({"id": run, "task": "/do/0/pause", "output": 1, "by": "cli"}).to_string();
        self.over_nats("kintsugi.api.steer.skip", &skip).unwrap();
        let resume = json!({"id": run, "by": "cli"}).to_string();
        self.over_nats("kintsugi.api.steer.resume", &resume).unwrap();
        self.until(&run, "the wait is over", |run| run["tasks"][0]["status"] != Value::Null).await;
        let end = json!({"id": run, "reason": "enough", "children": false}).to_string();
        self.over_nats("kintsugi.api.steer.terminate", &end).unwrap();
        assert_eq!(self.engine.client.ended(&run, SOON).await["status"], "cancelled");
        let wanted = ["run_suspended", "task_skipped", "run_resumed", "run_terminated"];
        assert_eq!(self.done(&run).await, wanted);
        let odd = self.over_nats("kintsugi.api.steer.explode", &run).unwrap();
        assert_eq!(odd["code"], "malformed_subject");
    }

    /// A gateway that was killed after its commit told nobody: the run is told all the same.
    async fn what_nobody_told_is_done(&mut self) {
        let run = self.start("long", json!("in")).await;
        self.is(&run, "waiting").await;
        let id = RunId::parse(&run).unwrap();
        let url = self.engine.database_url();
        let store = Store::connect(&url, &Options::default()).await.unwrap();
        let at = i64::try_from(UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
        for (after, request, what) in
            [(0, "z", Steering::Suspend { hold: None }), (1, "a", Steering::Resume)]
        {
            let (by, reason) = (Some("ada".to_owned()), None);
            let steer = Steer { request: request.to_owned(), by, reason, what };
            let row = RequestRow {
                id: steer.key(&id),
                run: id.clone(),
                about: Some(STEER.to_owned()),
                at: at + after,
                input: serde_json::to_vec(&Input::Steer(steer)).unwrap(),
            };
            assert_eq!(store.request_put(&row, None).await.unwrap(), None);
        }
        eventually("both are done, in order", SOON, || async {
            (self.done(&run).await == ["run_suspended", "run_resumed"]).then_some(())
        })
        .await;
        self.asked(&run, "terminate", json!({})).await;
        self.engine.client.ended(&run, SOON).await;
    }

    /// Nobody is there to do what is asked when it is asked, and all of it is done, in order and once.
    async fn nothing_is_lost(&mut self) {
        let victims: &[&str] = match self.engine.shape {
            Shape::Dev => &["dev"],
            Shape::Services => &["orchestrator", "orchestrator-2"],
        };
        let run = self.start("long", json!("in")).await;
        self.is(&run, "waiting").await;
        let flaky = self.start("flaky", json!(null)).await;
        let backs_off = |run: &Value| run["tasks"][0]["status"] == "backing_off";
        self.until(&flaky, "it backs off", backs_off).await;
        if self.engine.shape == Shape::Services {
            for victim in victims {
                self.engine.kill(victim);
            }
        }
        self.asked(&run, "suspend", json!({"request": "a"})).await;
        self.asked(&run, "tasks/%2Fdo%2F0%2Fpause/skip", json!({"output": 1})).await;
        // The machine is asked as it will be by then.
        assert_eq!(self.refused(&run, "tasks/%2Fdo%2F0%2Fpause/skip", json!({})).await.0, 409);
        self.asked(&run, "variables", json!({"replace": {"v": 1}})).await;
        self.asked(&run, "resume", json!({"request": "b"})).await;
        self.asked(&flaky, "tasks/%2Fdo%2F0%2Fone/retry", json!({})).await;
        for victim in victims {
            match self.engine.shape {
                Shape::Services => self.engine.start_again(victim),
                Shape::Dev => self.engine.kill_and_restart(victim),
            }
        }
        self.engine.ready().await;
        assert_eq!(self.output(&flaky).await, "ok");
        let out = |run: &Value| run["tasks"][0]["status"] != Value::Null;
        self.until(&run, "it goes on", out).await;
        self.asked(&run, "tasks/%2Fdo%2F1%2Fhang/skip", json!({"output": "end"})).await;
        assert_eq!(self.output(&run).await, "end");
        let wanted =
            ["run_suspended", "task_skipped", "variables_changed", "run_resumed", "task_skipped"];
        assert_eq!(self.done(&run).await, wanted);
    }
}

async fn suite(shape: Shape) {
    let Some(engine) = Engine::start(shape, &[]).await else { return };
    for definition in DEFINITIONS {
        engine.client.define(definition).await;
    }
    let mut suite = Suite { engine, accepted: Vec::new() };
    suite.runs().await;
    suite.tasks().await;
    suite.over_the_bus().await;
    suite.what_nobody_told_is_done().await;
    suite.nothing_is_lost().await;
    check_promises(&suite.engine, &suite.accepted).await;
    let store = Store::connect(&suite.engine.database_url(), &Options::default()).await.unwrap();
    eventually("every request was taken", SOON, || async {
        for run in &suite.accepted {
            let run = RunId::parse(run).unwrap();
            if !store.requests_steering(&run).await.ok()?.is_empty() {
                return None;
            }
        }
        Some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_steer_in_one_process() {
    suite(Shape::Dev).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_steer_in_seven_processes() {
    suite(Shape::Services).await;
}
