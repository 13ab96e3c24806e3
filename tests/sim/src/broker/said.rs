//! The stream of published events, and its durable consumer.

use kintsugi_core::CloudEvent;
use kintsugi_nats::event_key;

use super::{Broker, SAID, WINDOW_MS};

/// A published event.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) event: CloudEvent,
    /// A run emitted it.
    pub(crate) ours: bool,
    /// Until when it is somebody's; none: it waits.
    pub(crate) until: Option<u64>,
}

/// One as the router gets it.
#[derive(Clone, Debug)]
pub(crate) struct SaidDelivery {
    pub(crate) seq: u64,
    stream: u64,
    pub(crate) event: CloudEvent,
    pub(crate) ours: bool,
}

impl Broker {
    /// Stores an event, unless it is a repeat; `false`: it does not answer.
    pub(crate) fn put_said(&mut self, event: CloudEvent, ours: bool, now: u64) -> bool {
        if !self.up || self.created(SAID).is_none() {
            return false;
        }
        let key = event_key(&event);
        if self.known_said.get(&key).is_some_and(|at| now - at < WINDOW_MS) && !self.repeats {
            self.dropped += 1;
            return true;
        }
        self.known_said.insert(key, now);
        self.said_seq += 1;
        self.said.insert(self.said_seq, Said { event, ours, until: None });
        true
    }

    /// Hands out what waits, in order.
    pub(crate) fn next_said(&mut self, most: usize, until: u64) -> Vec<SaidDelivery> {
        let Some(stream) = self.created(SAID).filter(|_| self.up) else { return Vec::new() };
        let waits = self.said.iter_mut().filter(|(_, said)| said.until.is_none()).take(most);
        let taken = waits.map(|(seq, said)| {
            said.until = Some(until);
            SaidDelivery { seq: *seq, stream, event: said.event.clone(), ours: said.ours }
        });
        taken.collect()
    }

    /// Nobody answered in time: it waits again.
    pub(crate) fn expire_said(&mut self, seq: u64, now: u64) {
        if let Some(said) = self.said.get_mut(&seq)
            && said.until.is_some_and(|until| until <= now)
        {
            said.until = None;
        }
    }

    pub(crate) fn ack_said(&mut self, delivery: &SaidDelivery) {
        if self.up && self.created(SAID) == Some(delivery.stream) {
            self.said.remove(&delivery.seq);
        }
    }

    /// It is given back, and waits until then.
    pub(crate) fn nak_said(&mut self, delivery: &SaidDelivery, until: u64) {
        if self.up
            && self.created(SAID) == Some(delivery.stream)
            && let Some(said) = self.said.get_mut(&delivery.seq)
        {
            said.until = Some(until);
        }
    }
}
