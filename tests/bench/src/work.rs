//! The work: definitions, and the worker that executes the no-op tasks.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use kintsugi_worker::{Context, Failure, Worker};
use serde_json::Value;

/// Bytes of a large output.
pub(crate) const LARGE: usize = 100_000;

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

/// So many tasks one after the other, by a loop back.
pub(crate) fn back(name: &str, steps: usize) -> String {
    let count = "{n: '${ ($context.n // 0) + 1 }'}";
    head(name)
        + &format!(
            "  - one: {{call: noop, with: {{n: '${{ $context.n // 0 }}'}}, export: {{as: {count}}}}}\n  \
             - again: {{switch: [{{more: {{when: '$context.n < {steps}', then: one}}}}, {{done: {{then: end}}}}]}}\n"
        )
}

/// One task with an output of so many bytes.
pub(crate) fn large(name: &str, bytes: usize) -> String {
    head(name) + &format!("  - one: {{call: large, with: {{bytes: {bytes}}}}}\n")
}

/// One task that the worker of `kintsugi dev` itself executes.
pub(crate) fn built_in(name: &str) -> String {
    head(name) + "  - done: {call: simulate, with: {mode: succeed}}\n"
}

/// A task for each of `width` numbers, as many at a time as may be, and a join.
pub(crate) fn map(name: &str, width: usize) -> String {
    let with = format!("{{in: '[range({width})]', do: noop, maxConcurrency: 1000}}");
    head(name) + &format!("  - all: {{call: map, with: {with}}}\n")
}

/// Waits for the moment of its input's `until`, in milliseconds of the epoch.
pub(crate) fn until(name: &str) -> String {
    let left = "${ {milliseconds: (.until - $task.startedAt.epoch.milliseconds)} }";
    head(name) + &format!("  - until: {{wait: '{left}'}}\n")
}

/// Waits for longer than anything is measured.
pub(crate) fn for_long(name: &str) -> String {
    head(name) + "  - long: {wait: {days: 60}}\n"
}

fn head(name: &str) -> String {
    format!("document: {{dsl: '1.0.3', namespace: bench, name: {name}, version: '1.0.0'}}\ndo:\n")
}

/// Executes no-op tasks, and such with large outputs, until it is killed.
pub(crate) async fn worker(nats_url: &str) {
    let number = Arc::new(AtomicU64::new(u64::from(std::process::id()) << 32));
    Worker::connect(nats_url)
        .await
        .unwrap()
        .task("noop", |_: Context, input: Value| async move { Ok::<_, Failure>(input) })
        .task("large", move |_: Context, input: Value| {
            let number = number.fetch_add(1, Ordering::Relaxed);
            let bytes = input["bytes"].as_u64().and_then(|bytes| usize::try_from(bytes).ok());
            async move { Ok::<_, Failure>(noise(number, bytes.unwrap_or(LARGE))) }
        })
        .concurrency(512)
        .run()
        .await
        .unwrap();
}

/// Text in which no database finds anything to compress: another one for each `seed`.
fn noise(seed: u64, bytes: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (mut text, mut state) = (String::with_capacity(bytes), seed);
    while text.len() < bytes {
        // SplitMix64: ten letters of each number.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let letter = |place: u32| char::from(LETTERS[(mixed >> (place * 6)) as usize & 63]);
        text.extend((0..10).map(letter));
    }
    text.truncate(bytes);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_outputs_are_as_long_as_said_and_differ() {
        let (one, other) = (noise(1, LARGE), noise(2, LARGE));
        assert_eq!((one.len(), other.len()), (LARGE, LARGE));
        assert!(one.is_ascii() && one != other && one[..10] != one[10..20]);
    }
}
