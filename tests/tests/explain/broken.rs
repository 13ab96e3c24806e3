//! An engine of which parts are gone.

use kintsugi_tests::{Engine, Role, Shape, eventually, signal, streams};
use serde_json::json;

use crate::{SOON, Suite, codes};

impl Suite {
    /// A worker that is frozen, and nobody who notices.
    async fn frozen(&mut self) {
        self.worker("ice", "ice", "sleep 300");
        let run = self.run("ice", "[{work: {call: ice}}]").await;
        let told = self.says(&format!("runs/{run}"), "moving", &["executing"]).await;
        let worker = told["causes"][0]["subject"]["id"].as_str().unwrap().to_owned();
        // The run has heard of it: what is silent was at it.
        eventually("the attempt has started", SOON, || async {
            let (_, page) = self.engine.client.try_get(&format!("/v1/runs/{run}/tasks")).await?;
            (page["items"][0]["status"] == "running").then_some(())
        })
        .await;
        self.engine.kill("detector");
        signal(self.engine.pid("ice"), "STOP");
        let chain = ["worker-silent", "no-failure-detector"];
        let told = self.says(&format!("runs/{run}"), "stuck", &chain).await;
        assert_eq!(told["causes"][0]["subject"], json!({"kind": "worker", "id": worker}));
        self.engine.spawn_role("detector", Role::Detector);
        let chain = ["queue-wait", "attempt-lost", "no-worker", "worker-lost"];
        self.says(&format!("runs/{run}"), "stuck", &chain).await;
        signal(self.engine.pid("ice"), "CONT");
        // Its own old attempt is what keeps it from the new one.
        let chain = ["queue-wait", "attempt-lost", "workers-busy", "stale-attempt"];
        self.says(&format!("runs/{run}"), "waiting", &chain).await;
        self.engine.kill("ice");
    }

    /// Told to stop, a worker finishes what it has for a while.
    async fn stopping(&mut self) {
        self.worker("tidy", "tidy", "sleep 300");
        let run = self.run("tidy", "[{work: {call: tidy}}]").await;
        let told = self.says(&format!("runs/{run}"), "moving", &["executing"]).await;
        let worker = told["causes"][0]["subject"]["id"].as_str().unwrap().to_owned();
        signal(self.engine.pid("tidy"), "TERM");
        let chain = ["executing", "worker-stopping"];
        self.says(&format!("runs/{run}"), "moving", &chain).await;
        self.says(&format!("workers/{worker}"), "moving", &["worker-stopping"]).await;
        let chain = ["queue-wait", "attempt-lost", "no-worker", "worker-stopped"];
        self.says(&format!("runs/{run}"), "stuck", &chain).await;
        self.says(&format!("workers/{worker}"), "ended", &["worker-stopped"]).await;
    }

    /// A message that is gone, and nobody who looks for it.
    async fn lost_message(&mut self) {
        let run = self.run("gone", "[{work: {call: gone}}]").await;
        self.says(&format!("runs/{run}"), "stuck", &["queue-wait", "no-worker"]).await;
        self.engine.kill("detector");
        self.engine.kill("retry");
        let bus = streams::bus(&self.engine.nats_url()).await;
        let purge = json!({"filter": "kintsugi.tasks.default.gone"}).to_string().into_bytes();
        bus.request("$JS.API.STREAM.PURGE.KINTSUGI_TASKS", purge, SOON).await.unwrap();
        let chain = ["message-lost", "no-worker"];
        self.says(&format!("runs/{run}"), "stuck", &chain).await;
        self.worker("finds", "gone", "true");
        let chain = ["message-lost", "no-retry-engine"];
        self.says(&format!("runs/{run}"), "stuck", &chain).await;
        self.engine.spawn_role("retry", Role::Retry);
        self.engine.spawn_role("detector", Role::Detector);
        self.says(&format!("runs/{run}"), "ended", &["run-completed"]).await;
    }

    async fn without_retry_engine(&mut self) {
        let run = self.run("naps", "[{nap: {wait: PT4S}}]").await;
        self.engine.kill("retry");
        self.says(&format!("runs/{run}"), "stuck", &["wait-timer", "no-retry-engine"]).await;
        self.engine.spawn_role("retry", Role::Retry);
        self.says(&format!("runs/{run}"), "ended", &["run-completed"]).await;
    }

