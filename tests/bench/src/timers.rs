//! How late timers fire, when very many are due within a minute.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures::{StreamExt, stream};
use kintsugi_core::Timestamp;
use kintsugi_nats::LifeFrom;
use serde_json::json;
use tokio::time::{Instant, timeout};

use crate::{
    row::Row,
    session::{STARTS, Session},
    work,
};

/// The definition.
const NAME: &str = "timer";

/// Over which the moments are spread.
const SPREAD: Duration = Duration::from_secs(60);

/// Runs a second that must be started before the first is due, at the least.
const STARTS_PER_S: u64 = 1_000;

/// The least time between the first start and the first moment.
const LEAD_MIN: Duration = Duration::from_secs(10);

/// After this long without the end of a run, the engine is asked whether there are more to come.
const QUIET: Duration = Duration::from_millis(500);

/// How long after the last moment every run must have ended.
const PATIENCE: Duration = Duration::from_secs(300);

/// Starts `count` runs that wait for a moment each, and sees when each ends.
///
/// # Panics
///
/// When one ended before its time: then there is no figure.
pub(crate) async fn timers(session: &Session, count: usize) -> Row {
    session.engine.client.define(&work::until(NAME)).await;
    let filter = format!("kintsugi.life.bench.{NAME}.*.workflow_completed");
    let mut ends = session.bus.life(&filter, LifeFrom::New).await.unwrap().events();
    let lead = LEAD_MIN.max(Duration::from_secs(count as u64 / STARTS_PER_S));
    let (began, first) = (Instant::now(), since_epoch() + lead);
    let due = stream::iter(0..count).map(|number| {
        // Neighbours in time are no neighbours in the store.
        let place = (number * 7_919 % count) as f64 / count as f64;
        let due = (first + SPREAD.mul_f64(place)).as_millis() as i64;
        async move { (Session::start_with(&session.bus, NAME, &json!({ "until": due })).await, due) }
    });
    let due: HashMap<String, i64> = due.buffer_unordered(STARTS).collect().await;
    assert_eq!(due.len(), count, "two runs have one id");
    let started = began.elapsed();
    if !all_wait(session, first).await {
        let note = format!(
            "no figure: starting {count} runs took {started:.0?}, and not all of them waited when the first was due, after {lead:.0?}"
        );
        return Row { note, ..session.row("timers") };
    }
    let spare = first.saturating_sub(since_epoch());
    let mut late = HashMap::with_capacity(count);
    let end = began + lead + SPREAD + PATIENCE;
    while late.len() < count {
        match timeout(QUIET, ends.next()).await {
            Ok(Some(event)) => {
                let heard = since_epoch();
                let Some(run) = event.run().map(|run| run.as_str().to_owned()) else { continue };
                let due = Duration::from_millis(due[&run] as u64);
                let taken = heard.checked_sub(due);
                late.entry(run).or_insert_with_key(|run| {
                    taken.unwrap_or_else(|| panic!("the timer of {run} fired early"))
                });
            }
            Ok(None) => panic!("the stream of lifecycle events was made anew"),
            // Events may be lost; runs are not.
            Err(_) if since_epoch() > first + SPREAD && session.all_ended(NAME).await => break,
            Err(_) => assert!(Instant::now() < end, "not all timers fire"),
        }
    }
    let unheard = check(session, &due, &mut late).await;
    let mut note = format!(
        "{count} runs with a `wait` each, due over {SPREAD:.0?}, all waiting {spare:.0?} before the first was due; from the moment due until the run's end is heard of; 0 early"
    );
    if unheard > 0 {
        note += &format!("; of {unheard} the stored time of their end counts");
    }
    Row { note, ..session.row("timers") }.with_durations(late.into_values().collect())
}

/// Whether all runs wait before the moment `first`.
async fn all_wait(session: &Session, first: Duration) -> bool {
    while session.any("pending", NAME).await || session.any("running", NAME).await {
        if since_epoch() >= first {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    since_epoch() < first
}

/// Compares what is stored with the moments, fills in what was not heard of, and gives how many
/// these are.
async fn check(
    session: &Session,
    due: &HashMap<String, i64>,
    late: &mut HashMap<String, Duration>,
) -> usize {
    let (mut cursor, mut seen, mut unheard) = (String::new(), 0, 0);
    loop {
        let path = format!("/v1/runs?definition=bench/{NAME}:1.0.0&limit=200{cursor}");
        let (code, page) = session.engine.client.get(&path).await;
        assert_eq!(code, 200, "{page}");
        for run in page["items"].as_array().expect("a list") {
            let (id, ended) = (run["id"].as_str().unwrap(), run["ended_at"].as_str().unwrap());
            let due = due[id];
            // Both have one form, so that they compare as texts.
            assert!(*ended >= *Timestamp(due).to_rfc3339(), "{id} ended early: {run}");
            seen += 1;
            if !late.contains_key(id) {
                late.insert(id.to_owned(), stored(session, id, due).await);
                unheard += 1;
            }
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, due.len(), "runs are missing in the list");
    unheard
}

/// How late a run ended, by its history.
async fn stored(session: &Session, run: &str, due: i64) -> Duration {
    let path = format!("/v1/runs/{run}/history?order=desc&limit=1");
    let (code, page) = session.engine.client.get(&path).await;
    assert_eq!(code, 200, "{page}");
    let steps = page["items"][0]["steps"].as_array().expect("steps");
    let at = steps.iter().filter_map(|step| step["at"].as_i64()).max().expect("a time");
    Duration::from_millis(u64::try_from(at - due).expect("it was not early"))
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970")
}
