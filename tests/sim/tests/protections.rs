//! Each check is shown to be able to fail: without a protection, some seed breaks a promise that it
//! keeps with it. The protections are switched off in the simulated store, broker and reconcilers; the
//! engine has no such switches.

use kintsugi_sim::{Cast, Off, Protection, Simulation};

/// The first seed, of so many, that breaks this promise without these protections, and that it keeps
/// with them.
fn found(off: &[Protection], promise: u8, seeds: u64) -> u64 {
    found_as((Cast::Few, off), (promise, ""), seeds)
}

/// The same, with the words in which the breach is told.
fn found_as((cast, off): (Cast, &[Protection]), (promise, words): (u8, &str), seeds: u64) -> u64 {
    let mut without = Simulation::new(cast, Off::these(off));
    let breaks = |seed: &u64| {
        let breaches = without.run(*seed, false).breaches;
        breaches.iter().any(|breach| breach.promise == promise && breach.what.contains(words))
    };
    let Some(seed) = (0..seeds).find(breaks) else {
        panic!("P{promise} ({words}) is never seen to be broken without {off:?}");
    };
    let breaches = Simulation::new(cast, Off::default()).run(seed, false).breaches;
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
        let mut without = Simulation::new(Cast::Few, Off::these(&[one]));
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
    let verdict = Simulation::new(Cast::Few, Off::these(&[Protection::Epoch])).run(seed, false);
    assert!(verdict.figures.conflicts > 0, "seed {seed} meets no conflict");
}

#[test]
fn told_without_what_waits_a_run_stays_suspended() {
    found_as((Cast::All, &[Protection::Order]), (1, "for nothing"), 400);
}

#[test]
fn what_is_answered_and_not_kept_is_never_done() {
    found_as((Cast::All, &[Protection::Kept]), (9, "never done"), 400);
}

#[test]
fn a_permit_that_does_not_go_with_its_step_is_lost_with_a_process() {
    found_as((Cast::All, &[Protection::PermitRow]), (2, "is nobody's"), 1_000);
}

#[test]
fn a_permit_that_is_told_once_is_waited_for_in_vain() {
    found_as((Cast::All, &[Protection::Retell]), (2, "has a permit and does not know"), 1_000);
}

#[test]
fn an_event_with_another_id_each_time_is_heard_twice() {
    found_as((Cast::All, &[Protection::EventId]), (3, "took the event"), 2_000);
}

#[test]
fn of_two_answers_under_two_names_one_is_taken_for_nothing() {
    found_as((Cast::All, &[Protection::RequestName]), (9, "the answer of"), 2_000);
}

#[test]
fn a_schedule_that_two_move_on_counts_a_due_time_twice() {
    found_as((Cast::All, &[Protection::Revision]), (1, "due times passed"), 200);
}
