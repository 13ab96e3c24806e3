//! Tasks for workers: queued, held, silent, lost, tried again, given up.

use kintsugi_core::{Input, LossCause, Timestamp};
use kintsugi_explain::{Queue, State, Worker};
use serde_json::json;

use crate::world::{BEGIN, PAY, World, after, served, worker};

const LEASED: &str =
    "do: [{pay: {call: pay, metadata: {kintsugi: {lease: 10s, start_to_close: 1h}}}}]";

const PARKED: &str = "do: [{pay: {call: pay, metadata: {kintsugi: {when_exhausted: park}}}}]";

#[test]
fn nobody_ever_served_the_type() {
    let mut world = World::started(PAY);
    world.queued(1);
    world.later(10);
    let told = world.is(State::Stuck, &["queue-wait", "no-worker"]);
    assert_eq!(told.causes[0].since, Some(BEGIN));
    assert_eq!(told.causes[0].subject.as_ref().unwrap().id, "default/pay");
    let by = told.causes[1].unblocked_by.as_deref();
    assert_eq!(by, Some("a worker that serves `pay` on queue `default`"));
    assert_eq!(
        told.summary,
        "run r stands still: attempt 1 of task `pay` (r:2) waits in queue `default` for a worker of \
         `pay` (1 task waits there, the oldest for 10 s); no worker offers `pay` on queue `default`"
    );
}

#[test]
fn the_last_one_who_served_it_is_gone() {
    let mut world = World::started(PAY);
    world.queued(1);
    world.engine.workers = vec![Worker { alive: false, heard_at: after(4_000), ..worker("w-1") }];
    world.later(30);
    let told = world.is(State::Stuck, &["queue-wait", "no-worker", "worker-lost"]);
    assert_eq!(
        (told.causes[1].since, told.causes[2].since),
        (Some(after(4_000)), Some(after(4_000)))
    );
    assert_eq!(told.causes[2].subject.as_ref().unwrap().id, "w-1");
    assert!(told.causes[2].what.contains("process 7 on here"), "{}", told.causes[2].what);
}

#[test]
fn the_last_one_who_served_it_stopped_in_good_order() {
    let mut world = World::started(PAY);
    world.queued(1);
    world.later(5);
    world.engine.workers = vec![Worker { stopping: true, ..worker("w-1") }];
    world.is(State::Stuck, &["queue-wait", "no-worker", "worker-stopping"]);
    world.engine.workers[0].alive = false;
    world.is(State::Stuck, &["queue-wait", "no-worker", "worker-stopped"]);
}

#[test]
fn it_is_served_on_another_queue() {
    let mut world = World::started(PAY);
    world.queued(1);
    world.later(5);
    world.engine.workers = vec![Worker { types: vec![served("gold", "pay")], ..worker("w-2") }];
    let told = world.is(State::Stuck, &["queue-wait", "no-worker"]);
    assert!(told.causes[1].what.ends_with("(it is served on queue `gold`)"));
}

#[test]
fn everyone_who_serves_it_is_busy() {
    let mut world = World::started(PAY);
    let other = kintsugi_explain::Lease {
        task: "other:1".to_owned(),
        epoch: 1,
        since: BEGIN,
        progress: None,
        progress_at: None,
    };
    world.engine.workers = vec![Worker { leases: vec![other], ..worker("w-1") }];
    world.queue(Some(Queue {
        pending: 4,
        ack_pending: 1,
        oldest_at: Some(BEGIN),
        ..Queue::default()
    }));
    world.later(20);
    let told = world.is(State::Waiting, &["queue-wait", "workers-busy"]);
    assert!(told.causes[0].what.contains("(4 tasks wait there, the oldest for 20 s)"));
    assert!(told.causes[1].what.contains("there is 1 worker for `pay`"), "{}", told.causes[1].what);
    // One that asks for tasks gets the next.
    let queue = world.engine.queues.get_mut(&served("default", "pay")).unwrap();
    queue.as_mut().unwrap().waiting = 1;
    world.is(State::Moving, &["queue-wait", "worker-free"]);
}

#[test]
fn it_was_given_out_just_now() {
    let mut world = World::started(PAY);
    world.engine.workers = vec![worker("w-1")];
    world.queue(Some(Queue { ack_pending: 1, ..Queue::default() }));
    world.later(1);
    world.is(State::Moving, &["dispatched"]);
}

