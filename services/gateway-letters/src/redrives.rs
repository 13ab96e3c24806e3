//! Redrives of many letters: what they would take, that they are wanted, and how they are. The retry engine takes
//! their steps.

use kintsugi_core::Timestamp;
use kintsugi_entities::{DeadLetterFilter, Page, RedriveCounts, RedriveRow};
use kintsugi_gateway_ops::{
    App, Problem, dead_letters, schedules, shallow,
    types::{
        RedriveChange, RedriveExample, RedriveJob, RedriveJobPage, RedriveKind, RedriveOrder,
        RedrivePreview, RedrivesRequest,
    },
};
use kintsugi_redriving::{Change, Plan, Progress, Status, edited};
use kintsugi_runtime::now;
use serde_json::Value;
use uuid::Uuid;

use crate::{discards, query};

/// Letters that a preview shows.
const EXAMPLES: u32 = 3;

/// Letters that one redrive takes at most.
const LETTERS_MAX: u64 = 10_000;

/// The largest merge patch, in bytes: it is applied to each input, and what comes of that is stored once more.
const PATCH_BYTES_MAX: usize = 65_536;

/// How often it is tried to change a job that changes meanwhile.
const TRIES: u32 = 10;

/// What came of asking for a redrive.
#[derive(Debug)]
pub enum Wanted {
    /// It was a dry run.
    Preview(RedrivePreview),
    /// It is kept, and begins.
    Kept(Box<RedriveJob>),
}

/// What is asked of a redrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Asks no more letters for now.
    Pause,
    /// Goes on.
    Resume,
    /// Asks no more letters.
    Cancel,
}

/// Redrives the open letters that are meant, or says what that would be.
///
/// # Errors
///
/// 400, 409 when none of them is open or too many redrives are not over, 413, 422, 503.
pub async fn redrive(app: &App, asked: RedrivesRequest) -> Result<Wanted, Problem> {
    let plan = plan(&asked)?;
    discards::bounded("reason", asked.reason.as_ref(), discards::REASON_MAX)?;
    discards::bounded("by", asked.by.as_ref(), discards::BY_MAX)?;
    check(asked.input.as_ref())?;
    let filter = query::open(&asked.letters)?;
    query::says_something(&filter)?;
    let examples = examples(app, &filter, asked.input.as_ref()).await?;
    if asked.dry_run {
        return preview(app, &filter, examples).await.map(Wanted::Preview);
    }
    let Some(reason) = asked.reason else {
        return Err(Problem::unprocessable("invalid_body", "`reason` must say why"));
    };
    if let Some((letter, why)) =
        examples.into_iter().find_map(|it| it.problem.map(|why| (it.letter, why)))
    {
        let title =
            format!("with this patch, the input of {letter} is not what the task type takes");
        return Err(Problem::unprocessable("unfit_input", title).detail(why));
    }
    let at = now().0;
    let bytes = |value: &Value| serde_json::to_vec(value).map_err(|_| Problem::internal());
    let progress = Progress::begin(&plan, at, asked.by.clone(), reason.clone());
    let row = RedriveRow {
        id: Uuid::now_v7().simple().to_string(),
        filter: serde_json::to_vec(&asked.letters).map_err(|_| Problem::internal())?,
        patch: asked.input.as_ref().map(bytes).transpose()?,
        plan: serde_json::to_vec(&plan).map_err(|_| Problem::internal())?,
        asked_by: asked.by,
        reason,
        at,
        status: Status::Running.as_str().to_owned(),
        progress: serde_json::to_vec(&progress).map_err(|_| Problem::internal())?,
        version: 1,
        next_at: Some(at),
    };
    let kept = app.store.redrive_create(&filter, &row).await;
    match kept.map_err(|e| app.store_problem(e))? {
        None => {
            let title = "20 redrives are not over; wait for one of them, or cancel it";
            Err(Problem::conflict("too_many_redrives", title))
        }
        Some(0) => {
            let title = "none of these dead letters is open, or each is being redriven";
            Err(Problem::conflict("not_open", title))
        }
        Some(waiting) => {
            schedules::hint(app, Some(at)).await;
            let counts = RedriveCounts { waiting, ..RedriveCounts::default() };
            Ok(Wanted::Kept(Box::new(shown(row, &counts)?)))
        }
    }
}

