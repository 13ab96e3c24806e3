//! The promises (P1 to P10 in ARCHITECTURE.md), checked over everything that is stored. The check reads
//! tables, streams and what stands outside the engine (answers, a ledger that workers kept, webhooks that
//! came); of the engine's code it uses only the replay.
//!
//! Every check works on values ([`Book`] and what is held against it) and does no IO, so that
//! `tests/tests/checker` can doctor a good book and show that each check sees what it is there for.
//! Only [`Book::read`], [`Ledger::read`] and [`streams`] read anything.

mod answers;
mod book;
mod error;
mod executions;
mod history;
mod letters;
pub mod live;
mod owners;
pub mod streams;
mod tasks;
mod told;

use std::{collections::BTreeMap, fmt};

pub use answers::Answers;
pub use book::{Book, Defined, Record, program};
pub use error::Error;
pub use executions::{Execution, Ledger};
pub use owners::{Holdings, Unowned, unowned};
pub use told::{Told, expected};

/// A promise that was not kept.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Breach {
    /// Its number.
    pub promise: u8,
    /// What was found.
    pub what: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "P{}: {}", self.promise, self.what)
    }
}

/// What was found so far.
#[derive(Debug, Default)]
pub struct Breaches(pub Vec<Breach>);

impl Breaches {
    pub(crate) fn note(&mut self, promise: u8, what: impl Into<String>) {
        self.0.push(Breach { promise, what: what.into() });
    }

    pub(crate) fn unless(&mut self, holds: bool, promise: u8, what: impl FnOnce() -> String) {
        if !holds {
            self.note(promise, what());
        }
    }

    /// Panics with all of them, if there are any.
    ///
    /// # Panics
    ///
    /// When there are any: this is for tests.
    pub fn none(&self) {
        let shown: Vec<String> = self.0.iter().take(40).map(Breach::to_string).collect();
        assert!(self.0.is_empty(), "{} breaches:\n{}", self.0.len(), shown.join("\n"));
    }
}

/// What was checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Runs by status.
    pub runs: BTreeMap<&'static str, usize>,
    /// Attempts over all runs.
    pub attempts: usize,
    /// Attempts that were lost and taken over.
    pub lost: usize,
    /// Results that were refused.
    pub refused: usize,
    /// Tasks that exhausted their policy.
    pub dead: usize,
}

/// Checks everything that can be seen in the book alone: P3 and P4 (one result per task, under the
/// epoch that counts), P5 (attempts within the task's own policy), P6 (histories, table and stream
/// have the same dead letters) and P7 (histories are gapless and replay to what is stored).
#[must_use]
pub fn check(book: &Book) -> (Checked, Breaches) {
    let (mut checked, mut breaches) = (Checked::default(), Breaches::default());
    for record in book.runs.values() {
        *checked.runs.entry(record.status.as_str()).or_default() += 1;
        let Some((program, expressions)) = book.programs.get(&record.definition) else {
            let what = match book.unusable.get(&record.definition) {
                Some(why) => format!("does not compile: {why}"),
                None => "is gone".to_owned(),
            };
            breaches.note(9, format!("{}: {} {what}", record.id, record.definition));
            continue;
        };
        history::check(record, program, expressions, &mut breaches);
        tasks::check(record, program, &mut checked, &mut breaches);
    }
    letters::check(book, &mut breaches);
    (checked, breaches)
}
