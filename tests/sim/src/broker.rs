//! The simulated broker: streams as JetStream keeps them, with what it forgets when it is killed.

mod said;

use std::collections::{BTreeMap, VecDeque};

use kintsugi_core::Timestamp;
use kintsugi_nats::{DeadLetterMessage, QueueState, RunInput, TaskMessage, event_key};

pub(crate) use said::{Said, SaidDelivery};

/// For how long message ids are known, in milliseconds.
const WINDOW_MS: u64 = 120_000;

/// Deliveries of one message, at most.
const MAX_DELIVER: u64 = 20;

/// A message of the stream of events.
#[derive(Clone, Debug)]
pub(crate) struct EventMessage {
    pub(crate) seq: u64,
    pub(crate) partition: u16,
    pub(crate) inputs: Vec<RunInput>,
}

/// A task that waits, or that somebody has.
#[derive(Clone, Debug)]
pub(crate) struct Queued {
    pub(crate) message: TaskMessage,
    pub(crate) published_at: u64,
    pub(crate) deliveries: u64,
    /// Until when it is somebody's; none: it waits.
    pub(crate) until: Option<u64>,
    /// Given up: it stays, and nobody gets it.
    pub(crate) dead: bool,
}

/// A task as a worker gets it.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) seq: u64,
    /// Of which stream.
    pub(crate) stream: u64,
    pub(crate) message: TaskMessage,
    pub(crate) delivered: u64,
    pub(crate) is_certain: bool,
}

/// The broker.
#[derive(Debug)]
pub(crate) struct Broker {
    /// When its process began, in simulated milliseconds; another one forgot.
    pub(crate) began: u64,
    pub(crate) up: bool,
    /// By which each incarnation of a stream is known; none: it is gone.
    pub(crate) streams: BTreeMap<&'static str, Option<u64>>,
    made: u64,
    pub(crate) events: VecDeque<EventMessage>,
    pub(crate) last_seq: u64,
    pub(crate) tasks: BTreeMap<u64, Queued>,
    task_seq: u64,
    /// When each id was seen.
    known: BTreeMap<String, u64>,
    /// Published events, and when the id of each was seen.
    said: BTreeMap<u64, Said>,
    said_seq: u64,
    known_said: BTreeMap<String, u64>,
    /// Messages that were given up, and are not dealt with.
    pub(crate) advisories: Vec<u64>,
    pub(crate) letters: Vec<DeadLetterMessage>,
    /// The message ids are not looked at.
    pub(crate) repeats: bool,
    /// Repeats that were dropped.
    pub(crate) dropped: u64,
}

pub(crate) const EVENTS: &str = "EVENTS";
pub(crate) const TASKS: &str = "TASKS";
pub(crate) const DEAD: &str = "DEAD";
pub(crate) const SAID: &str = "SAID";

impl Broker {
    pub(crate) fn new() -> Self {
        let streams = [EVENTS, TASKS, DEAD, SAID].into_iter().map(|name| (name, None)).collect();
        Self {
            began: 0,
            up: true,
            streams,
            made: 0,
            events: VecDeque::new(),
            last_seq: 0,
            tasks: BTreeMap::new(),
            task_seq: 0,
            known: BTreeMap::new(),
            said: BTreeMap::new(),
            said_seq: 0,
            known_said: BTreeMap::new(),
            advisories: Vec::new(),
            letters: Vec::new(),
            repeats: false,
            dropped: 0,
        }
    }

    /// Makes what is missing.
    pub(crate) fn ensure(&mut self) {
        for created in self.streams.values_mut().filter(|created| created.is_none()) {
            self.made += 1;
            *created = Some(self.made);
        }
    }

    pub(crate) fn created(&self, name: &str) -> Option<u64> {
        self.streams.get(name).copied().flatten()
    }

    /// By what it knows repeats; none: it does not say.
    pub(crate) fn memory(&self) -> Option<String> {
        let created = self.created(TASKS)?;
        self.up.then(|| format!("{}/{created}", self.began))
    }

    /// Loses a stream and all that is in it.
    pub(crate) fn lose(&mut self, name: &'static str) {
        self.streams.insert(name, None);
        match name {
            EVENTS => {
                self.events.clear();
                self.last_seq = 0;
            }
            TASKS => {
                self.tasks.clear();
                self.task_seq = 0;
                self.known.clear();
                self.advisories.clear();
            }
            SAID => {
                self.said.clear();
                self.known_said.clear();
            }
            _ => self.letters.clear(),
        }
    }

