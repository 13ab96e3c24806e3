//! Workers that fail what others complete. No IO.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use kintsugi_nats::{Heartbeat, Served};
use tokio::time::Instant;

use crate::circuits::{Kind, Serving, Tally as Calls, WINDOW as CALLS_WINDOW};
pub(crate) use past::Past;

mod past;

/// Results from before this say nothing about a worker now.
const WINDOW: Duration = Duration::from_secs(30);

/// Between two samples that are kept.
const SAMPLE: Duration = Duration::from_millis(500);

/// A worker that was not heard of for this long is no part of the fleet.
const SILENT: Duration = Duration::from_secs(3);

/// Fewer failures than this may be chance.
const FAILURES_MIN: u64 = 5;

/// As many results of its peers have to be known.
const PEERS_MIN: u64 = 5;

/// A worker on trial is drained again after so many failures, and trusted after one success more.
const TRIAL: u64 = 2;

/// How long a worker is drained at first and at most; each time twice as long.
const DRAINED: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(600));

/// How a reason ends, which tells it from that of a circuit.
const OTHERS: &str = ", which others complete";

/// What a worker may take while it is not trusted, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// Tasks of a type at a time.
    pub(crate) slots: u32,
    /// And only a single one under this number.
    pub(crate) once: Option<u64>,
    pub(crate) reason: String,
}

/// That the belief in a worker changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It gets nothing for so long.
    Drained { worker: String, reason: String, pause: Duration },
    /// It gets one task of a type at a time.
    Tried { worker: String },
    /// It gets what it asks for.
    Trusted { worker: String },
}

#[derive(Debug)]
enum Verdict {
    Trusted,
    Drained { until: Instant, times: u32, reason: String },
    Tried { times: u32, reason: String },
}

/// What was completed, what failed, and what of that failed for good.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    completed: u64,
    failed: u64,
    refused: u64,
    fresh: u64,
}

impl Tally {
    fn of(served: &Served) -> Self {
        let Served { completed, failed, refused, fresh, .. } = served;
        Self { completed: *completed, failed: *failed, refused: *refused, fresh: *fresh }
    }

    /// What failed for good was answered: what the task calls is there.
    fn calls(self) -> Calls {
        let badly = self.failed.saturating_sub(self.refused);
        Calls { well: self.completed + self.refused, badly, tasks: self.fresh }
    }
}

#[derive(Debug)]
struct Member {
    incarnation: String,
    heard: Instant,
    results: BTreeMap<Kind, VecDeque<(Instant, Tally)>>,
    told: BTreeMap<Kind, (u32, String)>,
    verdict: Verdict,
}

impl Member {
    /// What it brought lately.
    fn lately(&self, kind: &Kind) -> (u64, u64) {
        let samples = self.results.get(kind);
        let ends = samples.and_then(|samples| Some((samples.front()?.1, samples.back()?.1)));
        let (then, now) = ends.unwrap_or_default();
        let (completed, failed) = (now.completed, now.failed);
        (completed.saturating_sub(then.completed), failed.saturating_sub(then.failed))
    }

    fn serving(&self, worker: &str, kind: &Kind, now: Instant) -> Option<Serving> {
        let samples = self.results.get(kind)?;
        let all = samples.back()?.1.calls();
        let old = samples.iter().rev().find(|(at, _)| now - *at >= CALLS_WINDOW);
        let before = old.or_else(|| samples.front())?.1.calls();
        let (worker, lately, told) = (worker.to_owned(), all.since(before), self.told.get(kind));
        Some(Serving { worker, all, lately, busy_until: None, told: told.cloned() })
    }

    /// What it brings from now on counts.
    fn begin_anew(&mut self) {
        for samples in self.results.values_mut() {
            let newest = samples.pop_back();
            samples.clear();
            samples.extend(newest);
        }
    }

    fn is_trusted(&self) -> bool {
        matches!(self.verdict, Verdict::Trusted)
    }
}

/// How every worker does, next to the others that serve the same.
#[derive(Debug, Default)]
pub(crate) struct Conduct(BTreeMap<String, Member>);

impl Conduct {
    /// Notes what a worker says of its results.
    pub(crate) fn heard(&mut self, beat: &Heartbeat, now: Instant) {
        if beat.stopping {
            self.0.remove(&beat.worker);
            return;
        }
        let fresh = || Member {
            incarnation: beat.incarnation.clone(),
            heard: now,
            results: BTreeMap::new(),
            told: BTreeMap::new(),
            verdict: Verdict::Trusted,
        };
        let member = self.0.entry(beat.worker.clone()).or_insert_with(fresh);
        if member.incarnation != beat.incarnation {
            *member = fresh();
        }
        member.heard = now;
        member.told.clear();
        for served in &beat.types {
            let kind = (served.queue.clone(), served.task_type.clone());
            if let Some(limit) = served.limit {
                let reason = served.limit_reason.clone().unwrap_or_default();
                member.told.insert(kind.clone(), (limit, reason));
            }
            let samples = member.results.entry(kind).or_default();
            let newest = (now, Tally::of(served));
            if samples.len() > 1
                && samples.iter().rev().nth(1).is_some_and(|(at, _)| now - *at < SAMPLE)
            {
                samples.pop_back();
            }
            samples.push_back(newest);
            while samples.len() > 1 && now - samples[0].0 > WINDOW {
                samples.pop_front();
            }
        }
    }