/// A page of redrives.
///
/// # Errors
///
/// 400 for a bad limit, 503.
pub async fn redrives(app: &App, page: Page) -> Result<RedriveJobPage, Problem> {
    let found = app.store.redrives_list(page).await.map_err(|e| app.store_problem(e))?;
    let ids: Vec<String> = found.items.iter().map(|row| row.id.clone()).collect();
    let counts = app.store.redrive_counts(&ids).await.map_err(|e| app.store_problem(e))?;
    let of = |id: &str| counts.get(id).copied().unwrap_or_default();
    let items = found.items.into_iter().map(|row| {
        let counts = of(&row.id);
        shown(row, &counts)
    });
    Ok(RedriveJobPage { items: items.collect::<Result<_, _>>()?, next: found.next })
}

/// A redrive.
///
/// # Errors
///
/// 404, 503.
pub async fn redrive_get(app: &App, id: &str) -> Result<RedriveJob, Problem> {
    let row = row(app, id).await?;
    counted(app, row).await
}

/// Pauses, resumes or cancels a redrive. What is so already stays so.
///
/// # Errors
///
/// 404, 409 when it is over, 422, 503.
pub async fn redrive_order(
    app: &App,
    id: &str,
    order: Order,
    asked: RedriveOrder,
) -> Result<RedriveJob, Problem> {
    discards::bounded("reason", asked.reason.as_ref(), discards::REASON_MAX)?;
    discards::bounded("by", asked.by.as_ref(), discards::BY_MAX)?;
    let (to, what) = match order {
        Order::Pause => (Status::Paused, "paused"),
        Order::Resume => (Status::Running, "resumed"),
        Order::Cancel => (Status::Cancelled, "cancelled"),
    };
    for _ in 0..TRIES {
        let mut row = row(app, id).await?;
        let status = Status::parse(&row.status).ok_or_else(Problem::internal)?;
        if status == to {
            return counted(app, row).await;
        }
        if status.is_over() {
            let title = format!("the redrive {} is {} already", row.id, row.status);
            return Err(Problem::conflict("redrive_over", title));
        }
        let at = now().0;
        let mut progress: Progress = read(&row.progress)?;
        let (by, why) = (asked.by.clone(), asked.reason.clone());
        progress.note(Change { at, what: what.to_owned(), by, why });
        row.progress = serde_json::to_vec(&progress).map_err(|_| Problem::internal())?;
        row.status = to.as_str().to_owned();
        row.next_at = Some(at);
        let changed = app.store.redrive_change(&row).await;
        if changed.map_err(|e| app.store_problem(e))? {
            schedules::hint(app, Some(at)).await;
            return counted(app, row).await;
        }
    }
    let title = format!("the redrive {id} changes all the time; try again");
    Err(Problem::conflict("busy", title))
}

fn plan(asked: &RedrivesRequest) -> Result<Plan, Problem> {
    let usual = Plan::default();
    let wait = asked.wait.as_deref().map(wait).transpose()?;
    let plan = Plan {
        rate: asked.rate.unwrap_or(usual.rate),
        canary: asked.canary.unwrap_or(usual.canary),
        stop_at: asked.stop_at.unwrap_or(usual.stop_at),
        stop_after: asked.stop_after.unwrap_or(usual.stop_after),
        wait_ms: wait.unwrap_or(usual.wait_ms),
    };
    plan.check().map_err(|unfit| Problem::unprocessable("invalid_body", unfit.0))?;
    Ok(plan)
}

fn wait(text: &str) -> Result<i64, Problem> {
    let wait = humantime::parse_duration(text).map_err(|_| {
        Problem::unprocessable("invalid_body", "`wait` must be like `90s`, `10m` or `2h`")
    })?;
    Ok(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))
}