    /// It is killed and started again: it knows the ids of what it still holds. With `power`, the
    /// last so many messages of the events go, and so does what it noted of deliveries lately.
    pub(crate) fn restart(&mut self, now: u64, power: u64) {
        (self.began, self.up) = (now, true);
        for _ in 0..power {
            drop(self.said.pop_last());
            if self.events.pop_back().is_some() {
                self.last_seq -= 1;
            }
        }
        let held: Vec<String> = self.tasks.values().map(|task| id(&task.message)).collect();
        self.known.retain(|id, _| held.contains(id));
        let held: Vec<String> = self.said.values().map(|said| event_key(&said.event)).collect();
        self.known_said.retain(|key, _| held.contains(key));
        if power > 0 {
            for task in self.tasks.values_mut().filter(|task| task.deliveries == 1) {
                (task.deliveries, task.until) = (0, None);
            }
        }
    }

    pub(crate) fn put_events(&mut self, partition: u16, inputs: Vec<RunInput>) -> bool {
        if !self.up || self.created(EVENTS).is_none() {
            return false;
        }
        self.last_seq += 1;
        self.events.push_back(EventMessage { seq: self.last_seq, partition, inputs });
        true
    }

    /// Stores a task, unless it is a repeat; `false`: it does not answer.
    pub(crate) fn put_task(&mut self, message: TaskMessage, now: u64) -> bool {
        if !self.up || self.created(TASKS).is_none() {
            return false;
        }
        let id = id(&message);
        let is_known = self.known.get(&id).is_some_and(|at| now - at < WINDOW_MS);
        if is_known && !self.repeats {
            self.dropped += 1;
            return true;
        }
        self.known.insert(id, now);
        self.task_seq += 1;
        let task = Queued { message, published_at: now, deliveries: 0, until: None, dead: false };
        self.tasks.insert(self.task_seq, task);
        true
    }

    /// Hands the next task out, first those that were never delivered.
    pub(crate) fn next_task(&mut self, now: u64, ack_wait: u64) -> Option<Delivery> {
        let stream = self.created(TASKS)?;
        if !self.up {
            return None;
        }
        let waits = |(_, task): &(&u64, &mut Queued)| task.until.is_none() && !task.dead;
        let (seq, task) = self.tasks.iter_mut().find(waits)?;
        task.deliveries += 1;
        task.until = Some(now + ack_wait);
        Some(Delivery {
            seq: *seq,
            stream,
            message: task.message.clone(),
            delivered: task.deliveries,
            is_certain: task.published_at > self.began || self.began == 0,
        })
    }

    /// Nobody answered in time: it waits again, or is given up.
    pub(crate) fn expire(&mut self, seq: u64, now: u64) {
        let Some(task) = self.tasks.get_mut(&seq) else { return };
        if task.until.is_none_or(|until| until > now) {
            return;
        }
        task.until = None;
        if task.deliveries >= MAX_DELIVER {
            task.dead = true;
            self.advisories.push(seq);
        }
    }

    pub(crate) fn touch(&mut self, delivery: &Delivery, now: u64, ack_wait: u64) {
        if self.created(TASKS) == Some(delivery.stream)
            && let Some(task) = self.tasks.get_mut(&delivery.seq)
            && task.until.is_some()
        {
            task.until = Some(now + ack_wait);
        }
    }

    pub(crate) fn ack(&mut self, delivery: &Delivery) -> bool {
        if self.up && self.created(TASKS) == Some(delivery.stream) {
            self.tasks.remove(&delivery.seq);
        }
        self.up
    }

    /// How the one queue stands; `Err`: it does not answer.
    pub(crate) fn queue(&self, base: i64) -> Result<Option<QueueState>, ()> {
        if !self.up {
            return Err(());
        }
        if self.created(TASKS).is_none() {
            return Ok(None);
        }
        let waiting = self.tasks.values().filter(|task| task.deliveries == 0);
        let at = |task: &Queued| base + i64::try_from(task.published_at).unwrap_or(i64::MAX);
        let delivered = self.tasks.values().filter(|task| task.deliveries > 0 && !task.dead);
        Ok(Some(QueueState {
            queue: "default".to_owned(),
            task_type: crate::definitions::TASK_TYPE.to_owned(),
            pending: waiting.clone().count() as u64,
            ack_pending: delivered.count() as u64,
            oldest_pending_at: waiting.map(at).min().map(Timestamp),
            redelivered: 0,
            waiting: 0,
            has_consumer: true,
        }))
    }
}

fn id(message: &TaskMessage) -> String {
    format!("{}:{}:1", message.task, message.epoch)
}
