//! An engine in which everything is there, in both shapes.

use kintsugi_tests::{Engine, Shape};
use serde_json::json;

use crate::{Suite, time};

const AT_IT: &str = "[{work: {call: simulate, with: {mode: succeed, duration_ms: 300000}}}]";

const FAILS: &str = "[{work: {call: simulate, with: {mode: fail}, \
    metadata: {kintsugi: {retry: {initial_interval: 50s}}}}}]";

const PARKED: &str = "[{work: {call: simulate, with: {mode: '${ .mode // \"fatal\" }'}, \
    metadata: {kintsugi: {when_exhausted: park}}}}]";

const BOUND: &str = "[{work: {call: simulate, with: {mode: succeed, duration_ms: 300000}, \
    metadata: {kintsugi: {concurrency: {limit: 1, key: one}}}}}]";

const TRIES: &str = "[{it: {try: [{work: {call: simulate, with: {mode: fatal}}}], \
    catch: {retry: {delay: PT50S, limit: {attempt: {count: 5}}}}}}]";

const ASKS: &str =
    "[{ok: {call: human-task, with: {title: Is it right?, assignees: [ada], due: PT1H}}}]";

const PARENT: &str = "[{sub: {run: {workflow: {namespace: test, name: nobody, version: 1.0.0}}}}]";

impl Suite {
    async fn tasks_for_workers(&mut self) {
        let run = self.run("nobody", "[{pay: {call: nobody}}]").await;
        let told = self.says(&format!("runs/{run}"), "stuck", &["queue-wait", "no-worker"]).await;
        assert_eq!(told["causes"][1]["subject"], json!({"kind": "queue", "id": "default/nobody"}));
        assert!(time(&told, 0, "/since") <= told["at"].as_str().unwrap());
        self.says(&format!("tasks/{run}:2"), "stuck", &["queue-wait", "no-worker"]).await;
        let path = "task-queues/default/nobody";
        self.says(path, "stuck", &["queue-backlog", "no-worker"]).await;
        let told = self.says("task-queues/default", "stuck", &["queue-backlog", "no-worker"]).await;
        assert!(told["others"].as_array().unwrap().len() >= 2, "built-in types are of it: {told}");

        let run = self.run("at-it", AT_IT).await;
        let told = self.says(&format!("runs/{run}"), "moving", &["executing"]).await;
        let worker = told["causes"][0]["subject"]["id"].as_str().unwrap().to_owned();
        assert!(time(&told, 0, "/next/at") > told["at"].as_str().unwrap());
        let told = self.says(&format!("workers/{worker}"), "moving", &["worker-working"]).await;
        assert_eq!(told["others"][0]["subject"]["id"], format!("{run}:2"));
        self.says("task-queues/default/simulate", "moving", &["queue-working"]).await;
        self.says("task-queues/default/http", "idle", &["queue-empty"]).await;

        let run = self.run("fails", FAILS).await;
        let told = self.says(&format!("runs/{run}"), "waiting", &["retry-backoff"]).await;
        let what = told["causes"][0]["what"].as_str().unwrap();
        assert!(what.contains("simulated failure") && what.contains("1 failure of at most 5"));
        assert!(time(&told, 0, "/next/at") > told["at"].as_str().unwrap());

        let run = self.run("parked", PARKED).await;
        let told = self.says(&format!("runs/{run}"), "stuck", &["dead-lettered"]).await;
        assert!(told["causes"][0]["what"].as_str().unwrap().contains("simulated fatal failure"));
        let letter = told["causes"][0]["subject"]["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/dead-letters/{letter}/redrive");
        let (status, body) = self.engine.client.post(&path, &json!({"input": {}})).await;
        assert_eq!(status, 202, "{body}");
        self.says(&format!("runs/{run}"), "ended", &["run-completed"]).await;
        self.says(&format!("tasks/{run}:2"), "ended", &["task-completed"]).await;
    }

