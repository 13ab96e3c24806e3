//! Timers, events, people, permits.

use kintsugi_core::{Cancelling, CloudEvent, Ending, Input, RunId, Timestamp};
use kintsugi_explain::{Holder, Mail, Permit, State};
use serde_json::json;

use crate::world::{BEGIN, World, after, worker};

const LISTEN: &str = "do: [{hear: {listen: {to: {all: [{with: {type: com.example.a}}, \
    {with: {type: com.example.b}}]}}}}]";

const ASK: &str = "do: [{ok: {call: human-task, with: {title: Is it right?, assignees: [ada, bob], \
    due: PT1H, escalate: boss}}}]";

const BOUND: &str =
    "do: [{pay: {call: pay, metadata: {kintsugi: {concurrency: {limit: 2, key: gold}}}}}]";

#[test]
fn a_wait_says_until_when() {
    let mut world = World::started("do: [{nap: {wait: PT1M}}]");
    world.later(10);
    let told = world.is(State::Waiting, &["wait-timer"]);
    assert_eq!(told.causes[0].next.as_ref().unwrap().at, Some(after(60_000)));
    assert_eq!(told.causes[0].since, Some(BEGIN));
    assert!(told.causes[0].what.ends_with("goes on for 50 s more"));
    world.later(120);
    let told = world.is(State::Waiting, &["wait-timer"]);
    assert!(told.causes[0].what.contains("nobody told the run"), "{}", told.causes[0].what);
}

#[test]
fn a_listen_says_for_what_and_how_much_came() {
    let mut world = World::started(LISTEN);
    let told = world.is(State::Waiting, &["listening"]);
    let wanted =
        "listens for events of the types `com.example.a` and `com.example.b`; 0 came so far";
    assert!(told.causes[0].what.ends_with(wanted), "{}", told.causes[0].what);
    let event = CloudEvent::new(
        serde_json::from_value(json!({
            "specversion": "1.0", "id": "1", "source": "/s", "type": "com.example.a",
        }))
        .unwrap(),
    );
    world.tell(&Input::Event { event: event.unwrap(), directed: true });
    world.run.mail = Mail { parked: 1, ..Mail::default() };
    let told = world.is(State::Waiting, &["listening"]);
    assert!(told.causes[0].what.contains("; 1 came so far; 1 event lies in its inbox"));
    assert!(
        told.causes[0]
            .unblocked_by
            .as_ref()
            .unwrap()
            .contains("kintsugi.cloudevents.com.example.a")
    );
}

#[test]
fn a_signal_that_was_not_taken_is_told() {
    let mut world = World::started(LISTEN);
    world.run.mail = Mail { waiting: 2, waiting_since: Some(after(1_000)), parked: 0 };
    world.later(4);
    let told = world.is(State::Moving, &["signal-not-taken"]);
    assert_eq!(told.causes[0].next.as_ref().unwrap().at, Some(after(7_000)));
    assert_eq!(told.others.len(), 1);
    world.engine.services.retain(|one| one.service != "orchestrator");
    world.is(State::Stuck, &["signal-not-taken", "no-orchestrator"]);
}

#[test]
fn a_person_was_asked() {
    let mut world = World::started(ASK);
    world.later(60);
    let told = world.is(State::Waiting, &["human-task"]);
    let cause = &told.causes[0];
    assert!(cause.what.contains("an answer of `ada` and `bob` to \"Is it right?\", due in 59 min"));
    let next = cause.next.as_ref().unwrap();
    assert_eq!(
        (next.what.as_str(), next.at),
        ("it is due, and given to `boss`", Some(after(3_600_000)))
    );
    // Due: the boss has it now.
    world.later(3_600);
    world.tell(&Input::Tick);
    let told = world.is(State::Waiting, &["human-task"]);
    assert!(told.causes[0].what.contains("an answer of `boss`"), "{}", told.causes[0].what);
    assert!(told.causes[0].next.is_none());
    world.run.requests.insert("answer:r:2".to_owned(), world.engine.now);
    world.is(State::Moving, &["answer-not-taken"]);
}

#[test]
fn a_try_begins_anew_after_a_pause() {
    let text = "do: [{it: {try: [{pay: {call: pay}}], catch: {retry: {delay: PT30S, \
        limit: {attempt: {count: 3}}}}}}]";
    let mut world = World::started(text);
    world.fails("no", false);
    world.later(10);
    let told = world.is(State::Waiting, &["try-backoff"]);
    assert_eq!(told.causes[0].next.as_ref().unwrap().at, Some(after(30_000)));
}

