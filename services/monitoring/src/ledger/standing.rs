//! From findings to breaches: what was found twice is one, what is found no longer is mended. No IO,
//! no clock.

use std::collections::{BTreeMap, BTreeSet};

use kintsugi_core::{RunId, Timestamp};
use kintsugi_entities::RecoveryRow;
use kintsugi_promises::live::{By, Finding};

/// The kind of the ledger's entries in the recovery log.
pub(crate) const KIND: &str = "promise_breached";

/// What such an entry says as long as it is not mended.
const STANDING: &str = "standing";

/// What such an entry says once it is.
const MENDED: &str = "mended";

/// In so many rounds something must be found to be a breach: what is read from two places is not of
/// one moment.
const ROUNDS: u32 = 2;

/// Findings that are kept in mind. More of them at once are counted when there is room.
const KEPT_MAX: usize = 1_000;

/// How many promises there are.
pub(crate) const PROMISES: usize = 9;

type Key = (u8, By, String);

/// A finding, and how it went on.
#[derive(Clone, Debug)]
struct Entry {
    what: String,
    seen_at: Timestamp,
    rounds: u32,
    /// It was counted.
    breach: bool,
}

/// What became of one promise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) checked: u64,
    pub(crate) checked_at: Option<Timestamp>,
    pub(crate) breaches: u64,
    pub(crate) breach_at: Option<Timestamp>,
    pub(crate) mended: u64,
    /// How long the slowest mend took.
    pub(crate) slowest_ms: u64,
}

/// What a round could see: only what it looked at can be found gone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Judged {
    pub(crate) by: BTreeSet<By>,
    /// Runs that were read whole, or are gone.
    pub(crate) runs: BTreeSet<String>,
    /// The others are away or come back: who waits for them is no breach yet.
    pub(crate) calm: bool,
}

/// What a round brought.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    pub(crate) breached: Vec<(Finding, RecoveryRow)>,
    pub(crate) mended: Vec<RecoveryRow>,
}

/// Everything that was found and is not gone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    entries: BTreeMap<Key, Entry>,
    pub(crate) counts: [Count; PROMISES],
}

impl Standing {
    /// Takes up what is in the recovery log, of which the newest comes first: a ledger that is started
    /// again counts on from there.
    pub(crate) fn restore(rows: &[RecoveryRow]) -> Self {
        let mut new = Self::default();
        for row in rows {
            let Some((key, seen_at)) = parse(&row.id) else { continue };
            let Some(count) = new.count(key.0) else { continue };
            count.breaches += 1;
            count.breach_at = count.breach_at.max(Some(seen_at));
            if row.outcome == STANDING {
                let what = row.decided.clone();
                let entry = Entry { what, seen_at, rounds: ROUNDS, breach: true };
                new.entries.insert(key, entry);
            } else {
                count.mended += 1;
                let took = u64::try_from(row.duration_ms).unwrap_or(0);
                count.slowest_ms = count.slowest_ms.max(took);
            }
        }
        new
    }

    fn count(&mut self, promise: u8) -> Option<&mut Count> {
        self.counts.get_mut(usize::from(promise).checked_sub(1)?)
    }

    /// Notes that so much was compared with a promise.
    pub(crate) fn checked(&mut self, promise: u8, things: usize, now: Timestamp) {
        if let Some(count) = self.count(promise) {
            count.checked += things as u64;
            count.checked_at = Some(now);
        }
    }

