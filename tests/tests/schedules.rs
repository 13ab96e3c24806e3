//! Schedules, from outside and in both shapes: due times, what happens while a run is open, and what becomes
//! of the times that pass while every orchestrator is dead.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::time::Duration;

use kintsugi_tests::{Client, Engine, Shape, check_promises, eventually};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);

/// How long the orchestrators are dead.
const DEAD: Duration = Duration::from_secs(4);

const AT_ONCE: &str = "set: {from: '${ .from }'}";

const SLOW: &str = "call: simulate, with: {mode: succeed, duration_ms: 2500}";

/// A definition in the namespace `test`.
fn definition(name: &str, version: &str, schedule: &str, settings: &str, task: &str) -> String {
    let settings =
        if schedule.is_empty() { String::new() } else { format!("schedule: {{{settings}}}") };
    let schedule =
        if schedule.is_empty() { String::new() } else { format!("schedule: {{{schedule}}}\n") };
    format!(
        "document:\n  {{dsl: '1.0.3', namespace: test, name: {name}, version: '{version}',\n   \
         metadata: {{kintsugi: {{{settings}}}}}}}\n{schedule}do: [{{work: {{{task}}}}}]\n"
    )
}

struct Suite {
    engine: Engine,
    accepted: Vec<String>,
}

/// What the API says of the times of a run, in milliseconds.
fn millis(text: &Value) -> i64 {
    let text = text.as_str().unwrap_or_else(|| panic!("no time: {text}"));
    let (_, time) = text.split_once('T').unwrap();
    let parts: Vec<f64> =
        time.trim_end_matches('Z').split(':').map(|p| p.parse().unwrap()).collect();
    #[expect(clippy::cast_possible_truncation, reason = "a day has few milliseconds")]
    let millis = ((parts[0] * 60.0 + parts[1]) * 60_000.0 + parts[2] * 1_000.0).round() as i64;
    millis
}

/// From one time to another, on the same day or across midnight.
fn between(from: &Value, to: &Value) -> i64 {
    (millis(to) - millis(from) + 43_200_000).rem_euclid(86_400_000) - 43_200_000
}

impl Suite {
    fn client(&self) -> &Client {
        &self.engine.client
    }

    async fn define(&self, name: &str, schedule: &str, settings: &str, task: &str) {
        let text = definition(name, "1.0.0", schedule, settings, task);
        self.client().define(&text).await;
    }

