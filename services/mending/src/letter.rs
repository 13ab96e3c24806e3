//! Dead letters, from their rows to the stream.

use kintsugi_core::{DeadLetterOutcome, Timestamp};
use kintsugi_entities::DeadLetterRow;
use kintsugi_nats::DeadLetterMessage;

/// A letter as it goes to the stream; none when what is stored cannot be read.
#[must_use]
pub fn letter_message(letter: &DeadLetterRow) -> Option<DeadLetterMessage> {
    Some(DeadLetterMessage {
        id: letter.id.clone(),
        run: letter.run.clone(),
        task: letter.task,
        epoch: letter.epoch,
        definition: letter.definition.clone(),
        pointer: letter.pointer.clone(),
        task_type: letter.task_type.clone(),
        queue: letter.queue.clone(),
        input: serde_json::from_slice(&letter.input).ok()?,
        error: serde_json::from_slice(&letter.error).ok()?,
        failures: letter.failures,
        crashes: letter.crashes,
        at: Timestamp(letter.created_at),
        outcome: DeadLetterOutcome::parse(&letter.outcome)?,
        attempts: serde_json::from_slice(&letter.attempts).ok()?,
        traceparent: letter.trace_parent.clone(),
    })
}
