//! What tasks call, and how that goes over all workers. No IO.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use kintsugi_core::Timestamp;
use kintsugi_nats::{Heartbeat, TargetCalls};
use tokio::time::Instant;

use crate::circuits::{Serving, Tally, Target, WINDOW};

/// Between two samples that are kept.
const SAMPLE: Duration = Duration::from_millis(500);

/// A worker that was not heard of for this long makes no calls.
const SILENT: Duration = Duration::from_secs(3);

/// The longest that a target may ask to be left alone, whatever a worker says.
const BUSY_MAX: Duration = Duration::from_secs(600);

/// Targets of one heartbeat and workers that are followed: anyone on the bus can send heartbeats.
const TARGETS_MAX: usize = 64;
const WORKERS_MAX: usize = 10_000;

#[derive(Debug)]
struct Calls {
    samples: VecDeque<(Instant, Tally)>,
    busy_until: Option<Instant>,
    told: Option<(u32, String)>,
}

#[derive(Debug)]
struct Member {
    incarnation: String,
    heard: Instant,
    calls: BTreeMap<Target, Calls>,
}

/// How calls go, by worker and target.
#[derive(Debug, Default)]
pub(crate) struct Reach(BTreeMap<String, Member>);

impl Reach {
    /// Notes what a worker says of its calls, at `time` of the clock.
    pub(crate) fn heard(&mut self, beat: &Heartbeat, now: Instant, time: Timestamp) {
        let is_known = self.0.contains_key(&beat.worker);
        if beat.stopping || (self.0.len() >= WORKERS_MAX && !is_known) {
            self.0.remove(&beat.worker);
            return;
        }
        let fresh =
            || Member { incarnation: beat.incarnation.clone(), heard: now, calls: BTreeMap::new() };
        let member = self.0.entry(beat.worker.clone()).or_insert_with(fresh);
        if member.incarnation != beat.incarnation {
            *member = fresh();
        }
        member.heard = now;
        let mut before = std::mem::take(&mut member.calls);
        for said in beat.targets.iter().take(TARGETS_MAX) {
            let target = Target(said.target.clone());
            let calls = before.remove(&target);
            let calls = calls.unwrap_or_else(|| Calls {
                samples: VecDeque::new(),
                busy_until: None,
                told: None,
            });
            member.calls.insert(target, calls.with(said, now, time));
        }
    }

    /// Forgets who is silent.
    pub(crate) fn prune(&mut self, now: Instant) {
        self.0.retain(|_, member| now.saturating_duration_since(member.heard) < SILENT);
    }

    /// Who calls what, and what came of it.
    pub(crate) fn serving(&self) -> BTreeMap<Target, Vec<Serving>> {
        let mut fleet: BTreeMap<Target, Vec<Serving>> = BTreeMap::new();
        for (worker, member) in &self.0 {
            for (target, calls) in &member.calls {
                fleet.entry(target.clone()).or_default().extend(calls.serving(worker));
            }
        }
        fleet
    }

    /// Everyone who may call something.
    pub(crate) fn workers(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl Calls {
    fn with(mut self, said: &TargetCalls, now: Instant, time: Timestamp) -> Self {
        let TargetCalls { well, badly, fresh, busy_until, limit, limit_reason, .. } = said;
        let (well, badly, tasks) = (*well, *badly, *fresh);
        let second = self.samples.iter().rev().nth(1);
        if second.is_some_and(|(at, _)| now.saturating_duration_since(*at) < SAMPLE) {
            self.samples.pop_back();
        }
        self.samples.push_back((now, Tally { well, badly, tasks }));
        while self.samples.len() > 2 && now.saturating_duration_since(self.samples[1].0) >= WINDOW {
            self.samples.pop_front();
        }
        self.busy_until = busy_until
            .filter(|until| *until > time)
            .map(|until| now + Duration::from_millis(until.since(time)).min(BUSY_MAX));
        self.told = limit.map(|limit| (limit, limit_reason.clone().unwrap_or_default()));
        self
    }

    fn serving(&self, worker: &str) -> Option<Serving> {
        let (all, before) = (self.samples.back()?.1, self.samples.front()?.1);
        Some(Serving {
            worker: worker.to_owned(),
            all,
            lately: all.since(before),
            busy_until: self.busy_until,
            told: self.told.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        beats::beat,
        circuits::{Circuits, Turn},
    };

    #[test]
    fn a_target_that_fails_for_all_is_found_and_no_other_is_held_up() {
        let (mut reach, mut circuits) = (Reach::default(), Circuits::new(0));
        let (mut now, mut opened) = (Instant::now(), Vec::new());
        for round in 0..20 {
            now += Duration::from_millis(300);
            for worker in ["w0", "w1"] {
                let calls = |target: &str, well, badly| TargetCalls {
                    target: target.to_owned(),
                    well,
                    badly,
                    fresh: badly,
                    ..TargetCalls::default()
                };
                // One whose every second call fails is there.
                let mixed = calls("mixed:80", round, round);
                let targets = vec![calls("down:80", 3, round), calls("up:80", round, 0), mixed];
                let beat = Heartbeat { targets, ..beat(worker) };
                reach.heard(&beat, now, Timestamp(0));
            }
            opened.extend(circuits.round(&reach.serving(), now));
        }
        let keys = opened.iter().map(|turn| match turn {
            Turn::Opened { key, .. } | Turn::Closed { key, .. } => key.0.as_str(),
        });
        assert_eq!(keys.collect::<BTreeSet<_>>(), BTreeSet::from(["down:80"]));
        now += SILENT;
        reach.prune(now);
        circuits.round(&reach.serving(), now);
        assert_eq!(circuits.keys().count(), 0, "nobody calls it any more");
    }
}
