//! An engine under load and attack, and what is known of it outside of it.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use kintsugi_entities::{Options, Store};
use kintsugi_nats::Bus;
use kintsugi_tests::{
    Answer, Breaches, Chance, Engine, Owners, Peer, Settings, Shape, Told, Trial, chance,
    eventually, streams,
};
use serde_json::json;

use crate::strike;

/// How long anything may take on a machine that is busy: a bound for tests, not a promise.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Within this everything open has an owner again. The promise is 5 s (P2); the rest is for a machine
/// on which everything else is busy too. The broker alone would take 30 s.
const OWNED_WITHIN: Duration = Duration::from_secs(15);

/// How long runs may take to end after the last break.
const DRAIN: Duration = Duration::from_secs(180);

/// How long what was answered may take to reach the database.
pub(crate) const HOLD_BACK: Duration = Duration::from_secs(60);

/// Runs that are started a second.
const RATE: f64 = 15.0;

const SECRET: &str = "a secret of the test of kills";

/// A run whose one task a worker with a ledger holds for a while.
const HELD: &str = "document: {dsl: '1.0.3', namespace: test, name: held, version: '1.0.0'}\n\
    do: [{hold: {call: ledger, with: {hold_ms: '${ .hold_ms }'}}}]";

/// The least that shows that the engine makes progress.
const FIRST: &str = "document: {dsl: '1.0.3', namespace: test, name: first, version: '1.0.0'}\n\
    do: [{work: {call: simulate, with: {mode: succeed}}}]";

pub(crate) struct Siege {
    pub(crate) engine: Engine,
    pub(crate) load: Trial,
    pub(crate) chance: Chance,
    pub(crate) bus: Bus,
    pub(crate) store: Store,
    /// Runs that were started beside the load.
    pub(crate) own: Vec<String>,
    owners: Owners,
    hooks: Peer,
    kills: usize,
    revived: usize,
    worst: Duration,
    _config: tempfile::NamedTempFile,
}

impl Siege {
    pub(crate) async fn begin(shape: Shape, test: &str) -> Option<Self> {
        // Now and then the receiver fails, so that notifications are sent again.
        let hooks =
            Peer::start(|request| Answer::status(if request.before % 7 == 3 { 500 } else { 204 }));
        let hooks = hooks.await;
        let config = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
        let text = format!(
            "[notification]\nsweep_interval = \"2s\"\nretry.initial_interval = \"200ms\"\n\
             [[notification.webhooks]]\nurl = \"{}\"\nsecret = \"{SECRET}\"\n",
            hooks.url("/hook")
        );
        std::fs::write(config.path(), text).unwrap();
        let path = config.path().display().to_string();
        let mut engine = Engine::start(shape, &["--config", &path]).await?;
        let ledger = engine.path("ledger.jsonl");
        let program = PathBuf::from(env!("CARGO_BIN_EXE_kintsugi-ledger"));
        let args = [engine.nats_url(), ledger.display().to_string()];
        for name in ["ledger-1", "ledger-2"] {
            engine.spawn_program(name, &program, &args);
        }
        let bus = streams::bus(&engine.nats_url()).await;
        let store = Store::connect(&engine.database_url(), &Options::default()).await.unwrap();
        let chance = chance(test);
        let client = engine.client.clone();
        for definition in [HELD, FIRST] {
            client.define(definition).await;
        }
        let settings = Settings {
            http: client.url(""),
            nats: engine.nats_url(),
            database: engine.database_url(),
            ledger,
            seed: chance.seed(),
            rate: RATE,
            workflows: Vec::new(),
        };
        let load = Trial::begin(settings).await.unwrap();
        let owners = Owners::new(store.clone(), bus.clone(), client);
        Some(Self {
            engine,
            load,
            chance,
            bus,
            store,
            own: Vec::new(),
            owners,
            hooks,
            kills: 0,
            revived: 0,
            worst: Duration::ZERO,
            _config: config,
        })
    }

    pub(crate) async fn pause(&mut self, from_ms: u64, to_ms: u64) {
        let pause = self.chance.pause(from_ms, to_ms);
        tokio::time::sleep(pause).await;
    }

    /// `kill -9`, and a new one in its place at once.
    pub(crate) fn kill(&mut self, name: &str) {
        self.kills += 1;
        println!("kill {name}");
        tokio::task::block_in_place(|| self.engine.kill_and_restart(name));
    }

    /// A worker of the engine's own, whichever.
    pub(crate) async fn kill_a_worker(&mut self) {
        let workers = self.engine.worker_pids().await;
        let pick = self.chance.below(workers.len() as u64);
        if let Some(pid) = workers.get(usize::try_from(pick).unwrap()) {
            self.kills += 1;
            strike(*pid, "KILL");
        }
    }

    /// The nats-server that the one process keeps.
    pub(crate) fn kill_the_broker(&mut self) {
        let pid = self.engine.ready_file()["pid"]["nats"].as_u64();
        if let Some(pid) = pid.and_then(|pid| u32::try_from(pid).ok()) {
            self.kills += 1;
            println!("kill nats-server");
            strike(pid, "KILL");
        }
    }

