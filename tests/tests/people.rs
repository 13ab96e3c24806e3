//! Tasks of people, end to end, in both shapes: asked, answered over HTTP and the plain nats CLI, due,
//! not wanted any more; and no answer lost, whatever is killed.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::BTreeSet,
    process::{Command, Stdio},
    time::Duration,
};

use kintsugi_core::{Body, RunState, Work};
use kintsugi_entities::{HumanTaskFilter, HumanTaskStatus, Options, Page, Store};
use kintsugi_tests::{Engine, Role, Shape, Tool, check_promises, eventually, tool};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(40);

const DEFINITIONS: [&str; 2] = [
    "document: {dsl: '1.0.3', namespace: test, name: approve, version: '1.0.0'}\n\
     do: [{approve: {call: human-task, with: {title: '${ \"Approve order \\(.order)\" }', \
     data: '${ . }', assignees: [buyers], \
     form: {type: object, required: [ok], properties: {ok: {type: boolean}}}}}}, \
     {ship: {if: .ok, call: simulate, with: {mode: succeed, output: shipped}}}]",
    "document: {dsl: '1.0.3', namespace: test, name: soon, version: '1.0.0'}\n\
     do: [{ask: {call: human-task, with: {title: Now, assignees: ada, due: PT1S, escalate: [boss]}, \
     timeout: {after: PT4S}}}]",
];

struct Suite {
    engine: Engine,
    accepted: Vec<String>,
}

impl Suite {
    /// Starts a run and waits until it asks.
    async fn asking(&mut self, name: &str, input: Value) -> (String, Value) {
        let run = self.engine.client.start(&format!("test/{name}:1.0.0"), input).await;
        self.accepted.push(run.clone());
        let task = self.open(&run).await;
        (run, task)
    }

    async fn open(&self, run: &str) -> Value {
        eventually("the run asks a person", SOON, || async {
            let path = format!("/v1/human-tasks?status=open&run={run}");
            let (status, page) = self.engine.client.try_get(&path).await?;
            assert_eq!(status, 200, "{page}");
            page["items"].get(0).cloned()
        })
        .await
    }

    async fn answer(&self, task: &Value, body: Value) -> (u16, Value) {
        let path = format!("/v1/human-tasks/{}/answer", task["id"].as_str().unwrap());
        let (status, body) = self.engine.client.post(&path, &body).await;
        (status.as_u16(), body)
    }

    async fn output(&self, run: &str) -> Value {
        let ended = self.engine.client.ended(run, SOON).await;
        assert_eq!(ended["status"], "completed", "{ended}");
        ended["output"].clone()
    }

    async fn shown(&self, task: &Value) -> Value {
        let path = format!("/v1/human-tasks/{}", task["id"].as_str().unwrap());
        self.engine.client.get(&path).await.1
    }

    async fn answers(&mut self) {
        let (run, task) = self.asking("approve", json!({"order": 7})).await;
        assert_eq!(
            (&task["title"], &task["data"]),
            (&json!("Approve order 7"), &json!({"order": 7}))
        );
        assert_eq!(
            (&task["assignees"], &task["pointer"]),
            (&json!(["buyers"]), &json!("/do/0/approve"))
        );
        assert_eq!(task["form"]["required"], json!(["ok"]));
        let mine = self.engine.client.get("/v1/human-tasks?assignee=buyers&status=open").await.1;
        assert_eq!(mine["items"][0]["id"], task["id"]);
        let others = self.engine.client.get("/v1/human-tasks?assignee=sellers").await.1;
        assert_eq!(others["items"], json!([]));

        let unfit = self.answer(&task, json!({"answer": {"ok": "yes"}})).await;
        assert_eq!((unfit.0, &unfit.1["code"]), (422, &json!("unfit_answer")));
        assert_eq!(self.answer(&task, json!({"answer": {"ok": true}, "by": ""})).await.0, 422);
        assert_eq!(self.answer(&task, json!({"ok": true})).await.0, 422);
        let unknown = json!({"id": format!("{run}:99")});
        assert_eq!(self.answer(&unknown, json!({"answer": 1})).await.0, 404);
        let given = self.answer(&task, json!({"answer": {"ok": true}, "by": "ada"})).await;
        assert_eq!((given.0, &given.1["run"]), (202, &json!(run)));
        assert_eq!(self.output(&run).await, "shipped");
        let late = self.answer(&task, json!({"answer": {"ok": false}})).await;
        assert_eq!((late.0, &late.1["code"]), (409, &json!("not_open")));
        let shown = self.shown(&task).await;
        assert_eq!((&shown["status"], &shown["answered_by"]), (&json!("answered"), &json!("ada")));
        assert_eq!(self.engine.client.get("/v1/human-tasks?status=lost").await.0, 400);
    }

