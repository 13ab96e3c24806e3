//! The work: definitions, and the worker that executes the no-op tasks.

use kintsugi_worker::{Context, Failure, Worker};
use serde_json::Value;

/// `steps` sequential tasks of a type.
pub(crate) fn sequence(name: &str, steps: usize, task_type: &str) -> String {
    let tasks = (0..steps).map(|n| format!("  - s{n}: {{call: {task_type}, with: {{n: {n}}}}}\n"));
    head(name) + &tasks.collect::<String>()
}

/// `width` no-op tasks side by side, and a join.
pub(crate) fn fan(name: &str, width: usize) -> String {
    let tasks = (0..width).map(|n| format!("          - b{n}: {{call: noop, with: {{n: {n}}}}}\n"));
    head(name) + "  - all:\n      fork:\n        branches:\n" + &tasks.collect::<String>()
}

/// One task that the worker of `kintsugi dev` itself executes.
pub(crate) fn built_in(name: &str) -> String {
    head(name) + "  - done: {call: simulate, with: {mode: succeed}}\n"
}

fn head(name: &str) -> String {
    format!("document: {{dsl: '1.0.3', namespace: bench, name: {name}, version: '1.0.0'}}\ndo:\n")
}

/// Executes no-op tasks until it is killed.
pub(crate) async fn worker(nats_url: &str) {
    Worker::connect(nats_url)
        .await
        .unwrap()
        .task("noop", |_: Context, input: Value| async move { Ok::<_, Failure>(input) })
        .concurrency(512)
        .run()
        .await
        .unwrap();
}
