//! An engine that has nothing to do does nothing: no part of it spins.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::{collections::BTreeMap, fs, time::Duration};

use kintsugi_tests::{Engine, Shape};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);

/// How long the processor time is watched, and how much of it one process may take. At rest each takes
/// about a hundredth; a loop without a wait takes all of a core.
const WATCHED: Duration = Duration::from_secs(5);
const BUSY_MS: u64 = 1_000;

const PLAIN: &str = "document: {dsl: '1.0.3', namespace: test, name: plain, version: '1.0.0'}\n\
    do: [{work: {call: simulate, with: {mode: succeed}}}]";

/// Milliseconds of processor time that a process took so far (proc(5): fields 14 and 15 of `stat`, in
/// hundredths of a second).
fn processor_ms(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some((ticks(11)? + ticks(12)?) * 10)
}

/// Every process of the engine, its workers and its broker, by name.
fn processes(engine: &Engine, shape: Shape) -> BTreeMap<String, u32> {
    let mut all = engine.pids();
    if shape == Shape::Dev {
        note(&mut all, "dev", &engine.ready_file()["pids"]);
    }
    all
}

/// Notes every number in `pids`, however it is arranged there.
fn note(all: &mut BTreeMap<String, u32>, name: &str, pids: &Value) {
    match pids {
        Value::Object(of) => {
            of.iter().for_each(|(key, pid)| note(all, &format!("{name} {key}"), pid))
        }
        Value::Array(of) => {
            of.iter().enumerate().for_each(|(at, pid)| note(all, &format!("{name} {at}"), pid));
        }
        pid => {
            let pid = pid.as_u64().and_then(|pid| u32::try_from(pid).ok());
            all.extend(pid.map(|pid| (name.to_owned(), pid)));
        }
    }
}

async fn rests(shape: Shape) {
    let Some(engine) = Engine::start(shape, &[]).await else { return };
    engine.client.define(PLAIN).await;
    let run = engine.client.start("test/plain:1.0.0", json!({})).await;
    assert_eq!(engine.client.ended(&run, SOON).await["status"], "completed");
    // What follows an end (history, traces, the last heartbeats) is over.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let all = processes(&engine, shape);
    let before: BTreeMap<_, _> = all.iter().map(|(name, pid)| (name, processor_ms(*pid))).collect();
    tokio::time::sleep(WATCHED).await;
    let took = |(name, pid): (&String, &u32)| {
        Some((name.clone(), processor_ms(*pid)? - before.get(name).copied().flatten()?))
    };
    let took: BTreeMap<String, u64> = all.iter().filter_map(took).collect();
    println!("{shape:?}, milliseconds of processor time in {WATCHED:?}: {took:?}");
    assert!(took.len() >= 2, "{all:?}");
    let busy: Vec<_> = took.iter().filter(|(_, millis)| **millis > BUSY_MS).collect();
    assert!(busy.is_empty(), "busy at rest: {busy:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_rests() {
    rests(Shape::Dev).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn seven_processes_rest() {
    rests(Shape::Services).await;
}
