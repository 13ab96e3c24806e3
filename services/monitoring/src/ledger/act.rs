//! What follows from a round: mends, entries of the recovery log, notifications.

use std::{collections::BTreeMap, time::Duration};

use kintsugi_core::{DefinitionRef, RunId, Timestamp};
use kintsugi_entities::RecoveryRow;
use kintsugi_mending::letter_message;
use kintsugi_nats::{LifeEvent, WakeHint};
use kintsugi_promises::{
    Record,
    live::{self, By, Finding},
};
use serde_json::json;
use tokio::time::Instant;
use tracing::{error, info};

use super::{
    Error, Ledger, engine,
    standing::{Changes, Standing},
};

/// The lifecycle event that tells of breaches, below the types of the specification.
const EVENT: &str = "promise.breached";

/// Its definition: there is none, but an event has one.
const DEFINITION: &str = "kintsugi/promises:1.0.0";

/// Letters that one round publishes again.
const LETTERS_MAX: usize = 50;

/// How long a letter that was published again is not published again: the next look sees it.
const PUBLISHED: Duration = Duration::from_secs(5);

/// How long streams that were set right are left alone: if they are wrong again by then, somebody
/// with other settings does that, and only a person can end it.
const MADE: Duration = Duration::from_secs(60);

/// Entries and events that wait for the store or the broker.
const WAITING_MAX: usize = 1_000;

impl Ledger {
    /// Mends what can be, or tells those whose task it is. All are harmless repeats.
    pub(super) async fn mend(
        &mut self,
        findings: &[Finding],
        (standing, changes): (&Standing, &Changes),
        calm: bool,
        time: Timestamp,
    ) -> Result<(), Error> {
        let late = |finding: &Finding| match finding.by {
            By::Look => calm && finding.promise != 9,
            by => by == By::Letters,
        };
        if findings.iter().any(late) {
            self.deps.bus.wake_hint(WakeHint { at: 0 }).await?;
        }
        for finding in findings.iter().filter(|finding| finding.by == By::Timer) {
            self.arm(&finding.subject).await?;
        }
        // The retry engine publishes all when the stream is another one; it was told a round ago.
        let is_new = |finding: &Finding| changes.breached.iter().any(|(new, _)| new == finding);
        let missing = findings.iter().filter(|finding| {
            finding.by == By::Letters && standing.is_breach(finding) && !is_new(finding)
        });
        let missing: Vec<String> = missing.map(|finding| finding.subject.clone()).collect();
        self.published.retain(|_, at| at.elapsed() < PUBLISHED);
        for letter in missing.into_iter().take(LETTERS_MAX) {
            self.publish(&letter, time).await?;
        }
        let wrong = findings.iter().any(|it| it.by == By::Streams && it.what != live::REPLACED);
        if wrong && self.made_anew.is_none_or(|at| at.elapsed() >= MADE) {
            self.deps.bus.ensure_streams(&self.deps.stream_limits).await?;
            self.made_anew = Some(Instant::now());
        }
        Ok(())
    }

    /// Sets a run's deadline from its state, unless somebody has written it since.
    async fn arm(&mut self, run: &str) -> Result<(), Error> {
        let Ok(run) = RunId::parse(run) else { return Ok(()) };
        let store = &self.deps.store;
        for row in store.runs_load(std::slice::from_ref(&run)).await? {
            let version = row.version;
            let due = Record::of(row).ok().and_then(|record| live::unarmed(&record));
            let Some((_, due)) = due else { continue };
            if store.run_arm(&run, version, due).await? {
                info!(workflow.id = %run, due, "a run had no deadline");
                self.deps.bus.wake_hint(WakeHint { at: due }).await?;
            }
        }
        Ok(())
    }

    async fn publish(&mut self, letter: &str, time: Timestamp) -> Result<(), Error> {
        if self.published.contains_key(letter) {
            return Ok(());
        }
        let Some(row) = self.deps.store.dead_letter_get(letter).await? else { return Ok(()) };
        match letter_message(&row) {
            Some(message) => self.deps.bus.publish_dead_again(&message, time.0).await?,
            None => error!(dead_letter = letter, "a stored dead letter cannot be read"),
        }
        self.published.insert(letter.to_owned(), Instant::now());
        Ok(())
    }

    /// Keeps what a round brought until it is written.
    pub(super) fn note(&mut self, changes: Changes, time: Timestamp) {
        let Changes { breached, mended } = changes;
        let mut told = BTreeMap::<u8, Vec<&(Finding, RecoveryRow)>>::new();
        for one in &breached {
            told.entry(one.0.promise).or_default().push(one);
        }
        // One notification for a promise and round: a flood of them tells nobody more.
        let events: Vec<LifeEvent> = told.values().filter_map(|all| event(all, time)).collect();
        for (finding, row) in &breached {
            error!(
                promise = finding.promise,
                subject = finding.subject,
                found = finding.what,
                entry = row.id,
                "a promise was broken"
            );
        }
        for row in &mended {
            info!(entry = row.id, duration_ms = row.duration_ms, "a promise is kept again");
        }
        self.unraised.extend(events);
        self.unwritten.extend(breached.into_iter().map(|(_, row)| row).chain(mended));
        let over = self.unwritten.len().saturating_sub(WAITING_MAX);
        self.unwritten.drain(..over);
        let over = self.unraised.len().saturating_sub(WAITING_MAX);
        self.unraised.drain(..over);
    }

    /// Tells and writes what waits for that: first the notification, so that an entry never stands
    /// there of which nobody was told.
    pub(super) async fn flush(&mut self) -> Result<(), Error> {
        if !self.unraised.is_empty() {
            let events: Vec<LifeEvent> = self.unraised.iter().cloned().collect();
            self.deps.bus.publish_life(&events).await?;
            self.unraised.clear();
        }
        if !self.unwritten.is_empty() {
            let rows: Vec<RecoveryRow> = self.unwritten.iter().cloned().collect();
            // A later entry replaces the one before with the same id; one statement cannot.
            for row in rows {
                self.deps.store.recovery_note(&[row]).await?;
                self.unwritten.pop_front();
            }
        }
        Ok(())
    }
}

fn event(all: &[&(Finding, RecoveryRow)], time: Timestamp) -> Option<LifeEvent> {
    let (finding, row) = all.first()?;
    let definition = DefinitionRef::parse(DEFINITION).ok()?;
    let run = row.run.clone().or_else(engine)?;
    let data = json!({
        "promise": format!("P{}", finding.promise),
        "subject": finding.subject,
        "what": row.decided,
        "breaches": all.len(),
        "seenAt": Timestamp(row.seen_at).to_rfc3339(),
    });
    Some(LifeEvent::new(&definition, &run, EVENT, row.id.clone(), time, data))
}
