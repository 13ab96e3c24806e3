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

/// Silence after which an orchestrator is taken for dead whatever else is known: four of its beats.
pub const SILENCE: Duration = Duration::from_secs(2);

/// Silence after which one is asked whether it lives: a beat is missing. Asking is cheap, and one that
/// answers keeps what it has.
pub const SUSPECT: Duration = Duration::from_millis(650);

/// The orchestrators that were heard of.
#[derive(Debug)]
pub struct Members {
    me: String,
    seen: BTreeMap<String, Seen>,
}

#[derive(Debug)]
struct Seen {
    at: Instant,
    /// It is being asked, or said that it lives, since it was heard of last.
    asked: bool,
}

impl Members {
    /// Knows only this one, `me`.
    #[must_use]
    pub fn new(me: String) -> Self {
        Self { me, seen: BTreeMap::new() }
    }

    /// Notes a beat of an orchestrator; says whether it was not known. One that is not ready, or says that
    /// its work stands still, has nothing.
    pub fn heard(&mut self, beat: &ServiceBeat, now: Instant) -> bool {
        if beat.service != NAME {
            return false;
        }
        if !beat.ready || beat.stalled.is_some() {
            self.gone(&beat.instance);
            return false;
        }
        let seen = Seen { at: now, asked: false };
        self.seen.insert(beat.instance.clone(), seen).is_none() && beat.instance != self.me
    }

    /// Silence said nothing until now: there was no connection.
    pub fn listen_anew(&mut self, now: Instant) {
        self.seen.values_mut().for_each(|seen| *seen = Seen { at: now, asked: false });
    }

    /// Others that are silent and were not asked yet; they are taken as asked.
    #[must_use]
    pub fn suspects(&mut self, now: Instant) -> Vec<String> {
        let silent = |(name, seen): &(&String, &mut Seen)| {
            **name != self.me && !seen.asked && now.duration_since(seen.at) >= SUSPECT
        };
        let suspects = self.seen.iter_mut().filter(silent);
        suspects
            .map(|(name, seen)| {
                seen.asked = true;
                name.clone()
            })
            .collect()
    }

    /// How many are there, and how long nothing of that changes if nobody is heard of.
    #[must_use]
    pub fn standing(&self, now: Instant) -> (usize, Duration) {
        let others = self.seen.iter().filter(|(name, _)| **name != self.me);
        let changes = others.map(|(_, seen)| seen.at + if seen.asked { SILENCE } else { SUSPECT });
        let rest = changes.min().map_or(SILENCE, |at| at.saturating_duration_since(now));
        (self.seen.len(), rest)
    }

    /// It does not live: nobody answers for it, or it is there and does not answer. What was heard since it
    /// was asked counts more.
    pub fn is_dead(&mut self, name: &str) -> bool {
        let dead = self.seen.get(name).is_some_and(|seen| seen.asked);
        if dead {
            self.gone(name);
        }
        dead
    }

    fn gone(&mut self, name: &str) {
        self.seen.remove(name);
    }

    /// The partitions of `count` that fall to this orchestrator.
    pub fn share(&mut self, count: u16, now: Instant) -> BTreeSet<u16> {
        self.seen.retain(|_, seen| now.duration_since(seen.at) < SILENCE);
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
        ServiceBeat {
            service: NAME.to_owned(),
            instance: instance.to_owned(),
            pid: 1,
            ready: true,
            ..ServiceBeat::default()
        }
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

    #[test]
    fn one_that_is_silent_is_asked_once_and_is_dead_when_it_does_not_answer() {
        let (mut a, now) = (Members::new("a".into()), Instant::now());
        assert!(a.heard(&beat("b"), now) && !a.heard(&beat("b"), now) && !a.heard(&beat("a"), now));
        assert!(a.suspects(now).is_empty());
        assert_eq!(a.standing(now), (2, SUSPECT));
        let later = now + SUSPECT;
        assert_eq!(a.standing(later).1, Duration::ZERO);
        assert_eq!(a.suspects(later), ["b"]);
        assert_eq!(a.standing(later), (2, SILENCE - SUSPECT));
        assert!(a.suspects(later).is_empty());
        // It speaks before the answer is there.
        a.heard(&beat("b"), later);
        assert!(!a.is_dead("b") && a.share(64, later).len() < 64);
        assert_eq!(a.suspects(later + SUSPECT), ["b"]);
        assert!(a.is_dead("b"));
        assert_eq!(a.share(64, later + SUSPECT).len(), 64);
    }

    #[test]
    fn one_whose_work_stands_still_has_nothing() {
        let (mut a, now) = (Members::new("a".into()), Instant::now());
        a.heard(&beat("b"), now);
        a.heard(&ServiceBeat { stalled: Some("lane".into()), ..beat("b") }, now);
        assert_eq!(a.share(64, now).len(), 64);
        a.heard(&beat("b"), now);
        a.heard(&ServiceBeat { ready: false, ..beat("b") }, now);
        assert_eq!(a.share(64, now).len(), 64);
    }
}
