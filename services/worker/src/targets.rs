//! What tasks call: how that goes, and what is left alone for now.
//!
//! The failure detector hears of it in heartbeats, over all workers, and says what is down or held by
//! hand. What is left alone is not called: the attempt is put off, which costs it nothing.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use kintsugi_nats::{Limit, TargetCalls, TargetLimit};

use crate::{
    Failure, Retries,
    attempt::{Attempt, Stop, now},
};
pub(crate) use known::LEFT_ALONE;
use known::{Kept, Known, Refused};

mod known;

/// Targets that are remembered, and such that one heartbeat tells of.
const KNOWN_MAX: usize = 1_024;
const TOLD_MAX: usize = 32;

/// What was not called for this long is told of no more.
const TOLD_FOR: Duration = Duration::from_secs(60);

/// The longest that a word holds which is not said again.
const HOLDS_MAX: Duration = Duration::from_secs(60);

/// The longest that a target may ask to be left alone.
const BUSY_MAX: Duration = Duration::from_secs(600);

/// Bytes of a name: that of a host has 253, a port 5.
const NAME_MAX: usize = 260;

/// How an attempt's calls of a target went.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Called {
    pub(crate) has_failed: bool,
    /// It was let through for all others, and there was no answer yet.
    pub(crate) is_canary: bool,
}

/// What tasks of a worker call.
#[derive(Debug)]
pub(crate) struct Targets {
    retries: Retries,
    known: Mutex<BTreeMap<String, Known>>,
}

