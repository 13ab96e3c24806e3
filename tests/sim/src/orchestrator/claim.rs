//! From a share of partitions to reading their events.

use kintsugi_deciding::{Incarnation, Owned, Unsaid};
use kintsugi_entities::PartitionRow;

use super::Phase;
use crate::{
    broker::EVENTS,
    detector::Watching,
    retry::Retrying,
    world::{Actor, Do, World},
};

impl World {
    pub(super) fn claim(&mut self, who: usize) -> Result<Phase, &'static str> {
        let lane = &mut self.lanes[who];
        lane.claimed.clone_from(&lane.share);
        lane.runs.clear();
        lane.unfinished.clear();
        lane.mail.clear();
        if lane.share.is_empty() {
            // Nothing is its own: it waits for a share.
            (lane.owned, lane.reader) = (Owned::default(), (self.broker.began, None, 0));
            return Ok(Phase::Read);
        }
        let ids: Vec<u16> = lane.share.iter().copied().collect();
        let name = lane.name.clone();
        let (happens, answered) = self.transaction();
        let rows = if happens { self.store.claim(&ids, &name) } else { Vec::new() };
        self.say(|| format!("{name} claims {ids:?}"));
        answered.then_some(Phase::Stream(rows)).ok_or("cannot claim")
    }

    pub(super) fn streams_for(
        &mut self,
        who: usize,
        rows: &[PartitionRow],
    ) -> Result<Phase, &'static str> {
        if !self.broker.up {
            return Err("no broker");
        }
        self.broker.ensure();
        let created = self.broker.created(EVENTS);
        let stream = Incarnation {
            created: created.map(|created| created.to_string()).unwrap_or_default(),
            last_seq: self.broker.last_seq,
        };
        let (owned, stale) = Owned::of(rows, &stream);
        self.lanes[who].reader = (self.broker.began, created, owned.read_from());
        if stale.is_empty() {
            return Ok(Phase::Ask(owned));
        }
        Ok(Phase::Rewind(owned, stale, stream))
    }

    /// What an owner that was killed left unsaid.
    pub(super) fn ask_unsaid(&mut self, who: usize, owned: Owned) -> Result<Phase, &'static str> {
        let Some(memory) = self.broker.memory().filter(|_| self.reads()) else {
            return Err("no broker or no store");
        };
        let mut unsaid = Unsaid::default();
        for (id, partition, state) in self.store.open() {
            if owned.epochs.contains_key(&partition) {
                unsaid.look(&id, &state);
            }
        }
        if let Some(at) = unsaid.wake_at {
            self.send(Actor::Retry, Do::Retry(Retrying::Hint(at)));
        }
        if !unsaid.queued.is_empty() {
            self.hint_permits();
        }
        for question in unsaid.questions {
            self.send(Actor::Detector, Do::Watch(Watching::Verify(Box::new(question))));
        }
        (self.lanes[who].owned, self.lanes[who].memory) = (owned, memory);
        Ok(Phase::Read)
    }
}
