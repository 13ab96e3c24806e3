//! What a large store does to an engine: many runs that ended, and many that are open.

mod doors;
mod fill;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fill::Template;
use kintsugi_core::RunId;
use kintsugi_tests::Shape;
use serde_json::json;

use crate::{
    peak::{Flood, steady},
    row::Row,
    session::Session,
    work,
};

const DAY_MS: i64 = 24 * 3600 * 1000;

/// Ended runs are this old at most: retention takes none of them.
const OLDEST_DAYS: i64 = 25;

/// With so much less of retention, the oldest tenth of them goes.
const RETENTION: &str = "retry_engine.retention=540h";
const EXPIRED: usize = 10;

/// Ended runs that are asked for, to see how far the deletion is.
const SAMPLE: usize = 50;

/// How long after its restart the engine is left alone.
const SETTLED: Duration = Duration::from_secs(10);

/// How long retention may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// How much there is, and how long it is measured.
pub(crate) struct Size {
    pub(crate) ended: usize,
    pub(crate) open: usize,
    /// Runs of a flood of W10.
    pub(crate) runs: usize,
    /// Seconds at half load: warm-up, and counted.
    pub(crate) seconds: (u64, u64),
    /// How often is counted.
    pub(crate) counts: usize,
}

/// Measures the engine with an empty store, then with a full one, then while retention empties it.
pub(crate) async fn stock(session: &mut Session, size: &Size) -> Vec<Row> {
    let (mut rows, empty) = (Vec::new(), "empty");
    let (before, rate) = load(session, size, empty, None).await;
    rows.extend(before);
    rows.extend(doors::doors(session, empty, size.counts).await);
    let (ended, mut full) = fill(session, size).await;
    tokio::time::sleep(SETTLED).await;
    let (after, _) = load(session, size, "stock", Some(rate)).await;
    rows.extend(compared(&rows, after));
    rows.extend(doors::doors(session, "stock", size.counts).await);
    rows.push(doors::deep(session, "stock").await);
    full.note += &promises(session).await;
    rows.push(full);
    rows.extend(retention(session, size, rate, &ended[..size.ended / EXPIRED]).await);
    rows
}

/// W10 at peak, and at half of what it reached with an empty store.
async fn load(session: &Session, size: &Size, what: &str, rate: Option<f64>) -> ([Row; 2], f64) {
    let peak = Flood { work: "W10", steps: 10, runs: size.runs }.measure(session).await.0;
    let rate = rate.unwrap_or_else(|| peak.runs_per_s.expect("it was measured") / 2.0);
    let half = steady(session, rate, size.seconds).await;
    let named = |row: Row, name: &str| Row { work: format!("{name}, {what}"), ..row };
    ([named(peak, "W10"), named(half, "W10 half load")], rate)
}

/// Says of each figure what it was with an empty store.
fn compared(before: &[Row], after: [Row; 2]) -> Vec<Row> {
    let with = |(row, empty): (Row, &Row)| {
        let part = |now: Option<f64>, then: Option<f64>| Some(now? / then? * 100.0);
        let mut note = row.note.clone();
        // What strangers on the machine take does not change this one much.
        let cpu = |row: &Row| row.cpu_by_process.values().sum::<f64>();
        let percent = cpu(&row) / cpu(empty) * 100.0;
        note = format!("{percent:.0} % of its CPU a step; {note}");
        if let Some(percent) = part(row.steps_per_s, empty.steps_per_s) {
            note = format!("{percent:.0} % of the empty store's steps/s; {note}");
        }
        if let Some(percent) = part(row.p99_ms, empty.p99_ms) {
            note = format!("{percent:.0} % of the empty store's p99; {note}");
        }
        Row { note, ..row }
    };
    after.into_iter().zip(before).map(with).collect()
}