    async fn without_orchestrators(&mut self) {
        let listen = "[{hear: {listen: {to: {one: {with: {type: com.example.paid}}}}}}]";
        let hears = self.run("hears", listen).await;
        let asks = "[{ok: {call: human-task, with: {title: Well?}}}]";
        let asked = self.run("asked", asks).await;
        let naps = self.run("sleeps", "[{nap: {wait: PT1H}}]").await;
        let parks = "[{work: {call: simulate, with: {mode: fatal}, \
            metadata: {kintsugi: {when_exhausted: park}}}}]";
        let parked = self.run("parks", parks).await;
        self.says(&format!("runs/{hears}"), "waiting", &["listening"]).await;
        self.says(&format!("runs/{naps}"), "waiting", &["wait-timer"]).await;
        let told = self.says(&format!("runs/{asked}"), "waiting", &["human-task"]).await;
        let human = Suite::task_of(&told);
        let told = self.says(&format!("runs/{parked}"), "stuck", &["dead-lettered"]).await;
        let letter = told["causes"][0]["subject"]["id"].as_str().unwrap().to_owned();

        self.engine.kill("orchestrator");
        self.engine.kill("orchestrator-2");
        let client = self.engine.client.clone();
        let paid = json!({"type": "com.example.paid"});
        for (path, body) in [
            (format!("/v1/runs/{hears}/events"), paid),
            (format!("/v1/human-tasks/{human}/answer"), json!({"answer": 1})),
            (format!("/v1/runs/{naps}/cancel"), json!({})),
            (format!("/v1/dead-letters/{letter}/redrive"), json!({"input": {"mode": "succeed"}})),
        ] {
            let (status, body) = client.post(&path, &body).await;
            assert_eq!(status, 202, "{path}: {body}");
        }
        let new = self.run("new", "[{a: {set: {b: 1}}}]").await;
        for (run, chain) in [
            (&new, vec!["not-started", "no-orchestrator"]),
            (&hears, vec!["signal-not-taken", "no-orchestrator"]),
            (&asked, vec!["answer-not-taken", "no-orchestrator"]),
            (&naps, vec!["cancel-asked", "no-orchestrator"]),
            (&parked, vec!["redrive-asked", "dead-lettered", "no-orchestrator"]),
        ] {
            self.says(&format!("runs/{run}"), "stuck", &chain).await;
        }
        self.engine.spawn_role("orchestrator", Role::Orchestrator);
        for run in [&new, &hears, &asked, &parked] {
            self.says(&format!("runs/{run}"), "ended", &["run-completed"]).await;
        }
        self.says(&format!("runs/{naps}"), "ended", &["run-cancelled"]).await;
    }

    async fn without_broker_or_database(&mut self) {
        let run = self.run("rests", "[{work: {call: nobody-at-all}}]").await;
        self.says(&format!("runs/{run}"), "stuck", &["queue-wait", "no-worker"]).await;
        self.engine.kill("nats");
        self.says(&format!("runs/{run}"), "stuck", &["queue-wait", "broker-down"]).await;
        self.says("task-queues/default/nobody-at-all", "stuck", &["broker-down"]).await;
        self.engine.start_again("nats");
        self.says(&format!("runs/{run}"), "stuck", &["queue-wait", "no-worker"]).await;

        tokio::task::block_in_place(|| self.engine.postgres.as_mut().unwrap().kill9());
        let path = format!("/v1/runs/{run}/explain");
        eventually("the database is gone, and so it is said", SOON, || async {
            let (status, problem) = self.engine.client.try_get(&path).await?;
            (status == 503 && problem["code"] == "store_unavailable").then_some(())
        })
        .await;
        self.seen += 1;
        tokio::task::block_in_place(|| self.engine.postgres.as_mut().unwrap().restart());
        eventually("the same as before is said again", SOON, || async {
            let (_, told) = self.engine.client.try_get(&path).await?;
            (codes(&told) == ["queue-wait", "no-worker"]).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_is_named_as_the_root() {
    let Some(engine) = Engine::start(Shape::Services, &[]).await else { return };
    let mut suite = Suite::new(engine);
    suite.frozen().await;
    suite.stopping().await;
    suite.lost_message().await;
    suite.without_retry_engine().await;
    suite.without_orchestrators().await;
    suite.without_broker_or_database().await;
    println!("{} situations", suite.seen);
}