#[test]
fn a_worker_has_it_and_tells_how_far_it_is() {
    let mut world = World::started(PAY);
    world.later(1);
    world.begins("w-1");
    world.engine.workers = vec![world.holder("w-1")];
    world.engine.workers[0].leases[0].progress = Some(json!({"done": 40}));
    world.later(60);
    let told = world.is(State::Moving, &["executing"]);
    let cause = &told.causes[0];
    assert_eq!(cause.since, Some(after(1_000)));
    assert!(
        cause.what.ends_with(
            "has been at attempt 1 of task `pay` (r:2) for 60 s, and says `{\"done\":40}`"
        )
    );
    // Five minutes are what an attempt may take.
    assert_eq!(cause.next.as_ref().unwrap().at, Some(after(301_000)));
}

#[test]
fn a_worker_has_it_that_did_not_say_that_it_began() {
    let mut world = World::started(PAY);
    world.engine.workers = vec![world.holder("w-1")];
    let told = world.is(State::Moving, &["executing"]);
    assert_eq!(told.causes[0].next.as_ref().unwrap().at, Some(after(300_000)));
}

#[test]
fn a_worker_has_it_and_says_nothing_of_its_progress() {
    let mut world = World::started(LEASED);
    world.begins("w-1");
    world.engine.workers = vec![world.holder("w-1")];
    world.later(4);
    // Not half of its lease is over.
    let told = world.is(State::Moving, &["executing"]);
    assert_eq!(told.causes[0].next.as_ref().unwrap().at, Some(after(10_000)));
    world.later(2);
    let told = world.is(State::Waiting, &["no-progress"]);
    let cause = &told.causes[0];
    assert_eq!((cause.since, cause.next.as_ref().unwrap().at), (Some(BEGIN), Some(after(10_000))));
    // A word of it begins the lease anew.
    world.engine.workers[0].leases[0].progress = Some(json!("half"));
    world.engine.workers[0].leases[0].progress_at = Some(after(5_900));
    let told = world.is(State::Moving, &["executing"]);
    assert_eq!(told.causes[0].next.as_ref().unwrap().at, Some(after(15_900)));
    world.later(8);
    let told = world.is(State::Waiting, &["no-progress"]);
    assert!(
        told.causes[0].what.ends_with("for 8 s; it said last `half`"),
        "{}",
        told.causes[0].what
    );
}

#[test]
fn a_worker_that_stops_has_it() {
    let mut world = World::started(PAY);
    world.begins("w-1");
    world.engine.workers = vec![Worker { stopping: true, ..world.holder("w-1") }];
    world.is(State::Moving, &["executing", "worker-stopping"]);
}

#[test]
fn the_worker_that_has_it_is_silent() {
    let mut world = World::started(PAY);
    world.begins("w-1");
    world.engine.workers = vec![world.holder("w-1")];
    world.engine.workers[0].alive = false;
    world.later(2);
    let told = world.is(State::Waiting, &["worker-silent"]);
    assert!(told.causes[0].what.contains("silent since its last heartbeat 2 s ago"));
    assert_eq!(told.causes[0].next.as_ref().unwrap().at, Some(after(2_500)));
    // With nobody there to notice it, that is not to come.
    world.engine.services.retain(|one| one.service != "failure-detector");
    world.is(State::Stuck, &["worker-silent", "no-failure-detector"]);
    // Nobody has heard of it at all.
    world.engine = crate::world::healthy();
    world.is(State::Waiting, &["worker-silent"]);
}

#[test]
fn its_worker_died_and_it_is_given_out_again() {
    let mut world = World::started(PAY);
    world.begins("w-1");
    world.later(5);
    world.loses(LossCause::WorkerDead);
    world.queued(1);
    world.engine.workers = vec![worker("w-2")];
    world.later(3);
    let told = world.is(State::Waiting, &["queue-wait", "attempt-lost", "workers-busy"]);
    assert_eq!(
        told.causes[1].what,
        "attempt 1 was lost, since its worker died (worker w-1); attempt 2 was given out in its place"
    );
    assert_eq!(told.causes[1].since, Some(after(5_000)));
    // It was frozen, and is back.
    let mut stale = Worker { name: "w-1".to_owned(), ..world.holder("w-1") };
    stale.leases[0].epoch = 1;
    world.engine.workers = vec![stale];
    let chain = ["queue-wait", "attempt-lost", "workers-busy", "stale-attempt"];
    world.is(State::Waiting, &chain);
    // Taken up: that it was lost is over and done with.
    world.engine.workers = vec![world.holder("w-2")];
    world.is(State::Moving, &["executing"]);
}

