//! The statements of a batch. Building them is no function of its own, so they are built and
//! executed, by an SQLite whose file lies in memory: what a commit costs without a disk.

use std::cell::RefCell;

use criterion::{BatchSize, Criterion, Throughput};
use kintsugi_core::{RunId, Status};
use kintsugi_entities::{
    Batch, Committed, HistoryRow, NewRun, Options, PartitionRow, RunWrite, Store,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Bytes of what happened to each run: those of a sequence of tasks, as 600 are of its state.
const STEPS_BYTES: usize = 300;

pub(crate) fn all(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("store");
    for (size, state_bytes) in [(1, 600), (64, 600), (512, 600), (1, 5_000_000)] {
        let folder = folder();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("store.db").display());
        let (store, partition) = runtime.block_on(filled(&url, size, state_bytes));
        let versions = RefCell::new(0);
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(
            format!("commit of {size} runs of {state_bytes} bytes, SQLite without a disk"),
            |bencher| {
                let batch = || {
                    *versions.borrow_mut() += 1;
                    batch(&partition, (size, state_bytes), *versions.borrow())
                };
                let commit = |batch: Batch| {
                    let done = runtime.block_on(store.commit_batch(&batch)).unwrap();
                    assert_eq!(done, Committed::Done);
                    batch
                };
                bencher.iter_batched(batch, commit, BatchSize::PerIteration);
            },
        );
        runtime.block_on(store.close()).unwrap();
    }
    group.finish();
}

/// A folder in memory, where the system has one.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

async fn filled(url: &str, size: usize, state_bytes: usize) -> (Store, PartitionRow) {
    let store = Store::connect(url, &Options::default()).await.unwrap();
    store.partitions_ensure(1).await.unwrap();
    let partition = store.partitions_claim(&[0], "bench").await.unwrap().remove(0);
    store.runs_create(&(0..size).map(|n| new(n, state_bytes)).collect::<Vec<_>>()).await.unwrap();
    (store, partition)
}

fn batch(partition: &PartitionRow, (size, state_bytes): (usize, usize), version: i64) -> Batch {
    let runs = (0..size).map(|n| change(n, state_bytes, version)).collect();
    Batch {
        positions: vec![(partition.id, partition.owner_epoch, version)],
        runs,
        ..Batch::default()
    }
}

fn id(n: usize) -> RunId {
    RunId::parse(&format!("{:08x}-{n}", n.wrapping_mul(2_654_435_761) & 0xffff_ffff)).unwrap()
}

fn new(n: usize, state_bytes: usize) -> NewRun {
    NewRun {
        id: id(n),
        definition: "bench/work:1.0.0".to_owned(),
        partition: 0,
        state: vec![b'0'; state_bytes],
        created_at: 1_800_000_000_000,
        parent: None,
        start_key: None,
        request_digest: "0".repeat(64),
        trace_parent: None,
    }
}

fn change(n: usize, state_bytes: usize, version: i64) -> RunWrite {
    let at = 1_800_000_100_000 + version;
    RunWrite {
        id: id(n),
        version_before: version - 1,
        version,
        status: Status::Running,
        wake_at: Some(at + 5_000),
        state: vec![b'1'; state_bytes],
        ended_at: None,
        updated_at: at,
        history: HistoryRow { seq: version, at, steps: vec![b'2'; STEPS_BYTES] },
    }
}
