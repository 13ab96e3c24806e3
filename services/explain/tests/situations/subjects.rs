//! Queues, workers and schedules.

use kintsugi_core::{RunId, Status, Timestamp};
use kintsugi_definition::{Settings, compile};
use kintsugi_explain::{Engine, Lease, Queue, Schedule, State, Worker, queue, queues, worker};

use crate::world::{self, BEGIN, World, after, healthy, names, served};

fn engine(workers: Vec<Worker>, looked: Option<Queue>) -> Engine {
    let mut engine = Engine { now: after(30_000), workers, ..healthy() };
    engine.queues.insert(served("default", "pay"), looked);
    engine
}

fn pay(engine: &Engine) -> (State, Vec<&'static str>) {
    let told = queue(&served("default", "pay"), engine).unwrap();
    (told.state, names(&told))
}

#[test]
fn a_queue_without_tasks_has_nothing_to_do() {
    let idle = engine(vec![world::worker("w-1")], Some(Queue { waiting: 1, ..Queue::default() }));
    assert_eq!(pay(&idle), (State::Idle, vec!["queue-empty"]));
    let told = queue(&served("default", "pay"), &idle).unwrap();
    assert!(told.summary.ends_with("`w-1` waits with 1 slot"), "{}", told.summary);
    // Served, and the broker knows nothing of it yet.
    assert_eq!(pay(&engine(vec![world::worker("w-1")], None)).0, State::Idle);
    assert!(queue(&served("default", "pay"), &engine(Vec::new(), None)).is_none());
}

#[test]
fn a_queue_that_nobody_serves_stands_still() {
    let waits = Queue { pending: 3, oldest_at: Some(BEGIN), ..Queue::default() };
    let lost = Worker { alive: false, ..world::worker("w-1") };
    let found = pay(&engine(vec![lost], Some(waits.clone())));
    assert_eq!(found, (State::Stuck, vec!["queue-backlog", "no-worker", "worker-lost"]));
    let mut young = engine(Vec::new(), Some(waits));
    young.listening_since = Some(after(29_000));
    assert_eq!(pay(&young), (State::Waiting, vec!["queue-backlog", "fleet-unknown"]));
}

#[test]
fn a_queue_whose_workers_are_busy_waits_and_one_that_is_worked_at_moves() {
    let busy = Queue { pending: 3, ack_pending: 1, oldest_at: Some(BEGIN), ..Queue::default() };
    let found = pay(&engine(vec![world::worker("w-1")], Some(busy)));
    assert_eq!(found, (State::Waiting, vec!["queue-backlog", "workers-busy"]));
    let works = Queue { ack_pending: 2, redelivered: 1, ..Queue::default() };
    let found = pay(&engine(vec![world::worker("w-1")], Some(works)));
    assert_eq!(found, (State::Moving, vec!["queue-working"]));
}

#[test]
fn of_all_types_of_a_queue_the_worst_comes_first() {
    let mut engine = engine(
        vec![Worker { types: vec![served("default", "ship")], ..world::worker("w-1") }],
        Some(Queue { pending: 1, oldest_at: Some(BEGIN), ..Queue::default() }),
    );
    engine.queues.insert(served("default", "ship"), Some(Queue::default()));
    let types = [served("default", "ship"), served("default", "pay")];
    let told = queues("default", &types, 0, &engine).unwrap();
    assert_eq!((told.state, names(&told)), (State::Stuck, vec!["queue-backlog", "no-worker"]));
    assert_eq!((told.others.len(), told.others[0].state), (1, State::Idle));
    assert!(queues("none", &[], 0, &engine).is_none());
    engine.bus = false;
    assert_eq!(names(&queues("default", &types, 0, &engine).unwrap()), ["broker-down"]);
}

fn lease(task: &str) -> Lease {
    Lease { task: task.to_owned(), epoch: 1, since: BEGIN, progress: None, progress_at: None }
}

