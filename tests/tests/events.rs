//! Events, end to end, in both shapes and through the plain nats CLI: signals, published events,
//! events that runs emit for each other; and none of them lost.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use kintsugi_core::RunState;
use kintsugi_entities::{Options, Store};
use kintsugi_tests::{Engine, Role, Shape, Tool, check_promises, eventually, tool};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(40);

const DEFINITIONS: [&str; 6] = [
    "document: {dsl: '1.0.3', namespace: test, name: approve, version: '1.0.0'}\n\
     do: [{wait: {listen: {to: {one: {with: {type: com.example.approved}}}}}}]",
    "document: {dsl: '1.0.3', namespace: test, name: late, version: '1.0.0'}\n\
     do: [{first: {wait: {seconds: 2}}}, {then: {listen: {to: {one: {with: {type: late}}}, read: envelope}}}]",
    "document: {dsl: '1.0.3', namespace: test, name: emitter, version: '1.0.0'}\n\
     do: [{tell: {emit: {event: {with: {type: com.example.order.paid, source: 'https://example.com/shop', \
     data: {order: '${ .order }'}}}}}}]",
    // Waits for the payment of its own order, as many others do.
    "document: {dsl: '1.0.3', namespace: test, name: buyer, version: '1.0.0'}\n\
     do: [{paid: {listen: {to: {one: {with: {type: com.example.order.paid}, \
     correlate: {order: {from: .data.order, expect: '${ .order }'}}}}}}}]",
    "document: {dsl: '1.0.3', namespace: test, name: both, version: '1.0.0'}\n\
     do: [{vitals: {listen: {to: {all: [{with: {type: temperature, data: '${ .value > 38 }'}}, \
     {with: {type: '^bpm(\\..*)?$'}}]}}}}]",
    "document: {dsl: '1.0.3', namespace: test, name: chat, version: '1.0.0'}\n\
     do: [{talk: {listen: {to: {any: [{with: {type: said}}], until: {one: {with: {type: closed}}}}}, \
     foreach: {item: said, at: n, do: [{work: {call: simulate, with: {mode: succeed, duration_ms: 50, \
     output: '${ \"\\($n) \\($said.text)\" }'}}}], output: {as: '${ {line: .} }'}}}}]",
];

struct Suite {
    engine: Engine,
    cli: PathBuf,
    accepted: Vec<String>,
}

impl Suite {
    fn nats(&self, args: &[&str]) -> Value {
        let output = Command::new(&self.cli)
            .args(["--server", &self.engine.nats_url()])
            .args(args)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{args:?}: {text} {error}");
        serde_json::from_str(text.trim()).unwrap_or(Value::String(text))
    }

    fn ask(&self, subject: &str, payload: &str) -> Value {
        self.nats(&["request", "--raw", "--timeout", "20s", subject, payload])
    }

    fn publish(&self, kind: &str, data: &str) {
        self.nats(&["publish", &format!("kintsugi.cloudevents.{kind}"), data]);
    }

    async fn start(&mut self, name: &str, input: Value) -> String {
        let run = self.engine.client.start(&format!("test/{name}:1.0.0"), input).await;
        self.accepted.push(run.clone());
        run
    }

    /// Starts a run and waits until it listens.
    async fn listening(&mut self, name: &str, input: Value) -> String {
        let run = self.start(name, input).await;
        self.listens(&run).await;
        run
    }

    async fn listens(&self, run: &str) {
        let waits = |run: &Value| run["status"] == "waiting";
        self.engine.client.until(run, "the run listens", SOON, waits).await;
    }

    async fn output(&self, run: &str) -> Value {
        let ended = self.engine.client.ended(run, SOON).await;
        assert_eq!(ended["status"], "completed", "{ended}");
        ended["output"].clone()
    }

    async fn signal(&self, run: &str, event: &Value) -> (u16, Value) {
        let path = format!("/v1/runs/{run}/events");
        let (status, body) = self.engine.client.post(&path, event).await;
        (status.as_u16(), body)
    }

