//! Steering by hand: each rule by itself.

use kintsugi_core::{
    Done, Effect, Error, ErrorKind, Event, Fault, Input, Kind, LossCause, Node, Phase, Program,
    Span, Status, Steer, Steering, Strategy as Wanted, Taking, Timestamp, WhenExhausted,
};
use serde_json::{Value, json};

use crate::{
    call,
    listening::{Play, filter, listen, program, told},
    node,
};

/// `do: [a, b (parks), wait, hear]`.
fn steps() -> Program {
    let nodes = vec![
        node("a", call("a", WhenExhausted::Fault)),
        node("b", call("b", WhenExhausted::Park)),
        Node { timeout: Some(Span::Millis(60_000)), ..node("wait", Kind::Wait(Span::Millis(500))) },
        node("hear", listen(Wanted::One(filter("x")), None)),
    ];
    program(nodes, &[&[0, 1, 2, 3]])
}

/// `do: [fork: [a, b]]`.
fn both() -> Program {
    let branches = vec![kintsugi_core::NodeId(1), kintsugi_core::NodeId(2)];
    let nodes = vec![
        node("fork", Kind::Fork { branches, compete: false }),
        node("a", call("a", WhenExhausted::Fault)),
        node("b", call("b", WhenExhausted::Fault)),
    ];
    program(nodes, &[&[0]])
}

/// Asks under a name of its own, and gives what came of it.
fn ask(play: &mut Play, request: &str, what: Steering) -> Done {
    let (by, reason) = (Some("ada".to_owned()), Some("a test".to_owned()));
    play.tell(&Input::Steer(Steer { request: request.to_owned(), by, reason, what }));
    let events = &play.steps.last().unwrap().events;
    let mut said = events.iter().filter_map(|event| match event {
        Event::Steered(said) => Some(said.clone()),
        _ => None,
    });
    let said = said.next().unwrap();
    assert_eq!((said.by.as_deref(), said.reason.as_deref()), (Some("ada"), Some("a test")));
    assert_eq!(said.request, request);
    said.done
}

fn code(done: Done) -> String {
    match done {
        Done::Refused { code, .. } => code,
        done => panic!("{done:?}"),
    }
}

/// The task that is open, with its epoch.
fn open(play: &Play) -> (u64, u64) {
    play.state.tasks().next().map(|task| (task.task, task.state.epoch)).unwrap()
}

fn complete(play: &mut Play, output: Value) {
    let (task, epoch) = open(play);
    let worker = "w".to_owned();
    play.tell(&Input::Completed { task, epoch, output, worker, started_at: None });
}

fn fail(play: &mut Play, fatal: bool) {
    let (task, epoch) = open(play);
    let fault = Fault { message: "no".into(), fatal, ..Fault::default() };
    play.tell(&Input::Failed { task, epoch, fault, worker: "w".to_owned(), started_at: None });
}

fn dispatched(play: &Play) -> Vec<(u64, u64, Value)> {
    let given = play.effects.iter().filter_map(|effect| match effect {
        Effect::Dispatch { task, epoch, input, .. } => Some((*task, *epoch, input.clone())),
        _ => None,
    });
    given.collect()
}

#[test]
fn a_suspended_run_takes_what_comes_and_begins_nothing() {
    let mut play = Play::new(steps());
    assert_eq!(ask(&mut play, "1", Steering::Suspend { hold: None }), Done::RunSuspended);
    complete(&mut play, json!("done"));
    assert_eq!((play.state.status, play.state.wake_at()), (Status::Suspended, None));
    assert_eq!(dispatched(&play).len(), 1, "the second task waits");
    assert!(
        play.steps.last().unwrap().events.iter().any(|e| matches!(e, Event::TaskCompleted { .. }))
    );
    play.now = play.now.plus(1_000_000);
    let stored = play.state.clone();
    play.tell(&Input::Tick);
    assert_eq!(play.state, stored);
    assert_eq!(code(ask(&mut play, "2", Steering::Suspend { hold: None })), "suspended");
    assert_eq!(ask(&mut play, "3", Steering::Resume), Done::RunResumed);
    assert_eq!((play.state.status, dispatched(&play).len()), (Status::Running, 2));
    assert_eq!(code(ask(&mut play, "4", Steering::Resume)), "not_suspended");
}

#[test]
fn one_that_was_suspended_before_it_began_begins_when_it_goes_on() {
    let mut play = Play::pending(steps());
    ask(&mut play, "1", Steering::Suspend { hold: None });
    play.tell(&Input::Start);
    play.tell(&Input::Tick);
    assert_eq!((play.state.status, play.state.frames.len()), (Status::Suspended, 0));
    ask(&mut play, "2", Steering::Resume);
    assert_eq!((play.state.status, dispatched(&play).len()), (Status::Running, 1));
}