    async fn ends(&mut self) {
        let faults = "[{work: {call: simulate, with: {mode: fatal}}}]";
        let run = self.run("faults", faults).await;
        let told =
            self.says(&format!("runs/{run}"), "ended", &["run-faulted", "dead-lettered"]).await;
        assert_eq!(told["causes"][1]["subject"]["kind"], "dead-letter");

        let run = self.run("cancelled", "[{nap: {wait: PT1H}}]").await;
        self.says(&format!("runs/{run}"), "waiting", &["wait-timer"]).await;
        self.engine.client.post(&format!("/v1/runs/{run}/cancel"), &json!({})).await;
        self.says(&format!("runs/{run}"), "ended", &["run-cancelled"]).await;
    }

    async fn waits(&mut self) {
        let listen = "[{hear: {listen: {to: {one: {with: {type: com.example.paid}}}}}}]";
        let run = self.run("listens", listen).await;
        let told = self.says(&format!("runs/{run}"), "waiting", &["listening"]).await;
        assert!(told["causes"][0]["what"].as_str().unwrap().contains("`com.example.paid`; 0 came"));
        // One that does not fit stays where it is.
        let other = json!({"type": "com.example.other"});
        self.engine.client.post(&format!("/v1/runs/{run}/events"), &other).await;
        kintsugi_tests::eventually("the event lies in the inbox", crate::SOON, || async {
            let path = format!("/v1/runs/{run}/explain");
            let (_, told) = self.engine.client.try_get(&path).await?;
            told["summary"].as_str()?.contains("1 event lies in its inbox").then_some(())
        })
        .await;

        let run = self.run("asks", ASKS).await;
        let told = self.says(&format!("runs/{run}"), "waiting", &["human-task"]).await;
        assert!(told["summary"].as_str().unwrap().contains("`ada` to \"Is it right?\""));
        let task = Suite::task_of(&told);
        self.says(&format!("tasks/{task}"), "waiting", &["human-task"]).await;
        let path = format!("/v1/human-tasks/{task}/answer");
        self.engine.client.post(&path, &json!({"answer": 1})).await;
        self.says(&format!("runs/{run}"), "ended", &["run-completed"]).await;
        self.says(&format!("tasks/{task}"), "ended", &["task-completed"]).await;

        let run = self.run("tries", TRIES).await;
        self.says(&format!("runs/{run}"), "waiting", &["try-backoff"]).await;

        let run = self.run("parent", PARENT).await;
        let chain = ["child-run", "queue-wait", "no-worker"];
        let told = self.says(&format!("runs/{run}"), "stuck", &chain).await;
        assert_eq!(told["causes"][0]["subject"]["kind"], "run");

        let run = self.run("held", "[{nap: {wait: PT1H}}]").await;
        self.says(&format!("runs/{run}"), "waiting", &["wait-timer"]).await;
        self.engine.client.post(&format!("/v1/runs/{run}/suspend"), &json!({})).await;
        self.says(&format!("runs/{run}"), "stuck", &["suspended"]).await;
        self.nested().await;
        let first = self.run("bound", BOUND).await;
        self.says(&format!("runs/{first}"), "moving", &["executing"]).await;
        let second = self.again("bound").await;
        let chain = ["permit-wait", "permit-held", "executing"];
        let told = self.says(&format!("runs/{second}"), "waiting", &chain).await;
        let what = told["causes"][0]["what"].as_str().unwrap();
        assert!(what.contains("1 of 1 are given out, and it is number 1 of 1 who wait"), "{what}");
        assert_eq!(told["causes"][1]["subject"]["id"], format!("{first}:2"));
    }

    /// Ten runs, each waiting for the next: eight of those below are followed.
    async fn nested(&mut self) {
        for level in (0..10).rev() {
            let next = format!(
                "[{{sub: {{run: {{workflow: {{namespace: test, name: level-{}, version: 1.0.0}}}}}}}}]",
                level + 1
            );
            let tasks = if level == 9 { "[{nap: {wait: PT1H}}]" } else { &next };
            self.engine.client.define(&crate::definition(&format!("level-{level}"), tasks)).await;
        }
        let run = self.again("level-0").await;
        let mut chain = vec!["child-run"; 9];
        chain.push("not-followed");
        let told = self.says(&format!("runs/{run}"), "waiting", &chain).await;
        let last = told["causes"][9]["subject"]["id"].as_str().unwrap().to_owned();
        self.says(&format!("runs/{last}"), "waiting", &["wait-timer"]).await;
    }

