//! The simulated store: what `entities` promises of its transactions, in memory.

mod mail;
mod people;
mod permits;
mod requests;
mod schedules;

use std::{
    collections::{BTreeMap, BTreeSet},
    future::ready,
    sync::Arc,
};

use kintsugi_core::{DefinitionRef, RunId, RunState, Status};
use kintsugi_deciding::{Compiled, Source};
use kintsugi_entities::{
    Batch, Committed, DeadLetterRow, DeadLetterStatus, Due, Error, HoldRow, HumanTaskRow, MailRow,
    MailWaiting, NewRun, OutboxRow, Overdue, PartitionRow, RequestRow, Resolved, RunRow,
    ScheduleRow,
};

use crate::{
    definitions::Definitions,
    off::{Off, Protection},
};

pub use mail::Listener;
pub use permits::Permit;

/// A run and its history.
#[derive(Clone, Debug)]
pub struct Stored {
    pub row: RunRow,
    /// Positions and steps.
    pub history: Vec<(i64, Vec<u8>)>,
}

#[derive(Debug)]
struct Waiting {
    row: MailRow,
    parked: bool,
}

/// Everything that is stored.
#[derive(Debug)]
pub struct Store {
    definitions: Arc<Definitions>,
    off: Off,
    pub runs: BTreeMap<RunId, Stored>,
    partitions: Vec<PartitionRow>,
    pub letters: BTreeMap<String, DeadLetterRow>,
    inbox: Vec<Waiting>,
    pub listeners: BTreeSet<Listener>,
    pub outbox: BTreeMap<String, OutboxRow>,
    pub requests: Vec<RequestRow>,
    pub schedules: BTreeMap<String, ScheduleRow>,
    /// Tasks of people, by `run:task`.
    pub people: BTreeMap<String, HumanTaskRow>,
    /// By `run:task`.
    pub permits: BTreeMap<String, Permit>,
    /// Incarnations of streams that were seen.
    pub streams: BTreeMap<&'static str, u64>,
    /// The recovery log, counted by kind.
    pub recoveries: BTreeMap<String, u64>,
    /// The next read fails.
    pub fails: bool,
}

/// The error of a store that is away.
pub fn away() -> Error {
    Error::invalid("the database does not answer")
}

impl Store {
    pub fn new(definitions: Arc<Definitions>, off: Off, partitions: u16) -> Self {
        let row = |id| PartitionRow {
            id,
            owner: String::new(),
            owner_epoch: 0,
            position: 0,
            stream: String::new(),
        };
        Self {
            definitions,
            off,
            runs: BTreeMap::new(),
            partitions: (0..partitions).map(row).collect(),
            letters: BTreeMap::new(),
            inbox: Vec::new(),
            listeners: BTreeSet::new(),
            outbox: BTreeMap::new(),
            requests: Vec::new(),
            schedules: BTreeMap::new(),
            people: BTreeMap::new(),
            permits: BTreeMap::new(),
            streams: BTreeMap::new(),
            recoveries: BTreeMap::new(),
            fails: false,
        }
    }

    /// Accepts a run, unless there is one of its id.
    pub fn create(&mut self, new: NewRun) {
        let row = RunRow {
            id: new.id.clone(),
            definition: new.definition,
            partition: new.partition,
            version: 0,
            status: Status::Pending,
            wake_at: Some(new.created_at),
            state: new.state,
            created_at: new.created_at,
            updated_at: new.created_at,
            ended_at: None,
            parent: new.parent,
            trace_parent: new.trace_parent,
        };
        self.runs.entry(new.id).or_insert(Stored { row, history: Vec::new() });
    }

    pub fn claim(&mut self, ids: &[u16], owner: &str) -> Vec<PartitionRow> {
        let claimed = self.partitions.iter_mut().filter(|row| ids.contains(&row.id));
        let claimed = claimed.map(|row| {
            owner.clone_into(&mut row.owner);
            row.owner_epoch += 1;
            row.clone()
        });
        claimed.collect()
    }

    /// All or, where one changed hands, none.
    pub fn rewind(&mut self, ids: &[(u16, i64)], stream: &str) -> Result<(), Error> {
        if ids.iter().any(|(id, epoch)| !self.is_owned(*id, *epoch)) {
            return Err(Error::invalid("a partition changed hands"));
        }
        for (id, _) in ids {
            if let Some(row) = self.partitions.get_mut(usize::from(*id)) {
                row.position = 0;
                stream.clone_into(&mut row.stream);
            }
        }
        Ok(())
    }

    fn is_owned(&self, id: u16, epoch: i64) -> bool {
        let row = self.partitions.get(usize::from(id));
        self.off.has(Protection::Epoch) || row.is_some_and(|row| row.owner_epoch == epoch)
    }

    /// Makes a batch true as a whole, or not at all.
    pub fn commit(&mut self, batch: &Batch) -> Committed {
        if batch.positions.iter().any(|(id, epoch, _)| !self.is_owned(*id, *epoch)) {
            return Committed::Fenced;
        }
        let outdated = |run: &&kintsugi_entities::RunWrite| {
            self.runs.get(&run.id).is_none_or(|known| known.row.version != run.version_before)
        };
        let outdated: Vec<RunId> =
            batch.runs.iter().filter(outdated).map(|run| run.id.clone()).collect();
        if !outdated.is_empty() && !self.off.has(Protection::Version) {
            return Committed::Conflict(outdated);
        }
        for (id, _, position) in &batch.positions {
            if let Some(row) = self.partitions.get_mut(usize::from(*id)) {
                row.position = *position;
            }
        }
        for write in &batch.runs {
            let Some(stored) = self.runs.get_mut(&write.id) else { continue };
            let row = &mut stored.row;
            (row.version, row.status, row.wake_at) = (write.version, write.status, write.wake_at);
            (row.updated_at, row.ended_at) = (write.updated_at, write.ended_at);
            row.state.clone_from(&write.state);
            stored.history.push((write.history.seq, write.history.steps.clone()));
        }
        self.commit_rest(batch);
        Committed::Done
    }

