//! Each check is shown to be able to fail: without a protection, some seed breaks a promise that it
//! keeps with it. The protections are switched off in the simulated store, broker and reconcilers; the
//! engine has no such switches.

use kintsugi_sim::{Off, Protection, Simulation};

/// The first seed, of so many, that breaks this promise without these protections, and that it keeps
/// with them.
fn found(off: &[Protection], promise: u8, seeds: u64) -> u64 {
    let mut without = Simulation::new(Off::these(off));
    let breaks = |seed: &u64| {
        let breaches = without.run(*seed, false).breaches;
        breaches.iter().any(|breach| breach.promise == promise)
    };
    let Some(seed) = (0..seeds).find(breaks) else {
        panic!("P{promise} is never seen to be broken without {off:?}");
    };
    let breaches = Simulation::new(Off::default()).run(seed, false).breaches;
    assert!(breaches.is_empty(), "seed {seed} with all protections: {breaches:?}");
    seed
}

#[test]
fn without_fencing_a_zombies_result_counts() {
    found(&[Protection::Fencing], 3, 400);
}

#[test]
fn without_message_ids_an_attempt_is_executed_twice() {
    found(&[Protection::MsgId], 4, 200);
}

#[test]
fn without_the_audit_something_stays_without_an_owner() {
    found(&[Protection::Audit], 2, 200);
}

#[test]
fn without_the_scan_runs_do_not_end() {
    found(&[Protection::Scan], 1, 10);
}

/// Both fence an orchestrator that lost its partitions: epochs the batch as a whole, versions each run.
#[test]
fn versions_and_epochs_cover_for_each_other() {
    let seed = found(&[Protection::Version, Protection::Epoch], 7, 200);
    for one in [Protection::Version, Protection::Epoch] {
        let mut without = Simulation::new(Off::these(&[one]));
        for seed in (0..=seed).chain(150..200) {
            let verdict = without.run(seed, false);
            assert!(
                verdict.breaches.is_empty(),
                "seed {seed} without {one}: {:?}",
                verdict.breaches
            );
        }
    }
    // Where epochs are not looked at, it is the versions that refuse.
    let verdict = Simulation::new(Off::these(&[Protection::Epoch])).run(seed, false);
    assert!(verdict.figures.conflicts > 0, "seed {seed} meets no conflict");
}
