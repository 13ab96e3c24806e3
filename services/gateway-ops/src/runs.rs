//! Runs: show, list, cancel, wait for the result.

use std::time::Duration;

use kintsugi_core::{DefinitionRef, RunId, RunState, Status};
use kintsugi_entities::{Page, RunFilter, RunRow};
use kintsugi_observability::trace_id;
use tokio::time::Instant;

use crate::{
    app::App,
    ask::{instant, no_run, time},
    problem::Problem,
    requests, tasks,
    types::{Accepted, HistoryEntry, HistoryPage, ParentRun, Run, RunPage, RunResult, RunSummary},
};

/// Who waits for a result looks again after this time, whatever it was told.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Bytes of history on one page, one entry apart.
const PAGE_BYTES_MAX: usize = 8 << 20;

/// Entries that are read at once.
const CHUNK: u32 = 100;

/// A recovery of this kind mends nothing: a late result was refused.
const NO_MEND: &str = "result_fenced";

/// Children that are shown with a run.
const CHILDREN_SHOWN: u32 = 100;

/// The run's row.
///
/// # Errors
///
/// 404, 503.
pub async fn row(app: &App, id: &RunId) -> Result<RunRow, Problem> {
    let row = app.store.run_get(id).await.map_err(|e| app.store_problem(e))?;
    row.ok_or_else(|| no_run(id.as_str()))
}

/// The state within a row.
///
/// # Errors
///
/// 500 when it is not readable.
pub fn state(row: &RunRow) -> Result<RunState, Problem> {
    serde_json::from_slice(&row.state).map_err(|error| {
        tracing::error!(run = %row.id, error = &error as &dyn std::error::Error, "state unreadable");
        Problem::internal()
    })
}

/// Shows a run with its tasks.
///
/// # Errors
///
/// 404, 503.
pub async fn get(app: &App, id: &RunId) -> Result<Run, Problem> {
    let row = row(app, id).await?;
    let state = state(&row)?;
    let (tasks, tasks_truncated) = tasks::of_run(app, &row, &state).await?;
    let (children, children_truncated) = children(app, id).await?;
    let parent = state.parent.map(|parent| ParentRun {
        run: parent.run.to_string(),
        task: parent.task,
        awaited: parent.awaited,
    });
    Ok(Run {
        parent,
        children,
        children_truncated,
        id: row.id.to_string(),
        definition: row.definition,
        status: row.status.into(),
        cancelling_since: state.cancelling.map(|of| of.since.to_rfc3339()),
        input: state.raw_input,
        output: state.output,
        error: state.error.as_ref().map(Into::into),
        created_at: time(row.created_at),
        started_at: state.started_at.map(|at| at.to_rfc3339()),
        updated_at: time(row.updated_at),
        ended_at: row.ended_at.map(time),
        wake_at: row.wake_at.map(time),
        history_length: row.version,
        trace_id: trace_id(&row.id, row.trace_parent.as_deref()).to_string(),
        tasks,
        tasks_truncated,
    })
}

async fn children(app: &App, id: &RunId) -> Result<(Vec<RunSummary>, bool), Problem> {
    let filter = RunFilter { parent: Some(id.clone()), ..RunFilter::default() };
    let page = Page { limit: CHILDREN_SHOWN, cursor: None };
    let found = app.store.runs_list(&filter, page).await.map_err(|e| app.store_problem(e))?;
    Ok((summaries(app, found.items).await?, found.next.is_some()))
}

/// Which runs are wanted.
///
/// # Errors
///
/// 400 for an unknown status, a malformed definition or a malformed parent.
pub fn filter(
    status: Option<&str>,
    definition: Option<String>,
    namespace: Option<String>,
    parent: Option<&str>,
    created_from: Option<&str>,
) -> Result<RunFilter, Problem> {
    let parent = parent.map(RunId::parse).transpose();
    let parent = parent.map_err(|e| Problem::bad_request("invalid_parameter", e.to_string()))?;
    let unknown = |text: &str| {
        let shown: String = text.chars().take(80).collect();
        let title = format!("`{shown}` is no status of a run");
        let all = "pending, running, waiting, suspended, cancelled, faulted, completed";
        Problem::bad_request("invalid_parameter", title).detail(format!("one of {all}"))
    };
    let status = status.map(|text| Status::parse(text).ok_or_else(|| unknown(text))).transpose()?;
    if let Some(text) = &definition {
        DefinitionRef::parse(text)
            .map_err(|error| Problem::bad_request("invalid_parameter", error.to_string()))?;
    }
    // `namespace/name` stands for all versions of that name, not for all names that begin with it.
    let definition =
        definition.map(|text| if text.contains(':') { text } else { format!("{text}:") });
    let created_from = created_from.map(|text| instant("created_from", text)).transpose()?;
    Ok(RunFilter { status, definition, namespace, parent, created_from, ..RunFilter::default() })
}

/// A page of runs.
///
/// # Errors
///
/// 400 for a foreign cursor, 503.
pub async fn list(app: &App, filter: &RunFilter, page: Page) -> Result<RunPage, Problem> {
    let found = app.store.runs_list(filter, page).await.map_err(|e| app.store_problem(e))?;
    Ok(RunPage { items: summaries(app, found.items).await?, next: found.next })
}