    fn commit_rest(&mut self, batch: &Batch) {
        for child in &batch.children {
            self.create(child.clone());
        }
        for letter in &batch.dead_letters {
            self.letters.insert(letter.id.clone(), letter.clone());
        }
        for id in &batch.redriven {
            if let Some(letter) = self.letters.get_mut(id) {
                letter.status = DeadLetterStatus::Redriven;
            }
        }
        for recovery in &batch.recoveries {
            *self.recoveries.entry(recovery.kind.clone()).or_default() += 1;
        }
        let mail = &batch.mail;
        let is = |row: &MailRow, (run, key): &(RunId, String)| row.run == *run && row.key == *key;
        self.inbox.retain(|waiting| !mail.taken.iter().any(|taken| is(&waiting.row, taken)));
        for waiting in &mut self.inbox {
            waiting.parked |= mail.parked.iter().any(|parked| is(&waiting.row, parked));
            waiting.parked &= !mail.offered.contains(&waiting.row.run);
        }
        self.requests.retain(|request| !batch.requests_taken.contains(&request.id));
        self.write_people(batch);
        self.write_permits(&batch.permits);
        self.write_mail(mail);
    }

    pub fn post(&mut self, row: MailRow) {
        if self.inbox.iter().all(|known| known.row.run != row.run || known.row.key != row.key) {
            self.inbox.push(Waiting { row, parked: false });
            self.inbox.sort_by(|a, b| (a.row.place, &a.row.key).cmp(&(b.row.place, &b.row.key)));
        }
    }

    pub fn mail_waiting(&self, runs: &[RunId]) -> MailWaiting {
        let waits = |waiting: &&Waiting| !waiting.parked && runs.contains(&waiting.row.run);
        let rows = self.inbox.iter().filter(waits).map(|waiting| waiting.row.clone()).collect();
        MailWaiting { rows, more: Vec::new() }
    }

    pub fn mail_overdue(&self, before: i64) -> Overdue {
        let waits = |waiting: &&Waiting| !waiting.parked && waiting.row.at < before;
        let mut runs: Vec<RunId> =
            self.inbox.iter().filter(waits).map(|waiting| waiting.row.run.clone()).collect();
        runs.dedup();
        let requests = self.requests.iter().filter(|request| request.at < before);
        let requests = requests.map(|request| request.id.clone()).collect();
        Overdue { runs, sent: self.outbox_overdue(before), requests }
    }

    pub fn due(&self, now: i64, overdue: i64) -> Due {
        let all = self.runs.values().filter_map(|run| Some((run.row.wake_at?, &run.row.id)));
        let mut runs: Vec<(i64, &RunId)> = all.clone().filter(|(at, _)| *at <= now).collect();
        runs.sort_unstable();
        let next = all.map(|(at, _)| at).filter(|at| *at > now).min();
        let waits = self.mail_overdue(overdue);
        let overdue = !waits.runs.is_empty()
            || !waits.requests.is_empty()
            || !waits.sent.is_empty()
            || self.letters.values().any(|letter| letter.published_at.is_none());
        let runs = runs.into_iter().map(|(at, id)| (id.clone(), at)).collect();
        // Redrives of many letters are not simulated.
        Due { runs, next, overdue, redrive: None }
    }

    /// Every open run, as reconcilers read it.
    pub fn open(&self) -> Vec<(RunId, u16, RunState)> {
        let open = self.runs.values().filter(|run| !run.row.status.is_terminal());
        let read = |run: &Stored| {
            let state = serde_json::from_slice(&run.row.state).ok()?;
            Some((run.row.id.clone(), run.row.partition, state))
        };
        open.filter_map(read).collect()
    }
}

impl Source for Store {
    fn runs(&self, ids: &[RunId]) -> impl Future<Output = Result<Vec<RunRow>, Error>> + Send {
        let found = ids.iter().filter_map(|id| self.runs.get(id)).map(|run| run.row.clone());
        ready(if self.fails { Err(away()) } else { Ok(found.collect()) })
    }

    fn programs(
        &self,
        ids: &[String],
    ) -> impl Future<Output = Result<Vec<(String, Arc<Compiled>)>, Error>> + Send {
        let found = ids.iter().filter_map(|id| {
            let definition = self.definitions.get(id)?;
            Some((id.clone(), Arc::clone(&definition.compiled)))
        });
        ready(Ok(found.collect()))
    }

    fn holds(&self) -> impl Future<Output = Result<Vec<HoldRow>, Error>> + Send {
        ready(Ok(Vec::new()))
    }

    fn resolve(
        &self,
        wanted: &[DefinitionRef],
    ) -> impl Future<Output = Result<Vec<Resolved>, Error>> + Send {
        let found = wanted.iter().map(|wanted| match self.definitions.get(&wanted.to_string()) {
            Some(definition) => Resolved::Found(definition.id.clone()),
            None => Resolved::Missing,
        });
        ready(Ok(found.collect()))
    }
}
