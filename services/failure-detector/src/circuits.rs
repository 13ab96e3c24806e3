//! Task types that fail everywhere, and targets of calls that do: what is called is down, and calling it
//! more does not help it up. No IO.
//!
//! The states and their names are those of Nygard, *Release It!* (2007), "Circuit Breaker". While a
//! circuit is open the type's tasks stay in their queue, so that waiting costs no attempt.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

/// A queue and a task type.
pub(crate) type Kind = (String, String);

/// What has a circuit.
pub(crate) trait Key: Clone + Ord {
    /// How long a canary is waited for: it may be lost, or there may be no task for it. Then another one
    /// is let through.
    const CANARY: Duration;

    /// What fails, as the end of a sentence.
    fn what(&self) -> String;
}

impl Key for Kind {
    const CANARY: Duration = Duration::from_secs(60);

    fn what(&self) -> String {
        let (queue, task_type) = self;
        format!("tasks of {queue}/{task_type} failed, whichever worker had them")
    }
}

/// What tasks call: `host:port`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Target(pub(crate) String);

impl Key for Target {
    /// What is put off comes again within 12 s, and to any worker.
    const CANARY: Duration = Duration::from_secs(12);

    fn what(&self) -> String {
        format!("calls of {} failed, whichever worker made them", self.0)
    }
}

/// So many failures with no success between them open a circuit: as many as a task has attempts unless
/// its policy says otherwise, so that those that meet an outage first do not use theirs up.
const IN_A_ROW: u64 = 5;

/// And of so many tasks: with fewer, it may be they that are bad.
const TASKS_MIN: u64 = 3;

/// The same where some succeed: so many in [`WINDOW`], and half of all.
const FAILURES_MIN: u64 = 20;

/// How far back is looked.
pub(crate) const WINDOW: Duration = Duration::from_secs(2);

/// How long a circuit is open at first and at most; each time twice as long. So what is down gets a
/// call every 10 s, and is noticed within 10 s of its return.
const OPEN: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(10));

/// Numbers that are kept free for the canaries of one circuit.
const CANARIES_MAX: u64 = 1_000_000;

/// Between two steps of the ramp, each of which lets twice as many through.
const STEP: Duration = Duration::from_secs(1);

/// Tasks of a type at a time and worker after which there is no limit.
const RAMP_MAX: u32 = 64;

/// Failures in a step of the ramp that open the circuit again.
const RAMP_FAILURES: u64 = 3;

/// What was completed, or failed for good by what was asked; and what may yet succeed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) well: u64,
    pub(crate) badly: u64,
    /// Tasks of these that had not failed before.
    pub(crate) tasks: u64,
}

impl Tally {
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            well: self.well.saturating_sub(earlier.well),
            badly: self.badly.saturating_sub(earlier.badly),
            tasks: self.tasks.saturating_sub(earlier.tasks),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            well: self.well + other.well,
            badly: self.badly + other.badly,
            tasks: self.tasks + other.tasks,
        }
    }
}

/// A worker that serves a type.
#[derive(Clone, Debug)]
pub(crate) struct Serving {
    pub(crate) worker: String,
    /// Since it started.
    pub(crate) all: Tally,
    /// In the last [`WINDOW`].
    pub(crate) lately: Tally,
    /// Until when what it calls asked to be left alone.
    pub(crate) busy_until: Option<Instant>,
    /// What it says that it may have at a time, and why.
    pub(crate) told: Option<(u32, String)>,
}

/// How many tasks of a type a worker may have at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bound<'a> {
    pub(crate) slots: u32,
    /// And only a single one under this number.
    pub(crate) once: Option<u64>,
    pub(crate) reason: &'a str,
}

/// That a circuit is in another state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Turn<K> {
    /// Nothing is let through for so long.
    Opened { key: K, reason: String, pause: Duration, again: bool },
    /// Everything is let through, after it was open for so long.
    Closed { key: K, after: Duration },
}

