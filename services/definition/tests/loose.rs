//! `evaluate.mode: loose`, and durations of retries that are expressions.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{body, output, run};
use kintsugi_core::{Effect, Fault, Input, Machine, RunId, RunState, Status, Timestamp};
use kintsugi_definition::{Expressions, Limits};
use serde_json::{Value, json};

#[test]
fn a_text_is_an_expression_where_it_has_a_value_and_else_itself() {
    let loose = "evaluate: {mode: loose}\n";
    for (set, expected) in [
        ("{a: .x}", json!({"a": 5})),
        ("{a: '${ .x }'}", json!({"a": 5})),
        ("{a: Hello}", json!({"a": "Hello"})),
        ("{a: Hello you}", json!({"a": "Hello you"})),
        ("{a: .x + 1}", json!({"a": 6})),
        ("{a: .x + .s}", json!({"a": ".x + .s"})),
        ("{a: $nobody}", json!({"a": "$nobody"})),
        ("{a: $workflow.input.x}", json!({"a": 5})),
        ("{a: ''}", json!({"a": ""})),
        ("{a: .none}", json!({"a": null})),
        ("{a: [.x, x]}", json!({"a": [5, "x"]})),
        ("{a: 'https://a.test/x'}", json!({"a": "https://a.test/x"})),
        ("{a: '12'}", json!({"a": 12})),
        (".s", json!("text")),
    ] {
        let text = format!("{loose}do: [{{t: {{set: {set}}}}}]");
        assert_eq!(output(&text, json!({"x": 5, "s": "text"})), Ok(expected), "{set}");
    }
    // The strict mode is the default: the text is a text.
    assert_eq!(output("do: [{t: {set: {a: .x}}}]", json!({"x": 5})), Ok(json!({"a": ".x"})));
    // An expression in `${ }` is one in both.
    let error = output(
        &format!("{loose}do: [{{t: {{set: {{a: '${{ .x + .s }}'}}}}}}]"),
        json!({"x": 5, "s": "t"}),
    );
    assert!(error.is_err(), "{error:?}");
}

#[test]
fn words_that_are_jqs_are_warned_of() {
    let text = "evaluate: {mode: loose}\ndo: [{t: {set: {a: type, b: kind}}}]";
    let compiled = body(text).unwrap();
    let codes: Vec<_> = compiled.warnings.iter().map(|w| (w.code, w.line, w.column)).collect();
    assert_eq!(codes, [("loose-word", 3, 20)]);
}

/// Runs with failing calls, and gives the times at which attempts began.
fn attempts(text: &str, input: Value, times: usize) -> (Vec<i64>, RunState) {
    let compiled = body(text).unwrap();
    let expressions = Expressions::new(&compiled.program, Limits::default()).unwrap();
    let (id, mut now) = (RunId::parse("r").unwrap(), Timestamp(0));
    let mut state = RunState::new(input, now);
    let (mut next, mut at) = (Input::Start, Vec::new());
    for _ in 0..1_000 {
        let outcome =
            Machine::advance(&id, &compiled.program, &expressions, &mut state, &next, now);
        let sent = outcome.effects.iter().find_map(|effect| match effect {
            Effect::Dispatch { task, epoch, .. } => Some((*task, *epoch)),
            _ => None,
        });
        if state.status.is_terminal() {
            return (at, state);
        }
        next = match sent {
            Some((task, epoch)) if at.len() < times => {
                at.push(now.0);
                let fault = Fault {
                    message: "busy".to_owned(),
                    kind: None,
                    status: Some(503),
                    fatal: false,
                    retry_after_ms: None,
                };
                let worker = "w".to_owned();
                Input::Failed { task, epoch, fault, worker, started_at: None }
            }
            _ => {
                now = state.wake_at().unwrap_or(now).max(now);
                Input::Tick
            }
        };
    }
    panic!("{state:?}")
}

#[test]
fn durations_of_retries_may_be_expressions() {
    let text = "do: [{t: {try: [{c: {call: work, metadata: {kintsugi: {retry: {maximum_attempts: 1}}}}}], \
        catch: {retry: {delay: '${ .wait }', backoff: {exponential: {maxDelay: '${ .cap }'}}, limit: {attempt: {count: 5}}}}}}]";
    let (at, state) = attempts(text, json!({"wait": {"seconds": 1}, "cap": "PT5S"}), 6);
    assert_eq!(at, [0, 1_000, 3_000, 7_000, 12_000, 17_000]);
    assert_eq!(state.status, Status::Faulted);

    let total = text.replace("attempt: {count: 5}", "duration: '${ .total }'");
    let (at, _) = attempts(&total, json!({"wait": "PT2S", "cap": "PT1M", "total": "PT7S"}), 9);
    assert_eq!(at, [0, 2_000, 6_000]);

    // The error is there, and says how long to wait.
    let error = text.replace("${ .wait }", "${ {milliseconds: $error.status} }");
    let (at, _) = attempts(&error, json!({"cap": "PT1H"}), 9);
    assert_eq!(at[..2], [0, 503]);
}

#[test]
fn one_without_a_value_is_an_error_of_the_try() {
    let text = "do: [{t: {try: [{c: {call: work, metadata: {kintsugi: {retry: {maximum_attempts: 1}}}}}], \
        catch: {retry: {delay: '${ .wait }', limit: {attempt: {count: 5}}}}}}]";
    let (at, state) = attempts(text, json!({"wait": "soon"}), 9);
    assert_eq!((at.len(), state.status), (1, Status::Faulted));
    let error = state.error.unwrap();
    assert_eq!(error.instance.as_deref(), Some("/do/0/t"));
    assert!(error.kind.ends_with("/expression"), "{error:?}");

    let limit = text.replace(
        "delay: '${ .wait }', limit: {attempt: {count: 5}}",
        "limit: {attempt: {duration: '${ .no }'}}",
    );
    let (at, state) = attempts(&limit, json!({}), 9);
    assert_eq!((at.len(), state.status), (0, Status::Faulted));

    let problems = body(&limit.replace(".no", "$error.x")).unwrap_err();
    assert_eq!(problems.0[0].code, "unknown-variable");
}

#[test]
fn an_attempts_time_limit_may_be_one() {
    let text = "do: [{t: {try: [{w: {wait: PT10S}}], catch: {retry: {delay: PT0S, limit: {attempt: {count: 2, duration: '${ .limit }'}}}}}}]";
    let compiled = body(text).unwrap();
    let state = run(&compiled.program, json!({"limit": "PT3S"})).unwrap();
    assert_eq!(state.status, Status::Faulted);
    assert!(state.error.unwrap().kind.ends_with("/timeout"));
    let state = run(&compiled.program, json!({"limit": "PT30S"})).unwrap();
    assert_eq!(state.status, Status::Completed);
}