    /// A process of the engine that could not go on alone has ended, as it should; whatever runs it
    /// starts it again, which here is us.
    pub(crate) fn revive(&mut self) {
        for name in self.engine.ended() {
            println!("{name} had ended; started again");
            self.revived += 1;
            self.engine.start_again(&name);
        }
    }

    /// Waits until further runs complete.
    pub(crate) async fn progress(&mut self, when: &str) {
        let (began, before) = (Instant::now(), self.load.completed());
        loop {
            self.revive();
            if self.load.completed() > before + 2 {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "no progress {when}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until everything that is open has had an owner (P2), and runs complete again.
    pub(crate) async fn look(&mut self, when: &str) {
        self.revive();
        self.progress(when).await;
        let took = self.owners.settled(OWNED_WITHIN).await;
        self.worst = self.worst.max(took);
        println!("{when}: everything open has an owner after {took:?}");
    }

    /// Starts a run, and says how long it takes to complete; in a partition of `partitions`.
    pub(crate) async fn first_run(&mut self, when: &str, partitions: Option<&[u16]>) {
        let began = Instant::now();
        let ids = (0..).map(|number| format!("first-{}-{number}", self.own.len()));
        let mut fits = ids.filter(|id| {
            let id = kintsugi_core::RunId::parse(id).unwrap();
            partitions.is_none_or(|some| some.contains(&kintsugi_core::partition_of(&id, 16)))
        });
        let id = fits.next().unwrap();
        self.start("test/first:1.0.0", &id, json!({})).await;
        self.engine.client.ended(&id, PATIENCE).await;
        println!("{when}: a run that was started then completed after {:?}", began.elapsed());
    }

    pub(crate) async fn start(&mut self, definition: &str, id: &str, input: serde_json::Value) {
        let request = json!({ "definition": definition, "id": id, "input": input });
        let client = self.engine.client.clone();
        eventually("a start is accepted", PATIENCE, || async {
            let (status, _) = client.try_post("/v1/runs", &request).await?;
            status.is_success().then_some(())
        })
        .await;
        self.own.push(id.to_owned());
    }

    /// What the engine's own ledger says: what was broken by hand (streams) is mended, and of what nobody
    /// can mend nothing was broken.
    async fn kept(&self) {
        let client = self.engine.client.clone();
        let kept = eventually("the ledger keeps, and nothing stands", PATIENCE, || async {
            let (status, found) = client.try_get("/v1/promises").await?;
            let standing = |one: &serde_json::Value| one["standing"] != 0;
            let is_quiet = !found["items"].as_array()?.iter().any(standing);
            (status == 200 && found["keeps"] == true && is_quiet).then_some(found)
        })
        .await;
        let told = client.get("/v1/recoveries?kind=promise_breached&limit=200").await.1;
        for one in kept["items"].as_array().unwrap() {
            println!("{one}");
            let is_fact = ["P3", "P4", "P5", "P7", "P9"].iter().any(|fact| one["promise"] == *fact);
            assert!(!is_fact || one["breaches"] == 0, "{one}: {told}");
        }
        for row in told["items"].as_array().unwrap() {
            println!("{} {} after {} ms", row["decided"], row["outcome"], row["duration_ms"]);
        }
    }

    /// Lets everything end, and checks all promises over all that is left.
    pub(crate) async fn end(mut self) {
        self.revive();
        let began = Instant::now();
        assert!(self.load.drain(DRAIN).await, "not every run ended within {DRAIN:?}");
        let drained = began.elapsed();
        self.kept().await;
        let mut seen = self.load.see().await.unwrap();
        self.load.stop().await;
        seen.answers.accepted.extend(self.own.iter().cloned());
        let (store, hooks) = (&self.store, &self.hooks);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut missing = Breaches::default();
            Told::check(&hooks.told("/hook", SECRET), &seen.book, &mut missing);
            let pending = store.counts().await.unwrap().notifications_pending;
            if missing.0.is_empty() && pending == 0 {
                break;
            }
            assert!(Instant::now() < deadline, "not told; {pending} pending: {missing:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let verdict = seen.judge();
        let mut breaches = Breaches::default();
        Told::check(&hooks.told("/hook", SECRET), &seen.book, &mut breaches);
        println!(
            "{:?}, seed {}: {} kills, {} revived; drained in {drained:?}; longest without an owner \
             {:?}; {} results, {} redrives, {} cancellations; {} notifications\n{verdict}",
            self.engine.shape,
            self.chance.seed(),
            self.kills,
            self.revived,
            self.worst,
            seen.answers.completed.len(),
            seen.answers.redriven.len(),
            seen.answers.cancelled.len(),
            hooks.seen().len(),
        );
        breaches.none();
        assert!(verdict.is_kept(), "{verdict}");
        assert!(verdict.taken_over > 0 && verdict.refused > 0 && verdict.dead_letters > 0);
        assert!(!seen.answers.redriven.is_empty() && !seen.answers.cancelled.is_empty());
        assert!(verdict.executions > 0 && !hooks.seen().is_empty());
    }
}
