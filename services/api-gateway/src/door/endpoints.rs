//! Requests that are answered, by the NATS services API: `nats micro info kintsugi-api-gateway`
//! shows them.

use std::{sync::Arc, time::Duration};

use kintsugi_core::{DefinitionRef, RunId};
use kintsugi_gateway_chaos::Chaos;
use kintsugi_gateway_ops::{self as ops, App, Problem, json};
use kintsugi_nats::{ApiError, ApiRequest, ApiService, Endpoint, Headers, ServiceInfo};
use poem_openapi::types::ToJSON;
use serde_json::{Map, Value};

use super::{chaos, letters, payload, payloads, steering};

/// Starts that are handled at once: they share commits, so many together are what is fast.
const STARTS_MAX: usize = 1_024;

/// Requests that may wait for a result at once.
const RUNS_MAX: usize = 4_096;

/// How long a result is waited for unless the request says: a little less than people write as
/// their client's own limit, so that they get an answer.
const WAIT: Duration = Duration::from_secs(25);

/// Says how long to wait for a result, e.g. `10s`.
const TIMEOUT_HEADER: &str = "Kintsugi-Timeout";

/// The endpoint of trials. They belong to a gateway, so one where they are off leaves it to others.
const CHAOS: &str = "chaos";

/// Name, subject, concurrency, and what it is for.
const ENDPOINTS: [(&str, &str, usize, &str); 26] = [
    ("define", "kintsugi.api.define", 16, "register a definition; payload: YAML or JSON"),
    ("start", "kintsugi.api.start.*.*", STARTS_MAX, "start a run; payload: its input as JSON"),
    ("run", "kintsugi.api.run.*.*", RUNS_MAX, "start a run and wait for its result"),
    ("get", "kintsugi.api.get", 64, "show a run; payload: its id"),
    ("signal", "kintsugi.api.signal", 256, "send a run an event; payload: JSON with `run`, `type`"),
    ("signal-to", "kintsugi.api.signal.*.>", 256, "send run * an event of type >; payload: data"),
    ("cancel", "kintsugi.api.cancel", 64, "cancel a run; payload: its id"),
    ("steer", "kintsugi.api.steer.*", 64, "suspend, resume, retry, …; payload: `id`, `task`, …"),
    (
        "holds",
        "kintsugi.api.holds",
        64,
        "list what is held; payload: nothing, or `lifted`, `limit`",
    ),
    ("hold", "kintsugi.api.hold.*", 16, "put, lift; payload: `kind`, `name`, `by`, `reason`"),
    ("dead-letters", "kintsugi.api.dead-letters.*", 64, "list, groups; payload as for list"),
    (
        "discard",
        "kintsugi.api.discard.*",
        16,
        "put, undo, list; payload: `letters`, `reason`, `by`",
    ),
    ("redrive", "kintsugi.api.redrive", 64, "redrive a dead letter; payload: its id"),
    (
        "redrives",
        "kintsugi.api.redrives.*",
        16,
        "put, get, list, pause, resume, cancel; payload: `letters`, `reason`, …",
    ),
    ("list", "kintsugi.api.list", 64, "list runs; payload: nothing, or JSON that restricts it"),
    ("definitions", "kintsugi.api.definitions", 64, "list definitions; payload as for list"),
    ("retire", "kintsugi.api.retire", 16, "retire a definition; payload: namespace/name:version"),
    ("schedules", "kintsugi.api.schedules", 64, "list schedules; payload as for list"),
    ("human-tasks", "kintsugi.api.human-tasks", 64, "list tasks of people; payload as for list"),
    ("answer", "kintsugi.api.answer", 64, "answer a task of a person; payload: `id`, `answer`"),
    ("schedule", "kintsugi.api.schedule.*", 16, "get, pause, resume; payload: namespace/name"),
    ("task-types", "kintsugi.api.task-types", 64, "list the registry of task types"),
    ("explain", "kintsugi.api.explain", 64, "why something does not move; payload: a run's id"),
    (CHAOS, "kintsugi.api.chaos.*", 16, "put, get, list, stop; payload: `for`, `seed`, … or an id"),
    (
        "payload",
        "kintsugi.api.payload.>",
        16,
        "look.<sha256>, get.<sha256>.<n>, put.<upload>.<n>, end.<upload>; payload: a chunk, or JSON",
    ),
    ("task-type", "kintsugi.api.task-type.*", 16, "put, get, delete; payload: `id`, `body`"),
];

