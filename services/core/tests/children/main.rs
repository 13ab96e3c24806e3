//! Runs that start runs: every way in which a child may end, be lost from sight, or come back.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod faulted;
mod histories;
#[path = "../machine/steers.rs"]
mod steers;
mod support;

use kintsugi_core::{
    ChildEffect, ChildInput, ChildOutcome, Error, ErrorKind, Event, Input, Parent, Span, Status,
    Timestamp,
};
use serde_json::json;

use crate::support::{Run, caught, faulted, id, node, plain, program, workflow};

#[test]
fn the_output_of_a_child_is_the_output_of_its_task() {
    let (mut run, task) = Run::started(plain());
    assert_eq!(run.state.status, Status::Running);
    run.ended(task, 0, ChildOutcome::Completed { output: json!(7) });
    assert_eq!((run.state.status, run.state.output.clone()), (Status::Completed, Some(json!(7))));
    // Told again, it changes nothing.
    let before = run.state.clone();
    run.ended(task, 0, ChildOutcome::Completed { output: json!(8) }).accept(task);
    assert_eq!(run.state, before);
}

#[test]
fn a_child_that_nobody_waits_for_is_started_and_left() {
    let mut run = Run::new(program(vec![node("child", workflow(false))], &[0], &[]));
    run.tell(Input::Start);
    let [ChildEffect::Start { task, ref parent, .. }] = run.asked[..] else { panic!() };
    assert_eq!((parent.awaited, parent.depth), (false, 1));
    run.accept(task);
    assert_eq!((run.state.status, run.state.output.clone()), (Status::Completed, Some(json!({}))));
    assert!(run.state.leaving.is_empty());
}

#[test]
fn an_error_of_a_child_keeps_type_and_status_and_can_be_caught() {
    let (mut run, task) = Run::started(caught());
    run.ended(task, 0, faulted(true));
    assert_eq!(run.state.status, Status::Completed, "{:?}", run.state);
    let caught = run.events.iter().find_map(|event| match event {
        Event::ErrorCaught { error, .. } => Some(error.clone()),
        _ => None,
    });
    let caught = caught.unwrap();
    assert_eq!((caught.status, caught.instance.as_deref()), (503, Some("/child")));
    assert!(caught.kind.ends_with("/communication"));
}

#[test]
fn a_child_that_cannot_be_started_is_an_error_of_its_task() {
    let mut run = Run::new(plain());
    run.tell(Input::Start);
    let [ChildEffect::Start { task, .. }] = run.asked[..] else { panic!() };
    let error = Error::new(ErrorKind::Configuration, "", "there is no definition");
    run.child(ChildInput::Refused { task, error });
    let error = run.state.error.clone().unwrap();
    assert_eq!((run.state.status, error.status), (Status::Faulted, 400));
    assert_eq!(error.instance.as_deref(), Some("/child"));
}

#[test]
fn a_redrive_of_a_faulted_child_takes_its_parent_up_again() {
    let (mut run, task) = Run::started(plain());
    run.state.parent = Some(Parent { run: id("g"), task: 9, awaited: true, depth: 1 });
    run.ended(task, 0, faulted(true));
    assert_eq!((run.state.status, run.state.wake_at()), (Status::Faulted, None));
    assert!(run.state.is_redrivable());
    assert!(matches!(run.asked[..], [ChildEffect::TellParent { task: 9, life: None, .. }]));
    // The child tells that it changed; its row says that it is open in its second life.
    run.child(ChildInput::Changed { task, run: id("c"), life: Some(1) });
    assert_eq!(run.asked.len(), 2, "looks, and answers: {:?}", run.asked);
    run.child(ChildInput::Open { task, life: 1 });
    assert_eq!((run.state.status, run.state.life), (Status::Running, 1));
    // Whoever waits for this run hears it, until it says so.
    assert!(matches!(run.asked[..], [ChildEffect::TellParent { task: 9, life: Some(1), .. }]));
    // A late word of the first life changes nothing.
    run.ended(task, 0, faulted(true));
    assert_eq!(run.state.status, Status::Running);
    run.ended(task, 1, ChildOutcome::Completed { output: json!(1) });
    assert_eq!(run.state.status, Status::Completed);
    assert!(run.state.wake_at().is_some(), "the one above has not heard yet");
    run.child(ChildInput::Heard { life: 1 });
    assert_eq!(run.state.wake_at(), None);
}

#[test]
fn a_child_that_came_back_and_ended_unheard_is_taken_up_all_the_same() {
    let (mut run, task) = Run::started(plain());
    run.ended(task, 0, faulted(true)).ended(task, 1, ChildOutcome::Completed { output: json!(1) });
    assert_eq!((run.state.status, run.state.life), (Status::Completed, 1));
}

#[test]
fn a_child_is_looked_for_ever_more_rarely_and_found() {
    let (mut run, task) = Run::started(plain());
    let mut pauses = Vec::new();
    for _ in 0..10 {
        let at = run.state.wake_at().unwrap();
        pauses.push(at.since(run.now));
        run.now = at;
        run.tell(Input::Tick);
        assert!(matches!(run.asked[..], [ChildEffect::Look { .. }]), "{:?}", run.asked);
    }
    assert_eq!((pauses[0], pauses[9]), (3_000, 300_000));
    run.ended(task, 0, ChildOutcome::Missing);
    assert_eq!(run.state.status, Status::Faulted);
}

#[test]
fn a_cancelled_run_cancels_its_child_until_its_end_is_heard() {
    let (mut run, task) = Run::started(plain());
    run.tell(Input::Cancel { reason: None });
    assert!(matches!(run.asked[..], [ChildEffect::Cancel { .. }]));
    assert_eq!(run.state.status, Status::Cancelled);
    // The message was lost: the child is still open.
    run.now = run.state.wake_at().unwrap();
    run.tell(Input::Tick);
    assert!(matches!(run.asked[..], [ChildEffect::Look { .. }]));
    run.child(ChildInput::Open { task, life: 0 });
    assert!(matches!(run.asked[..], [ChildEffect::Cancel { .. }]));
    run.ended(task, 0, ChildOutcome::Cancelled);
    assert_eq!(run.state.wake_at(), None);
    assert_eq!(run.state.status, Status::Cancelled);
}

#[test]
fn a_task_that_takes_too_long_cancels_its_child() {
    let mut timed = node("child", workflow(true));
    timed.timeout = Some(Span::Millis(1_000));
    let (mut run, _) = Run::started(program(vec![timed], &[0], &[]));
    run.now = Timestamp(1_000);
    run.tell(Input::Tick);
    assert!(run.asked.iter().any(|effect| matches!(effect, ChildEffect::Cancel { .. })));
    assert_eq!(run.state.error.as_ref().map(|error| error.status), Some(408));
}
