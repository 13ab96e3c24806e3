//! The retry engine: the parts of `services/retry-engine`, step by step, around what the engine
//! itself remembers to have told (`services/mending`).

use std::time::Duration;

use kintsugi_core::{CloudEvent, Input, LossCause, RunId, Timestamp};
use kintsugi_mending::{Again, Deadlines, letter_message};
use kintsugi_nats::RunInput;

use crate::{
    broker::{DEAD, TASKS},
    off::Protection,
    world::{Actor, Do, World},
};

/// The defaults of the service, in milliseconds.
const SCAN_INTERVAL: u64 = 5_000;
const PATIENCE: u64 = 1_000;
const OVERDUE: i64 = 5_000;
const LETTERS: u64 = 15_000;
const ADVISORIES: u64 = 5_000;

/// What the retry engine does.
#[derive(Clone, Debug)]
pub(crate) enum Retrying {
    /// Looks for what is due; which of the looks that were planned.
    Scan(u64),
    /// Hears that something will be due.
    Hint(i64),
    /// Looks after what lies where it should not.
    Mail,
    /// Publishes dead letters, as a matter of routine or not.
    Letters(bool),
    /// Marks them as published.
    Mark(Vec<String>),
    /// Looks for what the broker gave up.
    Advisories,
    /// Removes what is dealt with.
    Settle(u64),
    /// Publishes what it has found.
    Tell(Vec<RunInput>),
    /// Publishes what lies in the outbox.
    Say(Vec<CloudEvent>),
}

impl Retrying {
    pub(crate) fn is_step(&self) -> bool {
        !matches!(self, Self::Hint(_) | Self::Advisories | Self::Letters(true))
    }
}

/// Its memory.
#[derive(Debug, Default)]
pub(crate) struct Retry {
    told: Deadlines,
    told_mail: Again<RunId>,
    told_sent: Again<String>,
    asked: Again<String>,
    woken: Option<u64>,
    /// When the next scan is, and which one it is.
    next: u64,
    number: u64,
    /// About which stream the marks are.
    marked: Option<u64>,
}

const ME: Actor = Actor::Retry;

impl World {
    pub(crate) fn start_retry(&mut self) {
        self.retry = Retry::default();
        self.scan_in(0);
        self.to(ME, 1, Do::Retry(Retrying::Letters(true)));
        self.to(ME, 1, Do::Retry(Retrying::Advisories));
    }

    fn scan_in(&mut self, delay: u64) {
        self.retry.number += 1;
        self.retry.next = self.now + delay;
        let number = self.retry.number;
        self.to(ME, delay, Do::Retry(Retrying::Scan(number)));
    }

    pub(crate) fn retry(&mut self, what: Retrying) {
        match what {
            Retrying::Scan(number) if number != self.retry.number => {}
            Retrying::Scan(_) => self.scan(),
            Retrying::Hint(at) => {
                let pause = Timestamp(at).since(self.clock(ME));
                if pause == 0 {
                    self.next(ME, Do::Retry(Retrying::Letters(false)));
                }
                let pause = pause.min(SCAN_INTERVAL);
                if self.now + pause < self.retry.next {
                    self.scan_in(pause);
                }
            }
            Retrying::Mail => self.look_after_mail(),
            Retrying::Letters(routine) => {
                self.letters();
                if routine {
                    self.to(ME, LETTERS, Do::Retry(Retrying::Letters(true)));
                }
            }
            Retrying::Mark(ids) => {
                let (happens, _) = self.transaction();
                let at = Some(self.clock(ME).0);
                for id in ids.iter().filter(|_| happens) {
                    if let Some(letter) = self.store.letters.get_mut(id) {
                        letter.published_at = at;
                    }
                }
            }
            Retrying::Advisories => {
                self.advisories();
                self.to(ME, ADVISORIES, Do::Retry(Retrying::Advisories));
            }
            Retrying::Settle(seq) => {
                self.broker.advisories.retain(|known| *known != seq);
                self.broker.tasks.remove(&seq);
            }
            Retrying::Tell(inputs) => {
                self.publish_inputs(inputs);
            }
            Retrying::Say(events) => {
                self.say_events(events, true);
            }
        }
    }