/// Registers the gateway and its endpoints.
///
/// # Errors
///
/// When the bus is not connected.
pub(super) async fn register(
    app: &Arc<App>,
    chaos: &Arc<Chaos>,
) -> Result<ApiService, kintsugi_nats::Error> {
    let info = ServiceInfo {
        name: "kintsugi-api-gateway".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        description: "Kintsugi's front door on NATS".to_owned(),
    };
    let served = ENDPOINTS.into_iter().filter(|(name, ..)| *name != CHAOS || chaos.is_on());
    let endpoints = served.map(|(name, subject, concurrency, what)| {
        Endpoint::new(name, subject).concurrency(concurrency).metadata("description", what)
    });
    let (app, chaos, bus) = (Arc::clone(app), Arc::clone(chaos), app.bus.clone());
    let handler = move |request: ApiRequest| {
        let (app, chaos) = (Arc::clone(&app), Arc::clone(&chaos));
        async move { answer(&app, &chaos, request).await.map_err(refusal) }
    };
    bus.serve_api(&info, endpoints.collect(), handler).await
}

fn refusal(problem: Problem) -> ApiError {
    let body = problem.to_json_bytes();
    ApiError { status: problem.status, title: problem.title, body }
}

async fn answer(app: &App, chaos: &Arc<Chaos>, request: ApiRequest) -> Result<Vec<u8>, Problem> {
    let ApiRequest { endpoint, subject, payload: bytes, headers } = request;
    let text = match endpoint.as_str() {
        "payload" => return payloads::answer(app, &subject, &bytes).await,
        "define" => ops::definitions::define(app, bytes.to_vec()).await?.0.to_json_string(),
        "start" => {
            let wanted = wanted(&subject, &bytes, &headers)?;
            ops::start::start(app, wanted).await?.0.to_json_string()
        }
        "run" => run(app, &subject, &bytes, &headers).await?,
        "get" => {
            let payload::Named { id } = payload::with_id(&bytes)?;
            ops::runs::get(app, &ops::run_id(&id)?).await?.to_json_string()
        }
        "signal" => {
            let payload::Signal { run, event } = json::from_slice(&bytes)?;
            ops::signals::signal(app, &ops::run_id(&run)?, event).await?.to_json_string()
        }
        "signal-to" => signal_to(app, &subject, &bytes, &headers).await?,
        "cancel" => {
            let payload::Cancel { id, reason } = payload::with_id(&bytes)?;
            ops::runs::cancel(app, &ops::run_id(&id)?, reason).await?.0.to_json_string()
        }
        "steer" => steering::answer(app, &subject, &bytes).await?,
        "holds" => steering::holds(app, &bytes).await?,
        "hold" => steering::hold(app, &subject, &bytes).await?,
        "dead-letters" => letters::listed(app, &subject, &bytes).await?,
        "discard" => letters::discard(app, &subject, &bytes).await?,
        "redrives" => letters::redrives(app, &subject, &bytes).await?,
        "redrive" => {
            let payload::Redrive { id, input } = payload::with_id(&bytes)?;
            ops::dead_letters::redrive(app, &id, input).await?.to_json_string()
        }
        "list" => runs(app, &bytes).await?,
        "definitions" => definitions(app, &bytes).await?,
        "schedules" => schedules(app, &bytes).await?,
        "schedule" => schedule(app, &subject, &bytes).await?,
        "task-types" => {
            let payload::Paging { limit, cursor } = payload::restricting(&bytes)?;
            ops::task_types::list(app, ops::page(limit, cursor)?).await?.to_json_string()
        }
        "task-type" => task_type(app, &subject, &bytes).await?,
        "human-tasks" => {
            let payload::HumanTasks { status, run, assignee, limit, cursor } =
                payload::restricting(&bytes)?;
            let filter = ops::human_tasks::Filter { status, run, assignee };
            let page = ops::page(limit, cursor)?;
            ops::human_tasks::list(app, filter, page).await?.to_json_string()
        }
        "answer" => {
            let payload::Answer { id, answer, by } = json::from_slice(&bytes)?;
            let asked = ops::types::AnswerRequest { answer, by };
            ops::human_tasks::answer(app, &id, asked).await?.to_json_string()
        }
        "explain" => explain(app, &bytes).await?,
        CHAOS => chaos::answer(app, chaos, &subject, &bytes).await?,
        "retire" => {
            let payload::Named { id } = payload::with_id(&bytes)?;
            ops::retire::retire(app, &DefinitionRef::parse(&id)?).await?.to_json_string()
        }
        other => {
            let title = format!("there is no endpoint {other}");
            return Err(Problem::not_found("not_found", title));
        }
    };
    Ok(text.into_bytes())
}

