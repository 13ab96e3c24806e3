//! Queues and task types that are held by hand.

use kintsugi_explain::State;

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