    async fn signals(&mut self) {
        let run = self.listening("approve", json!(null)).await;
        let sent = json!({"run": run, "type": "com.example.approved", "data": {"by": "ada"}});
        assert_eq!(self.ask("kintsugi.api.signal", &sent.to_string())["repeated"], false);
        assert_eq!(self.output(&run).await, json!([{"by": "ada"}]));
        let late = self.signal(&run, &json!({"type": "com.example.approved"})).await;
        assert_eq!((late.0, &late.1["code"]), (409, &json!("run_ended")));

        let run = self.listening("approve", json!(null)).await;
        self.ask(&format!("kintsugi.api.signal.{run}.com.example.approved"), "7");
        assert_eq!(self.output(&run).await, json!([7]));

        // Before the run listens, twice, and one of another type.
        let run = self.start("late", json!(null)).await;
        let event = json!({"type": "late", "id": "e-1", "data": 1, "urgent": true});
        assert_eq!(self.signal(&run, &json!({"type": "other"})).await.0, 202);
        assert_eq!(self.signal(&run, &event).await.0, 202);
        assert_eq!(self.signal(&run, &event).await.0, 200, "a repeat changes nothing");
        let output = self.output(&run).await;
        assert_eq!((&output[0]["id"], &output[0]["urgent"]), (&json!("e-1"), &json!(true)));
        assert_eq!(self.signal(&run, &event).await.0, 200, "also when it was taken");
        assert_eq!(self.signal("nobody", &event).await.0, 404);
        let bad = self.signal(&run, &json!({"type": "late", "Bad-Name": 1})).await;
        assert_eq!((bad.0, &bad.1["code"]), (422, &json!("invalid_event")));
    }

    async fn published(&mut self) {
        let run = self.listening("approve", json!(null)).await;
        self.publish("com.example.other", "1");
        self.publish("com.example.approved", "{\"by\":\"bob\"}");
        assert_eq!(self.output(&run).await, json!([{"by": "bob"}]));

        let run = self.listening("approve", json!(null)).await;
        let whole = json!({"specversion": "1.0", "id": "x-1", "source": "/test",
            "type": "com.example.approved", "data": "structured"});
        self.publish("anything", &whole.to_string());
        assert_eq!(self.output(&run).await, json!(["structured"]));

        // The same by the intake, which takes whatever is below its subject.
        let run = self.listening("approve", json!(null)).await;
        self.nats(&["publish", "kintsugi.in.event.com.example.approved", "{\"by\":\"eve\"}"]);
        assert_eq!(self.output(&run).await, json!([{"by": "eve"}]));
        self.nats(&["publish", "kintsugi.in.foo.bar", "whatever"]);
        eventually("what nobody serves is kept elsewhere", SOON, || async {
            let last = ["stream", "get", "KINTSUGI_REJECTED", "-S", "kintsugi.rejected.intake"];
            let found = self.nats(&last);
            let text = found.as_str()?;
            (text.contains("whatever") && text.contains("kintsugi.in.foo.bar")).then_some(())
        })
        .await;

        let run = self.listening("both", json!(null)).await;
        self.publish("temperature", "{\"value\": 37}");
        self.publish("bpm.high", "{\"value\": 120}");
        self.publish("temperature", "{\"value\": 39}");
        assert_eq!(self.output(&run).await, json!([{"value": 120}, {"value": 39}]));

        // What is no event is put aside.
        self.publish("com.example.approved", "{\"by\":");
        eventually("the malformed event is kept elsewhere", SOON, || async {
            let found = self.nats(&[
                "stream",
                "get",
                "KINTSUGI_REJECTED",
                "-S",
                "kintsugi.rejected.cloudevents",
            ]);
            found.as_str().is_some_and(|text| text.contains("{\"by\":")).then_some(())
        })
        .await;
    }

    async fn one_run_wakes_another(&mut self) {
        let mut buyers = Vec::new();
        for order in 0..5 {
            buyers.push(self.listening("buyer", json!({ "order": order })).await);
        }
        for order in [3, 0, 4, 1, 2] {
            let run = self.start("emitter", json!({ "order": order })).await;
            let event = self.output(&run).await;
            assert_eq!(event["type"], "com.example.order.paid");
            assert_eq!(event["id"], format!("{run}:1"));
        }
        for (order, run) in buyers.iter().enumerate() {
            assert_eq!(self.output(run).await, json!([{ "order": order }]));
        }
    }

