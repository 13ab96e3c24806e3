//! The registry of task types: register, list, show, remove; and what definitions find there.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use kintsugi_definition::{Limits, digest, task_type};
use kintsugi_egress::TaskTypes;
use kintsugi_entities::{Page, TaskTypePut, TaskTypeRow};
use tokio::task::spawn_blocking;

use crate::{
    app::App,
    ask::time,
    definitions::refused,
    problem::Problem,
    types::{TaskType, TaskTypePage, TaskTypeRemoved, TaskTypeSummary},
};

/// The most bytes that are said of a task type: 64 of these fit into what a definition may refer to.
const BYTES_MAX: usize = 64 << 10;

/// The most task types: whoever registers a definition reads all names.
const TYPES_MAX: u64 = 10_000;

/// Registers a task type, or says something else of it; whether it is new. Definitions that are
/// registered already stay as they are.
///
/// # Errors
///
/// 409 when there are too many, 413, 422 with everything that is wrong with it, 503.
pub async fn put(app: &App, name: &str, source: Vec<u8>) -> Result<(TaskType, bool), Problem> {
    if source.len() > BYTES_MAX {
        return Err(Problem::too_large("what is said of a task type", BYTES_MAX));
    }
    let named = name.to_owned();
    let checked = spawn_blocking(move || task_type(&named, &source, &Limits::default()));
    let body = checked.await.map_err(|_| Problem::internal())?;
    let body = body.map_err(|found| refused(&found, "invalid_task_type", "the task type"))?;
    let at = kintsugi_runtime::now().0;
    let mut row = TaskTypeRow {
        name: name.to_owned(),
        digest: digest(&body),
        body: serde_json::to_vec(&body).map_err(|_| Problem::internal())?,
        created_at: at,
        updated_at: at,
    };
    let put = app.store.task_type_put(&row, TYPES_MAX).await.map_err(|e| app.store_problem(e))?;
    let is_new = put == TaskTypePut::Created;
    match put {
        TaskTypePut::Created => {}
        TaskTypePut::Replaced(created_at) => row.created_at = created_at,
        TaskTypePut::Same(known) => row = known,
        TaskTypePut::Full => {
            let title = format!("there are {TYPES_MAX} task types: remove one first");
            return Err(Problem::conflict("registry_full", title));
        }
    }
    Ok((shown(row)?, is_new))
}

/// A page of task types.
///
/// # Errors
///
/// 400 for a bad limit, 503.
pub async fn list(app: &App, page: Page) -> Result<TaskTypePage, Problem> {
    let found = app.store.task_types_list(page).await.map_err(|e| app.store_problem(e))?;
    let items = found.items.into_iter().map(|one| TaskTypeSummary {
        name: one.name,
        digest: one.digest,
        created_at: time(one.created_at),
        updated_at: time(one.updated_at),
    });
    Ok(TaskTypePage { items: items.collect(), next: found.next })
}

/// A task type.
///
/// # Errors
///
/// 404, 503.
pub async fn get(app: &App, name: &str) -> Result<TaskType, Problem> {
    let found = app.store.task_types_by_name(&[name]).await.map_err(|e| app.store_problem(e))?;
    shown(found.into_iter().next().ok_or_else(|| missing(name))?)
}

/// Removes a task type. Definitions that found it stay as they are.
///
/// # Errors
///
/// 404, 503.
pub async fn remove(app: &App, name: &str) -> Result<TaskTypeRemoved, Problem> {
    let was_there = app.store.task_type_delete(name).await.map_err(|e| app.store_problem(e))?;
    if was_there { Ok(TaskTypeRemoved { name: name.to_owned() }) } else { Err(missing(name)) }
}

/// The names of all task types.
pub(crate) async fn names(app: &App) -> Result<Arc<BTreeSet<String>>, Problem> {
    let names = app.store.task_type_names().await.map_err(|e| app.store_problem(e))?;
    Ok(Arc::new(names.into_iter().collect()))
}

/// What definitions find in the registry.
pub(crate) struct Registry<'a>(pub(crate) &'a App);

impl TaskTypes for Registry<'_> {
    type Error = Problem;

    async fn get(&self, names: &[&str]) -> Result<HashMap<String, String>, Problem> {
        let found = self.0.store.task_types_by_name(names).await;
        let found = found.map_err(|e| self.0.store_problem(e))?;
        let text = |body| String::from_utf8(body).map_err(|_| Problem::internal());
        found.into_iter().map(|row| Ok((row.name, text(row.body)?))).collect()
    }
}

impl From<kintsugi_egress::Error> for Problem {
    fn from(failed: kintsugi_egress::Error) -> Self {
        tracing::error!(error = &failed as &dyn std::error::Error, "a definition was not compiled");
        Self::internal()
    }
}

fn shown(row: TaskTypeRow) -> Result<TaskType, Problem> {
    Ok(TaskType {
        body: serde_json::from_slice(&row.body).map_err(|_| Problem::internal())?,
        name: row.name,
        digest: row.digest,
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
    })
}

fn missing(name: &str) -> Problem {
    let shown: String = name.chars().take(80).collect();
    let title = format!("there is no task type {shown} in the registry");
    Problem::not_found("task_type_not_found", title)
}
