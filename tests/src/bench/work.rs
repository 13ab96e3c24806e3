//! The work: definitions of no-op tasks, and the worker that executes them.

use kintsugi_worker::{Context, Failure, Worker};
use serde_json::Value;

/// `steps` sequential no-op tasks.
pub(crate) fn sequence(name: &str, steps: usize) -> String {
    let tasks = (0..steps).map(|n| format!("  - s{n}: {{call: noop, with: {{n: {n}}}}}\n"));
    head(name) + &tasks.collect::<String>()
}

/// `width` no-op tasks side by side, and a join.
pub(crate) fn fan(name: &str, width: usize) -> String {
    let tasks = (0..width).map(|n| format!("          - b{n}: {{call: noop, with: {{n: {n}}}}}\n"));
    head(name) + "  - all:\n      fork:\n        branches:\n" + &tasks.collect::<String>()
}

fn head(name: &str) -> String {
    let name = name.to_lowercase();
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
