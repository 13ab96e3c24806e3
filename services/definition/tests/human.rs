//! `call: human-task`: people are asked, answer, or are not asked any more.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Run, body};
use kintsugi_core::{Effect, Event, Fault, Input, Outcome, Question, Status, Timestamp};
use serde_json::{Value, json};

const APPROVE: &str = "do: [{approve: {call: human-task, with: {\
    title: '${ \"Approve \\(.order)\" }', description: Look closely., data: {order: '${ .order }'}, \
    assignees: [ada, buyers], due: PT1H, escalate: boss, \
    form: {type: object, required: [ok], properties: {ok: {type: boolean}}}}}}]";

fn answer(run: &mut Run, task: u64, answer: Value) -> Outcome {
    run.tell(&Input::Answered { task, answer, by: Some("ada".to_owned()) })
}

fn asked(outcome: &Outcome) -> Option<(u64, Question, Option<Value>)> {
    outcome.effects.iter().find_map(|effect| match effect {
        Effect::Ask { task, question, form, .. } => Some((*task, question.clone(), form.clone())),
        _ => None,
    })
}

fn withdrawn(outcome: &Outcome) -> Vec<u64> {
    let of = |effect: &Effect| match effect {
        Effect::Withdrawn { task } => Some(*task),
        _ => None,
    };
    outcome.effects.iter().filter_map(of).collect()
}

#[test]
fn an_answer_is_the_output_and_the_first_one_counts() {
    let (mut run, outcome) = Run::start(APPROVE, json!({"order": 7}));
    let (task, question, form) = asked(&outcome).unwrap();
    assert_eq!(run.state.status, Status::Waiting);
    assert_eq!((question.title.as_str(), question.data), ("Approve 7", Some(json!({"order": 7}))));
    assert_eq!(question.assignees, ["ada", "buyers"]);
    assert_eq!(question.due_at, Some(Timestamp(3_601_000)));
    assert_eq!(form.unwrap()["required"], json!(["ok"]));

    assert!(!answer(&mut run, task + 1, json!({"ok": false})).changed, "there is no such task");
    let outcome = answer(&mut run, task, json!({"ok": true}));
    assert!(outcome.effects.contains(&Effect::Answered { task, by: Some("ada".to_owned()) }));
    assert_eq!(withdrawn(&outcome), [0; 0]);
    assert_eq!(
        (run.state.status, run.state.output.clone()),
        (Status::Completed, Some(json!({"ok": true})))
    );
    assert!(!answer(&mut run, task, json!({"ok": false})).changed, "it was answered");
}

#[test]
fn what_is_due_is_given_to_others_once() {
    let (mut run, outcome) = Run::start(APPROVE, json!({"order": 7}));
    let (task, ..) = asked(&outcome).unwrap();
    run.now = run.state.wake_at().unwrap();
    assert_eq!(run.now, Timestamp(3_601_000));
    let outcome = run.tell(&Input::Tick);
    let (again, question, _) = asked(&outcome).unwrap();
    assert_eq!((again, question.escalated_at), (task, Some(run.now)));
    assert_eq!(question.assignees, ["boss"]);
    assert!(outcome.events.iter().any(|event| matches!(event, Event::HumanTaskDue { .. })));
    assert_eq!(run.state.wake_at(), None, "it waits for a person alone");
    assert!(!run.tell(&Input::Tick).changed);
    answer(&mut run, task, json!({"ok": true}));
    assert_eq!(run.state.status, Status::Completed);
}

#[test]
fn an_answer_that_no_door_let_pass_is_an_error() {
    let (mut run, outcome) = Run::start(APPROVE, json!({"order": 7}));
    let (task, ..) = asked(&outcome).unwrap();
    answer(&mut run, task, json!({"ok": "yes"}));
    assert_eq!(run.state.status, Status::Faulted);
    let error = run.state.error.clone().unwrap();
    assert_eq!((error.status, error.instance.as_deref()), (400, Some("/do/0/approve")));
}