#[test]
fn what_may_cost_an_attempt_is_told_when_the_run_goes_on() {
    let mut play = Play::new(steps());
    ask(&mut play, "1", Steering::Suspend { hold: None });
    fail(&mut play, true);
    let (task, epoch) = open(&play);
    let (cause, seen_at) = (LossCause::WorkerDead, Timestamp(0));
    play.tell(&Input::Lost { task, epoch, cause, worker: None, seen_at, blamed: None });
    assert_eq!(play.state.status, Status::Suspended);
    assert_eq!(play.state.suspension.as_ref().unwrap().kept.len(), 1, "the first word counts");
    ask(&mut play, "2", Steering::Resume);
    assert_eq!(play.state.status, Status::Faulted);
    let letters = play.effects.iter().filter(|e| matches!(e, Effect::DeadLetter { .. }));
    assert_eq!(letters.count(), 1);
}

#[test]
fn limits_on_time_stand_still_and_points_in_time_do_not() {
    let mut play = Play::new(steps());
    complete(&mut play, json!(1));
    complete(&mut play, json!(2));
    let limit = |play: &Play| play.state.frames.scan(&mut 0).find_map(|(_, f)| f.deadline).unwrap();
    let before = limit(&play);
    ask(&mut play, "1", Steering::Suspend { hold: None });
    play.now = play.now.plus(100_000);
    ask(&mut play, "2", Steering::Resume);
    assert_eq!(limit(&play), before.plus(100_000));
    assert!(play.state.wake_at().unwrap() <= play.now, "the wait is over");
    play.tell(&Input::Tick);
    assert_eq!(play.state.listens().count(), 1);
}

#[test]
fn events_wait_for_a_suspended_run() {
    let mut play = Play::new(steps());
    complete(&mut play, json!(1));
    complete(&mut play, json!(2));
    play.now = play.now.plus(1_000);
    play.tell(&Input::Tick);
    ask(&mut play, "1", Steering::Suspend { hold: None });
    assert_eq!(play.tell(&told("x", 1, false)), Some(Taking::Later));
    assert_eq!(play.tell(&told("y", 2, false)), Some(Taking::Never));
    assert_eq!(play.tell(&told("y", 2, true)), Some(Taking::Later));
    ask(&mut play, "2", Steering::Resume);
    assert!(matches!(play.effects.last(), Some(Effect::Offer)));
    assert_eq!(play.tell(&told("x", 1, false)), Some(Taking::Taken));
    assert_eq!(play.state.status, Status::Completed);
}

#[test]
fn the_same_request_is_done_once() {
    let mut play = Play::new(steps());
    ask(&mut play, "1", Steering::Suspend { hold: None });
    ask(&mut play, "2", Steering::Resume);
    let (state, steps) = (play.state.clone(), play.steps.len());
    let again = Steer {
        request: "1".into(),
        by: None,
        reason: None,
        what: Steering::Suspend { hold: None },
    };
    play.tell(&Input::Steer(again));
    assert_eq!((play.state, play.steps.len()), (state, steps));
}

#[test]
fn a_task_that_backs_off_is_given_out_now() {
    let mut play = Play::new(steps());
    let (task, _) = open(&play);
    assert_eq!(code(ask(&mut play, "1", Steering::Retry { task })), "not_backing_off");
    fail(&mut play, false);
    assert!(matches!(play.state.tasks().next().unwrap().state.phase, Phase::Backoff { .. }));
    let pointer = "/a".to_owned();
    let retried = Done::TaskRetried { task, pointer };
    assert_eq!(ask(&mut play, "2", Steering::Retry { task }), retried);
    assert_eq!(dispatched(&play).last().unwrap().1, 2);
    assert_eq!(play.state.tasks().next().unwrap().state.failures, 1, "the policy counts on");
}

#[test]
fn a_task_that_is_ended_by_hand_refuses_its_worker() {
    let mut play = Play::new(steps());
    let (task, epoch) = open(&play);
    let by_hand = Steering::Complete { task, output: json!({"by": "hand"}) };
    ask(&mut play, "1", by_hand);
    assert!(play.effects.contains(&Effect::Cancel { task, epoch }));
    let (worker, started_at) = ("w".to_owned(), None);
    let late = Input::Completed { task, epoch, output: json!("late"), worker, started_at };
    let state = play.state.clone();
    play.tell(&late);
    assert_eq!(play.state, state);
    let again = Steering::Complete { task, output: json!(1) };
    assert_eq!(code(ask(&mut play, "2", again)), "task_not_open");
}

