//! Parts of the language that need something outside: `call: http` on a server that misbehaves,
//! `catch.retry` with every back-off, `for` with `while`; in both shapes.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::time::Duration;

use kintsugi_tests::{Answer, Engine, Peer, Request, Shape, check_promises};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);

/// A definition of one call: whether it follows redirects, and what of the response it gives.
fn fetching(name: &str, redirect: bool, output: &str) -> String {
    format!(
        r#"
document: {{dsl: '1.0.3', namespace: test, name: {name}, version: '1.0.0'}}
do:
  - get:
      call: http
      with: {{method: get, endpoint: '${{ .url }}', redirect: {redirect}, output: {output}}}
      metadata: {{kintsugi: {{retry: {{initial_interval: 50ms, maximum_attempts: 4}}, start_to_close: 2s}}}}
"#
    )
}

const POST: &str = r#"
document: {dsl: '1.0.3', namespace: test, name: post, version: '1.0.0'}
do: [{send: {call: http, with: {method: post, endpoint: '${ .url }', body: '${ .body }'}}}]
"#;

/// Each `try` counts its rounds in the context, and succeeds in the fourth.
fn retrying(name: &str, backoff: &str) -> String {
    format!(
        r#"
document: {{dsl: '1.0.3', namespace: test, name: {name}, version: '1.0.0'}}
do:
  - begin: {{set: {{rounds: 0}}, export: {{as: '${{ {{rounds: 0}} }}'}}}}
  - careful:
      try:
        - count: {{set: {{rounds: '${{ $context.rounds + 1 }}'}}, export: {{as: '${{ {{rounds: .rounds}} }}'}}}}
        - work: {{call: simulate, with: {{mode: '${{ if $context.rounds < 4 then "fatal" else "succeed" end }}'}}}}
      catch:
        retry: {{delay: {{milliseconds: 100}}, backoff: {backoff}, limit: {{attempt: {{count: 5}}}}}}
  - last: {{set: {{rounds: '${{ $context.rounds }}'}}}}
"#
    )
}

const WHILE: &str = r#"
document: {dsl: '1.0.3', namespace: test, name: while, version: '1.0.0'}
do:
  - each:
      for: {each: item, at: place, in: '${ .items }'}
      while: '${ (.sum // 0) < 10 }'
      do:
        - add: {call: simulate, with: {mode: succeed, output: {sum: '${ (.sum // 0) + $item }', place: '${ $place }'}}}
"#;

/// Fails in every way that a server can.
fn misbehave(request: &Request) -> Answer {
    let json = |status: u16, body: Value| {
        Answer::status(status).header("content-type", "application/json").body(body.to_string())
    };
    match (request.path.as_str(), request.before) {
        ("/busy", 0) => Answer::status(503).header("retry-after", "1"),
        ("/broken", 0 | 1) => Answer::status(500).body("oops"),
        ("/garbage", 0) => {
            Answer::status(200).header("content-type", "application/json").body("{\"a\":")
        }
        ("/slow", 0) => json(200, json!("late")).after(Duration::from_secs(30)),
        ("/moved", _) => Answer::status(302).header("location", "/there"),
        ("/missing", _) => Answer::status(404).body("nothing here"),
        ("/down", _) => Answer::status(502),
        _ => json(
            200,
            json!({
                "path": request.path, "method": request.method, "body": request.body,
                "key": request.headers.get("idempotency-key"),
                "trace": request.headers.contains_key("traceparent"),
            }),
        ),
    }
}

struct Suite {
    engine: Engine,
    peer: Peer,
    accepted: Vec<String>,
}

impl Suite {
    async fn run(&mut self, definition: &str, input: Value) -> Value {
        let id = self.engine.client.start(&format!("test/{definition}:1.0.0"), input).await;
        self.accepted.push(id.clone());
        self.engine.client.ended(&id, SOON).await
    }

    async fn fetch(&mut self, definition: &str, path: &str) -> Value {
        let input = json!({ "url": self.peer.url(path), "body": {"a": 1} });
        self.run(definition, input).await
    }

    fn calls(&self, path: &str) -> usize {
        self.peer.seen().iter().filter(|request| request.path == path).count()
    }

