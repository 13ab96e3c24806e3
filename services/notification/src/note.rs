//! From an event to rows: one for each webhook that wants it.

use kintsugi_core::Timestamp;
use kintsugi_entities::{NotificationRow, NotificationStatus, Store};
use kintsugi_nats::LifeEvent;

use crate::{Error, EventKind, target::Targets};

/// Notes `events` for everyone who wants them; gives back how many rows are new. The same event
/// again adds nothing.
pub(crate) async fn note(
    store: &Store,
    targets: &Targets,
    events: &[LifeEvent],
    now: Timestamp,
) -> Result<u64, Error> {
    let rows = events.iter().flat_map(|event| rows(targets, event, now)).collect::<Vec<_>>();
    if rows.is_empty() {
        return Ok(0);
    }
    Ok(store.notifications_add(&rows).await?)
}

fn rows<'a>(
    targets: &'a Targets,
    event: &'a LifeEvent,
    now: Timestamp,
) -> impl Iterator<Item = NotificationRow> + 'a {
    let known = EventKind::parse(event.event()).zip(event.run());
    known.into_iter().flat_map(move |(kind, run)| {
        targets.of(kind).map(move |target| NotificationRow {
            id: format!("{}@{}", event.id, target.tag),
            kind: kind.as_str().to_owned(),
            run: run.clone(),
            payload: serde_json::to_vec(event).unwrap_or_default(),
            created_at: now.0,
            due_at: now.0,
            attempts: 0,
            status: NotificationStatus::Pending,
        })
    })
}

/// The event's id and the webhook's tag, from a row's id.
pub(crate) fn parts(id: &str) -> Option<(&str, &str)> {
    id.rsplit_once('@')
}
