//! `call: compensate`, and what undoes tasks.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{body, output, run};
use kintsugi_core::{
    Effect, Fault, Input, Machine, Phase, Program, RunId, RunState, Status, Timestamp,
};
use kintsugi_definition::{Expressions, Limits};
use serde_json::{Value, json};

/// Books a part of a trip; `undo` notes what it undid.
const TRIP: &str = "use:\n  functions:\n    \
    undo: {set: '${ . }', export: {as: '{undone: (($context.undone // []) + [.what])}'}}\n    \
    fail: {raise: {error: {type: 'https://x.test/full', status: 409}}}\n";

fn book(name: &str) -> String {
    format!(
        "{{{name}: {{set: {{id: {name}-1}}, metadata: {{kintsugi: {{compensate: {{call: undo, with: {{what: '${{ .id }}'}}}}}}}}}}}}"
    )
}

fn codes(text: &str) -> Vec<String> {
    let problems = body(text).unwrap_err();
    problems.0.iter().map(|p| format!("{} {}:{}", p.code, p.line, p.column)).collect()
}

#[test]
fn what_was_completed_is_undone_the_last_first() {
    let (flight, hotel) = (book("flight"), book("hotel"));
    let saga = format!(
        "do: [{{t: {{try: [{flight}, {hotel}, {{car: {{call: fail}}}}], catch: {{do: [{{c: {{call: compensate}}}}]}}}}}}]"
    );
    let state = run(&body(&format!("{TRIP}{saga}")).unwrap().program, json!({})).unwrap();
    assert_eq!(state.status, Status::Completed);
    assert_eq!(state.context, json!({"undone": ["hotel-1", "flight-1"]}));
    assert_eq!(
        state.output,
        Some(json!([
            {"task": "/do/0/t/try/1/hotel", "output": {"what": "hotel-1"}},
            {"task": "/do/0/t/try/0/flight", "output": {"what": "flight-1"}},
        ]))
    );
    assert!(state.undo.is_empty());
}

#[test]
fn a_handler_undoes_what_its_try_did_and_the_run_all_of_it() {
    let (a, b, c) = (book("a"), book("b"), book("c"));
    for (tasks, expected) in [
        // Only what the inner `try` did.
        (
            format!(
                "[{a}, {{t: {{try: [{b}, {{x: {{call: fail}}}}], catch: {{do: [{{u: {{call: compensate}}}}]}}}}}}]"
            ),
            json!({"undone": ["b-1"]}),
        ),
        // What an inner `try` did and what came before it in the outer one.
        (
            format!(
                "[{{o: {{try: [{a}, {{t: {{try: [{b}], catch: {{do: []}}}}}}, {c}, {{x: {{call: fail}}}}], catch: {{do: [{{u: {{call: compensate}}}}]}}}}}}]"
            ),
            json!({"undone": ["c-1", "b-1", "a-1"]}),
        ),
        // Outside of handlers: everything.
        (
            format!("[{a}, {{t: {{try: [{b}], catch: {{do: []}}}}}}, {{u: {{call: compensate}}}}]"),
            json!({"undone": ["b-1", "a-1"]}),
        ),
        // What is undone is done with.
        (
            format!("[{a}, {{u: {{call: compensate}}}}, {b}, {{v: {{call: compensate}}}}]"),
            json!({"undone": ["a-1", "b-1"]}),
        ),
        // A task that was skipped or failed has nothing to undo.
        (
            format!(
                "[{{t: {{try: [{}, {{x: {{call: fail, metadata: {{kintsugi: {{compensate: {{call: undo, with: {{what: x}}}}}}}}}}}}], catch: {{do: [{{u: {{call: compensate}}}}]}}}}}}]",
                a.replace("set:", "if: 'false', set:")
            ),
            json!({}),
        ),
        // Each iteration by itself.
        (
            format!(
                "[{{l: {{for: {{in: '[1, 2]'}}, do: [{}]}}}}, {{u: {{call: compensate}}}}]",
                a.replace("'${ .id }'", "'${ $item }'")
            ),
            json!({"undone": [2, 1]}),
        ),
        // Every round of a `try` that retries.
        (
            format!(
                "[{{t: {{try: [{a}, {{x: {{call: fail}}}}], catch: {{retry: {{delay: PT0S, limit: {{attempt: {{count: 1}}}}}}, do: [{{u: {{call: compensate}}}}]}}}}}}]"
            ),
            json!({"undone": ["a-1", "a-1"]}),
        ),
    ] {
        let text = format!("{TRIP}do: {tasks}");
        let state = run(&body(&text).unwrap().program, json!({})).unwrap();
        assert_eq!(
            (state.status, &state.context),
            (Status::Completed, &expected),
            "{tasks}\n{:?}",
            state.error
        );
    }
}

#[test]
fn a_task_may_be_a_scope_and_its_output_is_what_undoes_it() {
    let text = format!(
        "{TRIP}do: [{{both: {{do: [{{one: {{set: {{what: one}}}}}}], output: {{as: '{{what: (\"all of \" + .what)}}'}}, metadata: {{kintsugi: {{compensate: {{call: undo}}}}}}}}}}, {{u: {{call: compensate}}}}]"
    );
    let state = run(&body(&text).unwrap().program, json!({})).unwrap();
    assert_eq!(state.context, json!({"undone": ["all of one"]}));
}

