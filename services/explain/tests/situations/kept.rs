//! Queues that are held by hand, and workers that are kept short.

use kintsugi_explain::{State, Worker};

use crate::world::{PAY, World, after, served, worker};

#[test]
fn what_is_held_by_hand_is_taken_by_nobody() {
    let mut world = World::started(PAY);
    world.queued(1);
    world.engine.workers = vec![worker("w-1")];
    let hold = kintsugi_explain::Hold {
        what: "queue default".to_owned(),
        by: Some("ada".to_owned()),
        reason: Some("the bank is down".to_owned()),
        since: after(1_000),
    };
    world.engine.holds.insert(served("default", "pay"), hold);
    world.later(5);
    let told = world.is(State::Stuck, &["queue-wait", "held"]);
    assert_eq!(told.causes[1].what, "the queue default is held by hand by ada: the bank is down");
    assert_eq!(told.causes[1].since, Some(after(1_000)));
}

#[test]
fn a_worker_that_is_kept_short_is_named() {
    let mut world = World::started(PAY);
    world.queued(1);
    world.engine.workers = vec![Worker {
        limits: vec![(served("default", "pay"), 0, "6 of 7 failed".to_owned())],
        ..worker("w-1")
    }];
    world.later(5);
    let told = world.is(State::Waiting, &["queue-wait", "workers-busy", "worker-drained"]);
    assert!(
        told.causes[2].what.contains("w-1 is given no tasks of `pay` for a while (6 of 7 failed)"),
        "{}",
        told.summary
    );
}
