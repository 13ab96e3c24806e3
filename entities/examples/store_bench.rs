//! How many changed runs a second the store commits, by size of the batch, on both databases.
//!
//! `cargo run --release -p kintsugi-entities --example store_bench [seconds per row]`
//!
//! Each run has a state of 600 bytes and gets 300 bytes of history with every change; one writer,
//! durable commits. Postgres' figures include a second client, which shares the machine.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for people at a terminal")]

use std::time::{Duration, Instant};

use kintsugi_core::{RunId, Status};
use kintsugi_entities::testing::Postgres;
use kintsugi_entities::{
    Batch, Committed, HistoryRow, NewRun, Options, PartitionRow, RunWrite, Store,
};

/// Runs there are; each batch takes the next ones of them, round and round.
const RUNS: usize = 20_000;

#[tokio::main]
async fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(4);
    println!("store     what           batch  writers      rows/s   ms/batch");
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("store.db").display());
    measure("SQLite", &url, &[1], Duration::from_secs(seconds)).await;
    let Some(server) = Postgres::start_or_skip() else { return };
    measure("Postgres", &server.url, &[1, 2], Duration::from_secs(seconds)).await;
    let sql = "SELECT n_tup_upd || ' updates, ' || n_tup_hot_upd || ' of them heap-only, ' ||
        pg_size_pretty(pg_total_relation_size(relid)) FROM pg_stat_user_tables
        WHERE relname = 'runs'";
    println!("Postgres, runs: {}", server.psql_in("postgres", sql));
}

async fn measure(name: &str, url: &str, writers: &[usize], time: Duration) {
    let store = Store::connect(url, &Options::default()).await.unwrap();
    store.partitions_ensure(2).await.unwrap();
    let partitions = store.partitions_claim(&[0, 1], "bench").await.unwrap();
    let since = Instant::now();
    for first in (0..RUNS).step_by(512) {
        let last = RUNS.min(first + 512);
        store.runs_create(&(first..last).map(new).collect::<Vec<_>>()).await.unwrap();
    }
    line(name, "runs_create", 512, 1, RUNS, since.elapsed(), RUNS.div_ceil(512));
    let ids: Vec<RunId> = (0..512).map(id).collect();
    let (mut loads, since) = (0, Instant::now());
    while since.elapsed() < time / 4 {
        assert_eq!(store.runs_load(&ids).await.unwrap().len(), 512);
        loads += 1;
    }
    line(name, "runs_load", 512, 1, loads * 512, since.elapsed(), loads);
    let mut versions = vec![0; RUNS];
    for writers in writers {
        for size in [1, 64, 512] {
            let since = Instant::now();
            let parts = versions.chunks_mut(RUNS / writers).enumerate();
            let tasks: Vec<_> = parts
                .map(|(n, part)| {
                    let part = part.to_vec();
                    tokio::spawn(commit(store.clone(), partitions[n].clone(), part, size, time))
                })
                .collect();
            let mut batches = 0;
            let mut after = Vec::with_capacity(RUNS);
            for task in tasks {
                let (done, part) = task.await.unwrap();
                batches += done;
                after.extend(part);
            }
            versions = after;
            line(
                name,
                "commit_batch",
                size,
                *writers,
                batches * size,
                since.elapsed(),
                batches / writers,
            );
        }
    }
    store.close().await.unwrap();
}

/// Commits batches of `size` until `time` is over; gives how many, and the runs' versions.
async fn commit(
    store: Store,
    partition: PartitionRow,
    mut versions: Vec<i64>,
    size: usize,
    time: Duration,
) -> (usize, Vec<i64>) {
    let base = usize::from(partition.id) * versions.len();
    let (mut batches, mut next, since) = (0, 0, Instant::now());
    while since.elapsed() < time {
        let mut runs = Vec::with_capacity(size);
        for _ in 0..size {
            runs.push(change(base + next, versions[next]));
            versions[next] += 1;
            next = (next + 1) % versions.len();
        }
        let position = i64::try_from(batches).unwrap();
        let positions = vec![(partition.id, partition.owner_epoch, position)];
        let batch = Batch { positions, runs, ..Batch::default() };
        assert_eq!(store.commit_batch(&batch).await.unwrap(), Committed::Done);
        batches += 1;
    }
    (batches, versions)
}

fn line(
    store: &str,
    what: &str,
    size: usize,
    writers: usize,
    rows: usize,
    time: Duration,
    batches: usize,
) {
    let seconds = time.as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let (rate, each) = (rows as f64 / seconds, seconds * 1000.0 / batches.max(1) as f64);
    println!("{store:9} {what:14} {size:5} {writers:8} {rate:11.0} {each:10.2}");
}

fn id(n: usize) -> RunId {
    // Spread over the index, as ids of real runs are.
    RunId::parse(&format!("{:08x}-{n}", n.wrapping_mul(2_654_435_761) & 0xffff_ffff)).unwrap()
}

fn new(n: usize) -> NewRun {
    NewRun {
        id: id(n),
        definition: "shop/order:1.0.0".to_owned(),
        partition: 0,
        state: vec![b'0'; 600],
        created_at: 1_800_000_000_000 + i64::try_from(n).unwrap(),
        parent: None,
        start_key: None,
        request_digest: "0".repeat(64),
        trace_parent: None,
    }
}

fn change(n: usize, before: i64) -> RunWrite {
    let at = 1_800_000_100_000 + before;
    RunWrite {
        id: id(n),
        version_before: before,
        version: before + 1,
        status: Status::Running,
        // Each step gives out a new attempt, whose check is due later than the one before.
        wake_at: Some(at + 5000),
        state: vec![b'1'; 600],
        ended_at: None,
        updated_at: at,
        history: HistoryRow { seq: before + 1, at, steps: vec![b'2'; 300] },
    }
}