#[derive(Debug)]
enum State {
    Open {
        until: Instant,
    },
    /// One worker may take one task.
    HalfOpen {
        canary: String,
        before: Tally,
        since: Instant,
    },
    Ramp {
        slots: u32,
        next: Instant,
        before: Tally,
    },
}

#[derive(Debug)]
struct Circuit {
    state: State,
    reason: String,
    pause: Duration,
    since: Instant,
    /// How many canaries there were; says which worker is the next.
    turn: u64,
}

/// The circuits of all types, or of all targets.
#[derive(Debug)]
pub(crate) struct Circuits<K> {
    /// Those that are not closed.
    turned: BTreeMap<K, Circuit>,
    /// What all workers had brought when one of them last completed something.
    success: BTreeMap<K, Tally>,
    /// Under which number the next circuit's canaries begin.
    numbers: u64,
}

impl<K: Key> Circuits<K> {
    /// Canaries have numbers above `numbers`, which no earlier process gave: a worker takes one task a
    /// number, and remembers the last.
    pub(crate) fn new(numbers: u64) -> Self {
        Self { turned: BTreeMap::new(), success: BTreeMap::new(), numbers }
    }

    /// Takes over what another failure detector decided, as the workers that it told say: a circuit that is
    /// open stays so.
    pub(crate) fn adopt(&mut self, fleet: &BTreeMap<K, Vec<Serving>>, now: Instant) {
        for (key, serving) in fleet {
            let told = serving.iter().map(|one| one.told.as_ref());
            let Some(told) = told.collect::<Option<Vec<_>>>() else { continue };
            let Some((slots, reason)) = told.into_iter().min() else { continue };
            if self.turned.contains_key(key) {
                continue;
            }
            self.numbers += CANARIES_MAX;
            let state = match *slots {
                0 => State::Open { until: now + OPEN.0 },
                slots => State::Ramp {
                    slots,
                    next: now + STEP,
                    before: sum(serving.iter().map(|one| one.all)),
                },
            };
            let (reason, turn) = (reason.clone(), self.numbers);
            let circuit = Circuit { state, reason, pause: OPEN.0, since: now, turn };
            self.turned.insert(key.clone(), circuit);
        }
    }

    /// Looks at every type, with those who serve it, and says what turned.
    pub(crate) fn round(
        &mut self,
        fleet: &BTreeMap<K, Vec<Serving>>,
        now: Instant,
    ) -> Vec<Turn<K>> {
        // Nobody serves it any more: nothing is let through anyway.
        self.turned.retain(|key, _| fleet.contains_key(key));
        self.success.retain(|key, _| fleet.contains_key(key));
        let mut turns = Vec::new();
        for (key, serving) in fleet {
            let Some(circuit) = self.turned.get_mut(key) else {
                turns.extend(self.close_look(key, serving, now));
                continue;
            };
            match circuit.step(serving, K::CANARY, now) {
                Some(Next::Reopened(pause)) => turns.push(Turn::Opened {
                    key: key.clone(),
                    reason: circuit.reason.clone(),
                    pause,
                    again: true,
                }),
                Some(Next::Closed) => {
                    let after = now - circuit.since;
                    self.turned.remove(key);
                    self.success.remove(key);
                    turns.push(Turn::Closed { key: key.clone(), after });
                }
                None => {}
            }
        }
        turns
    }