/// Fills the store while no engine works on it; gives the ended runs, the oldest first, and how long
/// the engine took to be ready again.
async fn fill(session: &mut Session, size: &Size) -> (Vec<RunId>, Row) {
    let client = &session.engine.client;
    client.define(&work::sequence("stock-done", 1, "noop")).await;
    client.define(&work::for_long("stock-open")).await;
    session.run("stock-done").await;
    let done = client.start("bench/stock-done:1.0.0", json!({})).await;
    let open = client.start("bench/stock-open:1.0.0", json!({})).await;
    client.ended(&done, Duration::from_secs(30)).await;
    let waits = |run: &serde_json::Value| run["status"] == "waiting";
    client.until(&open, "a run waits", Duration::from_secs(30), waits).await;
    let engine: Vec<String> =
        session.engine.names().into_iter().filter(|it| it != "nats").collect();
    engine.iter().for_each(|name| session.engine.kill(name));
    let began = Instant::now();
    let store = fill::open(&session.engine.database_url()).await;
    let (done, open) = (Template::read(&store, &done).await, Template::read(&store, &open).await);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    let now = now.as_millis() as i64;
    let ended = done.fill(&store, size.ended, now - OLDEST_DAYS * DAY_MS, now - DAY_MS).await;
    open.fill(&store, size.open, now - 2 * DAY_MS, now - DAY_MS).await;
    store.close().await.unwrap();
    // As autovacuum would have done by the time that there are so many.
    if let Some(postgres) = &session.engine.postgres {
        let _ = postgres.psql_in("postgres", "VACUUM ANALYZE");
        let _ = postgres.psql_in("postgres", "CHECKPOINT");
    }
    let (filled, began) = (began.elapsed(), Instant::now());
    engine.iter().for_each(|name| session.engine.start_again(name));
    session.engine.ready().await;
    session.run("w10").await;
    let ready = began.elapsed();
    let note = format!(
        "{} ended and {} open runs written in {filled:.0?} while the engine was down; from its start until a run of W10 has its result",
        size.ended, size.open
    );
    (ended, Row { note, ..session.row("start, stock") }.with_durations(vec![ready]))
}

/// What the engine's own ledger says of the store.
async fn promises(session: &Session) -> String {
    let (code, answer) = session.engine.client.get("/v1/promises").await;
    assert_eq!(code, 200, "{answer}");
    let items = answer["items"].as_array().expect("the promises");
    let count = |of: &serde_json::Value, what: &str| of[what].as_u64().expect("a number");
    let broken = items.iter().filter(|it| count(it, "breaches") + count(it, "standing") > 0);
    let broken: Vec<String> = broken.map(|it| it["promise"].to_string()).collect();
    match broken.is_empty() {
        true => "; the ledger has no complaint".to_owned(),
        false => format!("; THE LEDGER COMPLAINS of {}", broken.join(", ")),
    }
}

/// Retention deletes `expired` while W10 goes on at half load.
async fn retention(session: &mut Session, size: &Size, rate: f64, expired: &[RunId]) -> Vec<Row> {
    let name = if session.engine.shape == Shape::Dev { "dev" } else { "retry" };
    session.engine.kill(name);
    let began = Instant::now();
    session.engine.start_again_with(name, &["--set", RETENTION]);
    session.engine.ready().await;
    let step = expired.len().div_ceil(SAMPLE).max(1);
    let sample: Vec<&RunId> = expired.iter().step_by(step).collect();
    let (half, deleted) =
        tokio::join!(steady(session, rate, size.seconds), gone(session, &sample, began));
    let (taken, left) = deleted;
    let count = expired.len() * (sample.len() - left) / sample.len();
    let unfinished = match left {
        0 => String::new(),
        left => format!("; NOT DONE: {left} of {} in a sample are still there", sample.len()),
    };
    let note = format!(
        "{count} expired runs deleted in {taken:.1?} with W10 at half load beside{unfinished}"
    );
    let per_s = (count > 0).then(|| count as f64 / taken.as_secs_f64());
    vec![
        Row { work: "W10 half load, retention".to_owned(), ..half },
        Row { runs_per_s: per_s, note, ..session.row("retention") },
    ]
}

/// When all of a sample are deleted, or how many are not.
async fn gone(session: &Session, sample: &[&RunId], began: Instant) -> (Duration, usize) {
    let mut left = sample.to_vec();
    loop {
        let mut still = Vec::new();
        for run in left {
            let path = format!("/v1/runs/{run}");
            match session.engine.client.try_get(&path).await {
                Some((code, _)) if code == 404 => {}
                _ => still.push(run),
            }
        }
        left = still;
        if left.is_empty() || began.elapsed() > PATIENCE {
            return (began.elapsed(), left.len());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
