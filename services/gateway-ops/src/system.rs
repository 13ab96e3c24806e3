//! Health, recoveries, and what the monitoring service knows.

use std::time::{Duration, Instant};

use kintsugi_core::RunId;
use kintsugi_entities::{Page, RecoveryRow};
use poem_openapi::types::ParseFromJSON;
use serde_json::Value;

use crate::{
    app::App,
    ask::time,
    problem::Problem,
    types::{Check, Health, PromiseList, Recovery, RecoveryPage, WorkerList},
};

/// How long a check, and the monitoring service, may take.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// Whether the engine takes work: everything is asked at the same time, now.
pub async fn health(app: &App) -> Health {
    let store =
        check("store", async { app.store.ping().await.map_err(|error| with_source(&error)) });
    let bus = check("bus", async {
        if !app.bus.is_connected() {
            return Err("not connected to the message broker".to_owned());
        }
        app.bus.ping().await.map(|_| ()).map_err(|error| with_source(&error))
    });
    let (store, bus) = tokio::join!(store, bus);
    let orchestrator = check("orchestrator", async {
        match app.beats.ready("orchestrator") {
            0 => Err("no orchestrator was heard of lately".to_owned()),
            _ => Ok(()),
        }
    });
    let checks = vec![store, bus, orchestrator.await];
    let ready = checks.iter().all(|check| check.ok);
    Health { status: if ready { "ready" } else { "unavailable" }.to_owned(), checks }
}

async fn check(name: &str, asked: impl Future<Output = Result<(), String>>) -> Check {
    let begin = Instant::now();
    let answer = tokio::time::timeout(ANSWER_MAX, asked).await;
    let answer = answer.unwrap_or_else(|_| Err("no answer in time".to_owned()));
    let took_ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
    Check { name: name.to_owned(), ok: answer.is_ok(), detail: answer.err(), took_ms }
}

fn with_source(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

/// Every worker that was heard of lately.
#[must_use]
pub fn workers(app: &App) -> WorkerList {
    WorkerList { items: app.beats.workers() }
}

/// A page of the recovery log.
///
/// # Errors
///
/// 400 for a malformed run id or a foreign cursor, 503.
pub async fn recoveries(
    app: &App,
    run: Option<&str>,
    kind: Option<&str>,
    page: Page,
) -> Result<RecoveryPage, Problem> {
    let run = run.map(RunId::parse).transpose();
    let run = run.map_err(|e| Problem::bad_request("invalid_parameter", e.to_string()))?;
    let found = app.store.recoveries_list(page, run.as_ref(), kind).await;
    let found = found.map_err(|e| app.store_problem(e))?;
    Ok(RecoveryPage { items: found.items.into_iter().map(shown).collect(), next: found.next })
}

fn shown(row: RecoveryRow) -> Recovery {
    let task = row.run.as_ref().zip(row.task).map(|(run, task)| format!("{run}:{task}"));
    Recovery {
        id: row.id,
        at: time(row.at),
        kind: row.kind,
        run: row.run.map(|run| run.to_string()),
        task,
        epoch: row.epoch,
        worker: row.worker,
        seen_at: time(row.seen_at),
        decided: row.decided,
        outcome: row.outcome,
        duration_ms: Some(row.duration_ms),
        by: row.by,
    }
}

/// The system's summary, and where people look at traces.
///
/// # Errors
///
/// 503 when the monitoring service does not answer.
pub async fn summary(app: &App) -> Result<Value, Problem> {
    let text = ask(app, "kintsugi.api.system").await?;
    let mut summary: Value =
        serde_json::from_slice(&text).map_err(|_| silent("gave no JSON".to_owned()))?;
    if let (Some(object), Some(url)) = (summary.as_object_mut(), &app.config.traces_url) {
        object.insert("traces_url".to_owned(), Value::from(url.clone()));
    }
    Ok(summary)
}

/// How the promises are kept.
///
/// # Errors
///
/// 503 when the monitoring service does not answer.
pub async fn promises(app: &App) -> Result<PromiseList, Problem> {
    let text = ask(app, "kintsugi.api.promises").await?;
    let said: Value =
        serde_json::from_slice(&text).map_err(|_| silent("gave no JSON".to_owned()))?;
    PromiseList::parse_from_json(Some(said)).map_err(|problem| silent(problem.into_message()))
}

/// Metrics as Prometheus reads them.
///
/// # Errors
///
/// 503 when the monitoring service does not answer.
pub async fn metrics(app: &App) -> Result<String, Problem> {
    let text = ask(app, "kintsugi.api.metrics").await?;
    String::from_utf8(text).map_err(|_| silent("gave no text".to_owned()))
}

async fn ask(app: &App, subject: &str) -> Result<Vec<u8>, Problem> {
    let answer = app.bus.request(subject, Vec::new(), ANSWER_MAX).await;
    answer.map_err(|error| silent(with_source(&error)))
}

fn silent(detail: String) -> Problem {
    Problem::unavailable("monitoring_unavailable", "the monitoring service does not answer")
        .detail(detail)
}
