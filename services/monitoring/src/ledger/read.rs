//! What a round reads, and what is found in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use kintsugi_core::{Program, RunId, Timestamp};
use kintsugi_definition::Expressions;
use kintsugi_entities::{Recorded, Since};
use kintsugi_nats::{StreamState, stream};
use kintsugi_promises::{
    Defined, Record,
    live::{self, By, Finding},
    program,
};
use tokio::task::spawn_blocking;
use tracing::{error, warn};

use super::{
    BOUNDS, Compiled, Error, LATE_MS, LIMIT, Ledger, RUNS_MAX,
    standing::{Judged, Standing},
};

/// Lifecycle events, the newest, whose runs are read.
const LIFE_MAX: u64 = 8;

/// Dead letters of the table that are looked for in the stream, the newest.
const LETTERS_MAX: u32 = 500;

/// Positions of the stream in which they are looked for, the newest.
const POSITIONS_MAX: u64 = 2_000;

/// A letter is noted as published before the broker's figures are asked for again.
const YOUNG_MS: i64 = 1_000;

/// Characters of what is wrong with a definition that are told.
const WHY_MAX: usize = 300;

/// Compiled definitions that are kept.
const PROGRAMS_MAX: usize = 64;

type Compared = [(StreamState, Vec<String>)];

/// What is known of the stream of dead letters.
#[derive(Default)]
pub(super) struct DeadStream {
    created: Option<String>,
    messages: u64,
    last: u64,
    ids: BTreeMap<u64, String>,
}

impl DeadStream {
    pub(super) fn is_changed(&self, compared: &Compared) -> bool {
        let Some(now) = of(compared, stream::DEAD) else { return false };
        (&self.created, self.messages, self.last) != (&now.created, now.messages, now.last_seq)
    }
}

fn of<'a>(compared: &'a Compared, name: &str) -> Option<&'a StreamState> {
    compared.iter().map(|(state, _)| state).find(|state| state.name == name)
}

impl Ledger {
    /// Whether anything happened since the last round.
    pub(super) fn moved(&mut self, compared: &Compared) -> bool {
        let last = |name| of(compared, name).map_or(0, |state| state.last_seq);
        let now = (last(stream::EVENTS), last(stream::LIFE));
        std::mem::replace(&mut self.moved, now) != now
    }

    /// What indexes tell; gives the runs that ended since some were read, and when each did.
    pub(super) async fn look(
        &mut self,
        standing: &mut Standing,
        time: Timestamp,
        findings: &mut Vec<Finding>,
    ) -> Result<Vec<(RunId, i64)>, Error> {
        let late = time.0 - LATE_MS;
        let since = Since {
            pending: late,
            due: late,
            letters: late,
            ended: self.ended,
            after: self.after.clone(),
            limit: LIMIT,
            ended_max: u32::try_from(RUNS_MAX).unwrap_or(u32::MAX),
        };
        let look = self.deps.store.ledger_look(&since).await?;
        let is_full = look.unarmed.len() >= LIMIT as usize;
        let last = look.unarmed.last().filter(|_| is_full);
        self.after = last.map(ToString::to_string).unwrap_or_default();
        findings.extend(live::seen(&look, &mut self.epochs));
        for promise in [1, 2, 6] {
            standing.checked(promise, 1, time);
        }
        standing.checked(9, look.settings.len() + look.partitions.len(), time);
        self.unarmed(standing, look.unarmed, time, findings).await?;
        Ok(look.ended)
    }

    /// Open runs without a deadline whose states have one.
    async fn unarmed(
        &mut self,
        standing: &mut Standing,
        mut runs: Vec<RunId>,
        time: Timestamp,
        findings: &mut Vec<Finding>,
    ) -> Result<(), Error> {
        // Those that were found before may be behind the page that is looked at.
        let before = standing.of(By::Timer).filter_map(|run| RunId::parse(run).ok());
        runs.extend(before.collect::<Vec<_>>());
        if runs.is_empty() {
            return Ok(());
        }
        standing.checked(2, runs.len(), time);
        for row in self.deps.store.runs_load(&runs).await? {
            match Record::of(row) {
                Ok(record) => findings.extend(live::unarmed(&record).map(|(found, _)| found)),
                Err(problem) => warn!(error = &problem as &dyn std::error::Error, "unreadable"),
            }
        }
        Ok(())
    }