#[test]
fn a_worker_is_idle_at_work_busy_stopping_or_gone() {
    let ask = |one: Worker| {
        let engine = Engine { now: after(30_000), workers: vec![one], ..healthy() };
        let told = worker("w-1", &engine).unwrap();
        (told.state, names(&told)[0], told.others.len())
    };
    let here = || Worker { concurrency: 2, heard_at: after(30_000), ..world::worker("w-1") };
    assert_eq!(ask(here()), (State::Idle, "worker-idle", 0));
    let one = Worker { leases: vec![lease("r:1")], ..here() };
    assert_eq!(ask(one.clone()), (State::Moving, "worker-working", 1));
    let two = Worker { leases: vec![lease("r:1"), lease("r:2")], ..here() };
    assert_eq!(ask(two), (State::Moving, "worker-busy", 2));
    assert_eq!(
        ask(Worker { stopping: true, ..one.clone() }),
        (State::Moving, "worker-stopping", 1)
    );
    let limits = [(served("default", "pay"), (1, "it fails".to_owned()))].into();
    let kept = Worker { limits, ..one.clone() };
    assert_eq!(ask(kept), (State::Waiting, "worker-drained", 1));
    let doubt = Worker { alive: false, heard_at: after(28_000), ..one.clone() };
    assert_eq!(ask(doubt), (State::Waiting, "worker-silent", 0));
    let gone = Worker { alive: false, heard_at: BEGIN, ..one.clone() };
    assert_eq!(ask(gone), (State::Stuck, "worker-lost", 0));
    let stopped = Worker { alive: false, stopping: true, heard_at: BEGIN, ..one };
    assert_eq!(ask(stopped), (State::Ended, "worker-stopped", 0));
    assert!(worker("w-2", &healthy()).is_none());
}

fn schedule(text: &str, settings: &str) -> Schedule {
    let text = format!(
        "document: {{dsl: 1.0.3, namespace: test, name: s, version: 1.0.0, \
         metadata: {{kintsugi: {{schedule: {{{settings}}}}}}}}}\nschedule: {{{text}}}\n\
         do: [{{a: {{set: {{b: 1}}}}}}]"
    );
    let compiled = compile(text.as_bytes(), &Settings::default()).unwrap();
    Schedule {
        id: "test/s".to_owned(),
        definition: "test/s:1.0.0".to_owned(),
        schedule: compiled.schedule.unwrap(),
        paused: false,
        created_at: BEGIN,
        next_at: Some(after(90_000)),
        last_run: None,
        skipped: 0,
        last_skipped: None,
        open_sets: 0,
        linked: None,
    }
}

fn told(schedule: &Schedule, now: Timestamp) -> (State, Vec<&'static str>) {
    let told = kintsugi_explain::schedule(schedule, &Engine { now, ..healthy() });
    (told.state, names(&told))
}

#[test]
fn a_schedule_waits_for_its_time_or_is_paused_or_over() {
    let mut one = schedule("every: {minutes: 2}", "");
    assert_eq!(told(&one, BEGIN), (State::Waiting, vec!["schedule-due"]));
    assert_eq!(told(&one, after(91_000)), (State::Moving, vec!["schedule-late"]));
    one.last_skipped = Some(("missed".to_owned(), BEGIN));
    assert_eq!(told(&one, BEGIN), (State::Waiting, vec!["schedule-due", "schedule-missed"]));
    one.paused = true;
    assert_eq!(told(&one, BEGIN), (State::Stuck, vec!["schedule-paused"]));
    let over = Schedule { next_at: None, ..schedule("every: {minutes: 2}", "") };
    assert_eq!(told(&over, BEGIN), (State::Ended, vec!["schedule-over"]));
    let on = schedule("on: {one: {with: {type: com.example.a}}}", "");
    assert_eq!(told(&on, BEGIN), (State::Waiting, vec!["schedule-events"]));
    let nobody = Engine { now: BEGIN, services: Vec::new(), ..healthy() };
    let alone = kintsugi_explain::schedule(&schedule("every: {minutes: 2}", ""), &nobody);
    assert_eq!(names(&alone), ["schedule-due", "no-orchestrator"]);
}

#[test]
fn a_schedule_whose_last_run_is_open_says_why_that_is() {
    for (policy, now, first) in [
        ("overlap: skip", BEGIN, "schedule-due"),
        ("overlap: buffer", after(100_000), "schedule-late"),
    ] {
        let mut one = schedule("every: {minutes: 2}", policy);
        one.last_run = Some((RunId::parse("r").unwrap(), Some(Status::Waiting)));
        let run = World::started("do: [{nap: {wait: PT1H}}]").run;
        one.linked = Some(run);
        let expected = vec![first, "schedule-overlap", "wait-timer"];
        assert_eq!(told(&one, now), (State::Waiting, expected), "{policy}");
        one.last_run = Some((RunId::parse("r").unwrap(), Some(Status::Completed)));
        assert_eq!(told(&one, now).1, [first], "{policy}");
    }
    let mut allowed = schedule("every: {minutes: 2}", "overlap: allow");
    allowed.last_run = Some((RunId::parse("r").unwrap(), Some(Status::Waiting)));
    assert_eq!(told(&allowed, BEGIN).1, ["schedule-due"]);
}
