//! What was promised, held against what is stored at the end.

mod events;
mod people;
mod permits;
mod schedules;
mod steering;

use std::collections::{BTreeMap, BTreeSet};

use kintsugi_core::{RunId, Status, Step};
use kintsugi_entities::DeadLetterStatus;
use kintsugi_promises::{self as promises, Book, Breach, Holdings, Ledger, Record, unowned};

use crate::{
    definitions::{End, end},
    store::Stored,
    world::{Actor, WORKERS, World},
};

pub(crate) use events::Emitted;

/// Something open may have no owner for so long once nothing breaks: what the last lost question was
/// about is found by the next audit, 30 s later, which looks twice.
pub(crate) const UNOWNED_MAX: u64 = 36_000;

impl World {
    /// Whether every run has ended as it would have, or nothing more will help.
    pub(crate) fn is_settled(&self) -> bool {
        self.gateway.is_done(self.now)
            && self.store.requests.is_empty()
            && self.store.outbox.is_empty()
            && self
                .store
                .letters
                .keys()
                .all(|id| self.broker.letters.iter().any(|one| one.id == *id))
            && self.store.runs.values().all(|run| self.has_ended(run))
    }

    fn has_ended(&self, run: &Stored) -> bool {
        let Some(plan) = self.gateway.plan(&run.row.id) else {
            return run.row.status.is_terminal();
        };
        match (self.definitions.end(plan.definition, plan.n), run.row.status) {
            (_, Status::Cancelled) => true,
            (End::Completed(_), status) => status == Status::Completed,
            (End::Faulted(_), status) => status.is_terminal(),
            (End::Parked, status) => {
                let letters = self.store.letters.values();
                let mut own = letters.filter(|letter| letter.run == run.row.id);
                status == Status::Waiting
                    && own.any(|letter| letter.status == DeadLetterStatus::Open)
                    && !self.gateway.answers.cancelled.contains(run.row.id.as_str())
            }
        }
    }

    /// Whether everybody is up.
    pub(crate) fn is_quiet(&self) -> bool {
        self.is_calm && self.broker.up && self.lives.values().all(|life| life.up && !life.frozen)
    }

    /// What is open and has no owner now.
    pub(crate) fn without_owner(&self) -> BTreeSet<String> {
        let mut holdings = Holdings { now: self.time(), ..Holdings::default() };
        for task in self.broker.tasks.values().filter(|task| task.deliveries == 0) {
            holdings.queued.insert((task.message.task.clone(), task.message.epoch));
        }
        for who in (0..WORKERS).filter(|who| self.lives[&Actor::Worker(*who)].up) {
            let worker = &self.workers[who];
            for attempt in worker.holds() {
                holdings.leases.entry(attempt.clone()).or_default().push(worker.name.clone());
            }
        }
        let letters = self.store.letters.values();
        let open = letters.filter(|letter| letter.status == DeadLetterStatus::Open);
        holdings.letters.extend(open.map(|letter| letter.id.clone()));
        // Of what is suspended the owner is a person.
        let open = self
            .store
            .runs
            .values()
            .filter(|run| !run.row.status.is_terminal() && run.row.status != Status::Suspended);
        let records: Vec<Record> =
            open.filter_map(|run| Record::of(run.row.clone()).ok()).collect();
        let mut found = unowned(&records, &holdings);
        found.extend(self.permits_amiss());
        found
    }

    /// Holds everything that is stored against the promises.
    pub(crate) fn check(&mut self, book: &mut Book) -> Vec<Breach> {
        book.runs = self.records();
        book.letters = self.store.letters.clone();
        book.stream = self.broker.letters.clone();
        let (checked, mut breaches) = promises::check(book);
        self.gateway.answers.check(book, &mut breaches);
        Ledger(std::mem::take(&mut self.ledger)).check(book, &mut breaches);
        let mut all = breaches.0;
        all.extend(self.ends());
        all.extend(self.steered(book));
        all.extend(self.heard_twice(book));
        all.extend(self.answered(book));
        all.extend(self.scheduled());
        all.append(&mut self.breaches);
        let amiss = self.permits_amiss().into_iter();
        all.extend(amiss.map(|what| Breach { promise: 2, what }));
        self.figures.runs = book.runs.len() as u64;
        self.figures.attempts = checked.attempts as u64;
        self.figures.takeovers = checked.lost as u64;
        self.figures.refused = checked.refused as u64;
        self.figures.dead = checked.dead as u64;
        self.figures.dropped = self.broker.dropped;
        all
    }

    fn records(&self) -> BTreeMap<String, Record> {
        let runs = self.store.runs.keys();
        runs.filter_map(|id| Some((id.to_string(), self.record(id)?))).collect()
    }

    /// A run and its history.
    fn record(&self, id: &RunId) -> Option<Record> {
        let run = self.store.runs.get(id)?;
        let mut record = Record::of(run.row.clone()).ok()?;
        let rows = run.history.iter().map(|(seq, steps)| {
            let steps: Vec<Step> = serde_json::from_slice(steps).unwrap_or_default();
            (*seq, steps)
        });
        record.rows = rows.collect();
        Some(record)
    }

    /// Every run ended as it would have, had nothing broken.
    fn ends(&self) -> Vec<Breach> {
        let mut breaches = Vec::new();
        for plan in &self.gateway.plans {
            let wanted = self.definitions.end(plan.definition, plan.n);
            let Some(state) = self.state(&plan.run) else { continue };
            let cancelled =
                state.status == Status::Cancelled && self.gateway.cancels.contains(&plan.run);
            let found = end(&state);
            if found != wanted && !cancelled {
                let what = format!("{} ends with {found:?} and not {wanted:?}", plan.run);
                breaches.push(Breach { promise: 1, what });
            }
        }
        for (id, run) in &self.store.runs {
            if self.gateway.plan(id).is_none() && !run.row.status.is_terminal() {
                let what = format!("{id}, which a run started, is {:?}", run.row.status);
                breaches.push(Breach { promise: 1, what });
            }
        }
        breaches
    }
}

/// For how long each thing has had no owner.
#[derive(Default)]
pub(crate) struct Orphanage(BTreeMap<String, u64>);

impl Orphanage {
    /// Looks once more, and gives what has had none for longest.
    pub(crate) fn look(&mut self, found: BTreeSet<String>, now: u64) -> Option<(String, u64)> {
        let before = std::mem::take(&mut self.0);
        for what in found {
            let since = before.get(&what).copied().unwrap_or(now);
            self.0.insert(what, since);
        }
        let longest = self.0.iter().min_by_key(|(_, since)| **since)?;
        Some((longest.0.clone(), now - longest.1))
    }
}
