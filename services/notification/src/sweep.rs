//! The sure way: rows from the database, for what no lifecycle event told of.

use std::collections::BTreeMap;

use kintsugi_core::{RunId, Status, Timestamp};
use kintsugi_entities::{DeadLetterFilter, HumanTaskFilter, Page, RunFilter};
use kintsugi_runtime::{Deps, Reconciler, Waker, now};
use tracing::info;

use crate::{
    Error,
    find::{Subject, events},
    note::note,
    target::Targets,
};

/// Under which name the store keeps how far the sweep came.
const CURSOR: &str = "notification-sweep";

/// A batch bears the time at which it was decided, and may be committed later: so far the sweep
/// looks back.
const OVERLAP_MS: i64 = 60_000;

/// Runs that are remembered as dealt with.
const SEEN_MAX: usize = 10_000;

/// Rows read by one statement.
const PAGE: u32 = 500;

/// Adds notifications that are missing.
pub(crate) struct Missing {
    deps: Deps,
    targets: Targets,
    waker: Waker,
    /// Runs dealt with, each with its version then.
    seen: BTreeMap<RunId, i64>,
}

impl Missing {
    pub(crate) fn new(deps: Deps, targets: Targets, waker: Waker) -> Self {
        Self { deps, targets, waker, seen: BTreeMap::new() }
    }

    /// Runs that faulted, dead-lettered or asked people since.
    async fn candidates(&self, since: i64) -> Result<Vec<RunId>, Error> {
        let mut runs = Vec::new();
        let filter = RunFilter {
            status: Some(Status::Faulted),
            ended_from: Some(since),
            ..RunFilter::default()
        };
        let mut page = Page { limit: PAGE, cursor: None };
        loop {
            let found = self.deps.store.runs_list(&filter, page).await?;
            let new = found.items.into_iter();
            let new = new.filter(|run| self.seen.get(&run.id) != Some(&run.version));
            runs.extend(new.map(|run| run.id));
            let Some(cursor) = found.next else { break };
            page = Page { limit: PAGE, cursor: Some(cursor) };
        }
        let filter = DeadLetterFilter { created_from: Some(since), ..DeadLetterFilter::default() };
        let mut page = Page { limit: PAGE, cursor: None };
        loop {
            let found = self.deps.store.dead_letters_list(&filter, page).await?;
            runs.extend(found.items.into_iter().map(|letter| letter.run));
            let Some(cursor) = found.next else { break };
            page = Page { limit: PAGE, cursor: Some(cursor) };
        }
        let filter = HumanTaskFilter { told_from: Some(since), ..HumanTaskFilter::default() };
        let mut page = Page { limit: PAGE, cursor: None };
        loop {
            let found = self.deps.store.human_tasks_list(&filter, page).await?;
            runs.extend(found.items.into_iter().map(|task| task.run));
            let Some(cursor) = found.next else { break };
            page = Page { limit: PAGE, cursor: Some(cursor) };
        }
        runs.sort();
        runs.dedup();
        Ok(runs)
    }

    async fn look_at(&mut self, run: &RunId, since: Timestamp) -> Result<u64, Error> {
        let Some(row) = self.deps.store.run_get(run).await? else { return Ok(0) };
        if self.seen.get(run) == Some(&row.version) {
            return Ok(0);
        }
        let subject = Subject {
            run,
            definition: &row.definition,
            trace_parent: row.trace_parent.as_deref(),
            version: row.version,
        };
        let found = events(&self.deps.store, &subject, since).await?;
        let added = note(&self.deps.store, &self.targets, &found, now()).await?;
        if self.seen.len() >= SEEN_MAX {
            self.seen.clear();
        }
        self.seen.insert(run.clone(), row.version);
        Ok(added)
    }
}

impl Reconciler for Missing {
    type Error = Error;

    async fn activate(&mut self) -> Result<(), Error> {
        let started = now().0;
        let cursor = match self.deps.store.notifications_cursor_get(CURSOR).await? {
            // The first sweep of all: what was before does not count as news.
            0 => started,
            cursor => cursor,
        };
        let since = cursor.saturating_sub(OVERLAP_MS);
        let mut added = 0;
        for run in self.candidates(since).await? {
            added += self.look_at(&run, Timestamp(since)).await?;
        }
        if added > 0 {
            info!(added, "notifications added that no event told of");
            self.waker.wake();
        }
        // Written rarely: an idle engine is quiet.
        if started - cursor >= OVERLAP_MS || cursor == started {
            self.deps.store.notifications_cursor_set(CURSOR, started).await?;
        }
        Ok(())
    }
}
