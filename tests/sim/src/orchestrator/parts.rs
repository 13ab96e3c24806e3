//! What only the orchestrator with the first partition does, beside its batches: it grants permits, and brings
//! published events (`router.rs`) and starts what is due (`schedules.rs`).

use std::collections::BTreeSet;

use kintsugi_core::{Input, Timestamp};
use kintsugi_deciding::{Decided, Waits};
use kintsugi_entities::PermitWrite;
use kintsugi_nats::RunInput;

use super::Orchestrating;
use crate::{
    off::Protection,
    world::{Actor, Do, ORCHESTRATORS, World},
};

/// The settings of the services' loops, in milliseconds.
pub(super) const LOOK: u64 = 5_000;
const REST: u64 = 30_000;
const GAP: u64 = 5;
pub(super) const AGAIN: u64 = 1_000;
const RETELL: i64 = 4_000;

/// Which turn of a loop is the next, and when; turns that were planned before are none any more.
#[derive(Debug, Default)]
pub(super) struct Turn {
    number: u64,
    at: u64,
    /// None is taken before.
    free: u64,
}

impl Turn {
    /// The next is at this time; gives its number.
    pub(super) fn begin(&mut self, at: u64) -> u64 {
        (self.number, self.at) = (self.number + 1, at);
        self.number
    }

    pub(super) fn is(&self, number: u64) -> bool {
        self.number == number
    }
}

/// The loops.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// It has the first partition, as far as it knows.
    pub(super) first: bool,
    permits: Turn,
    pub(super) schedules: Turn,
    pub(super) waits: Waits,
    /// It brings published events, and is at it.
    pub(super) routes: bool,
}

impl World {
    /// The first partition came, or went.
    pub(super) fn look_at_parts(&mut self, who: usize) {
        let lane = &mut self.lanes[who];
        let first = lane.share.contains(&0);
        if std::mem::replace(&mut lane.parts.first, first) != first && first {
            self.permits_in(who, 0);
            self.wake_routers();
            self.schedules_in(who, 0);
        }
    }

    fn permits_in(&mut self, who: usize, delay: u64) {
        let number = self.lanes[who].parts.permits.begin(self.now + delay);
        self.to(Actor::Orchestrator(who), delay, Do::Orchestrate(Orchestrating::Permits(number)));
    }

    /// Somebody wants a permit, or gave one back: all who may grant hear it, if it is not lost.
    pub(super) fn hint_permits(&mut self) {
        for other in 0..ORCHESTRATORS {
            self.send(Actor::Orchestrator(other), Do::Orchestrate(Orchestrating::PermitHint));
        }
    }

    pub(super) fn hear_permits(&mut self, who: usize) {
        let Parts { first, permits, .. } = &self.lanes[who].parts;
        let at = permits.free.max(self.now);
        if *first && at < permits.at {
            self.permits_in(who, at - self.now);
        }
    }

    /// One round.
    pub(super) fn permits(&mut self, who: usize, number: u64) {
        let parts = &mut self.lanes[who].parts;
        if !parts.first || !parts.permits.is(number) {
            return;
        }
        if !self.reads() {
            return self.permits_in(who, AGAIN);
        }
        let free = self.store.permits_free();
        if self.off.has(Protection::Lock) {
            // Another one may grant in between; or this one, which gave up on a database that is slow and
            // at it still.
            let is_slow = self.chance.below(4) == 0;
            let delay = self.chance.below(if is_slow { 3_000 } else { 40 });
            if is_slow {
                self.permits_in(who, AGAIN);
            }
            let grant = Do::Orchestrate(Orchestrating::Grant(free));
            return self.to(Actor::Orchestrator(who), delay, grant);
        }
        self.grant(who, &free);
    }

    pub(super) fn grant(&mut self, who: usize, free: &BTreeSet<String>) {
        let me = Actor::Orchestrator(who);
        let time = self.clock(me).0;
        let (happens, answered) = self.transaction();
        let nobody = BTreeSet::new();
        let granted = if happens { free } else { &nobody };
        let round = self.store.permits_grant(granted, time, time - RETELL);
        self.lanes[who].parts.permits.free = self.now + GAP;
        if !answered {
            return self.permits_in(who, AGAIN);
        }
        self.permits_in(who, if round.any { LOOK } else { REST });
        let told = round.told.into_iter().map(|(run, task, since)| {
            let input = Input::Granted { task, since: Some(Timestamp(since)) };
            RunInput { run, input }
        });
        let told: Vec<RunInput> = told.collect();
        if !told.is_empty() {
            self.figures.granted += told.len() as u64;
            self.next(me, Do::Orchestrate(Orchestrating::Granted(told)));
        }
    }

    /// Gives the permits of a committed batch back, where that does not go with its step.
    pub(super) fn release_permits(&mut self, who: usize, decided: &Decided) {
        if self.off.has(Protection::PermitRow) {
            let permits = decided.batch.permits.iter();
            let gone = permits.filter(|(_, write)| **write == PermitWrite::Release);
            let gone = gone.map(|(id, _)| id.clone()).collect();
            self.next(Actor::Orchestrator(who), Do::Orchestrate(Orchestrating::Release(gone)));
        }
    }

    pub(super) fn tell_granted(&mut self, who: usize, told: Vec<RunInput>) {
        if !self.publish_inputs(told) {
            self.permits_in(who, AGAIN);
        }
    }
}
