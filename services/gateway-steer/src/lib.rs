//! Steering by hand, whichever door it was asked at: HTTP and NATS share it.
//!
//! What is asked lies in the database before anyone is answered, and the run takes it in the
//! transaction that forgets it. Whether it can be done is asked of the run's own machine first, on a
//! copy of its state; should that have moved on meanwhile, the machine refuses, and the history says
//! so.

#![expect(
    clippy::result_large_err,
    reason = "a problem is made once a failed request and moved a few times; a box would show everywhere"
)]

pub mod holds;
mod order;
mod rehearse;

use kintsugi_core::{Input, RunId, Steer};
use kintsugi_deciding::{Before, Rehearsal, asked_before, task_of};
use kintsugi_entities::{RequestRow, STEER};
use kintsugi_gateway_ops::{App, Problem, requests::cancel_id, runs, types::SteerAccepted};
use kintsugi_nats::RunInput;
use kintsugi_runtime::now;
pub use order::{Order, Task};
use rehearse::rehearse;
use tracing::debug;

/// Requests of one run that may wait at once: fewer than the run knows again.
const WAITING_MAX: usize = 50;

/// Keeps what is asked of a run, and tells it.
///
/// # Errors
///
/// 404 when there is no such run, 409 when it cannot be done as the run stands or the request's name
/// is taken by another one, 413, 422, 503.
pub async fn steer(app: &App, run: &RunId, order: Order) -> Result<SteerAccepted, Problem> {
    let (mut asked, task) = order.into_steer(app.config.input_bytes_max)?;
    // What waits is read before the run: what it takes in between, it knows again. The other way round that
    // would be neither waiting nor done.
    let waiting = app.store.requests_steering(run).await.map_err(|e| app.store_problem(e))?;
    let row = runs::row(app, run).await?;
    let state = runs::state(&row)?;
    let mut inputs = waiting.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    match asked_before(&state, &inputs, &mut asked, task.as_ref()) {
        Before::No => {}
        Before::Yes(task) => {
            // Those before it, and with them it, may not have arrived.
            tell(app, run, inputs).await;
            return Ok(accepted(run, &asked, task));
        }
        Before::Other => return Err(taken(&asked)),
    }
    if waiting.len() >= WAITING_MAX {
        let title = format!("{WAITING_MAX} requests wait for the run {run} already");
        return Err(Problem::unavailable("too_many_requests", title));
    }
    let is_over = state.status.is_terminal();
    let rehearsal = Rehearsal { run: run.clone(), state, before: inputs.clone(), now: now() };
    let asked = rehearse(app, &row.definition, rehearsal, (asked, task)).await?;
    let number = task_of(&asked);
    let input = Input::Steer(asked.clone());
    let kept = RequestRow {
        id: asked.key(run),
        run: run.clone(),
        about: Some(STEER.to_owned()),
        at: now().0,
        input: serde_json::to_vec(&input).map_err(|_| Problem::internal())?,
    };
    kintsugi_gateway_ops::payloads::known(app, &kept.input).await?;
    // A cancellation that the run was too late for must not end it when it is open again.
    let late = is_over.then(|| cancel_id(run));
    let known = app.store.request_put(&kept, late.as_deref()).await;
    let known = known.map_err(|e| app.store_problem(e))?;
    if known.is_some_and(|known| known != kept.input) {
        return Err(taken(&asked));
    }
    inputs.push(input);
    tell(app, run, inputs).await;
    Ok(accepted(run, &asked, number))
}

/// Tells the run everything that waits, in order: what was asked before must not come after.
async fn tell(app: &App, run: &RunId, inputs: Vec<Input>) {
    let told = inputs.into_iter().map(|input| RunInput { run: run.clone(), input });
    if let Err(error) = app.bus.publish_inputs(told.collect(), app.partitions).await {
        debug!(error = &error as &dyn std::error::Error, "a run is not told of a request yet");
    }
}

fn read(row: &RequestRow) -> Result<Input, Problem> {
    serde_json::from_slice(&row.input).map_err(|error| {
        let error = &error as &dyn std::error::Error;
        tracing::error!(error, request = row.id, "a stored request cannot be read");
        Problem::internal()
    })
}

fn taken(asked: &Steer) -> Problem {
    let title = format!("something else was asked as the request {}", asked.request);
    Problem::conflict("request_taken", title)
}

fn accepted(run: &RunId, asked: &Steer, task: Option<u64>) -> SteerAccepted {
    SteerAccepted {
        run: run.to_string(),
        steer: asked.what.name().to_owned(),
        request: asked.request.clone(),
        task,
    }
}
