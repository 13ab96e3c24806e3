//! What is done when. It follows from the seed alone: the same seed, length, kinds and shape give the
//! same plan, whatever the machine does.

use std::{collections::BTreeSet, time::Duration};

use kintsugi_nats::stream;
use kintsugi_trial::Chance;
use serde::Serialize;

use crate::{
    Scope,
    fault::{Fault, Kind},
};

/// How long a window lasts, about: long enough for every kind of fault once, short enough that what is
/// stored by then can be checked whole.
const WINDOW_MS: u64 = 90_000;

/// Nothing is struck this near to either end of a window.
const MARGIN_MS: u64 = 1_000;

/// How many times in ten a fault comes right upon another.
const AT_ONCE: u64 = 3;

/// Streams that are deleted.
pub(crate) const STREAMS: [&str; 8] = [
    stream::EVENTS,
    stream::TASKS,
    stream::INTAKE,
    stream::CLOUDEVENTS,
    stream::LIFE,
    stream::DEAD,
    stream::ADVISORIES,
    stream::REJECTED,
];

/// A time under load and faults, after which everything is healed, drained and checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Window {
    /// How long it lasts, in milliseconds.
    pub lasts_ms: u64,
    /// What is done in it, by time.
    pub strikes: Vec<Strike>,
}

/// A fault and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Strike {
    /// Milliseconds since the window began.
    pub at_ms: u64,
    /// What is done.
    #[serde(flatten)]
    pub fault: Fault,
}

impl Strike {
    /// When it is healed, in milliseconds since the window began.
    #[must_use]
    pub fn ends_ms(&self) -> u64 {
        self.at_ms + self.fault.lasts_ms()
    }
}

/// The windows that belong to a seed. `kinds` is not empty.
#[must_use]
pub fn plan(seed: u64, lasts: Duration, kinds: &BTreeSet<Kind>, scope: &Scope) -> Vec<Window> {
    let mut chance = Chance::new(seed);
    let mut bag = Bag { kinds: kinds.iter().copied().collect(), left: Vec::new() };
    let mut left = u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX);
    let mut windows = Vec::new();
    while left > 0 {
        let lasts_ms = match left {
            _ if left < WINDOW_MS * 3 / 2 => left,
            _ => within(&mut chance, WINDOW_MS * 3 / 4, WINDOW_MS * 5 / 4),
        };
        left -= lasts_ms;
        windows.push(window(lasts_ms, &mut bag, scope, &mut chance));
    }
    windows
}

/// Each kind comes once before any comes again.
struct Bag {
    kinds: Vec<Kind>,
    left: Vec<Kind>,
}

impl Bag {
    fn next(&mut self, chance: &mut Chance) -> Option<Kind> {
        if self.left.is_empty() {
            self.left = self.kinds.clone();
            chance.shuffle(&mut self.left);
        }
        self.left.pop()
    }
}

fn window(lasts_ms: u64, bag: &mut Bag, scope: &Scope, chance: &mut Chance) -> Window {
    let (mut strikes, mut at_ms, mut healed_ms) = (Vec::<Strike>::new(), MARGIN_MS, 0);
    while let Some(kind) = bag.next(chance) {
        let fault = fault(kind, scope, chance);
        if fault.stands_alone() || strikes.last().is_some_and(|last| last.fault.stands_alone()) {
            at_ms = at_ms.max(healed_ms + within(chance, 500, 1_500));
        }
        let strike = Strike { at_ms, fault };
        if strike.ends_ms() + MARGIN_MS > lasts_ms {
            // It is the first of the next window.
            bag.left.push(kind);
            break;
        }
        healed_ms = healed_ms.max(strike.ends_ms());
        at_ms += match within(chance, 1, 10) {
            pick if pick <= AT_ONCE => within(chance, 0, 300),
            _ => within(chance, 1_000, 4_000),
        };
        strikes.push(strike);
    }
    Window { lasts_ms, strikes }
}

/// A number from `least` to `most`, both included.
fn within(chance: &mut Chance, least: u64, most: u64) -> u64 {
    least + chance.below(most - least + 1)
}

/// One of `list`, which is not empty.
fn one<T: Copy>(chance: &mut Chance, list: &[T]) -> T {
    list[chance.place(list.len())]
}

