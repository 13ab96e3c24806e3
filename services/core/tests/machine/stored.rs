//! States in the forms in which they were stored before.

use kintsugi_core::{
    DefinitionRef, Input, Kind, Machine, Node, NodeId, Program, RunState, Status, Timestamp,
    WhenExhausted,
};
use serde_json::json;

use crate::{Identity, call, node, run_id};

/// A fork of two calls.
fn program() -> Program {
    let kinds = [
        ("fork", Kind::Fork { branches: vec![NodeId(1), NodeId(2)], compete: false }),
        ("a", call("a", WhenExhausted::Fault)),
        ("b", call("b", WhenExhausted::Fault)),
    ];
    let nodes: Vec<Node> = kinds.into_iter().map(|(name, kind)| node(name, kind)).collect();
    let program = json!({
        "definition": DefinitionRef::parse("test/fork:1.0.0").unwrap(), "document": null,
        "expressions": [], "schemas": [], "nodes": nodes, "lists": [[0]], "body": 0,
    });
    serde_json::from_value(program).unwrap()
}

#[test]
fn a_fork_goes_on_whose_branches_have_copies_of_the_context() {
    let before = json!({
        "status": "running", "created_at": 0, "started_at": 0, "raw_input": 1, "context": {"k": 1},
        "frames": {
            "1": {"at": 0, "body": {"list": {"list": 0, "index": 0}}},
            "2": {"parent": 1, "at": 0, "body": {"task": {"node": 0, "raw_input": 1, "work": {
                "fork": {"done": {"0": ["x", {"k": 1, "a": 2}]}, "failed": {}}}}}},
            "4": {"parent": 2, "at": 0, "context": {"k": 1}, "body": {"branch": {"index": 1}}},
            "6": {"parent": 4, "at": 0, "body": {"task": {"node": 2, "raw_input": 1, "work": {"call": {
                "task_type": "b", "queue": "default", "input": {}, "epoch": 1, "failures": 0,
                "crashes": 0, "first_at": 0, "refusals": 0,
                "phase": {"dispatched": {"at": 0, "check_at": 3000, "checks": 0}}}}}}},
        },
        "next": 7, "emitted": 0, "steps": 5,
    });
    let mut state: RunState = serde_json::from_value(before).unwrap();
    let output = json!("y");
    let input =
        Input::Completed { task: 6, epoch: 1, output, worker: "w".to_owned(), started_at: None };
    Machine::advance(&run_id(), &program(), &Identity, &mut state, &input, Timestamp(1));
    assert_eq!((state.status, &state.output), (Status::Completed, &Some(json!(["x", "y"]))));
    // What the first branch exported is kept; the second one, which exported nothing, undoes nothing.
    assert_eq!(state.context, json!({"k": 1, "a": 2}));
}

#[test]
fn a_branch_that_exports_nothing_stores_no_context() {
    let mut state = RunState::new(json!({"big": "x".repeat(1_000)}), Timestamp(0));
    let (id, program) = (run_id(), program());
    Machine::advance(&id, &program, &Identity, &mut state, &Input::Start, Timestamp(0));
    let task = state.tasks().next().unwrap().task;
    let output = json!("x");
    let input =
        Input::Completed { task, epoch: 1, output, worker: "w".to_owned(), started_at: None };
    Machine::advance(&id, &program, &Identity, &mut state, &input, Timestamp(1));
    let stored = serde_json::to_value(&state).unwrap();
    let frames = stored["frames"].as_object().unwrap();
    assert!(frames.values().all(|frame| frame.get("context").is_none()), "{stored}");
    assert_eq!(frames["2"]["body"]["task"]["work"]["fork"]["done"], json!({"0": ["x"]}));
    let read: RunState = serde_json::from_value(stored).unwrap();
    assert_eq!(read, state);
}
