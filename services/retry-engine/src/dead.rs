//! Dead letters, from the table to the stream.

use std::collections::BTreeMap;

use kintsugi_core::{Event, Step, Timestamp, WhenExhausted};
use kintsugi_entities::DeadLetterRow;
use kintsugi_nats::{DeadAttempt, DeadLetterMessage, stream};
use kintsugi_runtime::{Deps, Reconciler};
use tracing::{error, info, warn};

use crate::Error;

/// How many letters one round publishes.
const BATCH_MAX: u32 = 100;

/// How many rows of history one statement reads.
const PAGE: u32 = 1_000;

/// How many attempts a letter tells of: the last ones.
const ATTEMPTS_MAX: usize = 100;

/// Under which name the store keeps which stream the marks are about.
const MARKED: &str = "KINTSUGI_DEAD/letters";

/// Publishes each dead letter that is not marked as published. Killed between the two, it publishes
/// the letter again under the same id, and the stream drops the repeat. The marks are about one
/// stream: in one that was made anew there is none of the letters, and all are published again.
pub(crate) struct Letters {
    deps: Deps,
    marked: Option<String>,
}

impl Letters {
    pub(crate) fn new(deps: Deps) -> Self {
        Self { deps, marked: None }
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

    /// What became of each attempt, from the history: this is rare enough to read it.
    async fn attempts(&self, letter: &DeadLetterRow) -> Result<Vec<DeadAttempt>, Error> {
        let (mut attempts, mut after) = (BTreeMap::new(), 0);
        loop {
            let rows = self.deps.store.history(&letter.run, after, PAGE).await?;
            for row in &rows {
                let steps: Vec<Step> = serde_json::from_slice(&row.steps).unwrap_or_default();
                for event in steps.iter().flat_map(|step| step.events.iter().map(|e| (step.at, e)))
                {
                    note(&mut attempts, letter, event);
                }
            }
            match rows.last() {
                Some(last) if rows.len() >= PAGE as usize => after = last.seq,
                _ => break,
            }
        }
        let skipped = attempts.len().saturating_sub(ATTEMPTS_MAX);
        Ok(attempts.into_values().skip(skipped).collect())
    }

    async fn message(&self, letter: &DeadLetterRow) -> Result<Option<DeadLetterMessage>, Error> {
        let (Ok(input), Ok(last)) =
            (serde_json::from_slice(&letter.input), serde_json::from_slice(&letter.error))
        else {
            error!(dead_letter = letter.id, "a stored dead letter cannot be read");
            return Ok(None);
        };
        let park = letter.outcome == "park";
        Ok(Some(DeadLetterMessage {
            id: letter.id.clone(),
            run: letter.run.clone(),
            task: letter.task,
            epoch: letter.epoch,
            definition: letter.definition.clone(),
            pointer: letter.pointer.clone(),
            task_type: letter.task_type.clone(),
            queue: letter.queue.clone(),
            input,
            error: last,
            failures: letter.failures,
            crashes: letter.crashes,
            at: Timestamp(letter.created_at),
            outcome: if park { WhenExhausted::Park } else { WhenExhausted::Fault },
            attempts: self.attempts(letter).await?,
            traceparent: letter.trace_parent.clone(),
        }))
    }
}

fn note(
    attempts: &mut BTreeMap<u64, DeadAttempt>,
    letter: &DeadLetterRow,
    (at, event): (Timestamp, &Event),
) {
    let (Event::TaskDispatched { task, epoch, .. }
    | Event::TaskStarted { task, epoch, .. }
    | Event::TaskFailed { task, epoch, .. }
    | Event::TaskLost { task, epoch, .. }) = event
    else {
        return;
    };
    // A letter that is published late, or again, does not tell of what came after it.
    if *task != letter.task || *epoch > letter.epoch {
        return;
    }
    let attempt = attempts.entry(*epoch).or_insert_with(|| DeadAttempt {
        epoch: *epoch,
        worker: None,
        started_at: None,
        error: None,
        lost: None,
    });
    match event {
        Event::TaskStarted { worker, .. } => {
            (attempt.worker, attempt.started_at) = (Some(worker.clone()), Some(at));
        }
        Event::TaskFailed { error, .. } => attempt.error = Some(error.clone()),
        Event::TaskLost { cause, worker, .. } => {
            attempt.lost = Some(*cause);
            attempt.worker = worker.clone().or(attempt.worker.take());
        }
        _ => {}
    }
}

impl Reconciler for Letters {
    type Error = Error;

    async fn activate(&mut self) -> Result<(), Error> {
        // A stream that is gone is made anew within a second, by whom that concerns.
        while self.has_stream().await? {
            let letters = self.deps.store.dead_letters_unpublished(BATCH_MAX).await?;
            if letters.is_empty() {
                return Ok(());
            }
            for letter in &letters {
                if let Some(message) = self.message(letter).await? {
                    self.deps.bus.publish_dead(&message).await?;
                }
            }
            info!(letters = letters.len(), "dead letters published");
            let ids: Vec<String> = letters.into_iter().map(|letter| letter.id).collect();
            self.deps.store.dead_letters_mark_published(&ids).await?;
        }
        Ok(())
    }
}