#[test]
fn a_worker_let_go_of_it_without_a_result() {
    let mut world = World::started(PAY);
    world.begins("w-1");
    world.engine.workers = vec![worker("w-1")];
    world.later(5);
    world.is(State::Moving, &["lease-dropped"]);
}

#[test]
fn no_queue_and_no_worker_has_it() {
    let mut world = World::started(PAY);
    world.engine.workers = vec![worker("w-1")];
    world.queue(None);
    world.later(10);
    let told = world.is(State::Waiting, &["message-lost"]);
    // Its run asks by itself, and that has come: the failure detector is being asked.
    assert_eq!(told.causes[0].next.as_ref().unwrap().at, Some(after(10_000)));
    world.engine.workers.clear();
    world.is(State::Stuck, &["message-lost", "no-worker"]);
}

#[test]
fn it_was_delivered_and_nobody_says_that_he_has_it() {
    let mut world = World::started(PAY);
    world.engine.workers = vec![worker("w-1")];
    world.queue(Some(Queue { ack_pending: 1, ..Queue::default() }));
    world.later(10);
    world.is(State::Waiting, &["unclaimed"]);
}

#[test]
fn an_attempt_failed_and_the_next_one_comes_after_a_pause() {
    let mut world = World::started(PAY);
    world.later(2);
    world.fails("the bank is closed", false);
    let told = world.is(State::Waiting, &["retry-backoff"]);
    let cause = &told.causes[0];
    assert!(cause.what.starts_with("attempt 1 failed (Runtime error: the bank is closed)"));
    assert!(cause.what.ends_with("after 1 failure of at most 5"), "{}", cause.what);
    assert_eq!(cause.since, Some(after(2_000)));
    let next = cause.next.as_ref().unwrap();
    let until = next.at.unwrap().0 - after(3_000).0;
    assert!((0..=100).contains(&until) && next.what == "attempt 2 is given out", "{next:?}");
    // Nobody tells the run that the pause is over.
    world.engine.services.retain(|one| one.service != "retry-engine");
    world.later(60);
    world.is(State::Stuck, &["retry-backoff", "no-retry-engine"]);
}

#[test]
fn what_a_task_calls_is_left_alone() {
    let mut world = World::started(PAY);
    world.later(2);
    world.puts_off("`shop:443` is left alone: it is held by ada");
    let told = world.is(State::Waiting, &["target-left-alone"]);
    let cause = &told.causes[0];
    assert!(cause.what.contains("1 time so far and without counting: `shop:443` is left alone"));
    assert_eq!(cause.since, Some(after(2_000)));
    let next = cause.next.as_ref().unwrap();
    assert!(next.at.unwrap() >= after(10_000), "{cause:?}");
    assert!(next.what.contains("or 10 more calls that fail, until that costs it"), "{cause:?}");
}

#[test]
fn a_task_that_kills_workers_gets_them_one_by_one() {
    let mut world = World::started(PAY);
    for _ in 0..2 {
        world.loses(LossCause::WorkerDead);
    }
    let told = world.is(State::Waiting, &["retry-backoff"]);
    assert!(told.causes[0].what.starts_with("2 attempts ended with their worker"));
}

#[test]
fn a_task_with_which_workers_died_is_kept_away_from_them() {
    let tasks = |release: &str| {
        format!("do: [{{pay: {{call: pay, metadata: {{kintsugi: {{quarantine: {release}}}}}}}}}]")
    };
    for (release, state) in
        [("{workers: 2}", State::Stuck), ("{workers: 2, release: 10m}", State::Waiting)]
    {
        let mut world = World::started(&tasks(release));
        world.later(1);
        world.loses_with("w-1", LossCause::WorkerDead);
        world.loses_with("w-2", LossCause::WorkerDead);
        let told = world.is(state, &["quarantined"]);
        assert!(told.causes[0].what.ends_with("is in quarantine, since 2 workers died with it"));
        assert_eq!(told.causes[0].subject.as_ref().unwrap().id, "r:2:2");
        let next = told.causes[0].next.as_ref().and_then(|next| next.at);
        assert_eq!(next, (state == State::Waiting).then_some(after(601_000)));
        world.run.requests.insert("redrive:r:2:2".to_owned(), world.engine.now);
        world.is(State::Moving, &["redrive-asked", "quarantined"]);
    }
}

