//! `concurrency`, `priority` and `lease` of tasks for workers.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Run, body};
use kintsugi_core::{Effect, Fault, Input, Outcome, Phase, Status, Steer, Steering};
use serde_json::json;

/// What happens to permits, and what is given out.
fn said(outcome: &Outcome) -> Vec<String> {
    let of = |effect: &Effect| match effect {
        Effect::Want { key, limit, priority, .. } => Some(format!("want {key} {limit} {priority}")),
        Effect::Took { .. } => Some("took".to_owned()),
        Effect::Release { .. } => Some("release".to_owned()),
        Effect::Dispatch { epoch, .. } => Some(format!("dispatch {epoch}")),
        Effect::Cancel { epoch, .. } => Some(format!("cancel {epoch}")),
        _ => None,
    };
    outcome.effects.iter().filter_map(of).collect()
}

fn task(run: &Run) -> u64 {
    run.state.tasks().next().unwrap().task
}

const PAY: &str = "do: [{pay: {call: pay, metadata: {kintsugi: {priority: 7, lease: 10s, \
    concurrency: {limit: 2, key: '${ .customer }'}, retry: {maximum_attempts: 2}}}}}]";

#[test]
fn a_bounded_task_is_given_out_with_its_permit_and_gives_it_back() {
    let (mut run, outcome) = Run::start(PAY, json!({"customer": "ada"}));
    assert_eq!(said(&outcome), ["want test:ada 2 7"]);
    assert_eq!((run.state.status, run.state.wake_at()), (Status::Running, None));
    let task = task(&run);
    let early = Input::Completed {
        task,
        epoch: 0,
        output: json!(null),
        worker: "w".into(),
        started_at: None,
    };
    assert!(!run.tell(&early).changed, "nobody has it yet");
    let outcome = run.tell(&Input::Granted { task, since: None });
    assert_eq!(said(&outcome), ["took", "dispatch 1"]);
    let lease = outcome.effects.iter().find_map(|effect| match effect {
        Effect::Dispatch { lease_ms, .. } => *lease_ms,
        _ => None,
    });
    assert_eq!(lease, Some(10_000));
    assert!(!run.tell(&Input::Granted { task, since: None }).changed, "told again");
    // It keeps its permit while it is tried again.
    let fault = Fault { message: "no".into(), ..Fault::default() };
    let failed = Input::Failed { task, epoch: 1, fault, worker: "w".into(), started_at: None };
    assert_eq!(said(&run.tell(&failed)), [""; 0]);
    run.now = run.state.wake_at().unwrap();
    assert_eq!(said(&run.tell(&Input::Tick)), ["dispatch 2"]);
    let done = Input::Completed {
        task,
        epoch: 2,
        output: json!("paid"),
        worker: "w".into(),
        started_at: None,
    };
    assert_eq!(said(&run.tell(&done)), ["release"]);
    assert_eq!(run.state.output, Some(json!("paid")));
    assert!(!run.tell(&Input::Granted { task, since: None }).changed, "late");
}

#[test]
fn however_a_task_ends_its_permit_goes_once() {
    // Cancelled while it waits, and while it is out.
    for granted in [false, true] {
        let (mut run, _) = Run::start(PAY, json!({"customer": 7}));
        let task = task(&run);
        if granted {
            run.tell(&Input::Granted { task, since: None });
        }
        let outcome = run.tell(&Input::Cancel { reason: None });
        let given_back = said(&outcome).into_iter().filter(|one| one == "release").count();
        assert_eq!(given_back, 1, "{granted}: {:?}", said(&outcome));
    }
    // Dead-lettered, and redriven: it waits anew.
    let (mut run, _) = Run::start(PAY, json!({"customer": true}));
    let task = task(&run);
    run.tell(&Input::Granted { task, since: None });
    let fault = Fault { message: "no".into(), fatal: true, ..Fault::default() };
    let failed = Input::Failed { task, epoch: 1, fault, worker: "w".into(), started_at: None };
    assert_eq!(said(&run.tell(&failed)), ["release"]);
    assert_eq!(run.state.status, Status::Faulted);
    let outcome = run.tell(&Input::Redrive { task, epoch: 1, input: None });
    assert_eq!(said(&outcome), ["want test:true 2 7"]);
    assert_eq!(said(&run.tell(&Input::Granted { task, since: None })), ["took", "dispatch 2"]);
    // Cancelled after that.
    assert_eq!(said(&run.tell(&Input::Cancel { reason: None })), ["release", "cancel 2"]);
}

