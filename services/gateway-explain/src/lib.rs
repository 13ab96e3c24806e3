//! Why something does not move: gathers the facts, and has them judged (`kintsugi-explain`).
//!
//! What is read is bounded: of a run its row, its definition, and three statements more; of the runs that
//! it waits for the same, [`gather::RUNS_MAX`] in all; of queues the broker is asked about a few.

mod gather;

use std::time::Duration;

use kintsugi_core::{TaskKey, Timestamp};
use kintsugi_entities::HumanTaskStatus;
use kintsugi_explain::{self as pure, Code, End};
use kintsugi_gateway_ops::{
    App, Problem, instant, no_run, run_id, tasks,
    types::{Explanation, TaskStatus},
};
use tokio::time::sleep;

use self::gather::Gather;

/// Task types of a queue that are explained.
const TYPES_MAX: usize = 20;

/// What seems lost may only be on its way: it must seem so twice. A worker that has just taken something
/// up says so within 300 ms, and a result is taken within a moment.
const SECOND_LOOK: Duration = Duration::from_millis(700);

/// What is only believed at the second look.
const HASTY: [Code; 3] = [Code::MessageLost, Code::Unclaimed, Code::LeaseDropped];

fn is_hasty(told: &pure::Explanation) -> bool {
    let lines = told.others.iter().flat_map(|line| &line.causes);
    told.causes.iter().chain(lines).any(|cause| HASTY.contains(&cause.code))
}

/// Why a run does not move.
///
/// # Errors
///
/// 404, 503.
pub async fn run(app: &App, id: &str) -> Result<Explanation, Problem> {
    let id = run_id(id)?;
    let look = async || {
        let mut gather = Gather::new(app);
        let found = gather.run(&id, None, 0).await?.ok_or_else(|| no_run(id.as_str()))?;
        let engine = gather.engine().await?;
        Ok::<_, Problem>(pure::run(&found, &engine))
    };
    let mut told = look().await?;
    if is_hasty(&told) {
        sleep(SECOND_LOOK).await;
        told = look().await?;
    }
    Ok(told.into())
}

/// Why a task does not move: one for a worker or a person, a `listen`, a `wait` or a run of another
/// workflow, by its number.
///
/// # Errors
///
/// 404, 503.
pub async fn task(app: &App, text: &str) -> Result<Explanation, Problem> {
    let key = TaskKey::parse(text).map_err(|error| no_task(text).detail(error.to_string()))?;
    let look = async || {
        let mut gather = Gather::new(app);
        let found = gather.run(&key.run, Some(key.task), 0).await?;
        let found = found.ok_or_else(|| no_run(key.run.as_str()))?;
        let engine = gather.engine().await?;
        Ok::<_, Problem>((pure::task(&found, &engine, key.task), engine))
    };
    let (mut told, mut engine) = look().await?;
    if told.as_ref().is_some_and(is_hasty) {
        sleep(SECOND_LOOK).await;
        (told, engine) = look().await?;
    }
    match told {
        Some(told) => Ok(told.into()),
        None => closed(app, &key, &engine).await,
    }
}

fn no_task(text: &str) -> Problem {
    let shown: String = text.chars().take(90).collect();
    Problem::not_found("task_not_found", format!("there is no task {shown}"))
}

/// A task that is not open any more.
async fn closed(app: &App, key: &TaskKey, engine: &pure::Engine) -> Result<Explanation, Problem> {
    let text = key.to_string();
    let human = app.store.human_task_get(&text).await.map_err(|e| app.store_problem(e))?;
    if let Some(human) = human {
        let end = match human.status {
            HumanTaskStatus::Withdrawn => End::Cancelled,
            HumanTaskStatus::Open | HumanTaskStatus::Answered => End::Completed,
        };
        let at = human.ended_at.map(Timestamp);
        return Ok(pure::closed(&text, end, (None, at), engine).into());
    }
    let task = tasks::get(app, &text).await?;
    let end = match task.status {
        TaskStatus::Completed => End::Completed,
        TaskStatus::Cancelled => End::Cancelled,
        _ => End::Failed,
    };
    let error = task.error.filter(|_| end == End::Failed);
    let why = error.and_then(|error| error.detail.or(error.title));
    let at = task.ended_at.as_deref().and_then(|at| instant("at", at).ok());
    Ok(pure::closed(&text, end, (why.as_deref(), at.map(Timestamp)), engine).into())
}

/// Why a queue's tasks do not move: of one type, or of all that are known.
///
/// # Errors
///
/// 400 for what names no queue, 404 when nothing is known of it, 503 when the broker does not say.
pub async fn queue(app: &App, queue: &str, kind: Option<&str>) -> Result<Explanation, Problem> {
    for (what, name) in [("queue", Some(queue)), ("task type", kind)] {
        if let Some(name) = name.filter(|name| !kintsugi_nats::is_token(name)) {
            let shown: String = name.chars().take(80).collect();
            let title = format!("`{shown}` is no name of a {what}");
            return Err(Problem::bad_request("invalid_parameter", title));
        }
    }
    let mut gather = Gather::new(app);
    let (types, more) = match kind {
        Some(kind) => (vec![(queue.to_owned(), kind.to_owned())], 0),
        None => gather.types_of(queue, TYPES_MAX).await?,
    };
    types.iter().for_each(|served| gather.look_at(served.clone()));
    let engine = gather.engine().await?;
    if engine.bus && types.iter().any(|served| !engine.queues.contains_key(served)) {
        return Err(gather::bus_problem());
    }
    let told = match kind {
        Some(_) => types.first().and_then(|served| pure::queue(served, &engine)),
        None => pure::queues(queue, &types, more, &engine),
    };
    told.map(Into::into).ok_or_else(|| {
        let of = kind.map_or_else(String::new, |kind| format!(" with tasks of type {kind}"));
        let title = format!("there is no queue {queue}{of}");
        let detail = "nothing waits in it, and no worker serves it or served it lately";
        Problem::not_found("queue_not_found", title).detail(detail)
    })
}

/// Why a worker does not work.
///
/// # Errors
///
/// 404 when it was not heard of lately, 503 when this gateway has not listened for long enough to say.
pub async fn worker(app: &App, name: &str) -> Result<Explanation, Problem> {
    let engine = Gather::new(app).engine().await?;
    if let Some(told) = pure::worker(name, &engine) {
        return Ok(told.into());
    }
    if !engine.knows_fleet() {
        let title = "this gateway has not listened for long enough to know the workers";
        return Err(Problem::unavailable("fleet_unknown", title));
    }
    let shown: String = name.chars().take(80).collect();
    let title = format!("there is no worker {shown}");
    let detail = "none of that name was heard of in the last ten minutes";
    Err(Problem::not_found("worker_not_found", title).detail(detail))
}

/// Why a schedule starts no run.
///
/// # Errors
///
/// 404, 503.
pub async fn schedule(app: &App, namespace: &str, name: &str) -> Result<Explanation, Problem> {
    let mut gather = Gather::new(app);
    let found = gather.schedule(&format!("{namespace}/{name}")).await?;
    let engine = gather.engine().await?;
    Ok(pure::schedule(&found, &engine).into())
}
