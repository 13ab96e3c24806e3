//! Groups of dead letters that died of the same.

use std::collections::BTreeSet;

use kintsugi_core::{FailedAttempt, Timestamp};
use kintsugi_entities::{LetterGroup, Page};
use kintsugi_gateway_ops::{
    App, Problem,
    types::{DeadLetterGroup, DeadLetterGroupPage, DeadLetterQuery},
};

use crate::query;

/// A page of groups.
///
/// # Errors
///
/// 400 for what is no run, time or cursor, 503.
pub async fn groups(
    app: &App,
    asked: &DeadLetterQuery,
    page: Page,
) -> Result<DeadLetterGroupPage, Problem> {
    let filter = query::open(asked)?;
    let found = app.store.letter_groups(&filter, page).await.map_err(|e| app.store_problem(e))?;
    let items = found.items.into_iter().filter_map(shown).collect();
    Ok(DeadLetterGroupPage { items, next: found.next })
}

/// None: its letters were settled between two looks.
fn shown(group: LetterGroup) -> Option<DeadLetterGroup> {
    let newest = group.newest.first()?.clone();
    let error: Option<kintsugi_core::Error> = serde_json::from_slice(&newest.error).ok();
    let (mut versions, mut workers) = (BTreeSet::new(), BTreeSet::new());
    for letter in group.newest {
        versions.extend(letter.definition.split_once(':').map(|(_, version)| version.to_owned()));
        let attempts: Vec<FailedAttempt> =
            serde_json::from_slice(&letter.attempts).unwrap_or_default();
        workers.extend(attempts.into_iter().filter_map(|attempt| attempt.worker));
    }
    Some(DeadLetterGroup {
        fingerprint: group.fingerprint,
        open: group.letters,
        first_at: Timestamp(group.first_at).to_rfc3339(),
        last_at: Timestamp(group.last_at).to_rfc3339(),
        example: newest.id,
        definition: newest.definition.split(':').next().unwrap_or_default().to_owned(),
        versions: versions.into_iter().collect(),
        pointer: newest.pointer,
        kind: newest.task_type,
        queue: newest.queue,
        error: error.as_ref().map(Into::into),
        workers: workers.into_iter().collect(),
    })
}