async fn runs(app: &App, bytes: &[u8]) -> Result<String, Problem> {
    let list: payload::List = payload::restricting(bytes)?;
    let filter = ops::runs::filter(
        list.status.as_deref(),
        list.definition,
        list.namespace,
        list.parent.as_deref(),
        list.created_from.as_deref(),
    )?;
    let page = ops::page(list.limit, list.cursor)?;
    Ok(ops::runs::list(app, &filter, page).await?.to_json_string())
}

/// Of what the payload names: `{"run"}`, `{"task"}`, `{"queue", "type"}`, `{"worker"}` or `{"schedule"}`; what
/// stands alone is a run, or with its number a task.
async fn explain(app: &App, bytes: &[u8]) -> Result<String, Problem> {
    let told = match payload::explain(bytes)? {
        payload::Explain::Run(id) => kintsugi_gateway_explain::run(app, &id).await?,
        payload::Explain::Task(id) => kintsugi_gateway_explain::task(app, &id).await?,
        payload::Explain::Queue(queue, kind) => {
            kintsugi_gateway_explain::queue(app, &queue, kind.as_deref()).await?
        }
        payload::Explain::Worker(name) => kintsugi_gateway_explain::worker(app, &name).await?,
        payload::Explain::Schedule(id) => {
            let (namespace, name) = id.split_once('/').unwrap_or(("", &id));
            kintsugi_gateway_explain::schedule(app, namespace, name).await?
        }
    };
    Ok(told.to_json_string())
}

async fn run(app: &App, subject: &str, bytes: &[u8], headers: &Headers) -> Result<String, Problem> {
    let wait = headers.get(TIMEOUT_HEADER).map_or(Ok(WAIT), ops::wait)?;
    let result = ops::start::run(app, wanted(subject, bytes, headers)?, wait).await?;
    Ok(result.to_json_string())
}

/// A signal whose run and type stand in the subject.
async fn signal_to(
    app: &App,
    subject: &str,
    bytes: &[u8],
    headers: &Headers,
) -> Result<String, Problem> {
    let named = subject.strip_prefix("kintsugi.api.signal.").and_then(|rest| rest.split_once('.'));
    let Some((run, kind)) = named else {
        let title = "the subject must be kintsugi.api.signal.<run>.<type>";
        return Err(Problem::bad_request("malformed_subject", title));
    };
    let mut event = Map::new();
    event.insert("type".to_owned(), Value::String(kind.to_owned()));
    event.insert("data".to_owned(), json::payload(bytes)?);
    for (header, name) in [("Nats-Msg-Id", "id"), ("traceparent", "traceparent")] {
        let value = headers.get(header).map(|value| Value::String(value.to_owned()));
        event.extend(value.map(|value| (name.to_owned(), value)));
    }
    Ok(ops::signals::signal(app, &ops::run_id(run)?, event).await?.to_json_string())
}

