//! Each check is shown to be able to fail: without a protection, some seed breaks a promise that it
//! keeps with it. The protections are switched off in the simulated store, broker and reconcilers; the
//! engine has no such switches.

use std::ops::Range;

use kintsugi_sim::{Cast, Off, Protection, Simulation};

/// The first seed, of so many, that breaks this promise without these protections, and that it keeps
/// with them.
fn found(off: &[Protection], promise: u8, seeds: u64) -> u64 {
    found_as((Cast::Few, off), (promise, ""), seeds)
}

/// The same, with the words in which the breach is told.
fn found_as(without: (Cast, &[Protection]), breach: (u8, &str), seeds: u64) -> u64 {
    found_from(without, breach, 0..seeds)
}

/// The same, among these seeds: what is rare is not looked for from the beginning.
fn found_from(
    (cast, off): (Cast, &[Protection]),
    (promise, words): (u8, &str),
    mut seeds: Range<u64>,
) -> u64 {
    let mut without = Simulation::new(cast, Off::these(off));
    let breaks = |seed: &u64| {
        let breaches = without.run(*seed, false).breaches;
        breaches.iter().any(|breach| breach.promise == promise && breach.what.contains(words))
    };
    let Some(seed) = seeds.find(breaks) else {
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

/// Rare: whoever answers is frozen between its look and its transaction, until the task is over.
#[test]
fn an_answer_that_comes_when_the_task_is_over_is_taken_for_nothing() {
    for (off, breaks) in [(Off::these(&[Protection::OpenStill]), true), (Off::default(), false)] {
        let breaches = Simulation::new(Cast::All, off).run(19_660, false).breaches;
        assert_eq!(breaches.iter().any(|breach| breach.promise == 9), breaks, "{breaches:?}");
    }
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

/// What both cover for: a run is written by two owners, of whom each has it from before the other.
const OWNERS: [Protection; 2] = [Protection::Version, Protection::Epoch];

#[test]
fn with_two_owners_a_terminated_run_gives_out_work() {
    found_from((Cast::All, &OWNERS), (9, "was terminated, and gives out"), 420..600);
}

#[test]
fn with_two_owners_a_request_to_steer_is_done_twice() {
    found_as((Cast::All, &OWNERS), (3, "was asked once"), 200);
}

#[test]
fn with_two_owners_a_task_of_a_person_is_answered_twice() {
    found_as((Cast::All, &OWNERS), (3, "is answered 2 times"), 200);
}

#[test]
fn with_two_owners_a_cancelled_run_tidies_up_twice() {
    found_as((Cast::Crowd, &OWNERS), (3, "undid it 2 times"), 400);
}

#[test]
fn asked_again_under_another_name_a_run_begins_anew_twice() {
    found_from((Cast::All, &[Protection::RequestName]), (3, "was asked once"), 240..400);
}

#[test]
fn what_is_emitted_and_not_kept_is_not_heard() {
    found_from((Cast::All, &[Protection::Outbox]), (1, "does not hear it"), 1_100..2_000);
}

#[test]
fn a_schedule_that_two_move_on_starts_runs_beside_each_other() {
    found_from((Cast::All, &[Protection::Revision]), (5, "are open"), 3_190..3_400);
}

#[test]
fn granted_by_two_at_a_time_more_have_a_permit_than_may() {
    found_as((Cast::Crowd, &[Protection::Lock]), (5, "more hold a permit"), 400);
}