    async fn schedule(&self, name: &str) -> Value {
        let (status, body) = self.client().get(&format!("/v1/schedules/test/{name}")).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    async fn post(&self, name: &str, what: &str) -> Value {
        let path = format!("/v1/schedules/test/{name}/{what}");
        let (status, body) = self.client().post(&path, &json!({})).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    async fn until(&self, name: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(what, SOON, || async {
            let (_, found) = self.client().try_get(&format!("/v1/schedules/test/{name}")).await?;
            wanted(&found).then_some(found)
        })
        .await
    }

    /// The runs of a definition by the time of their start, once all have ended.
    async fn runs(&mut self, name: &str) -> Vec<Value> {
        let path = format!("/v1/runs?definition=test/{name}&limit=200");
        let mut runs = eventually("all runs have ended", SOON, || async {
            let (_, page) = self.client().try_get(&path).await?;
            let runs = page["items"].as_array()?.clone();
            runs.iter().all(|run| run["ended_at"].is_string()).then_some(runs)
        })
        .await;
        runs.reverse();
        self.accepted.extend(runs.iter().map(|run| run["id"].as_str().unwrap().to_owned()));
        runs
    }

    /// The orchestrators die, and come again when several due times have passed.
    async fn die(&mut self) {
        let names: &[&str] = match self.engine.shape {
            Shape::Dev => &["dev"],
            Shape::Services => &["orchestrator", "orchestrator-2"],
        };
        names.iter().for_each(|name| self.engine.kill(name));
        tokio::time::sleep(DEAD).await;
        names.iter().for_each(|name| self.engine.start_again(name));
        self.engine.ready().await;
    }

    /// Every due time until the last has a run, or was counted as one that has none.
    async fn complete(&mut self, name: &str) -> (Vec<Value>, Value) {
        let shown = self.post(name, "pause").await;
        let runs = self.runs(name).await;
        let started = shown["started"].as_i64().unwrap();
        let due = between(&shown["created_at"], &shown["last_due_at"]) / 1_000;
        println!("{name}: {} due, {started} started, {} skipped", due, shown["skipped"]);
        assert_eq!(i64::try_from(runs.len()).unwrap(), started, "{shown}");
        let mut ids: Vec<_> = runs.iter().map(|run| run["id"].as_str().unwrap()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), runs.len(), "none twice");
        // Of times after the last run's, some may be counted as skipped already.
        let skipped = shown["skipped"].as_i64().unwrap();
        assert!(started + skipped >= due && started <= due, "{due} due: {shown}");
        if shown["last_skipped"].is_null() {
            assert_eq!(started, due, "{shown}");
        }
        (runs, shown)
    }

    /// No run begins before the one before it has ended.
    fn one_at_a_time(name: &str, runs: &[Value]) {
        for pair in runs.windows(2) {
            let gap = between(&pair[0]["ended_at"], &pair[1]["created_at"]);
            assert!(gap >= 0, "{name}: {gap} ms between {} and {}", pair[0], pair[1]);
        }
    }

    async fn killed(&mut self) {
        self.until("tick", "three ticks", |it| it["started"].as_i64() >= Some(3)).await;
        self.until("once", "three runs", |it| it["started"].as_i64() >= Some(3)).await;
        let before = self.schedule("tick").await["started"].as_i64().unwrap();
        self.die().await;
        let enough = before + 6;
        self.until("tick", "more ticks", |it| it["started"].as_i64() >= Some(enough)).await;
        let (runs, shown) = self.complete("tick").await;
        assert_eq!(shown["skipped"], 0, "all are caught up: {shown}");
        assert!(runs.iter().all(|run| run["status"] == "completed"), "{runs:?}");
        let id = runs[0]["id"].as_str().unwrap();
        let (_, run) = self.client().get(&format!("/v1/runs/{id}")).await;
        assert_eq!(run["output"], json!({"from": "schedule"}), "{run}");
        let (_, shown) = self.complete("once").await;
        assert!(shown["skipped"].as_i64() >= Some(2), "several times became one: {shown}");
        assert_eq!(shown["last_skipped"], "missed", "{shown}");
    }

    async fn overlaps(&mut self) {
        for name in ["skip", "buffer", "cancel"] {
            let enough = |it: &Value| it["started"].as_i64() >= Some(3);
            self.until(name, "three runs", enough).await;
        }
        for name in ["skip", "buffer", "cancel"] {
            let (runs, shown) = self.complete(name).await;
            Self::one_at_a_time(name, &runs);
            if name != "cancel" {
                assert_eq!(shown["last_skipped"], "overlap", "{shown}");
            }
            let ended = |as_what: &str| runs.iter().filter(|run| run["status"] == as_what).count();
            if name == "cancel" {
                assert!(ended("cancelled") >= 2, "{runs:?}");
                assert_eq!(ended("cancelled") + ended("completed"), runs.len(), "{runs:?}");
            } else {
                assert_eq!(ended("completed"), runs.len(), "{name}: {runs:?}");
            }
        }
    }

    async fn after(&mut self) {
        self.until("after", "three runs", |it| it["started"].as_i64() >= Some(3)).await;
        self.post("after", "pause").await;
        let runs = self.runs("after").await;
        for pair in runs.windows(2) {
            let gap = between(&pair[0]["ended_at"], &pair[1]["created_at"]);
            assert!(gap >= 1_000, "{gap} ms between {} and {}", pair[0], pair[1]);
        }
    }

    async fn paused(&mut self) {
        let paused = self.post("moving", "pause").await;
        assert_eq!((&paused["paused"], &paused["next_at"]), (&json!(true), &Value::Null));
        let started = paused["started"].as_i64();
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        assert_eq!(self.schedule("moving").await["started"].as_i64(), started);
        let resumed = self.post("moving", "resume").await;
        assert_eq!((&resumed["paused"], &resumed["skipped"]), (&json!(false), &paused["skipped"]));
        self.until("moving", "it goes on", |it| it["started"].as_i64() > started).await;
        let (status, body) = self.client().post("/v1/schedules/test/none/pause", &json!({})).await;
        assert_eq!((status.as_u16(), &body["code"]), (404, &json!("schedule_not_found")));
    }

    /// A newer version takes the place of an older one, and a retired one stops.
    async fn versions(&mut self) {
        let newer = definition("moving", "1.1.0", "every: PT1S", "", AT_ONCE);
        self.client().define(&newer).await;
        let runs = self.runs("moving:1.0.0").await.len();
        self.until("moving", "the newer one runs", |it| it["definition"] == "test/moving:1.1.0")
            .await;
        eventually("a run of the newer one", SOON, || async {
            let path = "/v1/runs?definition=test/moving:1.1.0";
            let (_, page) = self.client().try_get(path).await?;
            page["items"][0].is_object().then_some(())
        })
        .await;
        assert_eq!(self.runs("moving:1.0.0").await.len(), runs, "the older one has stopped");
        let path = "/v1/definitions/test/moving/1.1.0/retire";
        assert_eq!(self.client().post(path, &json!({})).await.0, 200);
        assert_eq!(self.client().get("/v1/schedules/test/moving").await.0, 404);
        let runs = self.runs("moving:1.1.0").await.len();
        tokio::time::sleep(Duration::from_millis(2_000)).await;
        assert_eq!(self.runs("moving:1.1.0").await.len(), runs, "retired is stopped");

        self.client().define(&definition("nightly", "1.1.0", "", "", AT_ONCE)).await;
        assert_eq!(self.client().get("/v1/schedules/test/nightly").await.0, 404);
        let (_, page) = self.client().get("/v1/schedules?limit=2&namespace=test").await;
        let names: Vec<_> =
            page["items"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
        assert_eq!(names, ["after", "buffer"]);
        let next = page["next"].as_str().unwrap();
        let (_, page) = self.client().get(&format!("/v1/schedules?limit=2&cursor={next}")).await;
        assert_eq!(page["items"][0]["name"], "cancel", "{page}");
    }
}

async fn suite(shape: Shape) {
    let Some(engine) = Engine::start(shape, &[]).await else { return };
    let mut suite = Suite { engine, accepted: Vec::new() };
    let all = "catch_up: all, overlap: allow, input: {from: schedule}";
    suite.define("tick", "every: PT1S", all, AT_ONCE).await;
    suite.define("once", "every: {seconds: 1}", "overlap: allow", AT_ONCE).await;
    for overlap in ["skip", "buffer", "cancel"] {
        suite.define(overlap, "every: PT1S", &format!("overlap: {overlap}"), SLOW).await;
    }
    suite.define("after", "after: PT1S", "", "call: simulate, with: {mode: succeed}").await;
    suite.define("moving", "every: PT1S", "", AT_ONCE).await;
    suite
        .define("nightly", "cron: '0 3 * * *'", "time_zone: Asia/Tokyo, jitter: 1s", AT_ONCE)
        .await;
    let nightly = suite.schedule("nightly").await;
    assert!(nightly["next_at"].as_str().unwrap().contains("T18:00:0"), "{nightly}");
    suite.killed().await;
    suite.overlaps().await;
    suite.after().await;
    suite.paused().await;
    suite.versions().await;
    suite.accepted.sort();
    suite.accepted.dedup();
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
