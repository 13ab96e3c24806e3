//! Dead letters, from the table to the stream.

use std::time::Duration;

use kintsugi_core::fingerprint;
use kintsugi_mending::letter_message;
use kintsugi_nats::stream;
use kintsugi_runtime::{Deps, Reconciler};
use tracing::{error, info, warn};

use crate::Error;

/// How often it is looked whether the stream is still the same one. Letters that wait are found by the
/// scan.
pub(crate) const PERIOD: Duration = Duration::from_secs(15);

/// How many letters one round publishes.
const BATCH_MAX: u32 = 100;

/// How many letters get their fingerprints at a time.
const MARKED_MAX: u64 = 200;

/// Under which name the store keeps which stream the marks are about.
const MARKED: &str = "KINTSUGI_DEAD/letters";

/// Publishes each dead letter that is not marked as published. Killed between the two, it publishes
/// the letter again under the same id, and the stream drops the repeat. The marks are about one
/// stream: in one that was made anew there is none of the letters, and all are published again.
pub(crate) struct Letters {
    deps: Deps,
    marked: Option<String>,
    /// There may be letters without a fingerprint: of before, or of an older engine.
    unmarked: bool,
}

impl Letters {
    pub(crate) fn new(deps: Deps) -> Self {
        Self { deps, marked: None, unmarked: true }
    }

    /// Gives letters their fingerprints that were written before there were any.
    async fn mark(&self) -> Result<(), Error> {
        let store = &self.deps.store;
        loop {
            let letters = store.letters_unmarked(MARKED_MAX).await?;
            for letter in &letters {
                let last: Option<kintsugi_core::Error> = serde_json::from_slice(&letter.error).ok();
                let (definition, kind) = (&letter.definition, &letter.task_type);
                let mark = fingerprint(definition, &letter.pointer, kind, last.as_ref());
                let of = last.as_ref().map_or("", |last| last.kind.as_str());
                store.letter_mark(&letter.id, &mark, of).await?;
            }
            if letters.is_empty() {
                return Ok(());
            }
            info!(letters = letters.len(), "dead letters got their fingerprints");
        }
    }

    /// Whether the stream is there; takes the marks back that are about another one.
    async fn has_stream(&mut self) -> Result<bool, Error> {
        let store = &self.deps.store;
        let Some(created) = self.deps.bus.stream_created(stream::DEAD).await? else {
            return Ok(false);
        };
        if self.marked.as_ref() == Some(&created) {
            return Ok(true);
        }
        let known = store.streams_known().await?.into_iter().find(|(name, _)| name == MARKED);
        if known.is_some_and(|(_, before)| before != created) {
            let letters = store.dead_letters_unmark_published().await?;
            warn!(letters, "the stream of dead letters is another one; publishing them again");
        }
        store.stream_note(MARKED, &created).await?;
        self.marked = Some(created);
        Ok(true)
    }

    async fn publish(&mut self) -> Result<(), Error> {
        // A stream that is gone is made anew within a second, by whom that concerns.
        while self.has_stream().await? {
            let letters = self.deps.store.dead_letters_unpublished(BATCH_MAX).await?;
            if letters.is_empty() {
                return Ok(());
            }
            self.unmarked = true;
            for letter in &letters {
                match letter_message(letter) {
                    Some(message) => self.deps.bus.publish_dead(&message).await?,
                    None => error!(dead_letter = letter.id, "a stored dead letter cannot be read"),
                }
            }
            info!(letters = letters.len(), "dead letters published");
            let ids: Vec<String> = letters.into_iter().map(|letter| letter.id).collect();
            self.deps.store.dead_letters_mark_published(&ids).await?;
        }
        Ok(())
    }
}

impl Reconciler for Letters {
    type Error = Error;

    async fn activate(&mut self) -> Result<(), Error> {
        self.publish().await?;
        if self.unmarked {
            self.mark().await?;
            self.unmarked = false;
        }
        Ok(())
    }
}