fn permit(held: u64, before: u64) -> Permit {
    let holder = |run: &str| Holder {
        run: RunId::parse(run).unwrap(),
        task: 2,
        since: Timestamp(BEGIN.0 - 40_000),
    };
    Permit {
        key: "test:gold".to_owned(),
        limit: 2,
        granted_at: None,
        before,
        waiting: before + 3,
        held,
        holders: ["a", "b"].map(holder).into_iter().take(usize::try_from(held).unwrap()).collect(),
    }
}

#[test]
fn a_permit_says_who_has_it_and_its_place_in_the_line() {
    let mut world = World::started(BOUND);
    assert!(world.run.needs().permits);
    let task = world.task();
    world.run.permits.insert(task, permit(2, 4));
    let told = world.is(State::Waiting, &["permit-wait", "permit-held"]);
    assert!(told.causes[0].what.contains("2 of 2 are given out, and it is number 5 of 7 who wait"));
    assert!(told.causes[1].what.contains("to `a:2` and `b:2`, the longest 40 s ago"));
    assert_eq!(told.causes[1].subject.as_ref().unwrap().id, "a:2");
    // One is free: its turn comes in a moment.
    world.run.permits.insert(task, permit(1, 0));
    world.is(State::Moving, &["permit-wait"]);
    world.run.permits.insert(task, Permit { granted_at: Some(BEGIN), ..permit(2, 0) });
    world.is(State::Moving, &["permit-granted"]);
}

#[test]
fn whoever_has_the_permit_is_looked_at_too() {
    let mut holder = World::named("a", BOUND);
    let task = holder.task();
    holder.tell(&Input::Granted { task, since: None });
    holder.queued(1);
    holder.run.focus = Some(2);
    let mut world = World::started(BOUND);
    let task = world.task();
    world.run.permits.insert(task, permit(2, 0));
    assert_eq!(world.run.holder().unwrap().run.as_str(), "a");
    world.run.linked.insert(holder.run.id.clone(), Some(Box::new(holder.run)));
    world.queued(1);
    world.later(10);
    world.is(State::Stuck, &["permit-wait", "permit-held", "queue-wait", "no-worker"]);
    // While the other one gets on, this one waits.
    let lease = kintsugi_explain::Lease {
        task: "a:2".to_owned(),
        epoch: 1,
        since: BEGIN,
        progress: None,
        progress_at: None,
    };
    world.engine.workers = vec![kintsugi_explain::Worker { leases: vec![lease], ..worker("w-1") }];
    world.is(State::Waiting, &["permit-wait", "permit-held", "executing"]);
}

#[test]
fn a_suspended_run_says_only_that() {
    let mut world = World::started("do: [{nap: {wait: PT1M}}]");
    for (hold, why) in [(None, "is suspended by hand"), (Some("h"), "its definition is held")] {
        world.run.state.status = kintsugi_core::Status::Suspended;
        world.run.state.suspension = Some(kintsugi_core::Suspension {
            since: after(3_000),
            hold: hold.map(str::to_owned),
            kept: Vec::new(),
        });
        let told = world.is(State::Stuck, &["suspended"]);
        assert!(told.causes[0].what.contains(why), "{}", told.summary);
        assert_eq!((told.causes[0].since, told.more), (Some(after(3_000)), 1));
    }
}

#[test]
fn a_run_that_is_being_cancelled_says_how_far_it_is() {
    let mut world = World::started("do: [{nap: {wait: PT1M}}]");
    world.run.requests.insert("cancel:r".to_owned(), after(2_000));
    let grace = Ending::Grace { until: after(12_000) };
    let tidying = Ending::Tidying { begun_at: after(3_000), deadline: after(63_000) };
    for (phase, what) in [(grace, "may still finish"), (tidying, "tidies up")] {
        let (since, reason) = (after(2_000), None);
        world.run.state.cancelling = Some(Cancelling { since, reason, phase });
        let told = world.is(State::Moving, &["cancelling"]);
        assert!(told.causes[0].what.contains(what), "{}", told.summary);
    }
}

#[test]
fn a_cancellation_that_was_not_taken_is_told() {
    let mut world = World::started("do: [{nap: {wait: PT1M}}]");
    world.run.requests.insert("cancel:r".to_owned(), after(2_000));
    world.later(4);
    world.is(State::Moving, &["cancel-asked"]);
}
