//! Dead letters, from the table to the stream.

use std::collections::BTreeMap;

use kintsugi_core::{Event, Step, Timestamp, WhenExhausted};
use kintsugi_entities::DeadLetterRow;
use kintsugi_nats::{DeadAttempt, DeadLetterMessage};
use kintsugi_runtime::{Deps, Reconciler};
use tracing::{error, info};

use crate::Error;

/// How many letters one round publishes.
const BATCH_MAX: u32 = 100;

/// How many rows of history one statement reads.
const PAGE: u32 = 1_000;

/// How many attempts a letter tells of: the last ones.
const ATTEMPTS_MAX: usize = 100;

/// Publishes each dead letter that is not marked as published. Killed between the two, it publishes
/// the letter again under the same id, and the stream drops the repeat.
pub(crate) struct Letters {
    deps: Deps,
}

impl Letters {
    pub(crate) fn new(deps: Deps) -> Self {
        Self { deps }
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
                    note(&mut attempts, letter.task, event);
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

fn note(attempts: &mut BTreeMap<u64, DeadAttempt>, of: u64, (at, event): (Timestamp, &Event)) {
    let (Event::TaskDispatched { task, epoch, .. }
    | Event::TaskStarted { task, epoch, .. }
    | Event::TaskFailed { task, epoch, .. }
    | Event::TaskLost { task, epoch, .. }) = event
    else {
        return;
    };
    if *task != of {
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
        loop {
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
    }
}
