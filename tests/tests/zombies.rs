//! Workers that come back after their tasks were given to others: what they say is refused and
//! recorded, each time (P4). `ZOMBIES=1000` is the whole proof; without it a tenth of that is tried.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use kintsugi_tests::{Cable, Engine, Shape, eventually, signal};
use serde_json::{Value, json};

/// Tasks that one worker holds when it is struck.
const SLOTS: usize = 50;

const PATIENCE: Duration = Duration::from_secs(90);

const DEFINITION: &str = "document: {dsl: '1.0.3', namespace: test, name: zombie, version: '1.0.0'}\n\
    do: [{hold: {call: ledger, with: {zombie_ms: '${ .zombie_ms }'}}}]";

/// How long a zombie goes on: half of them are done at once, so that their results come too late; half
/// are at it, and are told to stop.
const ZOMBIE_MS: [u64; 2] = [0, 600];

/// What came of the zombies.
#[derive(Debug, Default)]
struct Count {
    zombies: usize,
    last_words_refused: usize,
    heartbeats_refused: usize,
    progress_refused: usize,
    accepted: usize,
    slowest: Duration,
}

#[allow(clippy::disallowed_methods, reason = "it is no setting of the engine, but of this test")]
fn zombies() -> usize {
    std::env::var("ZOMBIES").ok().map_or(100, |wanted| wanted.parse().unwrap())
}

/// How a worker is taken away and comes back.
enum Away {
    Frozen,
    CutOff(Cable),
}

struct Trial {
    engine: Engine,
    ledger: PathBuf,
    /// Workers that were started.
    hired: usize,
    count: Count,
}

impl Trial {
    fn hire(&mut self, url: String) -> String {
        self.hired += 1;
        let name = format!("zombie-{}", self.hired);
        let program = PathBuf::from(env!("CARGO_BIN_EXE_kintsugi-ledger"));
        let args = [url, self.ledger.display().to_string(), SLOTS.to_string()];
        self.engine.spawn_program(&name, &program, &args);
        name
    }

    /// A worker takes as many tasks as it has slots, goes away, and comes back when all are done.
    async fn round(&mut self, victim: &str, away: &Away) -> String {
        let mut runs = Vec::new();
        for number in 0..SLOTS {
            let input = json!({ "zombie_ms": ZOMBIE_MS[number % ZOMBIE_MS.len()] });
            runs.push(self.engine.client.start("test/zombie:1.0.0", input).await);
        }
        let pid = self.engine.pid(victim);
        eventually("the worker holds every task", PATIENCE, || async {
            (self.leases(pid).await? == SLOTS).then_some(())
        })
        .await;
        let began = Instant::now();
        match away {
            Away::Frozen => signal(pid, "STOP"),
            Away::CutOff(cable) => cable.cut(),
        }
        let next = self.hire(self.engine.nats_url());
        for run in &runs {
            let ended = self.engine.client.ended(run, PATIENCE).await;
            assert_eq!(ended["status"], "completed", "{ended}");
        }
        self.count.slowest = self.count.slowest.max(began.elapsed());
        match away {
            Away::Frozen => signal(pid, "CONT"),
            Away::CutOff(cable) => cable.mend(),
        }
        for (number, run) in runs.iter().enumerate() {
            self.refused(run, ZOMBIE_MS[number % ZOMBIE_MS.len()] > 0).await;
        }
        next
    }

    async fn leases(&self, pid: u32) -> Option<usize> {
        let (status, found) = self.engine.client.try_get("/v1/workers").await?;
        let workers = found["items"].as_array().filter(|_| status == 200)?;
        let worker = workers.iter().find(|worker| worker["pid"] == pid)?;
        worker["leases"].as_array().map(Vec::len)
    }

    /// Waits until all that a zombie says was refused, and counts it.
    async fn refused(&mut self, run: &str, goes_on: bool) {
        let client = self.engine.client.clone();
        let history = format!("/v1/runs/{run}/history?limit=200");
        let found = eventually("the zombie's last word is refused", PATIENCE, || async {
            let (_, found) = client.try_get(&history).await?;
            found.to_string().contains("result_refused").then_some(found)
        })
        .await;
        let log = format!("/v1/recoveries?run={run}&limit=50");
        let rows = eventually("the zombie's heartbeat is refused", PATIENCE, || async {
            let (_, found) = client.try_get(&log).await?;
            let rows = found["items"].as_array()?.clone();
            let refused = rows.iter().any(|row| row["kind"] == "zombie_refused");
            (refused || !goes_on).then_some(rows)
        })
        .await;
        let of_zombie = |what: &str| {
            let refused = rows.iter().filter(|row| row["kind"] == "zombie_refused");
            refused.filter(|row| row["decided"].to_string().contains(what)).count()
        };
        let count = &mut self.count;
        count.zombies += 1;
        count.last_words_refused += usize::from(found.to_string().contains("result_refused"));
        count.heartbeats_refused += usize::from(of_zombie("heartbeat") > 0);
        count.progress_refused += usize::from(of_zombie("progress") > 0);
        let (_, ended) = client.get(&format!("/v1/runs/{run}/result")).await;
        // The token says which attempt gave it.
        let token = token(&ended);
        count.accepted += usize::from(token.contains("/1/"));
    }
}

fn token(ended: &Value) -> String {
    ended["output"]["token"].as_str().unwrap_or_else(|| panic!("no token: {ended}")).to_owned()
}

async fn suite(shape: Shape, cut_off: bool, wanted: usize) {
    let Some(engine) = Engine::start(shape, &[]).await else { return };
    engine.client.define(DEFINITION).await;
    let ledger = engine.path("zombies.jsonl");
    let mut trial = Trial { engine, ledger, hired: 0, count: Count::default() };
    let began = Instant::now();
    let mut victim = (!cut_off).then(|| trial.hire(trial.engine.nats_url()));
    while trial.count.zombies < wanted {
        let (name, away) = match victim.take() {
            Some(name) => (name, Away::Frozen),
            None => {
                let broker = trial.engine.nats_url();
                let cable = Cable::start(broker.trim_start_matches("nats://")).await.unwrap();
                let url = format!("nats://127.0.0.1:{}", cable.port());
                (trial.hire(url), Away::CutOff(cable))
            }
        };
        let next = trial.round(&name, &away).await;
        // It came back; what it would take now is not what is asked for.
        trial.engine.kill(&name);
        if cut_off {
            trial.engine.kill(&next);
        } else {
            victim = Some(next);
        }
    }
    let (count, how) = (&trial.count, if cut_off { "cut off" } else { "frozen" });
    println!("{shape:?}, {how}: {count:?} in {:?}", began.elapsed());
    assert_eq!((count.last_words_refused, count.accepted), (count.zombies, 0), "{count:?}");
    // Those that were done at once may have had no heartbeat left to say.
    assert!(count.heartbeats_refused >= count.zombies / 2, "{count:?}");
    assert!(count.progress_refused >= count.zombies / 2, "{count:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_workers_of_services_are_fenced() {
    suite(Shape::Services, false, zombies()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_workers_of_one_process_are_fenced() {
    suite(Shape::Dev, false, zombies()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_were_cut_off_are_fenced_and_told() {
    suite(Shape::Dev, true, SLOTS).await;
}
