//! Which failure detector decides, of several.
//!
//! All of them listen, so that each could; the one with the lowest name decides what workers are told and
//! writes it down. It is silent for two beats and a half and does not answer when asked: then the next one
//! does. For a moment both may think so. That harms nothing: what workers are told holds for seconds, and
//! says the same.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kintsugi_mending::SERVICE_SUSPECT;
use kintsugi_nats::{Liveness, ServiceBeat};
use kintsugi_runtime::{Deps, Service};
use tokio::time::Instant;
use tracing::info;

use crate::FailureDetector;

/// A new one listens for so long first: to others, and to what workers say that they were told.
const LISTENS: Duration = Duration::from_millis(1_500);

/// More than these are not followed: anyone on the bus can send signs of life.
const OTHERS_MAX: usize = 1_000;

/// The failure detectors that were heard of. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Charge(Arc<Mutex<Known>>);

#[derive(Debug)]
struct Known {
    me: String,
    since: Instant,
    others: BTreeMap<String, Instant>,
    /// Whether it was this one when it was asked last.
    mine: bool,
}

impl Charge {
    /// Knows only this one.
    pub(crate) fn new(me: String, now: Instant) -> Self {
        let (others, mine) = (BTreeMap::new(), false);
        Self(Arc::new(Mutex::new(Known { me, since: now, others, mine })))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a sign of life. One that does not do its work is left out.
    pub(crate) fn heard(&self, beat: &ServiceBeat, now: Instant) {
        let mut known = self.known();
        if beat.service != FailureDetector::NAME || beat.instance == known.me {
            return;
        }
        if beat.stalled.is_some() || beat.stopping {
            known.others.remove(&beat.instance);
        } else if known.others.len() < OTHERS_MAX || known.others.contains_key(&beat.instance) {
            known.others.insert(beat.instance.clone(), now);
        }
    }

    /// Silence said nothing until now: there was no connection.
    pub(crate) fn listen_anew(&self, now: Instant) {
        let mut known = self.known();
        known.since = now;
        known.others.values_mut().for_each(|heard| *heard = now);
    }

    /// Whether this one decides.
    pub(crate) fn is_mine(&self, now: Instant) -> bool {
        let mut known = self.known();
        let is_first = known.others.keys().next().is_none_or(|other| known.me < *other);
        let mine = is_first && now.saturating_duration_since(known.since) >= LISTENS;
        if known.mine != mine {
            known.mine = mine;
            info!(mine, "which failure detector decides has changed");
        }
        mine
    }

    /// The others of which nothing is heard.
    fn silent(&self, now: Instant) -> Vec<String> {
        let silent = |heard: &Instant| now.saturating_duration_since(*heard) >= SERVICE_SUSPECT;
        let known = self.known();
        known.others.iter().filter(|(_, heard)| silent(heard)).map(|(it, _)| it.clone()).collect()
    }

    /// It did not answer, and nothing was heard of it meanwhile.
    fn lost(&self, name: &str, now: Instant) {
        let mut known = self.known();
        let heard = known.others.get(name);
        if heard.is_some_and(|heard| now.saturating_duration_since(*heard) >= SERVICE_SUSPECT) {
            known.others.remove(name);
        }
    }

    /// Asks those that are silent, all at once, whether they live.
    pub(crate) async fn look(&self, deps: &Deps) {
        if !deps.bus.is_connected() {
            return self.listen_anew(Instant::now());
        }
        let silent = self.silent(Instant::now()).into_iter();
        let silent = silent.map(|instance| (FailureDetector::NAME.to_owned(), instance)).collect();
        for ((_, instance), liveness) in kintsugi_lookout::ask(&deps.bus, silent).await {
            if liveness != Liveness::Answered {
                self.lost(&instance, Instant::now());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(instance: &str) -> ServiceBeat {
        let (service, instance) = (FailureDetector::NAME.to_owned(), instance.to_owned());
        ServiceBeat { service, instance, pid: 1, ready: true, ..ServiceBeat::default() }
    }

    #[test]
    fn one_decides_and_the_next_one_when_it_is_lost() {
        let start = Instant::now();
        let (a, b) = (Charge::new("a".to_owned(), start), Charge::new("b".to_owned(), start));
        assert!(!a.is_mine(start), "it listens first");
        let mut now = start;
        for _ in 0..5 {
            now += Duration::from_secs(1);
            a.heard(&beat("b"), now);
            b.heard(&beat("a"), now);
        }
        assert!(a.is_mine(now) && !b.is_mine(now));
        now += SERVICE_SUSPECT;
        assert!(!b.is_mine(now), "silence alone is no proof");
        assert_eq!(b.silent(now), ["a"]);
        b.lost("a", now);
        assert!(b.is_mine(now));
        b.heard(&beat("a"), now);
        assert!(!b.is_mine(now), "it is back");
    }

    #[test]
    fn one_that_stands_still_does_not_decide() {
        let start = Instant::now();
        let (b, later) = (Charge::new("b".to_owned(), start), start + LISTENS);
        b.heard(&beat("a"), later);
        assert!(!b.is_mine(later));
        b.heard(&ServiceBeat { stalled: Some("drain".to_owned()), ..beat("a") }, later);
        assert!(b.is_mine(later));
    }
}
