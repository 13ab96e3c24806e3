//! The benchmark: the work of the design's goals against a real engine, broker and database on
//! this machine, as a table, as JSON and as a picture.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what it is for")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that fails says so")]

mod args;
mod compare;
mod disk;
mod fan;
mod growth;
mod meta;
mod outage;
mod peak;
mod plot;
mod probe;
mod processes;
mod quiet;
mod row;
mod scale;
mod session;
mod startup;
mod stock;
mod table;
mod takeover;
mod timers;
mod wal;
mod work;

use std::{fs, io::Write, process::ExitCode};

use args::{Asked, Command};
use kintsugi_tests::{Engine, Shape};
use meta::Meta;
use peak::Flood;
use row::Row;
use serde_json::json;
use session::Session;
use takeover::{Blow, takeover};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let command = match args::parse(&words) {
        Ok(command) => command,
        Err(error) => return refuse(&format!("{error}\n\n{}", args::USAGE)),
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match command {
        Command::Help => println!("{}", args::USAGE),
        Command::Worker { nats_url } => runtime.block_on(work::worker(&nats_url)),
        Command::Probe { kind, nats_url } => runtime.block_on(probe::serve(&kind, &nats_url)),
        Command::Compare(one, other) => match compare::lines(&one, &other) {
            Ok(lines) => lines.iter().for_each(|line| println!("{line}")),
            Err(error) => return refuse(&error),
        },
        Command::Bench(asked) => return runtime.block_on(bench(asked)),
    }
    ExitCode::SUCCESS
}

fn refuse(error: &str) -> ExitCode {
    eprintln!("kintsugi-bench: {error}");
    ExitCode::from(2)
}

async fn bench(asked: Asked) -> ExitCode {
    let mut meta = Meta::now(asked.revision.clone());
    let mut rows = Vec::new();
    for (store, shape) in [("postgres", Shape::Services), ("sqlite", Shape::Dev)] {
        if asked.store.as_ref().is_some_and(|wanted| wanted != store) {
            continue;
        }
        let Some(engine) = Engine::start(shape, &[]).await else {
            return refuse(&format!("{store}: a tool is missing"));
        };
        if let Some(postgres) = &engine.postgres {
            meta.postgres = Some(postgres.psql_in("postgres", "SHOW server_version"));
        }
        measure(Session::start(engine, store).await, &asked, &mut rows).await;
        for part in ["scale", "stock"] {
            // One process has one orchestrator.
            if asked.wants(part) && (part, shape) != ("scale", Shape::Dev) {
                let engine = Engine::start(shape, &[]).await.expect("it started before");
                afresh(part, Session::start(engine, store).await, &asked, &mut rows).await;
            }
        }
    }
    if asked.wants("startup") && asked.store.as_deref() != Some("postgres") {
        add(&mut rows, startup::startup(asked.scaled(10, 3)).await);
    }
    table::print(&meta, &rows);
    keep(&asked, &meta, &rows);
    ExitCode::SUCCESS
}

async fn measure(mut session: Session, asked: &Asked, rows: &mut Vec<Row>) {
    if asked.wants("idle") {
        add(rows, [quiet::idle(&session, asked.scaled(60, 20)).await]);
    }
    if asked.wants("alone") {
        add(rows, [quiet::alone(&session, "W1", asked.scaled(400, 40)).await]);
        add(rows, [quiet::alone(&session, "W10", asked.scaled(200, 20)).await]);
    }
    if asked.wants("peak") {
        for (work, steps, runs) in [("W1", 1, 20_000), ("W10", 10, 5_000), ("F100", 100, 500)] {
            let runs = asked.scaled(runs, runs / 10);
            let (row, disk) = Flood { work, steps, runs }.measure(&session).await;
            let half = row.runs_per_s.map(|rate| rate / 2.0);
            add(rows, [row]);
            if work == "W10" {
                add(rows, [disk]);
                if let Some(rate) = half.filter(|_| asked.wants("steady")) {
                    let seconds = asked.scaled((3, 15), (1, 4));
                    add(rows, [peak::steady(&session, rate, seconds).await]);
                }
            }
        }
    }
    if asked.wants("takeover") {
        add(rows, [takeover(&session, Blow::Kill, asked.kills(), 2).await]);
        add(rows, [takeover(&session, Blow::Freeze, asked.scaled(20, 4), 4).await]);
        add(rows, [takeover(&session, Blow::Cut, asked.scaled(20, 4), 4).await]);
    }
    if asked.wants("outage") {
        add(rows, [outage::outage(&mut session, outage::What::Kill, asked.scaled(3, 1)).await]);
        if session.engine.shape == Shape::Services {
            for what in [outage::What::Freeze, outage::What::All] {
                add(rows, [outage::outage(&mut session, what, asked.scaled(3, 1)).await]);
            }
        }
    }
    if asked.wants("payloads") {
        let runs = asked.scaled(2_000, 200);
        let (row, disk) = Flood { work: "W1-100KB", steps: 1, runs }.measure(&session).await;
        add(rows, [row, disk]);
    }
    if asked.wants("fan") {
        add(rows, [fan::fan(&session, asked.scaled(100_000, 10_000)).await]);
    }
    if asked.wants("growth") {
        add(rows, growth::growth(&session, asked).await);
    }
    if asked.wants("timers") {
        add(rows, [timers::timers(&session, asked.scaled(100_000, 10_000)).await]);
    }
}

/// Parts that leave an engine as no other shall find it.
async fn afresh(part: &str, mut session: Session, asked: &Asked, rows: &mut Vec<Row>) {
    let runs = asked.scaled(5_000, 500);
    if part == "scale" {
        return add(rows, scale::scale(&mut session, runs).await);
    }
    let size = stock::Size {
        ended: asked.scaled(1_000_000, 100_000),
        open: asked.scaled(100_000, 10_000),
        runs,
        seconds: asked.scaled((3, 15), (1, 4)),
        counts: asked.scaled(10, 3),
    };
    add(rows, stock::stock(&mut session, &size).await);
}

/// Keeps rows, and says that they are there: the whole takes minutes.
fn add(rows: &mut Vec<Row>, new: impl IntoIterator<Item = Row>) {
    for row in new {
        println!("measured: {}, {}: {}", row.store, row.work, row.note);
        rows.push(row);
    }
}

/// Writes what was asked for.
fn keep(asked: &Asked, meta: &Meta, rows: &[Row]) {
    if let Some(file) = &asked.json {
        fs::write(file, serde_json::to_vec_pretty(rows).unwrap()).unwrap();
    }
    if let Some(file) = &asked.meta {
        fs::write(file, serde_json::to_vec_pretty(meta).unwrap()).unwrap();
    }
    if let Some(file) = &asked.history {
        let line = json!({ "meta": meta, "rows": rows });
        let mut file = fs::File::options().create(true).append(true).open(file).unwrap();
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
    if let Some(file) = &asked.plot {
        fs::write(file, plot::svg(meta, rows)).unwrap();
    }
}
