//! Dead letters: list, show, redrive.

use kintsugi_core::{FailedAttempt, Input, Kind, RunId, TaskKey, Timestamp};
use kintsugi_entities::{DeadLetterFilter, DeadLetterRow, DeadLetterStatus, Page};
use kintsugi_observability::trace_id;
use serde_json::Value;

use crate::{
    app::App,
    ask::{instant, time},
    definitions,
    problem::Problem,
    requests,
    types::{DeadLetter, DeadLetterAttempt, DeadLetterPage, DeadLetterQuery, Redriven},
};

/// A page of dead letters: of those that are meant, and of any status where none is said.
///
/// # Errors
///
/// 400 for an unknown status, what is no run or time, or a foreign cursor, 503.
pub async fn list(
    app: &App,
    status: Option<&str>,
    query: &DeadLetterQuery,
    page: Page,
) -> Result<DeadLetterPage, Problem> {
    let unknown = |text: &str| {
        let shown: String = text.chars().take(80).collect();
        let title = format!("`{shown}` is no status of a dead letter");
        Problem::bad_request("invalid_parameter", title).detail("one of open, redriven, discarded")
    };
    let status = status.map(|text| DeadLetterStatus::parse(text).ok_or_else(|| unknown(text)));
    let filter = DeadLetterFilter { status: status.transpose()?, ..filter(query)? };
    let found = app.store.dead_letters_list(&filter, page).await;
    let found = found.map_err(|e| app.store_problem(e))?;
    let items = found.items.into_iter().map(shown).collect::<Result<_, _>>()?;
    Ok(DeadLetterPage { items, next: found.next })
}

/// The letters that are meant, of any status.
///
/// # Errors
///
/// 400 for what is no run or no time.
pub fn filter(query: &DeadLetterQuery) -> Result<DeadLetterFilter, Problem> {
    let time = |name: &str, text: &Option<String>| {
        text.as_deref().map(|text| instant(name, text)).transpose()
    };
    let run = query.run.as_deref().map(RunId::parse).transpose();
    let run = run.map_err(|e| Problem::bad_request("invalid_parameter", e.to_string()))?;
    Ok(DeadLetterFilter {
        status: None,
        run,
        definition: query.definition.clone(),
        queue: query.queue.clone(),
        task_type: query.kind.clone(),
        created_from: time("from", &query.from)?,
        created_to: time("to", &query.to)?,
        fingerprint: query.fingerprint.clone(),
        error_type: query.error.clone(),
        id: query.id.clone(),
    })
}

/// One dead letter.
///
/// # Errors
///
/// 404, 503.
pub async fn get(app: &App, id: &str) -> Result<DeadLetter, Problem> {
    shown(row(app, id).await?)
}

/// Asks for new attempts; with `input` in place of the task's own, if given.
///
/// # Errors
///
/// 404, 409 when it is not open, 413, 422 when the input nests too deep or is not what the registry says
/// that the task type takes, 503.
pub async fn redrive(app: &App, id: &str, input: Option<Value>) -> Result<Redriven, Problem> {
    let limit = app.config.input_bytes_max;
    if input.as_ref().is_some_and(|input| input.to_string().len() > limit) {
        return Err(Problem::too_large("the input", limit));
    }
    input.as_ref().map_or(Ok(()), crate::ask::shallow)?;
    let row = row(app, id).await?;
    if row.status != DeadLetterStatus::Open {
        let title = format!("the dead letter {} was {} already", row.id, row.status.as_str());
        return Err(Problem::conflict("not_open", title));
    }
    if let Some(input) = &input {
        takes(app, &row, input).await?;
    }
    let edited = input.is_some();
    let told = Input::Redrive { task: row.task, epoch: row.epoch, input };
    requests::redrive(app, &row.run, &row.id, told).await?;
    let task = TaskKey { run: row.run.clone(), task: row.task }.to_string();
    Ok(Redriven { id: row.id, run: row.run.to_string(), task, edited })
}

/// Whether an input is what the registry says that the letter's task type takes.
///
/// # Errors
///
/// 404 when there is no such definition, 422 when it is not, 503.
pub async fn takes(app: &App, row: &DeadLetterRow, input: &Value) -> Result<(), Problem> {
    let takes = |kind: &Kind| match kind {
        Kind::Call(call) => call.input_schema,
        _ => None,
    };
    let what = ("unfit_input", "the input is not what the task type takes");
    let task = (row.definition.as_str(), row.pointer.as_str());
    definitions::fits(app, task, takes, input.clone(), what).await
}

async fn row(app: &App, id: &str) -> Result<DeadLetterRow, Problem> {
    let found = app.store.dead_letter_get(id).await.map_err(|e| app.store_problem(e))?;
    found.ok_or_else(|| {
        let shown: String = id.chars().take(120).collect();
        Problem::not_found("dead_letter_not_found", format!("there is no dead letter {shown}"))
    })
}

fn shown(row: DeadLetterRow) -> Result<DeadLetter, Problem> {
    let unreadable = |_| Problem::internal();
    let error: Option<kintsugi_core::Error> =
        serde_json::from_slice(&row.error).map_err(unreadable)?;
    let attempts: Vec<FailedAttempt> = serde_json::from_slice(&row.attempts).map_err(unreadable)?;
    Ok(DeadLetter {
        status: row.status.as_str().to_owned(),
        run: row.run.to_string(),
        task: TaskKey { run: row.run.clone(), task: row.task }.to_string(),
        epoch: row.epoch,
        definition: row.definition,
        pointer: row.pointer,
        kind: row.task_type,
        queue: row.queue,
        input: serde_json::from_slice(&row.input).map_err(unreadable)?,
        error: error.as_ref().map(Into::into),
        failures: row.failures,
        crashes: row.crashes,
        at: time(row.created_at),
        redriven_at: row.redriven_at.map(time),
        outcome: row.outcome,
        attempts: attempts.iter().map(attempt).collect(),
        fingerprint: Some(row.fingerprint).filter(|mark| !mark.is_empty()),
        discard: row.discard,
        trace_id: trace_id(&row.run, row.trace_parent.as_deref()).to_string(),
        id: row.id,
    })
}

fn attempt(attempt: &FailedAttempt) -> DeadLetterAttempt {
    DeadLetterAttempt {
        epoch: attempt.epoch,
        worker: attempt.worker.clone(),
        started_at: attempt.started_at.map(Timestamp::to_rfc3339),
        ended_at: attempt.ended_at.to_rfc3339(),
        error: attempt.error.as_ref().map(Into::into),
        lost: attempt.lost.map(|cause| cause.as_str().to_owned()),
    }
}
