//! `call: map`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::VecDeque;

use common::{body, output, run};
use kintsugi_core::{Effect, Fault, Input, Machine, RunId, RunState, Status, Timestamp, replay};
use kintsugi_definition::{Expressions, Limits};
use proptest::prelude::*;
use serde_json::{Value, json};

const FUNCTIONS: &str = "use: {functions: {\
    double: {set: '${ {n: (.n * 2)} }', output: {as: .n}}, \
    picky: {do: [{c: {switch: [{bad: {when: .n == 2, then: r}}]}}, {ok: {set: '${ . }', then: exit}}, {r: {raise: {error: {type: 'https://x.test/two', status: 422}}}}]}}}\n";

fn codes(text: &str) -> Vec<String> {
    let problems = body(text).unwrap_err();
    problems.0.iter().map(|p| format!("{} {}:{}", p.code, p.line, p.column)).collect()
}

#[test]
fn each_item_has_its_task_and_results_are_in_order() {
    for (with, input, expected) in [
        (
            "in: .list, do: double, with: {n: '${ $item }'}",
            json!({"list": [1, 2, 3]}),
            json!([2, 4, 6]),
        ),
        ("in: [{n: 1}, {n: 5}], do: double", json!({}), json!([2, 10])),
        (
            "in: '[range(200)]', do: double, with: {n: '${ $index }'}, maxConcurrency: 3",
            json!({}),
            (0..200).map(|n| n * 2).collect(),
        ),
        ("in: .none, do: double", json!({}), json!([])),
        ("in: '[7]', do: double, as: x, at: i, with: {n: '${ $x + $i }'}", json!({}), json!([14])),
        (
            "in: '[{n: 1}, {n: 2}, {n: 3}]', do: picky, onError: collect",
            json!({}),
            json!([
                {"output": {"n": 1}},
                {"error": {"type": "https://x.test/two", "status": 422, "instance": "/do/0/m/with/do/do/2/r"}},
                {"output": {"n": 3}},
            ]),
        ),
    ] {
        let text = format!("{FUNCTIONS}do: [{{m: {{call: map, with: {{{with}}}}}}}]");
        assert_eq!(output(&text, input), Ok(expected), "{with}");
    }
}

#[test]
fn an_error_ends_it_and_is_caught_as_any_other() {
    let map = "call: map, with: {in: '[{n: 1}, {n: 2}]', do: picky}";
    let error = output(&format!("{FUNCTIONS}do: [{{m: {{{map}}}}}]"), json!({})).unwrap_err();
    assert_eq!(error["instance"], json!("/do/0/m/with/do/do/2/r"));
    let caught = format!(
        "{FUNCTIONS}do: [{{t: {{try: [{{m: {{{map}}}}}], catch: {{do: [{{c: {{set: {{s: '${{ $error.status }}'}}}}}}]}}}}}}]"
    );
    assert_eq!(output(&caught, json!({})), Ok(json!({"s": 422})));
    for with in [
        "in: '5', do: double",
        "in: '[1]', do: double, with: '${ error }'",
        "in: '[1]', do: double, with: {n: '${ error }'}",
    ] {
        let text = format!("{FUNCTIONS}do: [{{m: {{call: map, with: {{{with}}}}}}}]");
        let error = output(&text, json!({})).unwrap_err();
        assert_eq!(error["instance"], json!("/do/0/m"), "{with}");
        assert!(error["type"].as_str().unwrap().ends_with("/expression"), "{error}");
    }
}

#[test]
fn what_a_task_exports_ends_with_it() {
    let text = "use: {functions: {f: {set: {x: 1}, export: {as: '{seen: 1}'}, output: {as: $context}}}}\n\
        do: [{a: {set: {k: 1}, export: {as: .}}}, {m: {call: map, with: {in: '[1, 2]', do: f}}}]";
    let state = run(&body(text).unwrap().program, json!({})).unwrap();
    assert_eq!(state.output, Some(json!([{"k": 1}, {"k": 1}])));
    assert_eq!(state.context, json!({"k": 1}));
}

