//! The statements of a batch. Building them is no function of its own, so they are built and
//! executed, in an SQLite in memory that writes to no disk: what is left of a commit without one.

use std::cell::RefCell;

use criterion::{BatchSize, Criterion, Throughput};
use kintsugi_core::{RunId, Status};
use kintsugi_entities::{
    Batch, Committed, HistoryRow, NewRun, Options, PartitionRow, RunWrite, Store,
};
use tokio::runtime::Runtime;

/// Bytes of each run's state, and of what happened to it: those of a sequence of tasks.
const STATE_BYTES: usize = 600;
const STEPS_BYTES: usize = 300;

pub(crate) fn all(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("store");
    for size in [1, 64, 512] {
        let (store, partition) = runtime.block_on(filled(size));
        let versions = RefCell::new(0);
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(format!("commit of {size} runs, SQLite in memory"), |bencher| {
            let batch = || {
                *versions.borrow_mut() += 1;
                batch(&partition, size, *versions.borrow())
            };
            let commit = |batch: Batch| {
                let done = runtime.block_on(store.commit_batch(&batch)).unwrap();
                assert_eq!(done, Committed::Done);
                batch
            };
            bencher.iter_batched(batch, commit, BatchSize::PerIteration);
        });
        runtime.block_on(store.close()).unwrap();
    }
    group.finish();
}

async fn filled(size: usize) -> (Store, PartitionRow) {
    let store = Store::connect("sqlite::memory:", &Options::default()).await.unwrap();
    store.partitions_ensure(1).await.unwrap();
    let partition = store.partitions_claim(&[0], "bench").await.unwrap().remove(0);
    store.runs_create(&(0..size).map(new).collect::<Vec<_>>()).await.unwrap();
    (store, partition)
}

fn batch(partition: &PartitionRow, size: usize, version: i64) -> Batch {
    let runs = (0..size).map(|n| change(n, version)).collect();
    Batch {
        positions: vec![(partition.id, partition.owner_epoch, version)],
        runs,
        ..Batch::default()
    }
}

fn id(n: usize) -> RunId {
    RunId::parse(&format!("{:08x}-{n}", n.wrapping_mul(2_654_435_761) & 0xffff_ffff)).unwrap()
}

fn new(n: usize) -> NewRun {
    NewRun {
        id: id(n),
        definition: "bench/work:1.0.0".to_owned(),
        partition: 0,
        state: vec![b'0'; STATE_BYTES],
        created_at: 1_800_000_000_000,
        parent: None,
        start_key: None,
        request_digest: "0".repeat(64),
        trace_parent: None,
    }
}

fn change(n: usize, version: i64) -> RunWrite {
    let at = 1_800_000_100_000 + version;
    RunWrite {
        id: id(n),
        version_before: version - 1,
        version,
        status: Status::Running,
        wake_at: Some(at + 5_000),
        state: vec![b'1'; STATE_BYTES],
        ended_at: None,
        updated_at: at,
        history: HistoryRow { seq: version, at, steps: vec![b'2'; STEPS_BYTES] },
    }
}
