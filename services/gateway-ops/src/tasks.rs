//! Tasks of runs.

use std::collections::BTreeMap;

use kintsugi_core::{RunId, RunState, Step, TaskKey};

use crate::{
    app::App,
    fold::Tasks,
    problem::Problem,
    types::{Task, TaskPage},
};
use crate::{ask::no_run, runs};

/// History rows that are read at once.
const ROWS: u32 = 500;

/// The tasks of a run, by number. Those that the state does not hold any more come from history,
/// which is read page by page.
///
/// # Errors
///
/// 503, or 500 when the history is not readable.
pub async fn of(app: &App, id: &RunId, state: &RunState) -> Result<BTreeMap<u64, Task>, Problem> {
    let mut tasks = Tasks::new(id.clone());
    let mut after = 0;
    loop {
        let rows = app.store.history(id, after, ROWS).await.map_err(|e| app.store_problem(e))?;
        for row in &rows {
            let steps: Vec<Step> =
                serde_json::from_slice(&row.steps).map_err(|_| Problem::internal())?;
            steps.iter().for_each(|step| tasks.step(step));
            after = row.seq;
        }
        if rows.len() < usize::try_from(ROWS).unwrap_or(usize::MAX) {
            return Ok(tasks.finish(state));
        }
        tokio::task::yield_now().await;
    }
}

/// A page of a run's tasks.
///
/// # Errors
///
/// 404, 503.
pub async fn list(app: &App, id: &RunId, after: u64, limit: u32) -> Result<TaskPage, Problem> {
    let state = runs::state(&runs::row(app, id).await?)?;
    let tasks = of(app, id, &state).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut items: Vec<_> =
        tasks.into_values().filter(|task| task.number > after).take(limit + 1).collect();
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|last| last.number);
    Ok(TaskPage { items, next })
}

/// One task.
///
/// # Errors
///
/// 404, 503.
pub async fn get(app: &App, text: &str) -> Result<Task, Problem> {
    let none = || {
        let shown: String = text.chars().take(90).collect();
        Problem::not_found("task_not_found", format!("there is no task {shown}"))
    };
    let key = TaskKey::parse(text).map_err(|error| none().detail(error.to_string()))?;
    let row = app.store.run_get(&key.run).await.map_err(|e| app.store_problem(e))?;
    let row = row.ok_or_else(|| no_run(key.run.as_str()))?;
    let state = runs::state(&row)?;
    of(app, &key.run, &state).await?.remove(&key.task).ok_or_else(none)
}
