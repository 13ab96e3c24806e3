//! Runs and tasks that are over.

use kintsugi_core::Input;
use kintsugi_explain::{End, State, closed};

use crate::world::{PAY, World, after, healthy, names};

#[test]
fn a_run_that_completed_has_ended() {
    let mut world = World::started("do: [{a: {set: {b: 1}}}]");
    world.later(65);
    let told = world.is(State::Ended, &["run-completed"]);
    assert_eq!(told.summary, "run r has ended: run r completed 65 s ago");
}

#[test]
fn a_run_that_was_cancelled_has_ended() {
    let mut world = World::started(PAY);
    world.tell(&Input::Cancel { reason: None });
    world.later(1);
    world.is(State::Ended, &["run-cancelled"]);
}

#[test]
fn a_run_that_faulted_names_its_error_and_its_dead_letter() {
    let mut world = World::started(PAY);
    world.later(3);
    world.fails("no such card", true);
    world.later(60);
    let told = world.is(State::Ended, &["run-faulted", "dead-lettered"]);
    assert!(told.causes[0].what.contains("Runtime error: no such card (at /do/0/pay)"));
    assert_eq!(told.causes[0].since, Some(after(3_000)));
    assert_eq!(told.causes[1].subject.as_ref().unwrap().id, "r:2:1");
    // Without an orchestrator it has ended, too.
    world.engine.services.clear();
    world.is(State::Ended, &["run-faulted", "dead-lettered"]);
    world.engine.services = healthy().services;
    world.run.requests.insert("redrive:r:2:1".to_owned(), world.engine.now);
    world.is(State::Moving, &["run-faulted", "redrive-asked", "dead-lettered"]);
}

#[test]
fn a_run_that_raised_an_error_is_over_for_good() {
    let mut world = World::started(
        "do: [{no: {raise: {error: {type: 'https://example.com/no', status: 400}}}}]",
    );
    world.later(1);
    let told = world.is(State::Ended, &["run-faulted"]);
    assert!(told.causes[0].unblocked_by.as_ref().unwrap().contains("start a new run"));
}

#[test]
fn a_task_of_a_faulted_run_was_interrupted() {
    let both = "do: [{both: {fork: {branches: [{pay: {call: pay}}, {ship: {call: ship}}]}}}]";
    let mut world = World::started(both);
    world.fails("no", true);
    let ship = world.run.state.tasks().nth(1).unwrap().task;
    let told = kintsugi_explain::task(&world.run, &world.engine, ship).unwrap();
    assert_eq!(told.state, State::Ended);
    assert!(names(&told).contains(&"run-faulted"), "{told:#?}");
    let interrupted = told.others.iter().flat_map(|line| &line.causes);
    assert!(interrupted.map(|cause| cause.code.as_str()).any(|code| code == "task-interrupted"));
    // The one that failed can be redriven.
    let pay = world.task();
    let told = kintsugi_explain::task(&world.run, &world.engine, pay).unwrap();
    assert_eq!((told.state, names(&told)), (State::Stuck, vec!["dead-lettered"]));
}

#[test]
fn a_task_that_is_closed_says_how() {
    for (end, code) in [
        (End::Completed, "task-completed"),
        (End::Failed, "task-failed"),
        (End::Cancelled, "task-cancelled"),
    ] {
        let told = closed("r:2", end, (Some("why"), Some(after(0))), &healthy());
        assert_eq!((told.state, names(&told)), (State::Ended, vec![code]));
        assert!(told.summary.ends_with("(why)"), "{}", told.summary);
    }
}

#[test]
fn a_task_that_is_not_there_has_no_explanation() {
    let world = World::started(PAY);
    for number in [0, 1, 99, u64::MAX] {
        assert!(kintsugi_explain::task(&world.run, &world.engine, number).is_none(), "{number}");
    }
}

#[test]
fn a_task_around_others_is_explained_by_them() {
    let mut world =
        World::started("do: [{outer: {do: [{pay: {call: pay}}]}}, {ship: {call: ship}}]");
    world.queued(1);
    world.later(5);
    let outer = world.task() - 2;
    let told = kintsugi_explain::task(&world.run, &world.engine, outer).unwrap();
    assert_eq!(names(&told), ["queue-wait", "no-worker"], "{told:#?}");
}