#[test]
fn nobody_is_asked_what_is_not_wanted_any_more() {
    let limited = "do: [{t: {try: [{a: {call: human-task, with: {title: a}, timeout: {after: PT5S}}}], \
        catch: {errors: {with: {type: 'https://serverlessworkflow.io/spec/1.0.0/errors/timeout'}}, do: [{x: {set: {late: true}}}]}}}]";
    let (mut run, outcome) = Run::start(limited, json!(null));
    let (task, ..) = asked(&outcome).unwrap();
    run.now = run.state.wake_at().unwrap();
    assert_eq!(withdrawn(&run.tell(&Input::Tick)), [task]);
    assert_eq!(run.state.output, Some(json!({"late": true})));

    let raced = "do: [{f: {fork: {compete: true, branches: [\
        {a: {call: human-task, with: {title: a}}}, {b: {call: human-task, with: {title: b}}}]}}}]";
    let (mut run, outcome) = Run::start(raced, json!(null));
    let all: Vec<u64> = outcome
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Ask { task, .. } => Some(*task),
            _ => None,
        })
        .collect();
    assert_eq!(withdrawn(&answer(&mut run, all[1], json!("b"))), [all[0]]);
    assert_eq!(run.state.output, Some(json!("b")));

    let (mut run, outcome) = Run::start(APPROVE, json!({"order": 7}));
    let (task, ..) = asked(&outcome).unwrap();
    assert_eq!(withdrawn(&run.tell(&Input::Cancel { reason: None })), [task]);
}

#[test]
fn a_redrive_asks_again_what_a_fault_withdrew() {
    let both = "do: [{f: {fork: {branches: [{a: {call: human-task, with: {title: a}}}, \
        {b: {call: charge, metadata: {kintsugi: {retry: {maximum_attempts: 1}}}}}]}}}]";
    let (mut run, outcome) = Run::start(both, json!(null));
    let (task, ..) = asked(&outcome).unwrap();
    let (charge, epoch) = outcome
        .effects
        .iter()
        .find_map(|effect| match effect {
            Effect::Dispatch { task, epoch, .. } => Some((*task, *epoch)),
            _ => None,
        })
        .unwrap();
    let failed = Input::Failed {
        task: charge,
        epoch,
        fault: Fault { message: "no".into(), fatal: true, ..Fault::default() },
        worker: "w".into(),
        started_at: None,
    };
    let outcome = run.tell(&failed);
    assert_eq!((run.state.status, withdrawn(&outcome)), (Status::Faulted, vec![task]));
    assert!(!answer(&mut run, task, json!("too late")).changed);
    run.now = Timestamp(9_000);
    let outcome = run.tell(&Input::Redrive { task: charge, epoch, input: None });
    let (again, question, _) = asked(&outcome).unwrap();
    assert_eq!((again, question.asked_at), (task, Timestamp(9_000)));
    answer(&mut run, task, json!("yes"));
    let done = Input::Completed {
        task: charge,
        epoch: epoch + 1,
        output: json!("paid"),
        worker: "w".into(),
        started_at: None,
    };
    run.tell(&done);
    assert_eq!(run.state.output, Some(json!(["yes", "paid"])));
}

#[test]
fn what_people_cannot_be_asked_is_refused() {
    let codes = |with: &str| {
        let problems = body(&format!("do: [{{a: {{call: human-task{with}}}}}]")).unwrap_err();
        problems.0.iter().map(|p| p.code.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(codes(""), ["missing-key"]);
    assert_eq!(codes(", with: {}"), ["missing-key"]);
    assert_eq!(codes(", with: {title: a, who: ada}"), ["unknown-key"]);
    assert_eq!(codes(", with: {title: a, escalate: boss}"), ["no-effect"]);
    assert_eq!(codes(", with: {title: a, due: soon}"), ["invalid-duration"]);
    assert_eq!(codes(", with: {title: a, form: {type: nothing}}"), ["invalid-schema"]);
    assert_eq!(codes(", with: {title: a, assignees: 7}"), ["type"]);
    assert_eq!(
        codes(", with: {title: a}, metadata: {kintsugi: {queue: q}}"),
        ["no-effect"],
        "no worker has it"
    );
    // What only shows when it is evaluated ends the run with an error.
    for with in [
        "title: '${ 7 }'",
        "title: '${ \"\" }'",
        "title: a, assignees: '${ [1] }'",
        "title: a, assignees: '${ [\"a\\nb\"] }'",
    ] {
        let (run, _) = Run::start(
            &format!("do: [{{a: {{call: human-task, with: {{{with}}}}}}}]"),
            json!(null),
        );
        assert_eq!(run.state.status, Status::Faulted, "{with}");
        assert_eq!(run.state.error.unwrap().instance.as_deref(), Some("/do/0/a"));
    }
    // A function of the document's own goes before.
    let own = "use: {functions: {human-task: {set: {mine: true}}}}\ndo: [{a: {call: human-task}}]";
    assert_eq!(common::output(own, json!(null)).unwrap(), json!({"mine": true}));
}