#[test]
fn a_skipped_task_gives_its_input_and_a_wait_is_one() {
    let mut play = Play::new(steps());
    let (task, _) = open(&play);
    ask(&mut play, "1", Steering::Skip { task, output: None });
    complete(&mut play, json!({"of": "b"}));
    let waits = play.state.frames.scan(&mut 0).last().unwrap().0;
    ask(&mut play, "2", Steering::Skip { task: waits, output: Some(json!("soon")) });
    assert_eq!(play.state.listens().count(), 1, "the wait is over");
    let hears = play.state.listens().next().unwrap().0;
    ask(&mut play, "3", Steering::Skip { task: hears, output: None });
    assert_eq!((play.state.status, play.state.output), (Status::Completed, Some(json!("soon"))));
}

#[test]
fn a_dead_lettered_task_that_is_completed_takes_its_faulted_run_up() {
    let mut play = Play::new(both());
    fail(&mut play, true);
    assert_eq!(play.state.status, Status::Faulted);
    let dead = play.state.tasks().find(|t| t.state.phase == Phase::DeadLettered).unwrap();
    let (task, epoch) = (dead.task, dead.state.epoch);
    ask(&mut play, "1", Steering::Complete { task, output: json!("hand") });
    assert_eq!((play.state.status, play.state.life), (Status::Running, 1));
    assert!(play.effects.contains(&Effect::Redriven { task, epoch }));
    complete(&mut play, json!("other"));
    assert_eq!(play.state.output, Some(json!(["hand", "other"])));
}

#[test]
fn a_task_that_fails_by_hand_raises_the_error() {
    let mut play = Play::new(steps());
    let (task, _) = open(&play);
    let mut error = Error::new(ErrorKind::Runtime, "", "enough");
    error.instance = None;
    ask(&mut play, "1", Steering::Fail { task, error });
    assert_eq!(play.state.status, Status::Faulted);
    assert_eq!(play.state.error.unwrap().detail.as_deref(), Some("enough"));
    assert!(!play.effects.iter().any(|e| matches!(e, Effect::DeadLetter { .. })));
}

#[test]
fn variables_are_replaced_or_patched() {
    let mut play = Play::new(steps());
    ask(&mut play, "1", Steering::Variables { value: json!({"a": 1, "b": 2}), merge: false });
    let patch = Steering::Variables { value: json!({"b": null, "c": {"d": 3}}), merge: true };
    ask(&mut play, "2", patch);
    assert_eq!(play.state.context, json!({"a": 1, "c": {"d": 3}}));
    let mut play = Play::pending(steps());
    let early = Steering::Variables { value: json!({}), merge: false };
    assert_eq!(code(ask(&mut play, "1", early)), "not_begun");
}

#[test]
fn a_run_begins_anew_from_one_of_its_tasks() {
    let rerun = |from: &str, input: Option<Value>| Steering::Rerun { from: from.to_owned(), input };
    let mut play = Play::new(steps());
    complete(&mut play, json!("one"));
    let (old, _) = open(&play);
    assert_eq!(code(ask(&mut play, "1", rerun("/fork", None))), "no_such_task");
    // What is open tells what it got; what is behind does not.
    assert_eq!(code(ask(&mut play, "2", rerun("/wait", None))), "input_unknown");
    ask(&mut play, "3", rerun("/b", None));
    let (new, epoch) = open(&play);
    assert!(new > old && epoch == 1);
    assert!(play.effects.contains(&Effect::Cancel { task: old, epoch: 1 }));
    complete(&mut play, json!("two"));
    // Ended for good, and begun anew.
    ask(&mut play, "4", Steering::Terminate { abandon: false });
    assert_eq!(play.state.status, Status::Cancelled);
    ask(&mut play, "5", rerun("/hear", Some(json!("edited"))));
    assert_eq!((play.state.status, play.state.life), (Status::Waiting, 1));
    assert_eq!(play.tell(&told("x", 1, false)), Some(Taking::Taken));
    assert_eq!(play.state.status, Status::Completed);
    ask(&mut play, "6", rerun("/a", None));
    assert_eq!((play.state.status, play.state.output.clone()), (Status::Running, None));
    assert_eq!(dispatched(&play).last().unwrap().1, 1);
}

#[test]
fn a_run_whose_result_was_taken_does_not_begin_anew() {
    let mut play = Play::pending(steps());
    let run = kintsugi_core::RunId::parse("parent").unwrap();
    play.state.parent = Some(kintsugi_core::Parent { run, task: 1, awaited: true, depth: 1 });
    play.tell(&Input::Start);
    let rerun = || Steering::Rerun { from: "/a".to_owned(), input: None };
    fail(&mut play, true);
    assert!(matches!(ask(&mut play, "1", rerun()), Done::RunRerun { edited: false, .. }));
    ask(&mut play, "2", Steering::Terminate { abandon: false });
    assert_eq!(code(ask(&mut play, "3", rerun())), "result_taken");
    assert_eq!(code(ask(&mut play, "4", Steering::Terminate { abandon: false })), "run_over");
}
