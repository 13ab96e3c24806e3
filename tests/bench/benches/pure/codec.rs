//! What is stored and what the bus carries, as JSON.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use kintsugi_core::{Input, RunId, RunState};
use kintsugi_nats::{RunInput, TaskMessage};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

use crate::machine::{NOW, fork, sequence};

pub(crate) fn all(criterion: &mut Criterion) {
    let mut run = sequence();
    run.go_on(4);
    both(criterion, "state, 5th of a sequence of 10", &run.state);
    let mut run = fork(100);
    run.go_on(49);
    both(criterion, "state, 50th of 100 branches", &run.state);
    let mut run = fork(9_000);
    run.go_on(4_499);
    both::<RunState>(criterion, "state, 4,500th of 9,000 branches", &run.state);
    both(criterion, "task message", &task());
    both(criterion, "result", &result(0));
    both(criterion, "64 results of a worker", &(0..64).map(result).collect::<Vec<_>>());
}

fn both<T: Serialize + DeserializeOwned>(criterion: &mut Criterion, name: &str, value: &T) {
    let bytes = serde_json::to_vec(value).unwrap();
    let mut group = criterion.benchmark_group("codec");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    let named = |what: &str| format!("{what} {name}, {} bytes", bytes.len());
    group.bench_function(named("write"), |bencher| {
        bencher.iter(|| serde_json::to_vec(black_box(value)).unwrap());
    });
    group.bench_function(named("read"), |bencher| {
        bencher.iter(|| serde_json::from_slice::<T>(black_box(&bytes)).unwrap());
    });
    group.finish();
}

fn task() -> TaskMessage {
    TaskMessage {
        task: "0197a1b2-bench:7".to_owned(),
        run: RunId::parse("0197a1b2-bench").unwrap(),
        number: 7,
        epoch: 1,
        attempt: 1,
        failures: 0,
        crashes: 0,
        task_type: "charge".to_owned(),
        queue: "default".to_owned(),
        input: json!({"order": {"id": 4711, "name": "vase"}, "n": 7}),
        definition: "bench/work:1.0.0".to_owned(),
        pointer: "/do/6/s6".to_owned(),
        idempotency_key: "0197a1b2-bench:7".to_owned(),
        start_to_close_ms: 60_000,
        lease_ms: None,
        heartbeat_ms: 500,
        reply: "kintsugi.events.3".to_owned(),
        dispatched_at: NOW,
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
    }
}

fn result(task: u64) -> RunInput {
    let output = json!({"order": {"id": 4711, "name": "vase"}, "receipt": "r-1"});
    let input = Input::Completed {
        task,
        epoch: 1,
        output,
        worker: "w-1".to_owned(),
        started_at: Some(NOW),
    };
    RunInput { run: RunId::parse("0197a1b2-bench").unwrap(), input }
}
