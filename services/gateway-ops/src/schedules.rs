//! Schedules: show, list, pause, resume.

use kintsugi_core::{CatchUp, DefinitionRef, Overlap, Timestamp, Trigger};
use kintsugi_entities::{NewSchedule, Page, ScheduleRow};
use kintsugi_nats::WakeHint;
use kintsugi_schedule::{first_due, start_at};
use tracing::debug;

use crate::{
    app::App,
    ask::time,
    problem::Problem,
    types::{Schedule, SchedulePage},
};

/// How often a change is tried against a schedule that moves on meanwhile.
const TRIES: u32 = 20;

/// What is kept with a definition that starts runs by itself.
///
/// # Errors
///
/// 500, when it cannot be written down.
pub(crate) fn new(
    reference: &DefinitionRef,
    schedule: &kintsugi_core::Schedule,
    now: Timestamp,
) -> Result<NewSchedule, Problem> {
    let id = format!("{}/{}", reference.namespace, reference.name);
    let (due_at, next_at) = next(&id, schedule, now);
    let paused = schedule.paused;
    let by_events = matches!(schedule.trigger, Trigger::On(_));
    let schedule = serde_json::to_vec(schedule).map_err(|_| Problem::internal())?;
    Ok(NewSchedule { schedule, due_at, next_at, paused, by_events })
}

/// The due time of a schedule that begins, and when it is looked at.
fn next(
    id: &str,
    schedule: &kintsugi_core::Schedule,
    now: Timestamp,
) -> (Option<i64>, Option<i64>) {
    let due = first_due(schedule, now);
    (due.map(|at| at.0), due.map(|due| start_at(id, schedule, due).0))
}

/// Tells whoever waits for a time when to look: orchestrators, and retry engines. Without the hint they find out
/// within seconds.
pub async fn hint(app: &App, at: Option<i64>) {
    let Some(at) = at else { return };
    if let Err(error) = app.bus.wake_hint(WakeHint { at }).await {
        debug!(error = &error as &dyn std::error::Error, "nobody was told when to look");
    }
}

/// A page of schedules.
///
/// # Errors
///
/// 400 for a foreign cursor, 503.
pub async fn list(app: &App, namespace: Option<&str>, page: Page) -> Result<SchedulePage, Problem> {
    let found = app.store.schedules_list(namespace, page).await;
    let found = found.map_err(|e| app.store_problem(e))?;
    let items = found.items.into_iter().map(shown).collect::<Result<Vec<_>, _>>()?;
    Ok(SchedulePage { items, next: found.next })
}

/// A schedule.
///
/// # Errors
///
/// 404, 503.
pub async fn get(app: &App, namespace: &str, name: &str) -> Result<Schedule, Problem> {
    shown(row(app, namespace, name).await?)
}

/// Pauses a schedule, or resumes it: due times that passed and events that came meanwhile start nothing. Doing it again
/// changes nothing.
///
/// # Errors
///
/// 404, 503.
pub async fn pause(
    app: &App,
    namespace: &str,
    name: &str,
    paused: bool,
) -> Result<Schedule, Problem> {
    for _ in 0..TRIES {
        let row = row(app, namespace, name).await?;
        if row.paused == paused {
            return shown(row);
        }
        let at = next(&row.id, &read(&row)?, kintsugi_runtime::now());
        let done = app.store.schedule_pause(&row, paused, at).await;
        if done.map_err(|e| app.store_problem(e))? {
            if !paused {
                hint(app, at.1).await;
            }
            return get(app, namespace, name).await;
        }
    }
    let title = "the schedule changes all the time; try again";
    Err(Problem::unavailable("schedule_busy", title))
}

async fn row(app: &App, namespace: &str, name: &str) -> Result<ScheduleRow, Problem> {
    let id = format!("{namespace}/{name}");
    let row = app.store.schedule_get(&id).await.map_err(|e| app.store_problem(e))?;
    row.ok_or_else(|| {
        let shown: String = id.chars().take(140).collect();
        Problem::not_found("schedule_not_found", format!("there is no schedule {shown}"))
            .detail("the newest version of a definition that is not retired states it")
    })
}

fn read(row: &ScheduleRow) -> Result<kintsugi_core::Schedule, Problem> {
    serde_json::from_slice(&row.schedule).map_err(|error| {
        let error = &error as &dyn std::error::Error;
        tracing::error!(schedule = row.id, error, "a stored schedule cannot be read");
        Problem::internal()
    })
}

fn shown(row: ScheduleRow) -> Result<Schedule, Problem> {
    let schedule = read(&row)?;
    let (trigger, interval_ms, cron) = match schedule.trigger {
        Trigger::Every(millis) => ("every", Some(millis), None),
        Trigger::After(millis) => ("after", Some(millis), None),
        Trigger::Cron(text) => ("cron", None, Some(text)),
        Trigger::On(_) => ("on", None, None),
    };
    let overlap = match schedule.overlap {
        Overlap::Skip => "skip",
        Overlap::Allow => "allow",
        Overlap::Buffer => "buffer",
        Overlap::Cancel => "cancel",
    };
    let catch_up = match schedule.catch_up {
        CatchUp::Once => "once",
        CatchUp::None => "none",
        CatchUp::All => "all",
    };
    let (namespace, name) = row.id.split_once('/').ok_or_else(Problem::internal)?;
    Ok(Schedule {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        definition: row.definition,
        trigger: trigger.to_owned(),
        interval_ms,
        time_zone: cron.is_some().then_some(schedule.time_zone),
        cron,
        overlap: overlap.to_owned(),
        catch_up: catch_up.to_owned(),
        jitter_ms: schedule.jitter_ms,
        input: schedule.input,
        paused: row.paused,
        created_at: time(row.created_at),
        next_at: row.next_at.filter(|_| !row.paused).map(time),
        last_run: row.last_run.map(|run| run.to_string()),
        last_due_at: row.last_due_at.map(time),
        started: row.started,
        skipped: row.skipped,
        last_skipped_at: row.last_skipped_at.map(time),
        last_skipped: row.last_skipped,
        open_sets: (trigger == "on").then_some(row.open_sets),
    })
}