    async fn schedules(&mut self) {
        let text = "document: {dsl: '1.0.3', namespace: test, name: NAME, version: '1.0.0'}\n\
            schedule: {SCHEDULE}\ndo: [{nap: {wait: PT1H}}]";
        for (name, schedule) in [
            ("hourly", "every: {hours: 1}"),
            ("ticks", "every: {seconds: 1}"),
            ("on", "on: {one: {with: {type: com.example.none}}}"),
        ] {
            let text = text.replace("NAME", name).replace("SCHEDULE", schedule);
            self.engine.client.define(&text).await;
        }
        self.says("schedules/test/hourly", "waiting", &["schedule-due"]).await;
        self.engine.client.post("/v1/schedules/test/hourly/pause", &json!({})).await;
        self.says("schedules/test/hourly", "stuck", &["schedule-paused"]).await;
        self.says("schedules/test/on", "waiting", &["schedule-events"]).await;
        // Its run is open for an hour: every due time has none, and the chain says why.
        let chain = ["schedule-due", "schedule-overlap", "schedule-overlap", "wait-timer"];
        self.says("schedules/test/ticks", "waiting", &chain).await;
    }

    /// Workers of one type: busy, stopped, and gone.
    async fn own_workers(&mut self) {
        self.worker("slow", "slow", "sleep 300");
        let worker = self.serves("slow").await;
        self.says(&format!("workers/{worker}"), "idle", &["worker-idle"]).await;
        let first = self.run("slow", "[{work: {call: slow}}]").await;
        self.says(&format!("runs/{first}"), "moving", &["executing"]).await;
        let second = self.again("slow").await;
        self.says(&format!("runs/{second}"), "waiting", &["queue-wait", "workers-busy"]).await;
        self.says("task-queues/default/slow", "waiting", &["queue-backlog", "workers-busy"]).await;
        self.says(&format!("workers/{worker}"), "moving", &["worker-busy"]).await;
        self.engine.kill("slow");
        let chain = ["queue-wait", "attempt-lost", "no-worker", "worker-lost"];
        let told = self.says(&format!("runs/{first}"), "stuck", &chain).await;
        assert_eq!(told["causes"][3]["subject"], json!({"kind": "worker", "id": worker}));
        let chain = ["queue-wait", "no-worker", "worker-lost"];
        self.says(&format!("runs/{second}"), "stuck", &chain).await;
        self.says(&format!("workers/{worker}"), "stuck", &["worker-lost"]).await;
        // Somebody takes over: what was stuck moves.
        self.worker("quick", "slow", "true");
        for run in [first, second] {
            self.says(&format!("runs/{run}"), "ended", &["run-completed"]).await;
        }
    }

    async fn silence(&mut self) {
        self.worker("mute", "mute", "sleep 300");
        let tasks = "[{work: {call: mute, metadata: {kintsugi: {lease: 8s}}}}]";
        let run = self.run("mute", tasks).await;
        let told = self.says(&format!("runs/{run}"), "waiting", &["no-progress"]).await;
        assert!(time(&told, 0, "/next/at") > told["at"].as_str().unwrap(), "{told:#}");
    }
}

async fn suite(shape: Shape) {
    let Some(engine) = Engine::start(shape, &[]).await else { return };
    let mut suite = Suite::new(engine);
    suite.tasks_for_workers().await;
    suite.ends().await;
    suite.waits().await;
    suite.schedules().await;
    suite.own_workers().await;
    suite.silence().await;
    println!("{shape:?}: {} situations", suite.seen);
    assert!(suite.seen >= 20, "{}", suite.seen);
}

#[tokio::test(flavor = "multi_thread")]
async fn situations_are_explained_in_one_process() {
    suite(Shape::Dev).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn situations_are_explained_in_seven_processes() {
    suite(Shape::Services).await;
}
