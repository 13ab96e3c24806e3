//! The benchmark: the work of the design's goals against a real engine, broker and database on
//! this machine, as a table and as JSON.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that fails says so")]

mod measure;
mod work;

use std::path::PathBuf;

use kintsugi_tests::{Engine, Shape};
use measure::{Row, Session};

/// What is asked for on the command line.
struct Asked {
    json: Option<PathBuf>,
    quick: bool,
    store: Option<String>,
    kills: usize,
}

fn asked() -> Asked {
    let mut asked = Asked { json: None, quick: false, store: None, kills: 30 };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_else(|| panic!("{word} needs a value"));
        match word.as_str() {
            "--json" => asked.json = Some(value().into()),
            "--store" => asked.store = Some(value()),
            "--kills" => asked.kills = value().parse().expect("--kills takes a number"),
            "--quick" => asked.quick = true,
            _ => panic!(
                "unknown option {word}; there are --json FILE, --store postgres|sqlite, --kills N, --quick"
            ),
        }
    }
    asked
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let words: Vec<String> = std::env::args().collect();
    if words.get(1).map(String::as_str) == Some("worker") {
        runtime.block_on(work::worker(&words[2]));
        return;
    }
    runtime.block_on(bench(asked()));
}

async fn bench(asked: Asked) {
    let mut rows = Vec::new();
    for (store, shape) in [("postgres", Shape::Services), ("sqlite", Shape::Dev)] {
        if asked.store.as_ref().is_some_and(|wanted| wanted != store) {
            continue;
        }
        let Some(engine) = Engine::start(shape, &[]).await else {
            println!("{store}: SKIPPED, a tool is missing");
            continue;
        };
        let scale = if asked.quick { 10_usize } else { 1 };
        let mut session = Session::start(engine, store).await;
        rows.push(session.idle(if asked.quick { 5 } else { 20 }).await);
        rows.push(session.alone("W1", 400 / scale).await);
        rows.push(session.alone("W10", 200 / scale).await);
        for (work, steps, runs) in [("W1", 1, 20_000), ("W10", 10, 5_000), ("F100", 100, 500)] {
            rows.push(session.peak(work, steps, runs / scale).await);
        }
        rows.push(session.takeover(asked.kills).await);
    }
    print_table(&rows);
    if let Some(file) = asked.json {
        std::fs::write(file, serde_json::to_vec_pretty(&rows).unwrap()).unwrap();
    }
}

fn print_table(rows: &[Row]) {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("unknown", |(_, name)| name.trim());
    println!(
        "kintsugi {}, {cpus} cores ({model}), everything on this machine",
        env!("CARGO_PKG_VERSION")
    );
    println!(
        "{:<19} {:<9} {:>9} {:>9} {:>9} {:>9} {:>12}  note",
        "work", "store", "steps/s", "runs/s", "p50 ms", "p99 ms", "cpu s/1000"
    );
    for row in rows {
        let figure = |value: Option<f64>, digits: usize| {
            value.map_or("-".to_owned(), |value| format!("{value:.digits$}"))
        };
        println!(
            "{:<19} {:<9} {:>9} {:>9} {:>9} {:>9} {:>12}  {}",
            row.work,
            row.store,
            figure(row.steps_per_s, 0),
            figure(row.runs_per_s, 0),
            figure(row.p50_ms, 2),
            figure(row.p99_ms, 2),
            figure(row.cpu_s_per_1000_steps, 3),
            row.note,
        );
    }
}