    /// What changes now.
    pub(crate) fn judge(&mut self, now: Instant) -> Vec<Change> {
        self.0.retain(|_, member| now - member.heard < SILENT);
        let names: Vec<String> = self.0.keys().cloned().collect();
        names.into_iter().filter_map(|worker| self.judge_one(worker, now)).collect()
    }

    fn judge_one(&mut self, worker: String, now: Instant) -> Option<Change> {
        let member = self.0.get(&worker)?;
        let kinds: Vec<&Kind> = member.results.keys().collect();
        let next = match &member.verdict {
            Verdict::Trusted => {
                let bad = kinds.iter().find(|kind| self.is_worse(&worker, kind, FAILURES_MIN))?;
                if !kinds.iter().all(|kind| self.can_spare(kind)) {
                    return None;
                }
                drained(0, self.reason(member, bad), now)
            }
            Verdict::Drained { until, times, reason } => {
                // Better a bad worker than none.
                let alone = kinds.iter().any(|kind| self.trusted(kind) == 0);
                if now < *until && !alone {
                    return None;
                }
                Verdict::Tried { times: *times, reason: reason.clone() }
            }
            Verdict::Tried { times, .. } => {
                let bad = kinds.iter().find(|kind| self.is_worse(&worker, kind, TRIAL));
                let spared = kinds.iter().all(|kind| self.trusted(kind) > 0);
                match bad {
                    Some(bad) if spared => drained(*times, self.reason(member, bad), now),
                    _ => {
                        let good = |kind: &&&Kind| {
                            let (completed, failed) = member.lately(kind);
                            completed > TRIAL && completed > failed
                        };
                        kinds.iter().find(good).map(|_| Verdict::Trusted)?
                    }
                }
            }
        };
        let member = self.0.get_mut(&worker)?;
        member.begin_anew();
        member.verdict = next;
        Some(match &member.verdict {
            Verdict::Trusted => Change::Trusted { worker },
            Verdict::Tried { .. } => Change::Tried { worker },
            Verdict::Drained { until, reason, .. } => {
                Change::Drained { worker, reason: reason.clone(), pause: *until - now }
            }
        })
    }

    /// Who serves what, of those that are trusted, and what came of it.
    pub(crate) fn serving(&self, now: Instant) -> BTreeMap<Kind, Vec<Serving>> {
        let mut fleet: BTreeMap<Kind, Vec<Serving>> = BTreeMap::new();
        for (worker, member) in self.0.iter().filter(|(_, member)| member.is_trusted()) {
            for kind in member.results.keys() {
                let serving = member.serving(worker, kind, now);
                fleet.entry(kind.clone()).or_default().extend(serving);
            }
        }
        fleet
    }

    /// Every worker with what it serves.
    pub(crate) fn workers(&self) -> impl Iterator<Item = (&str, Vec<&Kind>)> {
        self.0.iter().map(|(worker, member)| (worker.as_str(), member.results.keys().collect()))
    }

    /// What every worker is to be told that is not trusted.
    /// On trial it gets a task under each new `number`.
    pub(crate) fn orders(&self, number: u64) -> BTreeMap<String, Order> {
        let order = |(worker, member): (&String, &Member)| {
            let (slots, once, reason) = match &member.verdict {
                Verdict::Trusted => return None,
                Verdict::Drained { reason, .. } => (0, None, reason),
                Verdict::Tried { reason, .. } => (1, Some(number), reason),
            };
            Some((worker.clone(), Order { slots, once, reason: reason.clone() }))
        };
        self.0.iter().filter_map(order).collect()
    }

    /// Whether a worker fails at least half of what the others, nine times of ten, complete.
    fn is_worse(&self, worker: &str, kind: &Kind, failures_min: u64) -> bool {
        let Some(member) = self.0.get(worker) else { return false };
        let (completed, failed) = member.lately(kind);
        let (well, badly) = self.peers(worker, kind);
        failed >= failures_min && failed >= completed && well >= PEERS_MIN && badly * 9 <= well
    }

    fn peers(&self, worker: &str, kind: &Kind) -> (u64, u64) {
        let others = self.0.iter().filter(|(name, other)| *name != worker && other.is_trusted());
        let tallies = others.map(|(_, other)| other.lately(kind));
        tallies.fold((0, 0), |(well, badly), (c, f)| (well + c, badly + f))
    }

    /// How many trusted workers serve this.
    fn trusted(&self, kind: &Kind) -> usize {
        self.0.values().filter(|one| one.is_trusted() && one.results.contains_key(kind)).count()
    }

    /// Whether half of the workers are left, and one at least, when one more is drained.
    fn can_spare(&self, kind: &Kind) -> bool {
        let all = self.0.values().filter(|one| one.results.contains_key(kind)).count();
        self.trusted(kind) > all.div_ceil(2).max(1)
    }

    fn reason(&self, member: &Member, kind: &Kind) -> String {
        let (completed, failed) = member.lately(kind);
        let (queue, task_type) = kind;
        let all = completed + failed;
        format!("it failed {failed} of {all} tasks of {queue}/{task_type}{OTHERS}")
    }
}

fn drained(times: u32, reason: String, now: Instant) -> Verdict {
    let pause = (DRAINED.0 * 2_u32.saturating_pow(times)).min(DRAINED.1);
    Verdict::Drained { until: now + pause, times: (times + 1).min(16), reason }
}

#[cfg(test)]
mod tests;