    /// Takes up a round.
    pub(crate) fn take(
        &mut self,
        findings: Vec<Finding>,
        judged: &Judged,
        now: Timestamp,
    ) -> Changes {
        let (mut changes, mut found) = (Changes::default(), BTreeSet::new());
        for finding in findings {
            let key = (finding.promise, finding.by, finding.subject.clone());
            if !found.insert(key.clone()) || (waits(&key) && !judged.calm) {
                continue;
            }
            let is_known = self.entries.contains_key(&key);
            if !is_known && self.entries.len() >= KEPT_MAX {
                continue;
            }
            let entry = self.entries.entry(key.clone()).or_insert_with(|| Entry {
                what: finding.what.clone(),
                seen_at: now,
                rounds: 0,
                breach: false,
            });
            entry.rounds += 1;
            if !entry.breach && (finding.certain || entry.rounds >= ROUNDS) {
                entry.breach = true;
                let row = row(&key, entry, None, now);
                if let Some(count) = self.count(key.0) {
                    count.breaches += 1;
                    count.breach_at = Some(now);
                }
                changes.breached.push((finding, row));
            }
        }
        let gone = |key: &Key| {
            let run = key.2.split(':').next().unwrap_or_default();
            let could = match key.1 {
                By::Run | By::Timer => judged.runs.contains(run),
                by => judged.by.contains(&by) && (judged.calm || !waits(key)),
            };
            could && !found.contains(key)
        };
        let gone: Vec<Key> = self.entries.keys().filter(|key| gone(key)).cloned().collect();
        for key in gone {
            let Some(entry) = self.entries.remove(&key).filter(|entry| entry.breach) else {
                continue;
            };
            if let Some(count) = self.count(key.0) {
                count.mended += 1;
                count.slowest_ms = count.slowest_ms.max(now.since(entry.seen_at));
            }
            changes.mended.push(row(&key, &entry, Some(now), now));
        }
        changes
    }

    /// Whether another look should follow soon: to make sure, or to see it mended.
    pub(crate) fn is_open(&self) -> bool {
        self.entries.iter().any(|(key, entry)| !entry.breach || is_mended(key))
    }

    /// Whether nothing was found that is still there.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether it was counted.
    pub(crate) fn is_breach(&self, finding: &Finding) -> bool {
        let key = (finding.promise, finding.by, finding.subject.clone());
        self.entries.get(&key).is_some_and(|entry| entry.breach)
    }

    /// The subjects of what was found by `by`.
    pub(crate) fn of(&self, by: By) -> impl Iterator<Item = &str> {
        self.entries.keys().filter(move |key| key.1 == by).map(|key| key.2.as_str())
    }

    /// How many breaches of a promise stand, and since when the oldest does.
    pub(crate) fn open(&self, promise: u8) -> (u64, Option<Timestamp>) {
        let own = self.entries.iter().filter(|(key, entry)| key.0 == promise && entry.breach);
        let since: Vec<Timestamp> = own.map(|(_, entry)| entry.seen_at).collect();
        (since.len() as u64, since.into_iter().min())
    }

    /// What the oldest breaches of a promise are, at most `limit`.
    pub(crate) fn told(&self, promise: u8, limit: usize) -> Vec<String> {
        let own = self.entries.iter().filter(|(key, entry)| key.0 == promise && entry.breach);
        own.take(limit).map(|(key, entry)| format!("{}: {}", key.2, entry.what)).collect()
    }
}

/// It is about somebody who is late, and who may only wait for somebody who is away.
fn waits((promise, by, _): &Key) -> bool {
    *by == By::Look && *promise != 9
}

/// The engine mends it by itself; of the rest nothing does, or a person.
fn is_mended((promise, by, _): &Key) -> bool {
    *by != By::Run && *promise != 9
}

fn row(key: &Key, entry: &Entry, mended: Option<Timestamp>, now: Timestamp) -> RecoveryRow {
    let (promise, by, subject) = key;
    let finding = Finding::new((*promise, *by), subject, &entry.what);
    let mut parts = subject.split(':').skip(1).map(|part| part.parse().ok());
    let took = now.since(entry.seen_at);
    RecoveryRow {
        id: format!("promise:{promise}:{}:{subject}:{}", by.as_str(), entry.seen_at.0),
        at: now.0,
        kind: KIND.to_owned(),
        run: finding.run().and_then(|run| RunId::parse(run).ok()),
        task: parts.next().flatten(),
        epoch: parts.next().flatten(),
        worker: None,
        seen_at: entry.seen_at.0,
        decided: format!("P{promise}: {subject} {}; {}", entry.what, remedy(*promise, *by)),
        outcome: if mended.is_some() { MENDED } else { STANDING }.to_owned(),
        duration_ms: i64::try_from(took).unwrap_or(i64::MAX),
        by: "monitoring".to_owned(),
    }
}

/// What is done about it.
fn remedy(promise: u8, by: By) -> &'static str {
    match (promise, by) {
        (1 | 2, By::Look) => "the retry engine is told to look",
        (2, _) => "its deadline is set again from its state",
        (6, By::Look) => "the retry engine is told to publish it",
        (6, By::Letters) => "published again",
        (8, _) => "made as it should be",
        (9, By::Look) => "somebody has to set the database right",
        _ => "it has happened, and somebody has to look at it",
    }
}