fn check(patch: Option<&Value>) -> Result<(), Problem> {
    let Some(patch) = patch else { return Ok(()) };
    if !patch.is_object() {
        let title = "`input` must be an object: a JSON merge patch of the inputs (RFC 7396)";
        return Err(Problem::unprocessable("invalid_body", title));
    }
    if patch.to_string().len() > PATCH_BYTES_MAX {
        return Err(Problem::too_large("the patch", PATCH_BYTES_MAX));
    }
    shallow(patch)
}

async fn preview(
    app: &App,
    filter: &DeadLetterFilter,
    examples: Vec<RedriveExample>,
) -> Result<RedrivePreview, Problem> {
    let kinds = app.store.redrive_preview(filter).await.map_err(|e| app.store_problem(e))?;
    let count = |count: i64| u64::try_from(count).unwrap_or(0);
    let letters = kinds.first().map_or(0, |kind| count(kind.total)).min(LETTERS_MAX);
    let kinds = kinds.into_iter().map(|kind| RedriveKind {
        definition: kind.definition,
        kind: kind.task_type,
        fingerprint: kind.fingerprint,
        error: kind.error_type,
        letters: count(kind.letters),
    });
    Ok(RedrivePreview { letters, kinds: kinds.collect(), examples })
}

async fn examples(
    app: &App,
    filter: &DeadLetterFilter,
    patch: Option<&Value>,
) -> Result<Vec<RedriveExample>, Problem> {
    let page = Page { limit: EXAMPLES, cursor: None };
    let found = app.store.dead_letters_list(filter, page).await;
    let found = found.map_err(|e| app.store_problem(e))?.items;
    let mut examples = Vec::new();
    for letter in found {
        let input: Value = read(&letter.input)?;
        let then = patch.map_or_else(|| input.clone(), |patch| edited(input.clone(), patch));
        let unfit = match patch {
            Some(_) => dead_letters::takes(app, &letter, &then).await.err(),
            None => None,
        };
        // What is no verdict on the input is an answer of its own, e.g. that the store is away.
        let problem = match unfit {
            Some(problem) if problem.status == 422 => {
                Some(problem.detail.clone().unwrap_or(problem.title))
            }
            Some(problem) => return Err(problem),
            None => None,
        };
        examples.push(RedriveExample { letter: letter.id, input, edited: then, problem });
    }
    Ok(examples)
}

async fn row(app: &App, id: &str) -> Result<RedriveRow, Problem> {
    let found = app.store.redrive_get(id).await.map_err(|e| app.store_problem(e))?;
    found.ok_or_else(|| {
        let shown: String = id.chars().take(80).collect();
        Problem::not_found("redrive_not_found", format!("there is no redrive {shown}"))
    })
}

async fn counted(app: &App, row: RedriveRow) -> Result<RedriveJob, Problem> {
    let counts = app.store.redrive_counts(std::slice::from_ref(&row.id)).await;
    let counts = counts.map_err(|e| app.store_problem(e))?;
    let counts = counts.get(&row.id).copied().unwrap_or_default();
    shown(row, &counts)
}

fn read<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|_| Problem::internal())
}

fn shown(row: RedriveRow, counts: &RedriveCounts) -> Result<RedriveJob, Problem> {
    let (plan, progress): (Plan, Progress) = (read(&row.plan)?, read(&row.progress)?);
    let time = |at: i64| Timestamp(at).to_rfc3339();
    let why = progress.why().filter(|_| row.status != Status::Running.as_str()).map(str::to_owned);
    let changes = progress.changes.into_iter().map(|change| RedriveChange {
        at: time(change.at),
        what: change.what,
        by: change.by,
        why: change.why,
    });
    Ok(RedriveJob {
        id: row.id,
        status: row.status,
        why,
        stage: progress.stage.as_str().to_owned(),
        letters: read(&row.filter)?,
        total: counts.total(),
        asked: counts.asked(),
        succeeded: counts.succeeded,
        failed: counts.failed,
        undecided: counts.undecided,
        skipped: counts.skipped,
        by: row.asked_by,
        reason: row.reason,
        at: time(row.at),
        input: row.patch.as_deref().map(read).transpose()?,
        rate: plan.rate,
        canary: plan.canary,
        stop_at: plan.stop_at,
        stop_after: plan.stop_after,
        wait_ms: plan.wait_ms,
        changes: changes.collect(),
    })
}
