//! The events of a run, from its history, exactly as the lifecycle stream has them: same ids, so
//! that whichever comes second adds nothing.

use kintsugi_core::{DefinitionRef, Event, RunId, Step, Timestamp};
use kintsugi_entities::{HistoryRow, Store};
use kintsugi_nats::LifeEvent;
use kintsugi_observability::traceparent;
use serde_json::{Value, json};

use crate::{Error, EventKind};

/// Rows that are read first: what is new stands at the end.
const TAIL: i64 = 50;

/// Rows of history read by one statement.
const PAGE: u32 = 200;

/// The run whose events are wanted.
pub(crate) struct Subject<'a> {
    pub(crate) run: &'a RunId,
    pub(crate) definition: &'a str,
    pub(crate) trace_parent: Option<&'a str>,
    pub(crate) version: i64,
}

/// Faults, dead letters and tasks of people of a run, from `since` on.
pub(crate) async fn events(
    store: &Store,
    subject: &Subject<'_>,
    since: Timestamp,
) -> Result<Vec<LifeEvent>, Error> {
    let (tail, begins_at) = read(store, subject, (subject.version - TAIL).max(0), since).await?;
    if subject.version <= TAIL || begins_at.is_some_and(|at| at < since) {
        return Ok(tail);
    }
    Ok(read(store, subject, 0, since).await?.0)
}

/// The events behind `after`, and when the first row there was written.
async fn read(
    store: &Store,
    subject: &Subject<'_>,
    mut after: i64,
    since: Timestamp,
) -> Result<(Vec<LifeEvent>, Option<Timestamp>), Error> {
    let (mut found, mut begins_at) = (Vec::new(), None);
    loop {
        let rows = store.history(subject.run, after, PAGE).await?;
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
            return Ok((found, begins_at));
        };
        begins_at.get_or_insert(Timestamp(first.at));
        after = last.seq;
        found.extend(rows.iter().flat_map(|row| of_row(subject, row, since)));
    }
}

fn of_row(subject: &Subject<'_>, row: &HistoryRow, since: Timestamp) -> Vec<LifeEvent> {
    let Ok(definition) = DefinitionRef::parse(subject.definition) else { return Vec::new() };
    let steps: Vec<Step> = serde_json::from_slice(&row.steps).unwrap_or_default();
    let mut found = Vec::new();
    for (position, step) in steps.iter().enumerate().filter(|(_, step)| step.at >= since) {
        for (index, event) in step.events.iter().enumerate() {
            let Some((kind, data)) = told(event, step.at, subject, &definition) else { continue };
            let (task, attempt) = match event {
                Event::TaskDeadLettered { task, epoch, .. } => (Some(*task), Some(*epoch)),
                Event::HumanTaskAsked { task, .. } | Event::HumanTaskDue { task, .. } => {
                    (Some(*task), None)
                }
                _ => (None, None),
            };
            let id = format!("{}:{}:{position}:{index}", subject.run, row.seq);
            let mut event =
                LifeEvent::new(&definition, subject.run, kind.as_str(), id, step.at, data);
            event.traceparent = Some(traceparent(subject.run, subject.trace_parent));
            event.sequence = Some(LifeEvent::place(row.seq, position, index));
            (event.tasknumber, event.attempt) = (task, attempt);
            found.push(event);
        }
    }
    found
}

fn told(
    event: &Event,
    at: Timestamp,
    subject: &Subject<'_>,
    definition: &DefinitionRef,
) -> Option<(EventKind, Value)> {
    let name = format!("{}-{}.{}", definition.name, subject.run, definition.namespace);
    let at = at.to_rfc3339();
    match event {
        Event::RunFaulted { error } => {
            let data = json!({ "name": name, "faultedAt": at, "error": error });
            Some((EventKind::RunFaulted, data))
        }
        Event::TaskDeadLettered { error, .. } => {
            // The error arose in the task, so its instance is the task's reference.
            let task = &error.instance;
            let data =
                json!({ "workflow": name, "task": task, "deadLetteredAt": at, "error": error });
            Some((EventKind::TaskDeadLettered, data))
        }
        Event::HumanTaskAsked { pointer, title, assignees, .. } => {
            let data = json!({
                "workflow": name, "task": pointer, "title": title,
                "assignees": assignees, "askedAt": at,
            });
            Some((EventKind::HumanTaskAsked, data))
        }
        Event::HumanTaskDue { pointer, title, assignees, .. } => {
            let data = json!({
                "workflow": name, "task": pointer, "title": title,
                "assignees": assignees, "dueAt": at,
            });
            Some((EventKind::HumanTaskDue, data))
        }
        _ => None,
    }
}
