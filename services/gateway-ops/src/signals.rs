//! Events that are sent to a run: kept for it in the store before they are answered (promise P1).

use kintsugi_core::{CloudEvent, EVENT_BYTES_MAX, Input, RunId};
use kintsugi_entities::{MailLimit, MailRow, Posted};
use kintsugi_nats::{RunInput, event_key};
use kintsugi_runtime::now;
use poem::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};
use tracing::debug;
use uuid::Uuid;

use crate::{app::App, problem::Problem, runs, types::Signalled};

/// Whom an event is from whose sender does not say.
const SOURCE: &str = "/kintsugi/signal";

/// Keeps an event for a run, and tells the run.
///
/// # Errors
///
/// 404, 409 when the run has ended, 413, 422 when it is no event, 429 when the run keeps too many
/// events already, 503.
pub async fn signal(
    app: &App,
    run: &RunId,
    fields: Map<String, Value>,
) -> Result<Signalled, Problem> {
    let event = event(fields)?;
    let body = serde_json::to_vec(&event).map_err(|_| Problem::internal())?;
    if body.len() > EVENT_BYTES_MAX.min(app.config.input_bytes_max) {
        return Err(Problem::too_large(
            "the event",
            EVENT_BYTES_MAX.min(app.config.input_bytes_max),
        ));
    }
    let id = event.identity().1.to_owned();
    let answer = |repeated| Signalled { run: run.to_string(), id: id.clone(), repeated };
    let row = runs::row(app, run).await?;
    if heard(&row.state)?.contains(&event.mark()) {
        return Ok(answer(true));
    }
    if row.status.is_terminal() {
        let title = format!("the run {run} has ended: it is {}", row.status.as_str());
        return Err(Problem::conflict("run_ended", title));
    }
    let letter = MailRow {
        run: run.clone(),
        key: event_key(&event),
        place: app.places.next(),
        at: now().0,
        directed: true,
        event: body,
    };
    crate::payloads::known(app, &letter.event).await?;
    let posted = app.store.mail_post(&letter, MailLimit::default()).await;
    match posted.map_err(|e| app.store_problem(e))? {
        Posted::New => {}
        Posted::Known => return Ok(answer(true)),
        Posted::Full => {
            let title =
                format!("the run {run} keeps as many events as it may that it did not take");
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "inbox_full", title));
        }
    }
    let told = vec![RunInput { run: run.clone(), input: Input::Mail }];
    if let Err(error) = app.bus.publish_inputs(told, app.partitions).await {
        // It is kept: the retry engine tells the run.
        debug!(error = &error as &dyn std::error::Error, "a run is not told of an event yet");
    }
    Ok(answer(false))
}

fn event(mut fields: Map<String, Value>) -> Result<CloudEvent, Problem> {
    for (name, value) in [
        ("specversion", "1.0".to_owned()),
        ("source", SOURCE.to_owned()),
        ("time", now().to_rfc3339()),
    ] {
        fields.entry(name).or_insert(Value::String(value));
    }
    if !fields.contains_key("id") {
        let id = Uuid::now_v7().hyphenated().to_string();
        fields.insert("id".to_owned(), Value::String(id));
    }
    CloudEvent::new(fields)
        .map_err(|error| Problem::unprocessable("invalid_event", error.to_string()))
}

/// Marks of the events that the run has taken lately; the rest of its state is not read.
fn heard(state: &[u8]) -> Result<Vec<u64>, Problem> {
    #[derive(Deserialize)]
    struct Heard {
        #[serde(default)]
        heard: Vec<u64>,
    }
    serde_json::from_slice::<Heard>(state).map(|state| state.heard).map_err(|_| Problem::internal())
}