fn parse(id: &str) -> Option<(Key, Timestamp)> {
    let mut parts = id.strip_prefix("promise:")?.splitn(3, ':');
    let (promise, by) = (parts.next()?.parse().ok()?, parts.next()?);
    let (subject, seen_at) = parts.next()?.rsplit_once(':')?;
    let by = By::ALL.into_iter().find(|one| one.as_str() == by)?;
    Some(((promise, by, subject.to_owned()), Timestamp(seen_at.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> Finding {
        Finding::new((6, By::Letters), "r:1:2", "published, and not in the stream")
    }

    fn judged(calm: bool) -> Judged {
        Judged { by: By::ALL.into(), runs: ["r".to_owned()].into(), calm }
    }

    #[test]
    fn what_is_found_twice_is_a_breach_and_mended_when_it_is_gone() {
        let (mut standing, all) = (Standing::default(), judged(true));
        assert!(standing.take(vec![letter()], &all, Timestamp(1_000)).breached.is_empty());
        assert!(standing.is_open());
        let found = standing.take(vec![letter()], &all, Timestamp(1_500)).breached;
        assert_eq!(found.len(), 1);
        let row = &found[0].1;
        assert_eq!((row.seen_at, row.outcome.as_str()), (1_000, STANDING));
        assert_eq!((row.task, row.epoch), (Some(1), Some(2)));
        assert!(standing.take(vec![letter()], &all, Timestamp(2_000)).breached.is_empty());
        assert_eq!(standing.open(6), (1, Some(Timestamp(1_000))));
        // Who did not look cannot say that it is gone.
        let blind = Judged { calm: true, ..Judged::default() };
        assert!(standing.take(Vec::new(), &blind, Timestamp(2_500)).mended.is_empty());
        let mended = standing.take(Vec::new(), &all, Timestamp(3_000)).mended;
        assert_eq!(mended.len(), 1);
        assert_eq!((mended[0].id.as_str(), mended[0].duration_ms), (row.id.as_str(), 2_000));
        assert_eq!((standing.open(6).0, standing.counts[5].slowest_ms), (0, 2_000));
    }

    #[test]
    fn what_passes_is_none() {
        let mut standing = Standing::default();
        for at in 0..10 {
            let found = if at % 2 == 0 { vec![letter()] } else { Vec::new() };
            let changes = standing.take(found, &judged(true), Timestamp(at * 500));
            assert!(changes.breached.is_empty() && changes.mended.is_empty());
        }
    }

    #[test]
    fn who_waits_for_somebody_who_is_away_is_none() {
        let late = || Finding::new((2, By::Look), "r", "due, and nobody told it");
        let mut standing = Standing::default();
        for at in 0..10 {
            let changes = standing.take(vec![late()], &judged(false), Timestamp(at * 500));
            assert!(changes.breached.is_empty());
        }
        standing.take(vec![late()], &judged(true), Timestamp(5_000));
        assert_eq!(standing.take(vec![late()], &judged(true), Timestamp(5_500)).breached.len(), 1);
    }

    #[test]
    fn a_ledger_that_is_started_again_knows_what_stands() {
        let (mut standing, all) = (Standing::default(), judged(true));
        let fact = || Finding::new((3, By::Run), "r", "r:1: completed twice");
        let mut rows = Vec::new();
        for at in [1_000, 1_500] {
            let changes = standing.take(vec![fact(), letter()], &all, Timestamp(at));
            rows.extend(changes.breached.into_iter().map(|(_, row)| row));
        }
        rows[0].outcome = STANDING.to_owned();
        let mended = standing.take(vec![fact()], &all, Timestamp(2_000)).mended;
        rows.retain(|row| row.id != mended[0].id);
        rows.extend(mended);
        let mut again = Standing::restore(&rows);
        assert_eq!((again.open(3), again.open(6)), (standing.open(3), (0, None)));
        assert_eq!((again.counts[2].breaches, again.counts[5].mended), (1, 1));
        assert!(again.take(vec![fact()], &all, Timestamp(3_000)).breached.is_empty(), "known");
        assert!(!again.is_open(), "a fact that is known needs no further look");
    }
}