#[test]
fn what_is_wrong_is_told_at_its_place() {
    for (with, expected) in [
        ("do: double", vec!["missing-key 3:28"]),
        ("in: .x", vec!["missing-key 3:28"]),
        ("in: 5, do: double", vec!["type 3:33"]),
        ("in: .x, do: http", vec!["invalid-name 3:41"]),
        ("in: .x, do: map", vec!["invalid-name 3:41"]),
        ("in: .x, do: Double", vec!["invalid-name 3:41"]),
        ("in: .x, do: double, maxConcurrency: 0", vec!["out-of-range 3:65"]),
        ("in: .x, do: double, maxConcurrency: 1001", vec!["out-of-range 3:65"]),
        ("in: .x, do: double, onError: ignore", vec!["invalid-value 3:58"]),
        ("in: .x, do: double, as: i, at: i", vec!["invalid-variable 3:28"]),
        ("in: .x, do: double, foo: 1", vec!["unknown-key 3:49"]),
        ("in: .x, do: double, with: {n: '${ $other }'}", vec!["unknown-variable 3:59"]),
        ("in: '${ $item }', do: double", vec!["unknown-variable 3:33"]),
    ] {
        let text = format!("{FUNCTIONS}do: [{{m: {{call: map, with: {{{with}}}}}}}]");
        assert_eq!(codes(&text), expected, "{with}");
    }
    let own =
        "use: {functions: {map: {set: {mine: '${ .in }'}}}}\ndo: [{m: {call: map, with: {in: 3}}}]";
    assert_eq!(output(own, json!({})), Ok(json!({"mine": 3})));
}

/// Runs with workers that answer in the order of `picks`; gives the most that were out at a time.
fn worked(
    text: &str,
    input: Value,
    picks: &[usize],
    fails: &[u64],
) -> (RunState, usize, Vec<kintsugi_core::Step>) {
    let program = body(text).unwrap().program;
    let expressions = Expressions::new(&program, Limits::default()).unwrap();
    let id = RunId::parse("r").unwrap();
    let mut state = RunState::new(input, Timestamp(0));
    let (mut out, mut most, mut steps) = (VecDeque::new(), 0, Vec::new());
    let (mut next, mut now, mut turn) = (Input::Start, 0, 0);
    loop {
        let at = Timestamp(now);
        let outcome = Machine::advance(&id, &program, &expressions, &mut state, &next, at);
        steps.push(kintsugi_core::Step { at, input: next, events: outcome.events });
        // It is stored and read again between any two inputs.
        state = serde_json::from_value(serde_json::to_value(&state).unwrap()).unwrap();
        for effect in outcome.effects {
            match effect {
                Effect::Dispatch { task, epoch, input, .. } => out.push_back((task, epoch, input)),
                Effect::Cancel { task, .. } => out.retain(|(other, ..)| *other != task),
                _ => {}
            }
        }
        most = most.max(out.len());
        if state.status.is_terminal() {
            return (state, most, steps);
        }
        now += 1;
        next = if out.is_empty() {
            now = state.wake_at().map_or(now, |wake| wake.0.max(now));
            Input::Tick
        } else {
            let pick = picks.get(turn % picks.len().max(1)).copied().unwrap_or(0) % out.len();
            turn += 1;
            let (task, epoch, input) = out.remove(pick).unwrap();
            let worker = "w".to_owned();
            if fails.contains(&input.as_u64().unwrap_or(u64::MAX)) {
                let fault = Fault {
                    message: "no".to_owned(),
                    kind: None,
                    status: None,
                    fatal: true,
                    retry_after_ms: None,
                };
                Input::Failed { task, epoch, fault, worker, started_at: None }
            } else {
                Input::Completed {
                    task,
                    epoch,
                    output: json!({"did": input}),
                    worker,
                    started_at: None,
                }
            }
        };
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn workers_may_answer_in_any_order(
        items in 0..60_u64,
        bound in 1..12_usize,
        picks in prop::collection::vec(0..12_usize, 1..40),
        fails in prop::collection::vec(0..60_u64, 0..5),
    ) {
        let text = format!("do: [{{m: {{call: map, with: {{in: '[range({items})]', do: work, maxConcurrency: {bound}, onError: collect}}}}}}]");
        let (state, most, steps) = worked(&text, json!(null), &picks, &fails);
        prop_assert_eq!(state.status, Status::Completed);
        prop_assert!(most <= bound, "{} at a time", most);
        let results = state.output.clone().unwrap();
        prop_assert_eq!(results.as_array().unwrap().len() as u64, items);
        for (n, result) in (0..items).zip(results.as_array().unwrap()) {
            if fails.contains(&n) {
                prop_assert!(result["error"]["status"].is_number(), "{}", result);
            } else {
                prop_assert_eq!(result, &json!({"output": {"did": n}}));
            }
        }
        let program = body(&text).unwrap().program;
        let expressions = Expressions::new(&program, Limits::default()).unwrap();
        let id = RunId::parse("r").unwrap();
        let again = replay(&id, &program, &expressions, RunState::new(json!(null), Timestamp(0)), &steps);
        prop_assert_eq!(again.unwrap(), state);
    }
}

#[test]
fn the_first_failure_cancels_the_others() {
    let text = "do: [{m: {call: map, with: {in: '[range(20)]', do: work, maxConcurrency: 5}}}]";
    let (state, most, _) = worked(text, json!(null), &[0], &[3]);
    assert_eq!((state.status, most), (Status::Faulted, 5));
    assert_eq!(state.error.unwrap().instance.as_deref(), Some("/do/0/m/with/do"));
}
