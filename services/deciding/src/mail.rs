//! Events for runs, from their inboxes to the machine, and what becomes of them.

use kintsugi_core::{CloudEvent, Effect, Input, RunId, RunState, Taking, Timestamp};
use kintsugi_entities::{ListenerRow, MailBatch, MailRow, OutboxRow};
use kintsugi_nats::event_key;

/// An event that waits for a run.
pub(crate) struct Letter {
    /// Names it in the inbox.
    pub(crate) key: String,
    /// As the machine is told it.
    pub(crate) input: Input,
}

/// Reads a row of an inbox.
///
/// # Errors
///
/// When it holds no event, with the reason.
pub(crate) fn read(row: &MailRow) -> Result<Letter, String> {
    let event = serde_json::from_slice::<CloudEvent>(&row.event).map_err(|e| e.to_string())?;
    Ok(Letter { key: row.key.clone(), input: Input::Event { event, directed: row.directed } })
}

/// Whether no event can be taken now, since each open listen is at an earlier one. What waits stays
/// as it is, in order; the run asks for it.
#[must_use]
pub fn must_wait(state: &RunState) -> bool {
    let mut open = state.listens().filter(|(_, hearing)| hearing.is_open()).peekable();
    open.peek().is_some() && open.all(|(_, hearing)| !hearing.is_free())
}

/// Whether a run asks for what waits: then that is told in order with what it was not told before.
pub(crate) fn asks(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::Listen { .. } | Effect::Offer))
}

/// Notes what became of an event.
pub(crate) fn settle(run: &RunId, key: String, taking: Taking, mail: &mut MailBatch) {
    match taking {
        Taking::Taken | Taking::Never => mail.taken.push((run.clone(), key)),
        Taking::Later => mail.parked.push((run.clone(), key)),
    }
}

/// Nothing of a run is written after all: the events that it was told wait on.
pub(crate) fn untouched(run: &RunId, mail: &mut MailBatch) {
    mail.taken.retain(|(of, _)| of != run);
    mail.parked.retain(|(of, _)| of != run);
}

/// What an effect does to listeners, inboxes and the outbox.
pub(crate) fn note(run: &RunId, effect: &Effect, now: Timestamp, mail: &mut MailBatch) {
    match effect {
        Effect::Listen { task, types } => {
            let row = |kind| ListenerRow { run: run.clone(), task: *task, kind };
            match types {
                Some(types) => mail.listen.extend(types.iter().cloned().map(Some).map(row)),
                None => mail.listen.push(row(None)),
            }
            offer(run, mail);
        }
        Effect::Unlisten { task } => {
            // It may have opened in the same batch.
            mail.listen.retain(|row| row.run != *run || row.task != *task);
            mail.unlisten.push((run.clone(), *task));
        }
        Effect::Offer => offer(run, mail),
        Effect::Emit { event } => mail.outbox.push(OutboxRow {
            key: event_key(event),
            run: run.clone(),
            kind: event.kind().to_owned(),
            at: now.0,
            event: serde_json::to_vec(event).unwrap_or_default(),
        }),
        _ => {}
    }
}

fn offer(run: &RunId, mail: &mut MailBatch) {
    if mail.offered.last() != Some(run) {
        mail.offered.push(run.clone());
    }
}