/// Found by the simulation: a grant that was still on its way when the run was suspended and went on.
#[test]
fn a_permit_that_was_given_back_lets_nobody_begin() {
    let (mut run, _) = Run::start(PAY, json!({"customer": "ada"}));
    let task = task(&run);
    let waits_since = |run: &Run| match run.state.tasks().next().unwrap().state.phase {
        Phase::Queued { since } => since,
        ref other => panic!("it waits: {other:?}"),
    };
    let steer = |request: &str, what| {
        let request = request.to_owned();
        Input::Steer(Steer { request, by: None, reason: None, what })
    };
    let late = Input::Granted { task, since: Some(waits_since(&run)) };
    assert_eq!(said(&run.tell(&steer("s", Steering::Suspend { hold: None }))), ["release"]);
    assert!(!run.tell(&late).changed, "it waits for none");
    run.now = run.now.plus(1);
    assert_eq!(said(&run.tell(&steer("r", Steering::Resume))), ["want test:ada 2 7"]);
    assert!(!run.tell(&late).changed, "that was another one");
    let granted = Input::Granted { task, since: Some(waits_since(&run)) };
    assert_eq!(said(&run.tell(&granted)), ["took", "dispatch 1"]);
}

#[test]
fn a_fault_elsewhere_takes_it_back_and_a_redrive_asks_again() {
    let both = "do: [{f: {fork: {branches: [\
        {a: {call: a, metadata: {kintsugi: {concurrency: 1}}}}, {b: {call: b, metadata: {kintsugi: {concurrency: 1}}}},\
        {c: {call: c, metadata: {kintsugi: {retry: {maximum_attempts: 1}}}}}]}}}]";
    let (mut run, outcome) = Run::start(both, json!(null));
    assert_eq!(said(&outcome), ["want default/a 1 0", "want default/b 1 0", "dispatch 1"]);
    let tasks: Vec<u64> = run.state.tasks().map(|one| one.task).collect();
    run.tell(&Input::Granted { task: tasks[0], since: None });
    let fault = Fault { message: "no".into(), ..Fault::default() };
    let failed =
        Input::Failed { task: tasks[2], epoch: 1, fault, worker: "w".into(), started_at: None };
    assert_eq!(said(&run.tell(&failed)), ["release", "cancel 1", "release"]);
    assert!(run.state.tasks().all(|one| !matches!(one.state.phase, Phase::Queued { .. })));
    let outcome = run.tell(&Input::Redrive { task: tasks[2], epoch: 1, input: None });
    assert_eq!(said(&outcome), ["dispatch 2", "want default/a 1 0", "want default/b 1 0"]);
    assert_eq!(
        said(&run.tell(&Input::Granted { task: tasks[0], since: None })),
        ["took", "dispatch 2"]
    );
}

#[test]
fn what_makes_no_sense_is_refused() {
    let codes = |own: &str| {
        let text = format!("do: [{{a: {{call: a, metadata: {{kintsugi: {{{own}}}}}}}}}]");
        let problems = body(&text).unwrap_err();
        problems.0.iter().map(|p| p.code.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(codes("priority: 1"), ["no-effect"]);
    assert_eq!(codes("concurrency: 0"), ["out-of-range"]);
    assert_eq!(codes("concurrency: 1, priority: 10"), ["out-of-range"]);
    assert_eq!(codes("concurrency: {key: a}"), ["missing-key"]);
    assert_eq!(codes("concurrency: {limit: 1, per: a}"), ["unknown-key"]);
    assert_eq!(codes("concurrency: often"), ["type"]);
    assert_eq!(codes("lease: 0s"), ["out-of-range"]);
    for key in ["${ null }", "${ [1] }", "${ \"\" }"] {
        let text = format!(
            "do: [{{a: {{call: a, metadata: {{kintsugi: {{concurrency: {{limit: 1, key: '{key}'}}}}}}}}}}]"
        );
        let (run, _) = Run::start(&text, json!(null));
        assert_eq!(run.state.status, Status::Faulted, "{key}");
    }
}