    /// The plain nats CLI sees and answers, too.
    async fn over_nats(&mut self) {
        let Some(cli) = tool(Tool::NatsCli) else { return };
        let (run, task) = self.asking("approve", json!({"order": 8})).await;
        let url = self.engine.nats_url();
        let ask = |subject: &str, payload: Value| -> Value {
            let output = Command::new(&cli)
                .args(["--server", &url, "request", "--raw", "--timeout", "20s", subject])
                .arg(payload.to_string())
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("{subject}: {text}"))
        };
        let page = ask("kintsugi.api.human-tasks", json!({"run": run, "status": "open"}));
        assert_eq!(page["items"][0]["id"], task["id"]);
        let answer = json!({"id": task["id"], "answer": {"ok": false}});
        assert_eq!(ask("kintsugi.api.answer", answer)["run"], json!(run));
        assert_eq!(self.output(&run).await, json!({"ok": false}), "nothing is shipped");
    }

    async fn due_and_withdrawn(&mut self) {
        let (run, task) = self.asking("soon", json!(null)).await;
        let escalated = eventually("it is given to others", SOON, || async {
            let shown = self.shown(&task).await;
            (shown["assignees"] == json!(["boss"])).then_some(shown)
        })
        .await;
        assert_eq!(escalated["created_at"], task["created_at"]);
        assert!(escalated["escalated_at"].as_str() >= escalated["due_at"].as_str(), "{escalated}");
        let ended = self.engine.client.ended(&run, SOON).await;
        assert_eq!((&ended["status"], &ended["error"]["status"]), (&json!("faulted"), &json!(408)));
        assert_eq!(self.shown(&task).await["status"], "withdrawn");

        let (run, task) = self.asking("approve", json!({"order": 9})).await;
        self.engine.client.post(&format!("/v1/runs/{run}/cancel"), &json!({})).await;
        self.engine.client.ended(&run, SOON).await;
        assert_eq!(self.shown(&task).await["status"], "withdrawn");
        assert_eq!(self.answer(&task, json!({"answer": {"ok": true}})).await.0, 409);
    }

    async fn nothing_is_lost(&mut self) {
        let services = self.engine.shape == Shape::Services;
        let victims =
            if services { &["gateway", "orchestrator", "orchestrator-2"][..] } else { &["dev"] };
        for name in victims {
            let (run, task) = self.asking("approve", json!({"order": name})).await;
            // Nobody is there to take the answer when it is given.
            if name.starts_with("orchestrator") {
                self.engine.kill("orchestrator");
                self.engine.kill("orchestrator-2");
            }
            assert_eq!(self.answer(&task, json!({"answer": {"ok": true}})).await.0, 202);
            let repeat = self.answer(&task, json!({"answer": {"ok": true}})).await;
            assert!([202, 409].contains(&repeat.0), "{repeat:?}");
            if name.starts_with("orchestrator") {
                self.engine.start_again("orchestrator");
                self.engine.start_again("orchestrator-2");
            } else {
                self.engine.kill_and_restart(name);
            }
            self.engine.ready().await;
            assert_eq!(self.output(&run).await, "shipped", "{name}");
        }
        if services {
            self.engine.spawn_role("worker-3", Role::Worker);
        }
    }
}

/// Every open question has its row, and every row its question (promise P2).
async fn check_questions(store: &Store) {
    let filter =
        HumanTaskFilter { status: Some(HumanTaskStatus::Open), ..HumanTaskFilter::default() };
    let rows = store.human_tasks_list(&filter, Page { limit: 500, cursor: None }).await.unwrap();
    let rows: BTreeSet<_> = rows.items.into_iter().map(|row| row.id).collect();
    let mut open = BTreeSet::new();
    for row in store.runs_open_page(None, 500).await.unwrap() {
        let state: RunState = serde_json::from_slice(&row.state).unwrap();
        for (number, frame) in state.frames.scan(&mut 0) {
            if let Body::Task(task) = &frame.body
                && matches!(task.work, Work::Human(_))
            {
                open.insert(format!("{}:{number}", row.id));
            }
        }
    }
    assert_eq!(rows, open);
}

async fn suite(shape: Shape) {
    let Some(engine) = Engine::start(shape, &[]).await else { return };
    for definition in DEFINITIONS {
        engine.client.define(definition).await;
    }
    let mut suite = Suite { engine, accepted: Vec::new() };
    suite.answers().await;
    suite.over_nats().await;
    suite.due_and_withdrawn().await;
    suite.nothing_is_lost().await;
    check_promises(&suite.engine, &suite.accepted).await;
    // One that is still open when all is held against all.
    suite.asking("approve", json!({"order": "last"})).await;
    let store = Store::connect(&suite.engine.database_url(), &Options::default()).await.unwrap();
    check_questions(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_asked_and_answer_in_one_process() {
    suite(Shape::Dev).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_asked_and_answer_in_seven_processes() {
    suite(Shape::Services).await;
}