fn fault(kind: Kind, scope: &Scope, chance: &mut Chance) -> Fault {
    let wired = one(chance, &scope.wired());
    let service = one(chance, &scope.services());
    match kind {
        Kind::Kill => Fault::Kill { process: one(chance, &scope.killed()) },
        Kind::KillAll => Fault::KillAll,
        Kind::Freeze => {
            Fault::Freeze { process: one(chance, &scope.frozen()), ms: within(chance, 500, 6_000) }
        }
        Kind::RestartBroker => Fault::RestartBroker,
        Kind::RestartDatabase => Fault::RestartDatabase,
        Kind::DeleteStream => Fault::DeleteStream { stream: one(chance, &STREAMS) },
        Kind::DeleteAllStreams => Fault::DeleteAllStreams,
        Kind::CutBroker => Fault::CutBroker { process: wired, ms: within(chance, 1_000, 6_000) },
        Kind::CutDatabase => {
            Fault::CutDatabase { process: service, ms: within(chance, 1_000, 6_000) }
        }
        Kind::SlowBroker => {
            let (by_ms, ms) = (within(chance, 20, 300), within(chance, 2_000, 8_000));
            Fault::SlowBroker { process: wired, by_ms, ms }
        }
        Kind::SlowDatabase => {
            let (by_ms, ms) = (within(chance, 5, 100), within(chance, 2_000, 8_000));
            Fault::SlowDatabase { process: service, by_ms, ms }
        }
        Kind::Duplicate => {
            let (one_in, ms) = (within(chance, 1, 4), within(chance, 3_000, 8_000));
            Fault::Duplicate { process: wired, one_in, ms }
        }
        Kind::Drop => {
            let (one_in, ms) = (within(chance, 5, 20), within(chance, 2_000, 6_000));
            Fault::Drop { process: wired, one_in, ms }
        }
        Kind::Delay => {
            let (one_in, by_ms) = (within(chance, 2, 8), within(chance, 50, 1_500));
            Fault::Delay { process: wired, one_in, by_ms, ms: within(chance, 3_000, 8_000) }
        }
        Kind::FillQuota => Fault::FillQuota { ms: within(chance, 2_000, 6_000) },
        Kind::Clock => {
            let (ahead, by) = (within(chance, 0, 1) == 1, within(chance, 2, 30));
            let by = i64::try_from(by).unwrap_or_default();
            let (by_s, ms) = (if ahead { by } else { -by }, within(chance, 4_000, 10_000));
            Fault::Clock { process: service, by_s, ms }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fault::Shape;

    fn any_scope() -> impl Strategy<Value = Scope> {
        (any::<bool>(), any::<bool>()).prop_map(|(dev, owns_database)| Scope {
            shape: if dev { Shape::Dev } else { Shape::Services },
            owns_database,
        })
    }

    fn any_kinds() -> impl Strategy<Value = Vec<Kind>> {
        proptest::sample::subsequence(Kind::ALL.to_vec(), 0..Kind::ALL.len())
    }

    proptest! {
        #[test]
        fn the_same_seed_gives_the_same_plan(
            seed: u64, seconds in 1..900_u64, kinds in any_kinds(), scope in any_scope()
        ) {
            let lasts = Duration::from_secs(seconds);
            // What is refused is refused; what is left is planned.
            let Ok(kinds) = crate::wanted(&kinds, &scope) else { return Ok(()) };
            let windows = plan(seed, lasts, &kinds, &scope);
            prop_assert_eq!(&windows, &plan(seed, lasts, &kinds, &scope));
            let total: u64 = windows.iter().map(|window| window.lasts_ms).sum();
            prop_assert_eq!(total, seconds * 1_000);
            for Window { lasts_ms, strikes } in &windows {
                prop_assert!(strikes.is_sorted_by_key(|strike| strike.at_ms));
                for strike in strikes {
                    prop_assert!(kinds.contains(&strike.fault.kind()));
                    prop_assert!(strike.ends_ms() < *lasts_ms);
                }
            }
        }

        #[test]
        fn nothing_else_is_broken_while_the_broker_is_asked_for_it(seed: u64, scope in any_scope()) {
            let kinds = crate::wanted(&[], &scope).unwrap();
            for window in plan(seed, Duration::from_secs(600), &kinds, &scope) {
                for (place, strike) in window.strikes.iter().enumerate() {
                    if strike.fault.stands_alone() {
                        let (before, after) = (&window.strikes[..place], &window.strikes[place + 1..]);
                        prop_assert!(before.iter().all(|other| other.ends_ms() < strike.at_ms));
                        prop_assert!(after.iter().all(|other| strike.ends_ms() < other.at_ms));
                    }
                }
            }
        }

        #[test]
        fn each_kind_comes_in_a_few_minutes(seed: u64, scope in any_scope()) {
            let kinds = crate::wanted(&[], &scope).unwrap();
            let windows = plan(seed, Duration::from_secs(240), &kinds, &scope);
            let strikes = windows.iter().flat_map(|window| &window.strikes);
            let seen: BTreeSet<Kind> = strikes.map(|strike| strike.fault.kind()).collect();
            prop_assert_eq!(seen, kinds);
        }
    }

    #[test]
    fn another_seed_gives_another_plan() {
        let scope = Scope { shape: Shape::Services, owns_database: true };
        let kinds = crate::wanted(&[], &scope).unwrap();
        let plans = |seed| plan(seed, Duration::from_secs(60), &kinds, &scope);
        assert_ne!(plans(1), plans(2));
    }

    #[test]
    fn what_cannot_be_had_is_refused_by_name() {
        let dev = Scope { shape: Shape::Dev, owns_database: false };
        let said = crate::wanted(&[Kind::Kill, Kind::CutDatabase], &dev).unwrap_err();
        assert!(said.contains("cut-database") && said.contains("file"), "{said}");
        let said = "kil".parse::<Kind>().unwrap_err();
        assert!(said.contains("kil") && said.contains("restart-broker"), "{said}");
        for kind in Kind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
    }
}