    async fn http(&mut self) {
        let fine = self.fetch("post", "/fine?x=1").await;
        assert_eq!(fine["status"], "completed", "{fine}");
        let got = &fine["output"];
        assert_eq!((&got["method"], &got["body"]), (&json!("POST"), &json!("{\"a\":1}")), "{got}");
        let key = fine["tasks"][0]["task"].as_str();
        assert_eq!((got["key"].as_str(), &got["trace"]), (key, &json!(true)), "{fine}");

        for (path, calls) in [("/busy", 2), ("/broken", 3), ("/garbage", 2), ("/slow", 2)] {
            let ended = self.fetch("fetch", path).await;
            assert_eq!(ended["status"], "completed", "{path}: {ended}");
            assert_eq!(self.calls(path), calls, "{path}");
            let keys = self.peer.seen().into_iter().filter(|request| request.path == path);
            let mut keys: Vec<_> = keys.map(|one| one.headers["idempotency-key"].clone()).collect();
            keys.dedup();
            assert_eq!(keys.len(), 1, "{path}: one key in all attempts");
        }
        for (path, status, calls) in [("/missing", 404, 1), ("/moved", 302, 1), ("/down", 502, 4)] {
            let ended = self.fetch("fetch", path).await;
            assert_eq!(ended["status"], "faulted", "{path}: {ended}");
            assert_eq!(ended["error"]["status"], status, "{path}: {ended}");
            assert_eq!(self.calls(path), calls, "{path}");
        }
        let followed = self.fetch("follow", "/moved").await;
        assert_eq!(followed["output"]["path"], "/there", "{followed}");
        let whole = self.fetch("whole", "/fine").await;
        assert_eq!(whole["output"]["statusCode"], 200, "{whole}");
        // Nobody listens there.
        let port = kintsugi_tests::free_port();
        let input = json!({ "url": format!("http://127.0.0.1:{port}/") });
        let nobody = self.run("fetch", input).await;
        assert_eq!(nobody["status"], "faulted", "{nobody}");
        assert_eq!(nobody["tasks"][0]["attempts"].as_array().map(Vec::len), Some(4), "{nobody}");
    }

    /// The delays grow as named: from the history, where they stand exactly.
    async fn retries(&mut self) {
        for (name, backoff, expected) in [
            ("constant", "{constant: {}}", [100, 100, 100]),
            ("linear", "{linear: {}}", [100, 200, 300]),
            ("exponential", "{exponential: {factor: 3}}", [100, 300, 900]),
        ] {
            self.engine.client.define(&retrying(name, backoff)).await;
            let ended = self.run(name, json!(null)).await;
            assert_eq!(ended["output"], json!({"rounds": 4}), "{name}: {ended}");
            let path = format!("/v1/runs/{}/history?limit=200", self.accepted.last().unwrap());
            let (_, history) = self.engine.client.get(&path).await;
            let steps = history["items"].as_array().unwrap().iter();
            let steps = steps.flat_map(|entry| entry["steps"].as_array().unwrap());
            let delays = steps.flat_map(|step| {
                let caught = step["events"].as_array().unwrap().iter();
                let caught = caught.filter(|event| event["event"] == "error_caught");
                caught
                    .map(|event| event["retry_at"].as_i64().unwrap() - step["at"].as_i64().unwrap())
            });
            assert_eq!(delays.collect::<Vec<_>>(), expected, "{name}");
        }
    }

    async fn loops(&mut self) {
        self.engine.client.define(WHILE).await;
        for (items, output, tasks) in [
            (json!([4, 5, 6, 7]), json!({"sum": 15, "place": 2}), 3),
            (json!([1, 2]), json!({"sum": 3, "place": 1}), 2),
            (json!([20, 1]), json!({"sum": 20, "place": 0}), 1),
        ] {
            let ended = self.run("while", json!({ "items": items })).await;
            assert_eq!(ended["output"], output, "{ended}");
            let calls = ended["tasks"].as_array().unwrap().iter();
            let calls = calls.filter(|task| task["type"] == "simulate").count();
            assert_eq!(calls, tasks, "{ended}");
        }
        let none = self.run("while", json!({ "items": null })).await;
        assert_eq!(none["output"], json!({ "items": null }), "{none}");
        let wrong = self.run("while", json!({ "items": 7 })).await;
        assert_eq!(wrong["status"], "faulted", "{wrong}");
    }
}

async fn suite(shape: Shape) {
    let allow = ["--set", "worker.http.allow=any"];
    let Some(engine) = Engine::start(shape, &allow).await else { return };
    for definition in [
        fetching("fetch", false, "content"),
        fetching("follow", true, "content"),
        fetching("whole", false, "response"),
        POST.to_owned(),
    ] {
        engine.client.define(&definition).await;
    }
    let peer = Peer::start(misbehave).await;
    let mut suite = Suite { engine, peer, accepted: Vec::new() };
    suite.http().await;
    suite.retries().await;
    suite.loops().await;
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
