//! What is asked of runs: kept in the database before anyone is answered, then told. What gets lost on
//! the way, or finds nobody, is told again by the retry engine.

use kintsugi_core::{Input, RunId};
use kintsugi_entities::RequestRow;
use kintsugi_nats::RunInput;
use kintsugi_runtime::now;
use tracing::debug;

use crate::{app::App, problem::Problem};

/// Keeps what is asked, and tells the run; `false` when something else is asked already in its place.
///
/// # Errors
///
/// 422 when it refers to a payload that is not there, 503.
async fn ask(
    app: &App,
    row: RequestRow,
    input: Input,
    instead_of: Option<&str>,
) -> Result<bool, Problem> {
    crate::payloads::known(app, &row.input).await?;
    let known = app.store.request_put(&row, instead_of).await.map_err(|e| app.store_problem(e))?;
    if known.is_some_and(|known| known != row.input) {
        return Ok(false);
    }
    let told = vec![RunInput { run: row.run, input }];
    if let Err(error) = app.bus.publish_inputs(told, app.partitions).await {
        debug!(error = &error as &dyn std::error::Error, "a run is not told of a request yet");
    }
    Ok(true)
}

/// Under what name the cancellation of a run is kept.
#[must_use]
pub fn cancel_id(run: &RunId) -> String {
    format!("cancel:{run}")
}

/// A run is to be cancelled. Whoever asked first gave the reason.
///
/// # Errors
///
/// 503.
pub(crate) async fn cancel(app: &App, run: &RunId, reason: Option<String>) -> Result<(), Problem> {
    let input = Input::Cancel { reason };
    let row = RequestRow {
        id: cancel_id(run),
        run: run.clone(),
        about: None,
        at: now().0,
        input: serde_json::to_vec(&input).map_err(|_| Problem::internal())?,
    };
    ask(app, row, input, None).await.map(|_| ())
}

/// A human task is to be answered. Whoever answered first counts.
///
/// # Errors
///
/// 409 when it is being answered otherwise, 503.
pub(crate) async fn answer(app: &App, run: &RunId, id: &str, input: Input) -> Result<(), Problem> {
    let row = RequestRow {
        id: format!("answer:{id}"),
        run: run.clone(),
        about: Some(id.to_owned()),
        at: now().0,
        input: serde_json::to_vec(&input).map_err(|_| Problem::internal())?,
    };
    if ask(app, row, input, None).await? {
        return Ok(());
    }
    let title =
        format!("the task {id} was closed meanwhile, or is being answered with another answer");
    Err(Problem::conflict("not_open", title))
}

/// A dead letter is to be redriven. A cancellation that its run was too late for is forgotten.
///
/// # Errors
///
/// 409 when it is to be redriven otherwise, 503.
pub(crate) async fn redrive(app: &App, run: &RunId, id: &str, input: Input) -> Result<(), Problem> {
    let row = RequestRow {
        id: format!("redrive:{id}"),
        run: run.clone(),
        about: Some(id.to_owned()),
        at: now().0,
        input: serde_json::to_vec(&input).map_err(|_| Problem::internal())?,
    };
    if ask(app, row, input, Some(&cancel_id(run))).await? {
        return Ok(());
    }
    let title = format!(
        "the dead letter {id} was settled meanwhile, or is being redriven with another input"
    );
    Err(Problem::conflict("not_open", title))
}