#[test]
fn one_that_fails_can_be_undone_again() {
    let fails = "{b: {set: {id: b-1}, metadata: {kintsugi: {compensate: {call: fail}}}}}";
    let text = format!(
        "{TRIP}do: [{}, {fails}, {{t: {{try: [{{u: {{call: compensate}}}}], catch: {{do: []}}}}}}]",
        book("a")
    );
    let state = run(&body(&text).unwrap().program, json!({})).unwrap();
    assert_eq!(state.status, Status::Completed);
    assert_eq!(state.undo.len(), 2, "nothing was undone, and nothing is forgotten");
    let error = output(
        &text.replace(
            "{t: {try: [{u: {call: compensate}}], catch: {do: []}}}",
            "{u: {call: compensate}}",
        ),
        json!({}),
    );
    assert_eq!(error.unwrap_err()["instance"], json!("/do/1/b/metadata/kintsugi/compensate/call"));
}

/// Goes on until nothing is out but what `answers` does not know.
fn work(
    program: &Program,
    state: &mut RunState,
    first: Input,
    answers: &dyn Fn(&str) -> Option<bool>,
) -> Vec<(String, Value)> {
    let expressions = Expressions::new(program, Limits::default()).unwrap();
    let id = RunId::parse("r").unwrap();
    let (mut next, mut done, mut now) = (first, Vec::new(), 0);
    loop {
        let outcome = Machine::advance(&id, program, &expressions, state, &next, Timestamp(now));
        *state = serde_json::from_value(serde_json::to_value(&*state).unwrap()).unwrap();
        let sent = outcome.effects.into_iter().find_map(|effect| match effect {
            Effect::Dispatch { task, epoch, input, task_type, .. } => {
                Some((task, epoch, input, task_type))
            }
            _ => None,
        });
        if state.status.is_terminal() {
            return done;
        }
        now += 1;
        next = match sent {
            Some((task, epoch, input, task_type)) => {
                done.push((task_type.clone(), input.clone()));
                let worker = "w".to_owned();
                match answers(&task_type) {
                    Some(true) => {
                        Input::Completed { task, epoch, output: input, worker, started_at: None }
                    }
                    _ => {
                        let fault = Fault {
                            message: "no".to_owned(),
                            kind: None,
                            status: None,
                            fatal: true,
                            retry_after_ms: None,
                        };
                        Input::Failed { task, epoch, fault, worker, started_at: None }
                    }
                }
            }
            None => {
                now = state.wake_at().map_or(now, |at| at.0.max(now));
                Input::Tick
            }
        };
    }
}

#[test]
fn a_dead_lettered_compensation_is_taken_up_by_a_redrive() {
    let text = "do: [{t: {try: [{pay: {call: pay, with: {id: 7}, metadata: {kintsugi: {compensate: {call: refund, with: {id: '${ .id }'}}}}}}, \
        {ship: {call: ship}}], catch: {do: [{u: {call: compensate}}], then: end}}}]";
    let program = body(text).unwrap().program;
    let mut state = RunState::new(json!({}), Timestamp(0));
    let done = work(&program, &mut state, Input::Start, &|kind| Some(kind == "pay"));
    let names: Vec<_> = done.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["pay", "ship", "refund"]);
    assert_eq!(done[2].1, json!({"id": 7}));
    assert_eq!(state.status, Status::Faulted);
    let (number, task) =
        state.tasks().map(|task| (task.task, task.state.phase.clone())).next().unwrap();
    assert_eq!(task, Phase::DeadLettered);
    let redrive = Input::Redrive { task: number, epoch: 1, input: None };
    let done = work(&program, &mut state, redrive, &|_| Some(true));
    assert_eq!(done.len(), 1);
    assert_eq!(state.status, Status::Completed);
    assert_eq!(state.output, Some(json!([{"task": "/do/0/t/try/0/pay", "output": {"id": 7}}])));
    assert!(state.undo.is_empty());
}

#[test]
fn what_waits_to_be_undone_is_bounded() {
    let (step, loops) = (book("a"), |times: u32| format!("{{for: {{in: '[range({times})]'}}"));
    let ended = |times: u32| {
        let text = format!("{TRIP}do: [{{each: {}, do: [{step}]}}}}]", loops(times));
        run(&body(&text).unwrap().program, json!({})).unwrap()
    };
    assert_eq!(ended(10_000).status, Status::Completed);
    let state = ended(10_001);
    let detail = state.error.as_ref().and_then(|error| error.detail.clone()).unwrap_or_default();
    assert_eq!(state.status, Status::Faulted);
    assert!(detail.contains("more than 10000 tasks to compensate"), "{detail}");
}

#[test]
fn what_is_wrong_is_told_at_its_place() {
    for (compensate, expected) in [
        ("{}", vec!["missing-key 2:58"]),
        ("{call: http}", vec!["invalid-name 2:65"]),
        ("{call: compensate}", vec!["invalid-name 2:65"]),
        ("{call: x, whit: {}}", vec!["unknown-key 2:68"]),
        ("{call: x, with: {a: '${ $b }'}}", vec!["unknown-variable 2:78"]),
        ("5", vec!["type 2:58"]),
    ] {
        let text = format!(
            "do: [{{a: {{set: {{x: 1}}, metadata: {{kintsugi: {{compensate: {compensate}}}}}}}}}]"
        );
        assert_eq!(codes(&text), expected, "{compensate}");
    }
    assert_eq!(
        codes("do: [{a: {set: {x: 1}, metadata: {kintsugi: {compensate: {call: x}, queue: y}}}}]"),
        ["no-effect 2:35"]
    );
    assert_eq!(codes("do: [{a: {call: compensate, with: {x: 1}}}]"), ["unknown-key 2:36"]);
    let warnings = body("do: [{a: {call: compensate}}]").unwrap().warnings;
    assert_eq!(warnings[0].code, "useless-compensation");
}