    fn scan(&mut self) {
        if self.off.has(Protection::Scan) {
            return;
        }
        if !self.reads() {
            return self.scan_in(PATIENCE);
        }
        let (time, instant) = (self.clock(ME).0, self.instant());
        self.retry.told.forget(instant);
        let found = self.store.due(time, time - OVERDUE);
        let is_over = self.retry.woken.is_none_or(|at| self.now - at >= PATIENCE);
        if found.overdue && is_over {
            self.retry.woken = Some(self.now);
            self.next(ME, Do::Retry(Retrying::Letters(false)));
            self.next(ME, Do::Retry(Retrying::Mail));
        }
        let fresh = self.retry.told.fresh(found.runs, instant).into_iter();
        let fresh: Vec<RunInput> = fresh.map(|run| RunInput { run, input: Input::Tick }).collect();
        if !fresh.is_empty() {
            self.next(ME, Do::Retry(Retrying::Tell(fresh)));
        }
        let pause = found.next.map_or(i64::MAX, |at| at - time);
        let pause = Duration::from_millis(u64::try_from(pause).unwrap_or(1).max(1));
        let pause = self.retry.told.look_again(pause).as_millis();
        self.scan_in(u64::try_from(pause).unwrap_or(1).min(SCAN_INTERVAL));
    }

    fn look_after_mail(&mut self) {
        if !self.reads() {
            return;
        }
        let (time, instant) = (self.clock(ME).0, self.instant());
        let found = self.store.mail_overdue(time - OVERDUE);
        let due = self.retry.told_mail.due(found.runs, RunId::clone, instant).into_iter();
        let mut inputs: Vec<RunInput> =
            due.map(|run| RunInput { run, input: Input::Mail }).collect();
        let due = self.retry.told_sent.due(found.sent, String::clone, instant);
        let rows = due.iter().filter_map(|key| self.store.outbox.get(key));
        let events: Vec<CloudEvent> =
            rows.filter_map(|row| serde_json::from_slice(&row.event).ok()).collect();
        if !events.is_empty() {
            self.next(ME, Do::Retry(Retrying::Say(events)));
        }
        let due = self.retry.asked.due(found.requests, String::clone, instant);
        for row in self.store.requests_settle(&due) {
            let input = serde_json::from_slice(&row.input).ok();
            inputs.extend(input.map(|input| RunInput { run: row.run, input }));
        }
        if !inputs.is_empty() {
            self.next(ME, Do::Retry(Retrying::Tell(inputs)));
        }
    }

    fn letters(&mut self) {
        let Some(created) = self.broker.created(DEAD).filter(|_| self.broker.up) else { return };
        if self.retry.marked != Some(created) {
            let before = self.store.streams.insert("DEAD/letters", created);
            if before.is_some_and(|before| before != created) {
                for letter in self.store.letters.values_mut() {
                    letter.published_at = None;
                }
            }
            self.retry.marked = Some(created);
        }
        let letters = self.store.letters.values().filter(|letter| letter.published_at.is_none());
        let messages: Vec<_> = letters.filter_map(letter_message).collect();
        let mut ids = Vec::new();
        for message in messages {
            let fails = self.chance.permille(self.faults.unanswered);
            if self.broker.letters.iter().all(|known| known.id != message.id) {
                self.broker.letters.push(message.clone());
            }
            if fails {
                return;
            }
            ids.push(message.id);
        }
        if !ids.is_empty() {
            self.next(ME, Do::Retry(Retrying::Mark(ids)));
        }
    }

    fn advisories(&mut self) {
        if !self.broker.up || self.broker.created(TASKS).is_none() {
            return;
        }
        for seq in self.broker.advisories.clone() {
            let Some(task) = self.broker.tasks.get(&seq) else { continue };
            let input = Input::Lost {
                task: task.message.number,
                epoch: task.message.epoch,
                cause: LossCause::Undeliverable,
                worker: None,
                seen_at: self.clock(ME),
                blamed: None,
            };
            let run = task.message.run.clone();
            if self.publish_inputs(vec![RunInput { run, input }]) {
                self.next(ME, Do::Retry(Retrying::Settle(seq)));
            }
        }
    }
}
