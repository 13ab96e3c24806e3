//! Everything is killed, frozen and lost under load, at moments that follow from a printed seed
//! (`KINTSUGI_SEED` repeats them), and the promises are checked meanwhile and over all that is
//! stored in the end.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

mod breaks;
mod siege;

use kintsugi_nats::stream;
use kintsugi_tests::{Shape, signal, streams};
use siege::{HOLD_BACK, Siege};

/// Every process that can be killed; those that can take over from each other are two.
const PROCESSES: [&str; 13] = [
    "gateway",
    "orchestrator",
    "orchestrator-2",
    "worker",
    "worker-2",
    "ledger-1",
    "ledger-2",
    "detector",
    "retry",
    "notifier",
    "monitor",
    "nats",
    "postgres",
];

/// Kills between two looks at the owners.
const KILLS_PER_LOOK: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn seven_processes_lose_nothing() {
    let Some(mut siege) = Siege::begin(Shape::Services, "seven_processes_lose_nothing").await
    else {
        return;
    };
    siege.progress("before anything is broken").await;
    let mut targets = [PROCESSES, PROCESSES, PROCESSES].concat();
    siege.chance.shuffle(&mut targets);
    let in_succession = siege.chance.below(3);
    for (number, name) in targets.into_iter().enumerate() {
        siege.pause(0, 1_200).await;
        siege.kill(name);
        if (number as u64) % 3 == in_succession {
            siege.pause(20, 400).await;
            siege.kill(name);
        }
        if (number + 1) % KILLS_PER_LOOK == 0 {
            siege.look(&format!("after {} kills", number + 1)).await;
        }
    }
    siege.look("after all kills").await;
    siege.worker_frozen_with_a_lease("ledger-1", "ledger-2", true).await;
    siege.worker_frozen_with_a_lease("ledger-2", "ledger-1", false).await;
    siege.orchestrator_killed().await;
    for name in ["orchestrator", "orchestrator-2", "orchestrator"] {
        siege.orchestrator_frozen(name).await;
    }
    siege.look("after the freezes").await;
    streams_lost(&mut siege).await;
    siege.everything_killed().await;
    siege.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_loses_nothing() {
    let Some(mut siege) = Siege::begin(Shape::Dev, "one_process_loses_nothing").await else {
        return;
    };
    siege.progress("before anything is broken").await;
    for round in 1..=3 {
        for _ in 0..2 {
            siege.pause(100, 1_000).await;
            siege.kill_a_worker().await;
        }
        siege.pause(0, 800).await;
        siege.kill("ledger-1");
        siege.pause(0, 800).await;
        siege.kill_the_broker();
        siege.pause(500, 2_000).await;
        siege.kill("dev");
        if round == 2 {
            siege.pause(100, 1_500).await;
            siege.kill("dev");
        }
        siege.engine.ready().await;
        siege.look(&format!("after round {round}")).await;
    }
    siege.worker_frozen_with_a_lease("ledger-1", "ledger-2", true).await;
    streams_lost(&mut siege).await;
    siege.end().await;
}

/// Promise P8: each stream by itself, then all at once, under load.
async fn streams_lost(siege: &mut Siege) {
    let mut all = [
        stream::EVENTS,
        stream::TASKS,
        stream::INTAKE,
        stream::LIFE,
        stream::DEAD,
        stream::ADVISORIES,
        stream::REJECTED,
    ];
    siege.chance.shuffle(&mut all);
    for name in all {
        siege.load.hold_back(HOLD_BACK).await.unwrap();
        streams::delete(&siege.bus, name).await;
        siege.look(&format!("{name} deleted")).await;
        siege.load.go_on();
    }
    siege.load.hold_back(HOLD_BACK).await.unwrap();
    for name in all {
        streams::delete(&siege.bus, name).await;
    }
    siege.first_run("every stream deleted", None).await;
    siege.look("every stream deleted").await;
    siege.load.go_on();
}

/// Sends a signal to whatever process that is, if it is still there.
fn strike(pid: u32, name: &str) {
    if std::path::Path::new(&format!("/proc/{pid}")).exists() {
        signal(pid, name);
    }
}
