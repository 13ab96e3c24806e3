//! Dead letters, from the table to the stream.

use kintsugi_nats::DeadLetterMessage;
use kintsugi_runtime::{Deps, Reconciler};

use crate::Error;

/// How many letters one round publishes.
const BATCH_MAX: u32 = 100;

/// Publishes each dead letter that is not marked as published. Killed between the two, it publishes
/// the letter again under the same id, and the stream drops the repeat.
pub(crate) struct Letters {
    deps: Deps,
}

impl Letters {
    pub(crate) fn new(deps: Deps) -> Self {
        Self { deps }
    }
}

impl Reconciler for Letters {
    type Error = Error;

    async fn activate(&mut self) -> Result<(), Error> {
        loop {
            let letters = self.deps.store.dead_letters_unpublished(BATCH_MAX).await?;
            if letters.is_empty() {
                return Ok(());
            }
            for letter in &letters {
                self.deps.bus.publish_dead(&message(letter)).await?;
            }
            let ids: Vec<String> = letters.into_iter().map(|letter| letter.id).collect();
            self.deps.store.dead_letters_mark_published(&ids).await?;
        }
    }
}