impl Targets {
    pub(crate) fn new(retries: Retries) -> Self {
        Self { retries, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with what is known of a target; not of one for which there is no place.
    fn with<T>(&self, target: &str, now: Instant, act: impl FnOnce(&mut Known) -> T) -> Option<T> {
        let mut known = self.known();
        if !known.contains_key(target) {
            if known.len() >= KNOWN_MAX {
                let free = known.iter().filter(|(_, it)| it.running == 0 && it.kept(now).is_none());
                let oldest = free.min_by_key(|(_, it)| it.called_at)?.0.clone();
                known.remove(&oldest);
            }
            known.insert(target.to_owned(), Known::new(self.retries, now));
        }
        known.get_mut(target).map(act)
    }

    /// Takes in what is to be left alone. What is not named may be called.
    pub(crate) fn limit(&self, limit: &Limit) {
        let now = Instant::now();
        for known in self.known().values_mut() {
            known.kept = None;
        }
        if limit.for_ms == 0 {
            return;
        }
        for said in &limit.targets {
            let TargetLimit { target, slots, once, for_ms, by_hand, reason } = said;
            let holds = Duration::from_millis(for_ms.unwrap_or(limit.for_ms)).min(HOLDS_MAX);
            let (slots, once, by_hand, reason) = (*slots, *once, *by_hand, reason.clone());
            let kept = Kept { slots, once, reason, by_hand, until: now + holds };
            self.with(target, now, |known| known.kept = Some(kept));
        }
    }

    /// What the next heartbeat says.
    pub(crate) fn told(&self) -> Vec<TargetCalls> {
        let (now, known) = (Instant::now(), self.known());
        let is_new = |it: &Known| it.kept(now).is_some() || now - it.called_at < TOLD_FOR;
        let mut some: Vec<_> = known.iter().filter(|(_, it)| is_new(it)).collect();
        some.sort_by_key(|(_, it)| {
            std::cmp::Reverse((it.kept(now).is_some(), it.failed_at, it.called_at))
        });
        some.truncate(TOLD_MAX);
        let told = some.into_iter().map(|(target, it)| {
            let (limit, limit_reason) =
                it.kept(now).map(|kept| (kept.slots, kept.reason.clone())).unzip();
            TargetCalls {
                target: target.clone(),
                well: it.well,
                badly: it.badly,
                fresh: it.fresh,
                busy_until: it.busy_until,
                limit,
                limit_reason,
            }
        });
        told.collect()
    }
}

/// A call that is being made. Dropped without a word it counts for nothing, unless the attempt took too
/// long.
#[must_use = "say how the call went"]
pub struct Calling {
    attempt: Arc<Attempt>,
    target: String,
    told: bool,
}

impl Calling {
    /// An attempt that was let through once goes on: what it began may take several calls.
    pub(crate) fn begin(attempt: &Arc<Attempt>, target: &str) -> Result<Self, Failure> {
        let target = target.to_ascii_lowercase();
        if !is_target(&target) {
            return Err(Failure::fatal("a target is called `host:port`").kind("validation"));
        }
        let now = Instant::now();
        let mut called = attempt.called.lock().unwrap_or_else(PoisonError::into_inner);
        let goes_on = called.contains_key(&target);
        let caller = (attempt.message.task.as_str(), attempt.message.failures > 0);
        let admitted = attempt.targets.with(&target, now, |known| {
            let admitted = if goes_on { Ok(false) } else { known.admit(caller, now) };
            if admitted.is_ok() {
                known.running += 1;
                known.called_at = now;
            }
            admitted
        });
        let is_canary = match admitted {
            Some(Err(Refused { pause, why, by_hand })) => {
                let why = format!("`{target}` is left alone: {why}");
                let deferred = if by_hand { Failure::held } else { Failure::deferred };
                return Err(deferred(pause, why));
            }
            Some(Ok(is_canary)) => is_canary,
            None => false,
        };
        called.entry(target.clone()).or_insert(Called { has_failed: false, is_canary });
        drop(called);
        Ok(Self { attempt: Arc::clone(attempt), target, told: false })
    }

    /// There was an answer: what was called is there, whatever it says, an error too.
    pub fn answered(mut self) {
        self.called(|called| called.is_canary = false);
        self.tell(|known| known.well += 1);
    }

    /// There was none, or one that says that nobody is there (as HTTP's 502, 503 and 504) or that it is
    /// overloaded (429); and for how long it asked to be left alone, of which at most 10 min count.
    pub fn failed(mut self, busy_for: Option<Duration>) {
        self.fail(busy_for);
    }

    fn fail(&mut self, busy_for: Option<Duration>) {
        let before = self.called(|called| std::mem::replace(&mut called.has_failed, true));
        let (first, began) = (!before && self.attempt.message.failures == 0, self.attempt.started);
        let place = format!("{}{}", self.attempt.message.run, self.attempt.message.pointer);
        let busy = busy_for.map(|busy| u64::try_from(busy.min(BUSY_MAX).as_millis()).unwrap_or(0));
        self.tell(|known| {
            known.badly += 1;
            known.fresh += u64::from(first && known.is_news(&place, began));
            known.failed_at = Some(Instant::now());
            known.busy_until = known.busy_until.max(busy.map(|busy| now().plus(busy)));
        });
    }

    fn called<T>(&self, act: impl FnOnce(&mut Called) -> T) -> T {
        let mut called = self.attempt.called.lock().unwrap_or_else(PoisonError::into_inner);
        act(called.entry(self.target.clone()).or_default())
    }

    fn tell(&mut self, act: impl FnOnce(&mut Known)) {
        self.told = true;
        if let Some(known) = self.attempt.targets.known().get_mut(&self.target) {
            known.running = known.running.saturating_sub(1);
            act(known);
        }
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        if self.told {
            return;
        }
        // Whoever looks at limits stops an attempt while it waits for its answer.
        if self.attempt.why() == Some(Stop::TimedOut) {
            self.fail(None);
        } else {
            self.tell(|_| {});
        }
    }
}

/// Nothing else of an address may be said to the engine, which keeps it.
fn is_target(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"/@?#\\\"`".contains(&byte);
    let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port);
    text.len() <= NAME_MAX
        && text.bytes().all(fits)
        && port.is_some_and(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: &str = "shop.example:443";

    fn limit(slots: u32, once: Option<u64>, for_ms: u64) -> Limit {
        let (target, reason) = (SHOP.to_owned(), "down".to_owned());
        let targets =
            vec![TargetLimit { target, slots, once, for_ms: None, by_hand: false, reason }];
        Limit { for_ms, types: Vec::new(), targets }
    }

    fn admit(targets: &Targets) -> Result<bool, Duration> {
        let now = Instant::now();
        let admitted = targets.with(SHOP, now, |known| known.admit(("r:1", false), now)).unwrap();
        admitted.map_err(|refused| refused.pause)
    }

    #[test]
    fn what_is_left_alone_is_not_called_but_by_one_canary() {
        let targets = Targets::new(Retries::default());
        assert!(admit(&targets).is_ok());
        targets.limit(&limit(0, None, 5_000));
        assert_eq!(admit(&targets), Err(LEFT_ALONE));
        for number in [7, 8] {
            targets.limit(&limit(1, Some(number), 5_000));
            assert_eq!(admit(&targets), Ok(true));
            // Said again, it is the same canary.
            targets.limit(&limit(1, Some(number), 5_000));
            assert!(admit(&targets).is_err());
        }
        targets.limit(&limit(2, None, 5_000));
        targets.with(SHOP, Instant::now(), |known| known.running = 2);
        assert!(admit(&targets).unwrap_err() < LEFT_ALONE);
        targets.limit(&Limit { for_ms: 0, types: Vec::new(), targets: Vec::new() });
        assert_eq!(admit(&targets), Ok(false));
    }

    #[test]
    fn many_targets_have_an_end_and_the_failing_ones_are_told_of() {
        let targets = Targets::new(Retries::default());
        targets.with(SHOP, Instant::now(), |known| {
            known.failed_at = Some(Instant::now());
            known.running = 1;
        });
        for n in 0..3_000 {
            targets.with(&format!("h{n}:80"), Instant::now(), |known| known.well += 1);
        }
        let told = targets.told();
        assert_eq!((targets.known().len(), told.len()), (KNOWN_MAX, TOLD_MAX));
        assert_eq!(told[0].target, SHOP);
    }

    #[test]
    fn a_target_is_a_host_and_a_port_and_nothing_else() {
        for good in ["localhost:80", "[::1]:8080", "10.0.0.1:65535", "a-b.example:1"] {
            assert!(is_target(good), "{good}");
        }
        for bad in ["", "a", ":80", "a:", "a:b", "u:p@a:80", "a:80/x", "http://a:80", "a b:80"] {
            assert!(!is_target(bad), "{bad}");
        }
    }
}