    fn close_look(&mut self, key: &K, serving: &[Serving], now: Instant) -> Option<Turn<K>> {
        let total = sum(serving.iter().map(|one| one.all));
        // What is heard of for the first time may have failed before.
        let success = self.success.entry(key.clone()).or_default();
        // A worker that went took its figures with it.
        if success.well != total.well || success.badly > total.badly {
            *success = total;
        }
        let (in_a_row, lately) = (total.since(*success), sum(serving.iter().map(|one| one.lately)));
        let many = lately.badly >= FAILURES_MIN && lately.badly >= lately.well;
        let all = in_a_row.badly >= IN_A_ROW && in_a_row.tasks >= TASKS_MIN;
        let seen = if all { in_a_row } else { lately };
        if !all && (!many || lately.tasks < TASKS_MIN) {
            return None;
        }
        let reason =
            format!("{} of the last {} {}", seen.badly, seen.badly + seen.well, key.what());
        self.numbers += CANARIES_MAX;
        let (turn, pause) = (self.numbers, asked_for(serving, now).max(OPEN.0));
        let state = State::Open { until: now + pause };
        let circuit = Circuit { state, reason: reason.clone(), pause: OPEN.0, since: now, turn };
        self.turned.insert(key.clone(), circuit);
        Some(Turn::Opened { key: key.clone(), reason, pause, again: false })
    }

    /// Everything that is not closed.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.turned.keys()
    }

    /// How many tasks of it a worker may have; none: as many as it likes.
    pub(crate) fn bound(&self, worker: &str, key: &K) -> Option<Bound<'_>> {
        let circuit = self.turned.get(key)?;
        let (slots, once) = match &circuit.state {
            State::HalfOpen { canary, .. } if canary == worker => (1, Some(circuit.turn)),
            State::Open { .. } | State::HalfOpen { .. } => (0, None),
            State::Ramp { slots, .. } => (*slots, None),
        };
        Some(Bound { slots, once, reason: &circuit.reason })
    }
}

enum Next {
    Reopened(Duration),
    Closed,
}

impl Circuit {
    fn step(&mut self, serving: &[Serving], patience: Duration, now: Instant) -> Option<Next> {
        let total = sum(serving.iter().map(|one| one.all));
        match &mut self.state {
            State::Open { until } if *until > now => None,
            State::Open { .. } => {
                self.try_one(serving, total, now);
                None
            }
            State::HalfOpen { canary, before, since } => {
                let brought = total.since(*before);
                let gone = !serving.iter().any(|one| one.worker == *canary);
                if brought.well > 0 {
                    self.state = State::Ramp { slots: 1, next: now + STEP, before: total };
                } else if brought.badly > 0 {
                    self.pause = (self.pause * 2).min(OPEN.1);
                    return self.open(serving, now);
                } else if gone || now - *since >= patience {
                    self.try_one(serving, total, now);
                }
                None
            }
            State::Ramp { slots, next, before } => {
                let brought = total.since(*before);
                if brought.badly >= RAMP_FAILURES && brought.badly >= brought.well {
                    return self.open(serving, now);
                }
                if *next > now {
                    return None;
                }
                if *slots >= RAMP_MAX {
                    return Some(Next::Closed);
                }
                (*slots, *next, *before) = (*slots * 2, now + STEP, total);
                None
            }
        }
    }

    fn open(&mut self, serving: &[Serving], now: Instant) -> Option<Next> {
        let pause = asked_for(serving, now).max(self.pause);
        self.state = State::Open { until: now + pause };
        Some(Next::Reopened(pause))
    }

    fn try_one(&mut self, serving: &[Serving], before: Tally, now: Instant) {
        // Who never had one will hardly get one now.
        let known: Vec<&Serving> =
            serving.iter().filter(|one| one.all != Tally::default()).collect();
        let next = usize::try_from(self.turn).unwrap_or(0) % known.len().max(1);
        let Some(one) = known.get(next) else { return };
        self.turn += 1;
        self.state = State::HalfOpen { canary: one.worker.clone(), before, since: now };
    }
}

/// For how long what is called asks to be left alone.
fn asked_for(serving: &[Serving], now: Instant) -> Duration {
    let until = serving.iter().filter_map(|one| one.busy_until).max();
    until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
}

fn sum(tallies: impl Iterator<Item = Tally>) -> Tally {
    tallies.fold(Tally::default(), Tally::plus)
}

#[cfg(test)]
mod tests;
