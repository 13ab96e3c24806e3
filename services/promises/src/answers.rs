//! P1 and P9: what the engine has answered stays true, whatever was killed since.

use std::collections::{BTreeMap, BTreeSet};

use kintsugi_core::Status;
use kintsugi_entities::DeadLetterStatus;
use serde_json::Value;

use crate::{Book, Breaches, Record, letters};

/// Everything that was answered.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// Runs that were accepted: 201, 200 of a repeat, or a stored intake message.
    pub accepted: BTreeSet<String>,
    /// Outputs of runs that were shown as completed.
    pub completed: BTreeMap<String, Value>,
    /// Dead letters whose redrive was taken (202).
    pub redriven: BTreeSet<String>,
    /// Runs whose cancellation was taken (202).
    pub cancelled: BTreeSet<String>,
}

impl Answers {
    /// Holds the answers against what is stored at the end.
    pub fn check(&self, book: &Book, breaches: &mut Breaches) {
        for id in &self.accepted {
            match book.runs.get(id) {
                None => breaches.note(1, format!("{id} was accepted and is gone")),
                Some(record) => breaches.unless(is_settled(record, book), 1, || {
                    format!("{id} was accepted and is {:?} for nothing", record.status)
                }),
            }
        }
        for (id, output) in &self.completed {
            let Some(record) = book.runs.get(id) else {
                breaches.note(9, format!("{id} was completed and is gone"));
                continue;
            };
            let same =
                record.status == Status::Completed && record.state.output.as_ref() == Some(output);
            breaches.unless(same, 9, || {
                let (status, now) = (record.status, &record.state.output);
                format!("{id} had completed with {output}; now it is {status:?} with {now:?}")
            });
        }
        for id in &self.redriven {
            let row = book.letters.get(id);
            let done = row.is_some_and(|row| row.status == DeadLetterStatus::Redriven);
            breaches.unless(done, 9, || format!("the redrive of {id} was taken and not done"));
        }
        for id in &self.cancelled {
            let over = book.runs.get(id).is_some_and(|record| record.status.is_terminal());
            breaches.unless(over, 9, || format!("the cancellation of {id} was taken, not done"));
        }
    }
}

/// It ended, or waits for a dead letter that is open.
fn is_settled(record: &Record, book: &Book) -> bool {
    let waits = || {
        letters::of(record).iter().any(|(id, redriven)| !redriven && book.letters.contains_key(id))
    };
    record.status.is_terminal() || (record.status == Status::Waiting && waits())
}