async fn summaries(
    app: &App,
    runs: Vec<kintsugi_entities::RunSummary>,
) -> Result<Vec<RunSummary>, Problem> {
    let ids: Vec<RunId> = runs.iter().map(|run| run.id.clone()).collect();
    let mends = app.store.recoveries_count(&ids, NO_MEND).await;
    let mends = mends.map_err(|e| app.store_problem(e))?;
    let items = runs.into_iter().map(|run| RunSummary {
        mends: mends.get(&run.id).copied().unwrap_or(0),
        id: run.id.to_string(),
        definition: run.definition,
        status: run.status.into(),
        created_at: time(run.created_at),
        updated_at: time(run.updated_at),
        ended_at: run.ended_at.map(time),
        parent: run.parent.map(|parent| parent.to_string()),
    });
    Ok(items.collect())
}

/// Which part of a history is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What comes after a position, in order.
    After(i64),
    /// What comes before a position, the newest first.
    Before(i64),
}

impl Part {
    /// Reads the parameters of a request.
    ///
    /// # Errors
    ///
    /// 400 for an unknown order, a negative position, or one that the order does not have.
    pub fn of(
        order: Option<&str>,
        after: Option<i64>,
        before: Option<i64>,
    ) -> Result<Self, Problem> {
        let refused = |title: &str| Err(Problem::bad_request("invalid_parameter", title));
        if after.is_some_and(|at| at < 0) || before.is_some_and(|at| at < 0) {
            return refused("`after` and `before` must not be negative");
        }
        match (order.unwrap_or("asc"), after, before) {
            ("asc", after, None) => Ok(Self::After(after.unwrap_or(0))),
            ("desc", None, before) => Ok(Self::Before(before.unwrap_or(i64::MAX))),
            ("asc", ..) => refused("`before` goes with `order=desc`"),
            ("desc", ..) => refused("`after` goes with `order=asc`"),
            _ => refused("`order` must be `asc` or `desc`"),
        }
    }
}

/// A page of a run's history.
///
/// # Errors
///
/// 404, 503.
pub async fn history(
    app: &App,
    id: &RunId,
    mut part: Part,
    limit: u32,
) -> Result<HistoryPage, Problem> {
    let (mut items, mut bytes, mut left) = (Vec::new(), 0, limit);
    while left > 0 && bytes < PAGE_BYTES_MAX {
        let chunk = left.min(CHUNK);
        let rows = match part {
            Part::After(after) => app.store.history(id, after, chunk).await,
            Part::Before(before) => app.store.history_back(id, before, chunk).await,
        };
        let rows = rows.map_err(|e| app.store_problem(e))?;
        for row in &rows {
            items.push(entry(row)?);
            bytes += row.steps.len();
            left -= 1;
            part = match part {
                Part::After(_) => Part::After(row.seq),
                Part::Before(_) => Part::Before(row.seq),
            };
            if bytes >= PAGE_BYTES_MAX {
                break;
            }
        }
        if rows.len() < chunk as usize && bytes < PAGE_BYTES_MAX {
            break;
        }
    }
    if items.is_empty() {
        // No history is told from no run.
        row(app, id).await?;
    }
    let cut = left == 0 || bytes >= PAGE_BYTES_MAX;
    let is_first = |entry: &&HistoryEntry| matches!(part, Part::Before(_)) && entry.seq == 1;
    let next = items.last().filter(|last| cut && !is_first(last)).map(|last| last.seq);
    Ok(HistoryPage { items, next })
}

/// An entry as the API shows it.
///
/// # Errors
///
/// 500 when it is not readable.
pub fn entry(row: &kintsugi_entities::HistoryRow) -> Result<HistoryEntry, Problem> {
    let steps = serde_json::from_slice(&row.steps).map_err(|_| Problem::internal())?;
    Ok(HistoryEntry { seq: row.seq, at: time(row.at), steps })
}

/// How the run ended, after waiting for it for up to `wait`; whether it did.
///
/// # Errors
///
/// 404, 503.
pub async fn result(app: &App, id: &RunId, wait: Duration) -> Result<(RunResult, bool), Problem> {
    let until = Instant::now() + wait.min(app.config.wait_max);
    let first = look(app, id).await?;
    if first.1 || wait.is_zero() {
        return Ok(first);
    }
    let watch = app.ends.watch(id).await;
    loop {
        let next = watch.next();
        let found = look(app, id).await?;
        let now = Instant::now();
        if found.1 || now >= until {
            return Ok(found);
        }
        tokio::select! {
            () = next => {}
            () = tokio::time::sleep_until(until.min(now + LOOK_AGAIN)) => {}
            () = app.shutdown.cancelled() => return Ok(found),
        }
    }
}

async fn look(app: &App, id: &RunId) -> Result<(RunResult, bool), Problem> {
    let row = row(app, id).await?;
    let ended = row.status.is_terminal();
    let (output, error) = if ended {
        let state = state(&row)?;
        (state.output, state.error.as_ref().map(Into::into))
    } else {
        (None, None)
    };
    let result = RunResult { id: row.id.to_string(), status: row.status.into(), output, error };
    Ok((result, ended))
}

/// Asks for a run to be cancelled; whether it was open.
///
/// # Errors
///
/// 404, 503.
pub async fn cancel(
    app: &App,
    id: &RunId,
    reason: Option<String>,
) -> Result<(Accepted, bool), Problem> {
    let row = row(app, id).await?;
    let open = !row.status.is_terminal();
    if open {
        let reason = reason.map(|text| text.chars().take(1_000).collect());
        requests::cancel(app, id, reason).await?;
    }
    Ok((Accepted { id: row.id.to_string(), status: row.status.into() }, open))
}