async fn schedules(app: &App, bytes: &[u8]) -> Result<String, Problem> {
    let list = by_namespace(bytes, "schedules")?;
    let page = ops::page(list.limit, list.cursor)?;
    let page = ops::schedules::list(app, list.namespace.as_deref(), page).await?;
    Ok(page.to_json_string())
}

async fn schedule(app: &App, subject: &str, bytes: &[u8]) -> Result<String, Problem> {
    let payload::Named { id } = payload::with_id(bytes)?;
    let (namespace, name) = id.split_once('/').unwrap_or(("", &id));
    let shown = match subject.rsplit('.').next() {
        Some("get") => ops::schedules::get(app, namespace, name).await?,
        Some("pause") => ops::schedules::pause(app, namespace, name, true).await?,
        Some("resume") => ops::schedules::pause(app, namespace, name, false).await?,
        _ => {
            let title = "the subject must be kintsugi.api.schedule.<get, pause or resume>";
            return Err(Problem::bad_request("malformed_subject", title));
        }
    };
    Ok(shown.to_json_string())
}

async fn task_type(app: &App, subject: &str, bytes: &[u8]) -> Result<String, Problem> {
    if subject.ends_with(".put") {
        let payload::TaskType { id, body } = json::from_slice(bytes)?;
        let body = body.to_string().into_bytes();
        return Ok(ops::task_types::put(app, &id, body).await?.0.to_json_string());
    }
    let payload::Named { id } = payload::with_id(bytes)?;
    match subject.rsplit('.').next() {
        Some("get") => Ok(ops::task_types::get(app, &id).await?.to_json_string()),
        Some("delete") => Ok(ops::task_types::remove(app, &id).await?.to_json_string()),
        _ => {
            let title = "the subject must be kintsugi.api.task-type.<put, get or delete>";
            Err(Problem::bad_request("malformed_subject", title))
        }
    }
}

/// What restricts a list that only a namespace restricts.
fn by_namespace(bytes: &[u8], of: &str) -> Result<payload::List, Problem> {
    let list: payload::List = payload::restricting(bytes)?;
    let others = [
        ("status", &list.status),
        ("definition", &list.definition),
        ("parent", &list.parent),
        ("created_from", &list.created_from),
    ];
    for (name, given) in others {
        if given.is_some() {
            let title = format!("a list of {of} has no `{name}`");
            return Err(Problem::unprocessable("invalid_body", title));
        }
    }
    Ok(list)
}

async fn definitions(app: &App, bytes: &[u8]) -> Result<String, Problem> {
    let list = by_namespace(bytes, "definitions")?;
    let page = ops::page(list.limit, list.cursor)?;
    let page = ops::definitions::list(app, list.namespace.as_deref(), page).await?;
    Ok(page.to_json_string())
}

/// Reads a start: the definition stands in the subject, the rest in headers.
fn wanted(subject: &str, bytes: &[u8], headers: &Headers) -> Result<ops::start::Wanted, Problem> {
    let tokens: Vec<&str> = subject.split('.').collect();
    let [.., namespace, name] = tokens.as_slice() else {
        return Err(Problem::bad_request("malformed_subject", "the subject names no definition"));
    };
    Ok(ops::start::Wanted {
        definition: reference(namespace, name, headers)?,
        input: json::payload(bytes)?,
        id: headers.get("Kintsugi-Run-Id").map(RunId::parse).transpose()?,
        key: headers
            .get("Kintsugi-Idempotency-Key")
            .map(|key| ops::start::checked_key(key.to_owned()))
            .transpose()?,
        trace_parent: headers.get("traceparent").map(str::to_owned),
    })
}

/// The definition that a subject names, in the version that a header names.
///
/// # Errors
///
/// 422 when they could not name one.
pub(super) fn reference(
    namespace: &str,
    name: &str,
    headers: &Headers,
) -> Result<DefinitionRef, Problem> {
    let version = headers.get("Kintsugi-Version").unwrap_or("latest");
    Ok(DefinitionRef::parse(&format!("{namespace}/{name}:{version}"))?)
}
