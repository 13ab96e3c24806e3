//! Breaks that are more than a kill: freezes at a known moment, takeovers that are measured.

use std::time::{Duration, Instant};

use kintsugi_tests::{eventually, signal};
use serde_json::{Value, json};

use crate::siege::{HOLD_BACK, PATIENCE, Siege};

/// How long the task is worked on that a frozen worker holds.
const HOLD_MS: u64 = 4_000;

impl Siege {
    /// SIGSTOP of a worker that is known to hold a lease; thawed while the next attempt is at it, or
    /// when the run is over. Either way its late result is refused, and that is recorded (P4).
    pub(crate) async fn worker_frozen_with_a_lease(
        &mut self,
        victim: &str,
        other: &str,
        thaw_early: bool,
    ) {
        let id = format!("held-{}", self.own.len());
        // The other one is away while the task is given out, so that it is known who gets it.
        let (victim, other) = (self.engine.pid(victim), self.engine.pid(other));
        signal(other, "STOP");
        self.gone(other).await;
        self.start("test/held:1.0.0", &id, json!({ "hold_ms": HOLD_MS })).await;
        self.holds(victim, &id).await;
        signal(other, "CONT");
        signal(victim, "STOP");
        let frozen = Instant::now();
        let client = self.engine.client.clone();
        client.until(&id, "the task is given out again", PATIENCE, |run| attempts(run) >= 2).await;
        println!("worker frozen: its task was given out again after {:?}", frozen.elapsed());
        if !thaw_early {
            client.ended(&id, PATIENCE).await;
        }
        signal(victim, "CONT");
        client.ended(&id, PATIENCE).await;
        let history = format!("/v1/runs/{id}/history?limit=200");
        eventually("the late result is refused", PATIENCE, || async {
            let (_, found) = client.try_get(&history).await?;
            found.to_string().contains("result_refused").then_some(())
        })
        .await;
    }

    /// Waits until a worker's process says that it holds a task of the run.
    async fn holds(&self, pid: u32, run: &str) {
        let prefix = format!("{run}:");
        eventually("the worker holds the task", PATIENCE, || async {
            let workers = self.workers().await?;
            let leases = workers.iter().filter(|worker| worker["pid"] == pid);
            let mut leases =
                leases.flat_map(|worker| worker["leases"].as_array().into_iter().flatten());
            leases
                .any(|lease| lease["task"].as_str().is_some_and(|task| task.starts_with(&prefix)))
                .then_some(())
        })
        .await;
    }

    async fn gone(&self, pid: u32) {
        eventually("the worker is silent", PATIENCE, || async {
            let workers = self.workers().await?;
            let alive = |worker: &Value| worker["pid"] == pid && worker["alive"] == true;
            (!workers.iter().any(alive)).then_some(())
        })
        .await;
    }

    async fn workers(&self) -> Option<Vec<Value>> {
        let (status, found) = self.engine.client.try_get("/v1/workers").await?;
        found["items"].as_array().filter(|_| status == 200).cloned()
    }

    /// `kill -9` of an orchestrator that is not started again at once: the other one takes over.
    pub(crate) async fn orchestrator_killed(&mut self) {
        self.shared().await;
        let owned = self.owned(self.engine.pid("orchestrator")).await;
        println!("kill orchestrator, owner of {} partitions", owned.len());
        self.engine.kill("orchestrator");
        self.first_run("orchestrator killed", Some(&owned)).await;
        self.engine.start_again("orchestrator");
        self.look("an orchestrator killed and replaced").await;
    }

    /// SIGSTOP of an orchestrator beyond its takeover, then SIGCONT: it believes that it still owns
    /// what another one owns by now, and must not write. What it did is in the histories.
    pub(crate) async fn orchestrator_frozen(&mut self, name: &str) {
        self.shared().await;
        let pid = self.engine.pid(name);
        let owned = self.owned(pid).await;
        self.pause(0, 500).await;
        signal(pid, "STOP");
        let frozen = Instant::now();
        self.first_run(&format!("{name} frozen"), Some(&owned)).await;
        eventually("its partitions have another owner", PATIENCE, || async {
            self.owned(pid).await.is_empty().then_some(())
        })
        .await;
        println!("{name} frozen: all its partitions were taken after {:?}", frozen.elapsed());
        self.pause(0, 2_000).await;
        signal(pid, "CONT");
        self.shared().await;
    }

    /// `kill -9` of everything at once, Postgres first; then everything is started again.
    pub(crate) async fn everything_killed(&mut self) {
        self.load.hold_back(HOLD_BACK).await.unwrap();
        println!("kill everything");
        let engine = &mut self.engine;
        tokio::task::block_in_place(|| engine.kill_everything_and_restart());
        self.engine.ready().await;
        self.load.go_on();
        self.look("everything killed at once").await;
    }

    /// Waits until both orchestrators own partitions.
    async fn shared(&mut self) {
        let began = Instant::now();
        loop {
            self.revive();
            let pids = ["orchestrator", "orchestrator-2"].map(|name| self.engine.pid(name));
            if !self.owned(pids[0]).await.is_empty() && !self.owned(pids[1]).await.is_empty() {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "both orchestrators own partitions");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The partitions that an orchestrator's process owns.
    async fn owned(&self, pid: u32) -> Vec<u16> {
        let prefix = format!("{pid}-");
        let all = self.store.partitions_all().await.unwrap_or_default();
        let own = all.into_iter().filter(|partition| partition.owner.starts_with(&prefix));
        own.map(|partition| partition.id).collect()
    }
}

fn attempts(run: &Value) -> usize {
    run["tasks"][0]["attempts"].as_array().map_or(0, Vec::len)
}