    async fn one_after_the_other(&mut self) {
        let run = self.listening("chat", json!(null)).await;
        for n in 0..5 {
            assert_eq!(
                self.signal(&run, &json!({"type": "said", "data": {"text": n}})).await.0,
                202
            );
        }
        assert_eq!(self.signal(&run, &json!({"type": "closed"})).await.0, 202);
        let lines: Vec<Value> = (0..5).map(|n| json!({ "line": format!("{n} {n}") })).collect();
        assert_eq!(self.output(&run).await, json!(lines));
    }

    async fn nothing_is_lost(&mut self) {
        let services = self.engine.shape == Shape::Services;
        // The engine is killed right after its answer.
        for name in
            if services { &["gateway", "orchestrator", "orchestrator-2"][..] } else { &["dev"] }
        {
            let run = self.listening("approve", json!(null)).await;
            let sent = json!({"type": "com.example.approved", "data": name});
            assert_eq!(self.signal(&run, &sent).await.0, 202);
            self.engine.kill_and_restart(name);
            self.engine.ready().await;
            assert_eq!(self.output(&run).await, json!([name]));
        }
        // Open listens survive, and so does what is said while every stream is gone.
        let (signalled, told) = (
            self.listening("approve", json!(null)).await,
            self.listening("buyer", json!({"order": "lost"})).await,
        );
        self.delete_streams().await;
        let sent = json!({"type": "com.example.approved", "data": "kept"});
        assert_eq!(self.signal(&signalled, &sent).await.0, 202);
        let emitter = self.start("emitter", json!({"order": "lost"})).await;
        self.delete_streams().await;
        self.output(&emitter).await;
        assert_eq!(self.output(&signalled).await, json!(["kept"]));
        assert_eq!(self.output(&told).await, json!([{"order": "lost"}]));
        if services {
            self.engine.spawn_role("worker-3", Role::Worker);
        }
    }

    async fn delete_streams(&self) {
        use kintsugi_nats::{Bus, Options, stream};
        let options = Options { url: self.engine.nats_url(), ..Options::default() };
        let bus = Bus::connect(&options).await.unwrap();
        for name in [stream::CLOUDEVENTS, stream::EVENTS, stream::TASKS, stream::LIFE] {
            let subject = format!("$JS.API.STREAM.DELETE.{name}");
            // It may not be there again yet.
            let _ = bus.request(&subject, Vec::new(), Duration::from_secs(5)).await;
        }
    }
}

/// Every open listen has its row, and every row its listen (promise P2).
async fn check_listeners(store: &Store) {
    let rows = store.listeners_all().await.unwrap();
    let mut open = std::collections::BTreeSet::new();
    let mut after = None;
    loop {
        let page = store.runs_open_page(after.as_ref(), 500).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        for row in page {
            let state: RunState = serde_json::from_slice(&row.state).unwrap();
            open.extend(state.listens().map(|(task, _)| (row.id.clone(), task)));
        }
    }
    let known: std::collections::BTreeSet<_> =
        rows.into_iter().map(|row| (row.run, row.task)).collect();
    assert_eq!(known, open);
}

async fn suite(shape: Shape) {
    let Some(cli) = tool(Tool::NatsCli) else { return };
    let Some(engine) = Engine::start(shape, &[]).await else { return };
    for definition in DEFINITIONS {
        engine.client.define(definition).await;
    }
    let mut suite = Suite { engine, cli, accepted: Vec::new() };
    suite.signals().await;
    suite.published().await;
    suite.one_run_wakes_another().await;
    suite.one_after_the_other().await;
    suite.nothing_is_lost().await;
    let store = Store::connect(&suite.engine.database_url(), &Options::default()).await.unwrap();
    check_listeners(&store).await;
    check_promises(&suite.engine, &suite.accepted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_reach_their_runs_in_one_process() {
    suite(Shape::Dev).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_reach_their_runs_in_seven_processes() {
    suite(Shape::Services).await;
}
