use super::*;
use crate::beats::beat;

/// Workers that say what they brought, a beat every 300 ms.
struct Fleet {
    conduct: Conduct,
    now: Instant,
    results: BTreeMap<String, (u64, u64)>,
}

impl Fleet {
    fn of(count: usize) -> Self {
        let results = (0..count).map(|n| (format!("w{n}"), (0, 0))).collect();
        let mut fleet = Self { conduct: Conduct::default(), now: Instant::now(), results };
        fleet.pass(1);
        fleet
    }

    fn brings(&mut self, worker: &str, completed: u64, failed: u64) {
        let tally = self.results.get_mut(worker).unwrap();
        *tally = (tally.0 + completed, tally.1 + failed);
    }

    fn pass(&mut self, seconds: u32) -> Vec<Change> {
        let mut changes = Vec::new();
        for _ in 0..seconds * 3 {
            self.now += Duration::from_millis(333);
            for (worker, (completed, failed)) in &self.results {
                let mut beat = beat(worker);
                (beat.types[0].completed, beat.types[0].failed) = (*completed, *failed);
                self.conduct.heard(&beat, self.now);
            }
            changes.extend(self.conduct.judge(self.now));
        }
        changes
    }

    fn slots(&self, worker: &str) -> Option<u32> {
        self.conduct.orders(0).get(worker).map(|order| order.slots)
    }
}

#[test]
fn who_fails_what_others_complete_is_drained_tried_and_trusted_again() {
    let mut fleet = Fleet::of(4);
    fleet.brings("w0", 1, 6);
    assert_eq!(fleet.pass(1), [], "nobody knows yet whether others do better");
    fleet.brings("w1", 20, 1);
    let changes = fleet.pass(1);
    assert!(matches!(&changes[..], [Change::Drained { worker, .. }] if worker == "w0"));
    assert_eq!(fleet.slots("w0"), Some(0));
    assert_eq!(fleet.pass(29), []);
    assert_eq!(fleet.pass(2), [Change::Tried { worker: "w0".to_owned() }]);
    fleet.brings("w1", 20, 1);
    fleet.brings("w0", 0, 2);
    let again = fleet.pass(1);
    assert!(matches!(&again[..], [Change::Drained { pause, .. }] if pause.as_secs() == 60));
    fleet.pass(61);
    assert_eq!(fleet.slots("w0"), Some(1));
    fleet.brings("w0", 3, 0);
    assert_eq!(fleet.pass(1), [Change::Trusted { worker: "w0".to_owned() }]);
    assert_eq!(fleet.slots("w0"), None);
}

#[test]
fn what_everybody_fails_is_nobodys_fault() {
    let mut fleet = Fleet::of(4);
    for worker in ["w0", "w1", "w2", "w3"] {
        fleet.brings(worker, 5, 20);
    }
    assert_eq!(fleet.pass(5), []);
}

#[test]
fn old_failures_are_forgotten() {
    let mut fleet = Fleet::of(2);
    fleet.brings("w0", 0, 20);
    fleet.pass(40);
    fleet.brings("w1", 20, 0);
    assert_eq!(fleet.pass(2), []);
}

#[test]
fn the_fleet_is_never_emptied() {
    let mut fleet = Fleet::of(10);
    fleet.brings("w9", 100, 0);
    for worker in ["w0", "w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8"] {
        fleet.brings(worker, 0, 10);
    }
    // One good one among nine is no proof that they are bad; among four trusted ones it is.
    assert_eq!(fleet.pass(2), []);
    let mut fleet = Fleet::of(10);
    for worker in ["w0", "w1", "w2", "w3", "w4", "w5"] {
        fleet.brings("w9", 1_000, 0);
        fleet.brings(worker, 0, 10);
        fleet.pass(1);
    }
    assert_eq!(fleet.conduct.orders(0).len(), 5, "half of it stays");
    // All the others go: the bad ones are better than none.
    fleet.results.retain(|worker, _| worker.as_str() < "w5");
    let changes = fleet.pass(5);
    assert!(changes.iter().all(|change| matches!(change, Change::Tried { .. })), "{changes:?}");
    assert_eq!(changes.len(), 5);
}

/// What a worker says that it was told.
fn told(worker: &str, limit: u32, reason: &str) -> Heartbeat {
    let mut beat = beat(worker);
    (beat.types[0].limit, beat.types[0].limit_reason) = (Some(limit), Some(reason.to_owned()));
    beat
}

#[test]
fn the_next_one_in_charge_goes_on_with_what_the_one_before_drained() {
    let mut before = Fleet::of(4);
    before.brings("w1", 20, 0);
    before.brings("w0", 0, 6);
    let changes = before.pass(1);
    let [Change::Drained { reason, pause, .. }] = &changes[..] else { panic!("{changes:?}") };
    let mut next = Fleet::of(4);
    next.conduct.heard(&told("w0", 0, reason), next.now);
    next.conduct.heard(&told("w1", 1, reason), next.now);
    // That is a circuit, and no drain.
    next.conduct.heard(&told("w2", 0, "5 of the last 5 tasks failed"), next.now);
    let mut past = Past::default();
    past.drained("w0", Duration::from_secs(20));
    past.drained("w0", Duration::from_secs(50));
    past.drained("w3", Duration::from_secs(50));
    next.conduct.adopt(&past, next.now);
    let slots = |fleet: &Fleet| ["w0", "w1", "w2", "w3"].map(|worker| fleet.slots(worker));
    assert_eq!(slots(&next), [Some(0), Some(1), None, None]);
    assert_eq!(next.pass(19), []);
    assert_eq!(next.pass(2), [Change::Tried { worker: "w0".to_owned() }]);
    next.brings("w2", 20, 0);
    next.brings("w0", 0, 2);
    let again = next.pass(1);
    let twice = *pause * 4;
    let [.., Change::Drained { pause, .. }] = &again[..] else { panic!("{again:?}") };
    assert_eq!(*pause, twice, "the third time");
}