    /// Reads runs whole: those of which something stands, that ended, and that just changed.
    pub(super) async fn runs(
        &mut self,
        standing: &mut Standing,
        ended: Vec<(RunId, i64)>,
        time: Timestamp,
        findings: &mut Vec<Finding>,
        judged: &mut Judged,
    ) -> Result<(), Error> {
        let parse = |subject: &str| RunId::parse(subject.split(':').next().unwrap_or("")).ok();
        let stand: BTreeSet<RunId> = standing.of(By::Run).filter_map(parse).collect();
        let mut runs: Vec<RunId> = stand.into_iter().take(RUNS_MAX / 2).collect();
        self.ended = ended.iter().map(|(_, at)| *at).fold(self.ended, i64::max);
        runs.extend(ended.into_iter().map(|(run, _)| run));
        let to = self.moved.1;
        // A stream that was made anew counts from the beginning.
        let after = if self.life > to { 0 } else { self.life };
        let from = (after + 1).max((to + 1).saturating_sub(LIFE_MAX));
        if from <= to && runs.len() < RUNS_MAX {
            runs.extend(self.deps.bus.life_runs(from, to).await?);
        }
        self.life = to;
        let mut known = BTreeSet::new();
        runs.retain(|run| known.insert(run.clone()));
        runs.truncate(RUNS_MAX);
        let recorded = self.deps.store.ledger_runs(&runs, BOUNDS).await?;
        judged.runs.extend(runs.iter().map(ToString::to_string));
        standing.checked(9, recorded.len(), time);
        let mut pairs = Vec::new();
        for recorded in recorded {
            // Of one whose definition is of no use nothing else can be said; the others are judged all
            // the same.
            match self.program(&recorded.definition).await? {
                Ok(compiled) => pairs.push((recorded, compiled)),
                Err(what) => {
                    let what = format!("its definition {} {what}", recorded.definition);
                    findings.push(Finding::new((9, By::Run), recorded.id.as_str(), what));
                }
            }
        }
        let whole = pairs.iter().filter(|(recorded, _)| recorded.history.is_some()).count();
        for promise in [3, 4, 5, 6, 7] {
            standing.checked(promise, whole, time);
        }
        // Replaying is work: in one process it would stand in the way of everybody else's.
        let judge = move || pairs.iter().flat_map(judged_run).collect::<Vec<_>>();
        findings.extend(spawn_blocking(judge).await.map_err(|_| Error::Judge)?);
        Ok(())
    }

    /// A definition, compiled, or in words what it is instead.
    async fn program(&mut self, reference: &str) -> Result<Result<Compiled, String>, Error> {
        if let Some(known) = self.programs.get(reference) {
            return Ok(Ok(Arc::clone(known)));
        }
        let found = match program(&self.deps.store, reference).await? {
            Defined::Usable(found) => Arc::new(*found),
            Defined::Gone => return Ok(Err("is gone".to_owned())),
            Defined::Unusable(why) => {
                let why: String = why.chars().take(WHY_MAX).collect();
                return Ok(Err(format!("does not compile: {why}")));
            }
        };
        while self.programs.len() >= PROGRAMS_MAX {
            let Some(any) = self.programs.keys().next().cloned() else { break };
            self.programs.remove(&any);
        }
        self.programs.insert(reference.to_owned(), Arc::clone(&found));
        Ok(Ok(found))
    }

    /// The table of dead letters against the stream, of the newest.
    pub(super) async fn letters(
        &mut self,
        standing: &mut Standing,
        compared: &Compared,
        time: Timestamp,
        findings: &mut Vec<Finding>,
    ) -> Result<(), Error> {
        let Some(state) = of(compared, stream::DEAD).filter(|it| it.created.is_some()) else {
            return Ok(());
        };
        let rows = self.deps.store.ledger_letters(LETTERS_MAX).await?;
        let whole = self.dead_read(state).await?;
        if !whole {
            return Ok(());
        }
        let noted = rows
            .iter()
            .filter(|row| row.published_at.is_some_and(|at| at < time.0.saturating_sub(YOUNG_MS)));
        let noted: BTreeSet<String> = noted.map(|row| row.id.clone()).collect();
        let held: BTreeSet<String> = self.dead.ids.values().cloned().collect();
        standing.checked(6, noted.len(), time);
        findings.extend(live::missing(&noted, &held));
        Ok(())
    }

    /// Takes up what the stream holds; whether the newest letters must be among it, since it dropped
    /// none for want of room.
    async fn dead_read(&mut self, state: &StreamState) -> Result<bool, Error> {
        let dead = &mut self.dead;
        let new = state.last_seq.saturating_sub(dead.last);
        let grew = dead.created == state.created
            && dead.messages + new == state.messages
            && state.last_seq >= dead.last
            && dead.ids.len() as u64 == dead.messages;
        let first = state.first_seq.max((state.last_seq + 1).saturating_sub(POSITIONS_MAX));
        let from = if grew { dead.last + 1 } else { first };
        if !grew {
            dead.ids.clear();
        }
        let found = self.deps.bus.dead_ids(from, state.last_seq).await?;
        dead.ids.extend(found);
        dead.ids.retain(|seq, _| *seq >= first);
        (dead.messages, dead.last) = (state.messages, state.last_seq);
        dead.created.clone_from(&state.created);
        let is_full = state.bytes_max > 0 && state.bytes / 9 * 10 > state.bytes_max;
        Ok(!is_full || dead.ids.len() >= LETTERS_MAX as usize * 2)
    }
}

fn judged_run((recorded, compiled): &(Recorded, Arc<(Program, Expressions)>)) -> Vec<Finding> {
    live::run(recorded, compiled).unwrap_or_else(|problem| {
        error!(workflow.id = %recorded.id, error = &problem as &dyn std::error::Error, "unreadable");
        vec![Finding::new((7, By::Run), recorded.id.as_str(), problem.to_string())]
    })
}
