//! What was found, for people and for programs.

use std::{collections::BTreeMap, fmt};

use kintsugi_core::Status;
use kintsugi_promises::Breach;
use serde::Serialize;

/// Breaches that are kept in words; all are counted.
const BREACHES_MAX: usize = 1_000;

/// What was found. The first six counts of what must not be, and `breaches`, are empty in a good one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Runs whose start was answered.
    pub accepted: usize,
    /// Runs by status, of each definition: also those that were not counted as accepted, as children.
    pub definitions: BTreeMap<String, BTreeMap<String, usize>>,
    /// Runs that were accepted, and are gone or hang (P1).
    pub lost: usize,
    /// Executions beyond the first under the same epoch, by the workers' own ledger.
    pub run_twice: usize,
    /// Results beyond the first: of a task in its history, or of a run that was shown another one.
    pub results_twice: usize,
    /// Attempts that the policy does not allow, or retries and letters against it (P5).
    pub over_policy: usize,
    /// Tasks that are both completed and dead-lettered.
    pub both: usize,
    /// Runs of the built-in definitions that did not end as they must.
    pub wrong: usize,
    /// Executions in the ledger.
    pub executions: usize,
    /// Tasks in the ledger that were executed again under a new epoch, as at-least-once allows.
    pub run_again: usize,
    /// Attempts over all runs.
    pub attempts: usize,
    /// Attempts that were lost and taken over.
    pub taken_over: usize,
    /// Late results that were refused.
    pub refused: usize,
    /// Tasks that exhausted their policy.
    pub dead_letters: usize,
    /// Letters that were redriven.
    pub redriven: usize,
    /// How many promises were not kept, or answers and ends not as they must be (promise 0).
    pub broken: usize,
    /// The first of them, in words.
    pub breaches: Vec<Breach>,
}

impl Verdict {
    /// Whether nothing was found that must not be.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.forbidden().iter().all(|(_, count)| *count == 0)
    }

    /// What must not be.
    fn forbidden(&self) -> [(&'static str, usize); 7] {
        [
            ("lost", self.lost),
            ("executed twice under one epoch", self.run_twice),
            ("results twice", self.results_twice),
            ("over policy", self.over_policy),
            ("completed and dead", self.both),
            ("wrong ends", self.wrong),
            ("breaches", self.broken),
        ]
    }

    /// Runs with this status.
    #[must_use]
    pub fn ended(&self, status: Status) -> usize {
        self.definitions.values().filter_map(|by_status| by_status.get(status.as_str())).sum()
    }

    /// Runs that completed.
    #[must_use]
    pub fn completed(&self) -> usize {
        self.ended(Status::Completed)
    }

    /// Takes up what was found.
    pub(crate) fn take(&mut self, breaches: Vec<Breach>) {
        self.broken += breaches.len();
        let room = BREACHES_MAX.saturating_sub(self.breaches.len());
        self.breaches.extend(breaches.into_iter().take(room));
    }

    /// Adds what was found in another window.
    pub fn merge(&mut self, other: Self) {
        for (definition, by_status) in other.definitions {
            let own = self.definitions.entry(definition).or_default();
            for (status, count) in by_status {
                *own.entry(status).or_default() += count;
            }
        }
        self.accepted += other.accepted;
        self.lost += other.lost;
        self.run_twice += other.run_twice;
        self.results_twice += other.results_twice;
        self.over_policy += other.over_policy;
        self.both += other.both;
        self.wrong += other.wrong;
        self.executions += other.executions;
        self.run_again += other.run_again;
        self.attempts += other.attempts;
        self.taken_over += other.taken_over;
        self.refused += other.refused;
        self.dead_letters += other.dead_letters;
        self.redriven += other.redriven;
        let unsaid = other.broken.saturating_sub(other.breaches.len());
        self.take(other.breaches);
        self.broken += unsaid;
    }
}

/// The columns of the table.
const COLUMNS: [Status; 4] =
    [Status::Completed, Status::Faulted, Status::Cancelled, Status::Waiting];

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.definitions.keys().map(String::len).max().unwrap_or(0).max(10);
        write!(f, "{:width$} {:>9}", "definition", "runs")?;
        COLUMNS.iter().try_for_each(|status| write!(f, " {:>9}", status.as_str()))?;
        writeln!(f)?;
        for (definition, by_status) in &self.definitions {
            write!(f, "{definition:width$} {:>9}", by_status.values().sum::<usize>())?;
            for status in COLUMNS {
                write!(f, " {:>9}", by_status.get(status.as_str()).unwrap_or(&0))?;
            }
            writeln!(f)?;
        }
        let all: usize = self.definitions.values().flat_map(BTreeMap::values).sum();
        write!(f, "{:width$} {all:>9}", "all")?;
        COLUMNS.iter().try_for_each(|status| write!(f, " {:>9}", self.ended(*status)))?;
        writeln!(f, "\n\nmust be 0:")?;
        for (what, count) in self.forbidden() {
            writeln!(f, "  {what:32} {count:>9}{}", if count == 0 { "" } else { "  <-" })?;
        }
        writeln!(f, "seen:")?;
        let seen = [
            ("accepted", self.accepted),
            ("attempts", self.attempts),
            ("attempts taken over", self.taken_over),
            ("executions in the ledger", self.executions),
            ("tasks executed again, new epoch", self.run_again),
            ("late results refused", self.refused),
            ("dead letters", self.dead_letters),
            ("redriven", self.redriven),
        ];
        seen.iter().try_for_each(|(what, count)| writeln!(f, "  {what:32} {count:>9}"))?;
        for breach in self.breaches.iter().take(20) {
            writeln!(f, "  {breach}")?;
        }
        Ok(())
    }
}
