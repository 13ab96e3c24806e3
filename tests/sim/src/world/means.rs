//! What actors can do in the world: look at the clock, send, publish, commit, and plan.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use kintsugi_core::{CloudEvent, RunId, Timestamp, partition_of};
use kintsugi_nats::{RunInput, TaskMessage};

use super::{ACK_WAIT, Actor, BASE, Do, Entry, Event, PARTITIONS, World};
use crate::{off::Protection, worker::Working};

impl World {
    pub(crate) fn say(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>7} ms  {}", self.now, what()));
        }
    }

    pub(crate) fn instant(&self) -> Instant {
        self.began + Duration::from_millis(self.now)
    }

    /// The time by the clock of an actor.
    pub(crate) fn clock(&self, actor: Actor) -> Timestamp {
        let skew = self.lives.get(&actor).map_or(0, |life| life.skew);
        Timestamp(self.time() + skew)
    }

    /// The time by no clock, in milliseconds of the epoch.
    pub(crate) fn time(&self) -> i64 {
        BASE + i64::try_from(self.now).unwrap_or(0)
    }

    pub(crate) fn base() -> i64 {
        BASE
    }

    pub(super) fn later(&mut self, delay: u64, event: Event) {
        self.number += 1;
        self.queue.push(Entry { at: self.now + delay, number: self.number, event });
    }

    /// Has an actor do something in `delay` milliseconds, unless it is killed before.
    pub(crate) fn to(&mut self, actor: Actor, delay: u64, what: Do) {
        let life = self.lives.get(&actor).map_or(0, |life| life.number);
        self.later(delay, Event::To(actor, life, what));
    }

    /// The next step of an actor, in a moment.
    pub(crate) fn next(&mut self, actor: Actor, what: Do) {
        let delay = self.chance.between(0, 3);
        self.to(actor, delay, what);
    }

    /// A message that nobody keeps: it may be lost, late, or come twice.
    pub(crate) fn send(&mut self, actor: Actor, what: Do) {
        if !self.broker.up {
            return;
        }
        if self.chance.permille(self.faults.lose) {
            return self.figures.fault("message lost");
        }
        if self.chance.permille(self.faults.twice) {
            self.figures.fault("message twice");
            let delay = self.chance.between(0, self.faults.delay_max);
            self.to(actor, delay, what.clone());
        }
        let delay = self.chance.between(0, self.faults.delay_max);
        self.to(actor, delay, what);
    }

    /// Publishes inputs; whether that was answered.
    pub(crate) fn publish_inputs(&mut self, inputs: Vec<RunInput>) -> bool {
        let mut by_partition: BTreeMap<u16, Vec<RunInput>> = BTreeMap::new();
        for input in inputs {
            let partition = partition_of(&input.run, PARTITIONS);
            by_partition.entry(partition).or_default().push(input);
        }
        let mut answered = true;
        for (partition, inputs) in by_partition {
            let fails = self.chance.permille(self.faults.unanswered);
            let stored = !fails || self.chance.below(2) == 0;
            if fails {
                self.figures.fault("publish unanswered");
            }
            let told = self.trace.is_some().then(|| format!("{inputs:?}"));
            if stored && !self.broker.put_events(partition, inputs) {
                answered = false;
            } else if let Some(told) = told.filter(|_| stored) {
                self.say(|| format!("event {told}"));
            }
            answered &= !fails;
        }
        self.wake_lanes();
        answered
    }

    /// Publishes events, one after the other; whether that was answered.
    pub(crate) fn say_events(&mut self, events: Vec<CloudEvent>, ours: bool) -> bool {
        for mut event in events {
            if self.off.has(Protection::EventId) && ours {
                self.number += 1;
                event = anew(&event, self.number);
            }
            let fails = self.chance.permille(self.faults.unanswered);
            let stored = !fails || self.chance.below(2) == 0;
            if fails {
                self.figures.fault("publish unanswered");
            }
            self.say(|| format!("published {:?}", event.identity()));
            let answered = stored && self.broker.put_said(event, ours, self.now);
            self.wake_routers();
            if fails || !answered {
                return false;
            }
        }
        true
    }

    pub(crate) fn said_expires(&mut self, seq: u64, delay: u64) {
        self.later(delay, Event::ExpireSaid(seq));
    }

    /// Publishes a task; whether that was answered.
    pub(crate) fn publish_task(&mut self, task: &TaskMessage) -> bool {
        let fails = self.chance.permille(self.faults.unanswered);
        let stored = !fails || self.chance.below(2) == 0;
        if fails {
            self.figures.fault("publish unanswered");
        }
        let answered = stored && self.broker.put_task(task.clone(), self.now);
        if answered {
            self.say(|| format!("task {} under {}", task.task, task.epoch));
        }
        self.hand_out();
        answered && !fails
    }

    /// Whether a transaction may happen, and whether it is answered.
    pub(crate) fn transaction(&mut self) -> (bool, bool) {
        if !self.chance.permille(self.faults.uncommitted) {
            return (true, true);
        }
        self.figures.fault("transaction unanswered");
        (self.chance.below(2) == 0, false)
    }

    /// Whether what is read is answered.
    pub(crate) fn reads(&mut self) -> bool {
        !self.chance.permille(self.faults.uncommitted / 2)
    }

    /// Gives waiting tasks to those who asked.
    pub(crate) fn hand_out(&mut self) {
        while let Some((who, life)) = self.pulls.front().copied() {
            let Some(delivery) = self.broker.next_task(self.now, ACK_WAIT) else { return };
            self.pulls.pop_front();
            self.later(ACK_WAIT + 1, Event::Expire(delivery.seq));
            let delay = self.chance.between(0, self.faults.delay_max);
            let what = Do::Work(Working::Take(Box::new(delivery)));
            self.later(delay, Event::To(Actor::Worker(who), life, what));
        }
    }

    pub(crate) fn touched(&mut self, seq: u64) {
        self.later(ACK_WAIT + 1, Event::Expire(seq));
    }

    /// A run's stored row, decoded.
    pub(crate) fn state(&self, run: &RunId) -> Option<kintsugi_core::RunState> {
        serde_json::from_slice(&self.store.runs.get(run)?.row.state).ok()
    }
}

/// The same event under an id of its own.
fn anew(event: &CloudEvent, number: u64) -> CloudEvent {
    let mut fields = event.fields().clone();
    fields.insert("id".to_owned(), format!("{}~{number}", event.identity().1).into());
    CloudEvent::new(fields).expect("it was one before")
}
