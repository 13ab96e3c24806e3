//! What the engine itself may lack.

use kintsugi_core::{Input, Timestamp};
use kintsugi_explain::{Gone, Service, State};
use serde_json::json;

use crate::world::{BEGIN, PAY, World, after, worker};

#[test]
fn a_run_that_was_accepted_has_not_begun() {
    let mut world = World::accepted("r", PAY, json!(null));
    world.later(2);
    let told = world.is(State::Moving, &["not-started"]);
    assert_eq!(told.causes[0].since, Some(BEGIN));
    assert_eq!(told.causes[0].next.as_ref().unwrap().at, Some(after(6_000)));
    world.engine.services.retain(|one| one.service != "orchestrator");
    let told = world.is(State::Stuck, &["not-started", "no-orchestrator"]);
    assert_eq!(told.causes[1].subject.as_ref().unwrap().id, "orchestrator");
}

#[test]
fn orchestrators_that_do_not_work_are_none() {
    let mut world = World::accepted("r", PAY, json!(null));
    world.engine.services[0].ready = false;
    let told = world.is(State::Stuck, &["not-started", "no-orchestrator"]);
    assert!(told.causes[1].what.contains("1 orchestrator heard of, and none does its work"));
}

#[test]
fn how_the_last_orchestrator_went_is_said() {
    let mut world = World::accepted("r", PAY, json!(null));
    world.engine.services.retain(|one| one.service != "orchestrator");
    let (service, instance) = ("orchestrator".to_owned(), "orchestrator-1".to_owned());
    let gone = Gone { service, instance, heard_at: world.engine.now, stopped: false };
    world.later(10);
    world.engine.gone.push(gone.clone());
    let what = |world: &World| {
        let told = world.is(State::Stuck, &["not-started", "no-orchestrator"]);
        told.causes[1].what.clone()
    };
    let lost = "the last one, orchestrator-1, was lost: it was heard of last 10 s ago";
    assert!(what(&world).ends_with(lost), "{}", what(&world));
    world.engine.gone[0].stopped = true;
    let stopped = "the last one, orchestrator-1, stopped as it was told to, 10 s ago";
    assert!(what(&world).ends_with(stopped), "{}", what(&world));
}

#[test]
fn the_owner_of_its_partition_is_gone_and_another_takes_it() {
    let mut world = World::accepted("r", PAY, json!(null));
    world.engine.services.push(Service {
        service: "orchestrator".to_owned(),
        instance: "orchestrator-2".to_owned(),
        ready: true,
    });
    world.engine.services.remove(0);
    let told = world.is(State::Waiting, &["not-started", "partition-moves"]);
    assert!(told.causes[1].what.contains("orchestrator-1, which owned the run's partition 3"));
    world.engine.partitions.insert(3, String::new());
    let told = world.is(State::Waiting, &["not-started", "partition-moves"]);
    assert!(told.causes[1].what.starts_with("nobody owns"));
}

#[test]
fn the_broker_is_gone() {
    let mut world = World::started(PAY);
    world.engine.bus = false;
    world.engine.listening_since = None;
    world.later(10);
    world.is(State::Stuck, &["queue-wait", "broker-down"]);
    // Of whom nothing can be heard, nothing is said.
    world.engine.workers = vec![world.holder("w-1")];
    world.engine.workers[0].alive = false;
    world.begins("w-1");
    world.is(State::Stuck, &["executing", "broker-down"]);
    world.engine.workers.clear();
    world.is(State::Stuck, &["executing", "broker-down"]);
}

#[test]
fn a_gateway_that_has_just_begun_to_listen_says_so() {
    let mut world = World::started(PAY);
    world.engine.services.clear();
    world.engine.listening_since = Some(Timestamp(BEGIN.0 + 9_500));
    world.queued(1);
    world.later(10);
    world.is(State::Waiting, &["queue-wait", "fleet-unknown"]);
    world.later(10);
    world.is(State::Stuck, &["queue-wait", "no-worker", "no-orchestrator"]);
}

#[test]
fn a_timer_needs_a_retry_engine() {
    let mut world = World::started("do: [{nap: {wait: PT1M}}]");
    world.engine.services.retain(|one| one.service != "retry-engine");
    world.is(State::Stuck, &["wait-timer", "no-retry-engine"]);
}

#[test]
fn what_is_lost_needs_a_failure_detector() {
    let mut world = World::started(PAY);
    world.engine.workers = vec![worker("w-1")];
    world.queue(Some(kintsugi_explain::Queue { ack_pending: 1, ..Default::default() }));
    world.later(10);
    world.engine.services.retain(|one| one.service != "failure-detector");
    world.is(State::Stuck, &["unclaimed", "no-failure-detector"]);
}

#[test]
fn a_run_that_makes_very_many_steps_goes_on() {
    let mut world = World::accepted(
        "r",
        "do: [{all: {for: {in: '${ [range(2000)] }'}, do: [{a: {set: {b: 1}}}]}}]",
        json!(null),
    );
    world.tell(&Input::Start);
    world.is(State::Moving, &["steps-left"]);
}

#[test]
fn a_definition_that_does_not_compile_any_more_hides_only_its_own_words() {
    let mut world = World::started(PAY);
    world.run.program = None;
    world.queued(1);
    world.later(5);
    let told = world.is(State::Stuck, &["queue-wait", "no-worker"]);
    assert!(told.causes[0].what.starts_with("attempt 1 of task r:2 waits"), "{}", told.summary);
}
