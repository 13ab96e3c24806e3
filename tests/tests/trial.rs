//! A trial of an engine that nothing breaks, in both shapes: every kind of run ends as it must, the
//! verdict says so, and a window leaves nothing behind. That a verdict can be bad is shown on values, in
//! `checker`; what happens while everything breaks, in `kills`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::{path::PathBuf, time::Duration};

use kintsugi_core::Status;
use kintsugi_entities::{Options, Store};
use kintsugi_tests::{Book, Engine, Settings, Shape, Trial, Verdict, chance, streams};

/// How long runs may take to end.
const DRAIN: Duration = Duration::from_secs(120);

/// What users bring: one that ends, one that waits for an event that never comes.
const USERS: [&str; 2] = [
    "document: {dsl: '1.0.3', namespace: test, name: ends, version: '1.0.0'}\n\
     do: [{work: {call: simulate, with: {mode: succeed}}}]",
    "document: {dsl: '1.0.3', namespace: test, name: listens, version: '1.0.0'}\n\
     do: [{never: {listen: {to: {one: {with: {type: never}}}}}}]",
];

struct Suite {
    engine: Engine,
    store: Store,
    seed: u64,
}

impl Suite {
    async fn begin(shape: Shape, test: &str) -> Option<Self> {
        let mut engine = Engine::start(shape, &[]).await?;
        let program = PathBuf::from(env!("CARGO_BIN_EXE_kintsugi-ledger"));
        let args = [engine.nats_url(), engine.path("ledger.jsonl").display().to_string()];
        engine.spawn_program("ledger-1", &program, &args);
        let store = Store::connect(&engine.database_url(), &Options::default()).await.unwrap();
        Some(Self { engine, store, seed: chance(test).seed() })
    }

    async fn trial(&self, workflows: &[&str]) -> Trial {
        let settings = Settings {
            http: self.engine.client.url(""),
            nats: self.engine.nats_url(),
            database: self.engine.database_url(),
            ledger: self.engine.path("ledger.jsonl"),
            seed: self.seed,
            rate: 20.0,
            workflows: workflows.iter().map(|yaml| (*yaml).to_owned()).collect(),
        };
        Trial::begin(settings).await.unwrap()
    }

    /// Lets some runs be accepted.
    async fn go_on(&self, trial: &Trial, runs: usize) {
        kintsugi_tests::eventually("runs are accepted", DRAIN, || async {
            (trial.accepted() >= runs).then_some(())
        })
        .await;
    }

    /// Runs of windows that are over, and letters in the stream that are about one: those of the next
    /// window come while this looks.
    async fn left(&self, trial: &Trial) -> Vec<String> {
        let bus = streams::bus(&self.engine.nats_url()).await;
        let book = Book::read(&self.store, &bus).await.unwrap();
        let letters = book.stream.into_iter().map(|letter| letter.run.to_string());
        let all = book.runs.into_keys().chain(letters);
        all.filter(|run| trial.earlier().has(run)).collect()
    }
}

async fn suite(shape: Shape, test: &str) {
    let Some(suite) = Suite::begin(shape, test).await else { return };
    let mut trial = suite.trial(&[]).await;
    suite.go_on(&trial, 150).await;
    trial.hold_back(DRAIN).await.unwrap();
    trial.go_on();
    let first = trial.settle(DRAIN).await.unwrap();
    println!("{shape:?}\n{first}");
    assert!(first.is_kept(), "{first}");
    assert_eq!(first.definitions.len(), 14, "every kind of run was there: {first}");
    assert!(first.accepted >= 150 && first.executions > 0 && first.redriven > 0, "{first}");
    assert!(first.ended(Status::Cancelled) > 0 && first.ended(Status::Faulted) > 0, "{first}");
    let left = suite.left(&trial).await;
    assert!(left.is_empty(), "runs and letters of a window that is over are gone: {left:?}");

    suite.go_on(&trial, 60).await;
    let second = trial.end().await.unwrap();
    assert!(second.is_kept() && second.accepted >= 60, "{second}");
    let mut all = Verdict::default();
    all.merge(first);
    all.merge(second);
    assert!(all.is_kept() && all.accepted >= 210, "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_is_tried() {
    suite(Shape::Dev, "one_process_is_tried").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn seven_processes_are_tried() {
    suite(Shape::Services, "seven_processes_are_tried").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_users_bring_ends_or_waits_for_something() {
    let test = "what_users_bring_ends_or_waits_for_something";
    let Some(suite) = Suite::begin(Shape::Dev, test).await else { return };
    let mut trial = suite.trial(&USERS).await;
    suite.go_on(&trial, 20).await;
    let verdict = trial.settle(DRAIN).await.unwrap();
    assert!(verdict.is_kept(), "{verdict}");
    let (ended, waits) = (verdict.completed(), verdict.ended(Status::Waiting));
    assert!(ended >= 9 && waits >= 9 && ended + waits == verdict.accepted, "{verdict}");
    let left = suite.left(&trial).await;
    assert!(left.is_empty(), "what waited was ended, and is gone: {left:?}");
    trial.stop().await;
}
