//! Who runs which partitions.
//!
//! Orchestrators hear each other's beats on the bus and share partitions out by rendezvous hashing
//! (Thaler and Ravishankar 1998), so that one that joins or dies moves only its own share. Beliefs
//! may differ for a moment; correctness never rests on them, since every transaction is fenced by
//! the epochs in the table of partitions.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use kintsugi_nats::ServiceBeat;

/// The name under which orchestrators are heard.
const NAME: &str = "orchestrator";

/// Silence after which an orchestrator is taken for dead: four of its beats.
pub const SILENCE: Duration = Duration::from_secs(2);

/// The orchestrators that were heard of.
#[derive(Debug)]
pub struct Members {
    me: String,
    seen: BTreeMap<String, Instant>,
}

impl Members {
    /// Knows only this one, `me`.
    #[must_use]
    pub fn new(me: String) -> Self {
        Self { me, seen: BTreeMap::new() }
    }

    /// Notes a beat of an orchestrator.
    pub fn heard(&mut self, beat: &ServiceBeat, now: Instant) {
        if beat.service == NAME && beat.ready {
            self.seen.insert(beat.instance.clone(), now);
        }
    }

    /// The partitions of `count` that fall to this orchestrator.
    pub fn share(&mut self, count: u16, now: Instant) -> BTreeSet<u16> {
        self.seen.retain(|_, at| now.duration_since(*at) < SILENCE);
        let mine = |partition: &u16| {
            let own = weight(&self.me, *partition);
            let mut others = self.seen.keys().filter(|name| **name != self.me);
            others.all(|other| (own, &self.me) > (weight(other, *partition), other))
        };
        (0..count).filter(mine).collect()
    }
}

/// FNV-1a over the name and the partition, then mixed (`SplitMix64`'s finalizer).
fn weight(name: &str, partition: u16) -> u64 {
    let bytes = name.bytes().chain(partition.to_be_bytes());
    let mut z = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(instance: &str) -> ServiceBeat {
        ServiceBeat { service: NAME.to_owned(), instance: instance.to_owned(), pid: 1, ready: true }
    }

    #[test]
    fn two_orchestrators_share_all_partitions_and_the_survivor_gets_all() {
        let now = Instant::now();
        let (mut a, mut b) = (Members::new("a".into()), Members::new("b".into()));
        for members in [&mut a, &mut b] {
            members.heard(&beat("a"), now);
            members.heard(&beat("b"), now);
        }
        let (of_a, of_b) = (a.share(64, now), b.share(64, now));
        assert!(of_a.is_disjoint(&of_b));
        assert_eq!(of_a.len() + of_b.len(), 64);
        assert!(of_a.len() > 16 && of_b.len() > 16, "{} and {}", of_a.len(), of_b.len());
        assert_eq!(b.share(64, now + 2 * SILENCE).len(), 64);
    }
}
