//! A run that is faulted beside a child, and what becomes of the two when it is taken up.

use kintsugi_core::{ChildEffect, ChildOutcome, Fault, Input, Kind, NodeId, Status, WhenExhausted};
use serde_json::{Value, json};

use crate::support::{Run, call, faulted, node, program, workflow};

/// A run with a child in one branch, that is there or only wanted, faulted by the call in another:
/// the run, the child's task and the call's.
fn beside_a_call(is_there: bool) -> (Run, u64, u64) {
    let fork = Kind::Fork { branches: vec![NodeId(1), NodeId(2)], compete: false };
    let nodes = vec![
        node("fork", fork),
        node("child", workflow(true)),
        node("a", call("a", WhenExhausted::Fault)),
    ];
    let mut run = Run::new(program(nodes, &[0], &[]));
    let task = run.start();
    if is_there {
        run.accept(task);
    }
    let dead = run.state.tasks().next().unwrap().task;
    let fault = Fault { message: "no".into(), fatal: true, ..Fault::default() };
    run.tell(Input::Failed {
        task: dead,
        epoch: 1,
        fault,
        worker: "w".to_owned(),
        started_at: None,
    });
    assert_eq!(run.state.status, Status::Faulted);
    (run, task, dead)
}

fn completed(task: u64, output: Value) -> Input {
    Input::Completed { task, epoch: 2, output, worker: "w".to_owned(), started_at: None }
}

#[test]
fn what_ends_while_the_run_is_faulted_counts_when_it_is_taken_up() {
    let (mut run, task, dead) = beside_a_call(true);
    run.ended(task, 0, ChildOutcome::Completed { output: json!("kept") });
    assert_eq!(run.state.status, Status::Faulted);
    run.tell(Input::Redrive { task: dead, epoch: 1, input: None });
    run.tell(completed(dead, json!("redone")));
    assert_eq!(run.state.output, Some(json!(["kept", "redone"])));
}

#[test]
fn a_child_that_came_back_and_ended_while_the_run_is_faulted_counts_with_its_last_end() {
    let (mut run, task, dead) = beside_a_call(true);
    run.ended(task, 0, faulted(true));
    assert!(run.state.is_redrivable());
    run.ended(task, 1, ChildOutcome::Completed { output: json!("mended") });
    run.tell(Input::Redrive { task: dead, epoch: 1, input: None });
    run.tell(completed(dead, json!("redone")));
    assert_eq!(run.state.output, Some(json!(["mended", "redone"])), "{:?}", run.state);
}

#[test]
fn a_run_that_ended_starts_no_child_until_it_is_taken_up() {
    let (mut run, task, dead) = beside_a_call(false);
    let before = run.state.clone();
    run.accept(task);
    assert_eq!(run.state, before);
    run.tell(Input::Redrive { task: dead, epoch: 1, input: None }).tell(Input::Tick);
    assert!(matches!(run.asked[..], [ChildEffect::Start { nth: 1, .. }]), "{:?}", run.asked);
}