#[test]
fn a_worker_that_is_kept_short_is_named() {
    let mut world = World::started(PAY);
    world.queued(1);
    let short = |name| Worker {
        limits: [(served("default", "pay"), (0, "6 of 7 failed".to_owned()))].into(),
        ..worker(name)
    };
    world.engine.workers = vec![short("w-1"), worker("w-2")];
    world.later(5);
    let told = world.is(State::Waiting, &["queue-wait", "workers-busy", "worker-drained"]);
    assert!(told.causes[2].what.contains("w-1 is given no tasks for a while"), "{}", told.summary);
    world.engine.workers = vec![short("w-1"), short("w-2")];
    let told = world.is(State::Waiting, &["queue-wait", "circuit-open"]);
    assert!(told.causes[1].what.contains("none is given out: 6 of 7 failed"), "{}", told.summary);
}

#[test]
fn a_task_is_given_up_and_its_run_waits_for_a_redrive() {
    let mut world = World::started(PARKED);
    world.later(1);
    world.fails("no such card", true);
    world.later(100);
    let told = world.is(State::Stuck, &["dead-lettered"]);
    let cause = &told.causes[0];
    assert_eq!(cause.subject.as_ref().unwrap().id, "r:2:1");
    assert_eq!(cause.unblocked_by.as_deref(), Some("a redrive of the dead letter r:2:1"));
    assert!(
        cause.what.ends_with("after 1 failure and 0 lost workers: Runtime error: no such card")
    );
    assert_eq!((cause.since, &cause.next), (Some(after(1_000)), &None));
    world.run.requests.insert("redrive:r:2:1".to_owned(), world.engine.now);
    world.is(State::Moving, &["redrive-asked", "dead-lettered"]);
}

#[test]
fn what_stands_still_is_told_before_what_moves() {
    let both = "do: [{both: {fork: {branches: [{pay: {call: pay}}, {nap: {wait: PT1H}}, \
        {ship: {call: ship}}]}}}]";
    let mut world = World::started(both);
    world.queued(1);
    world.engine.queues.insert(served("default", "ship"), None);
    world.engine.workers =
        vec![Worker { types: vec![served("default", "ship")], ..world.holder("w-9") }];
    world.engine.workers[0].leases[0].task = "r:8".to_owned();
    world.later(5);
    let told = world.told();
    assert_eq!((told.state, told.others.len()), (State::Stuck, 2), "{told:#?}");
    let states: Vec<State> = told.others.iter().map(|line| line.state).collect();
    assert_eq!(states, [State::Moving, State::Waiting]);
    assert!(told.summary.ends_with("(and 2 other open parts)"), "{}", told.summary);
}

#[test]
fn of_very_many_open_tasks_some_are_looked_at() {
    let many =
        "do: [{all: {call: map, with: {in: '${ [range(100)] }', do: pay, maxConcurrency: 60}}}]";
    let mut world = World::started(many);
    world.queued(60);
    world.later(5);
    let told = world.told();
    assert_eq!((told.state, told.others.len(), told.more), (State::Stuck, 19, 40));
    assert_eq!(world.run.needs().queues, [served("default", "pay")]);
}

#[test]
fn a_time_limit_around_it_is_what_comes_next() {
    let limited = "do: [{outer: {timeout: {after: PT30S}, do: [{pay: {call: pay}}]}}]";
    let mut world = World::started(limited);
    world.queued(1);
    world.later(5);
    let told = world.told();
    let next = told.causes[0].next.as_ref().unwrap();
    assert_eq!(next.at, Some(after(30_000)));
    assert!(next.what.contains("time limit"), "{}", next.what);
}

#[test]
fn a_worker_may_say_anything() {
    let mut world = World::started(PAY);
    world.says(|task, epoch| Input::Started {
        task,
        epoch,
        worker: "w-1".to_owned(),
        at: Timestamp(i64::MAX),
    });
    world.engine.workers = vec![world.holder("w-1")];
    world.engine.workers[0].leases[0].since = Timestamp(i64::MAX);
    world.engine.workers[0].leases[0].progress = Some(json!("x\n".repeat(5_000)));
    let told = world.is(State::Moving, &["executing"]);
    assert!(told.summary.len() < 1_000 && !told.summary.contains('\n'), "{}", told.summary);
}
