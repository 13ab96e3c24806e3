//! The registry of task types: what it says of a type holds wherever that is called.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::sync::Arc;

use common::HEAD;
use kintsugi_core::{
    Backoff, Call, Effect, Input, Kind, Machine, Outcome, Program, RunId, RunState, Status,
    Timestamp,
};
use kintsugi_definition::{
    Compiled, Expressions, Limits, Problems, ResourceKind, Resources, Settings, Step, compile_with,
    program_from_document, task_type, task_type_uri,
};
use serde_json::{Value, json};

const PAY: &str = "
queue: money
retry: {maximum_attempts: 9, backoff: linear}
start_to_close: 20s
lease: 5s
concurrency: {limit: 3, key: '${ .card }'}
input:
  type: object
  required: [card, cents]
  properties: {card: {type: string}, cents: {type: integer}, note: {}}
  additionalProperties: false
output: {type: object, required: [paid]}
";

/// What the registry has.
fn known(entries: &[(&str, &str)]) -> Resources {
    let mut known = Resources::default();
    for (name, text) in entries {
        let body = task_type(name, text.as_bytes(), &Limits::default()).unwrap();
        known.put(task_type_uri(name), body.to_string());
    }
    known
}

fn step(text: &str, names: &[&str], known: &Resources) -> Result<Step, Problems> {
    let mut settings = Settings::default();
    settings.limits.task_types = Arc::new(names.iter().map(|&name| name.to_owned()).collect());
    let text = if text.starts_with("document") { text.to_owned() } else { format!("{HEAD}{text}") };
    compile_with(text.as_bytes(), &settings, known)
}

fn done(text: &str, known: &Resources) -> Compiled {
    match step(text, &[], known).unwrap() {
        Step::Done(compiled) => *compiled,
        Step::Needs(needs) => panic!("{needs:?}"),
    }
}

fn call(program: &Program) -> &Call {
    let calls = program.nodes.iter().find_map(|node| match &node.kind {
        Kind::Call(call) => Some(call),
        _ => None,
    });
    calls.unwrap()
}

#[test]
fn what_is_registered_is_needed_once_and_stored_with_the_definition() {
    let text = "do: [{a: {call: pay}}, {b: {call: pay}}, {c: {call: ship}}]";
    let Step::Needs(needs) = step(text, &["pay"], &Resources::default()).unwrap() else {
        panic!("it needs what is registered")
    };
    assert_eq!(needs.len(), 1);
    assert_eq!(
        (&*needs[0].uri, needs[0].kind),
        ("kintsugi:task-types/pay", ResourceKind::TaskType)
    );
    assert_eq!((needs[0].task_type(), &*needs[0].pointer), (Some("pay"), "/do/0/a"));
    let known = known(&[("pay", PAY), ("other", "{}")]);
    let Step::Done(compiled) = step(text, &["pay"], &known).unwrap() else { panic!("done") };
    assert_eq!(compiled.resources.len(), 1);
    let again = program_from_document(&compiled.document, &compiled.resources).unwrap();
    assert_eq!(again, compiled.program);
    let without = program_from_document(&compiled.document, &Resources::default()).unwrap();
    assert_eq!((&*call(&without).queue, call(&without).input_schema), ("default", None));
    // Nobody has to be asked for these, so they are not bounded as what is elsewhere is.
    let many: Vec<String> = (0..40).map(|n| format!("{{t{n}: {{call: t{n}}}}}")).collect();
    let names: Vec<String> = (0..40).map(|n| format!("t{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let text = format!("do: [{}]", many.join(", "));
    assert!(
        matches!(step(&text, &names, &Resources::default()), Ok(Step::Needs(n)) if n.len() == 40)
    );
    // It was removed meanwhile.
    let mut gone = Resources::default();
    gone.fail(task_type_uri("pay"), "it is not there any more");
    let problems = step("do: [{a: {call: pay}}]", &["pay"], &gone).unwrap_err();
    assert_eq!(problems.0[0].code, "missing-resource");
}

#[test]
fn the_document_goes_before_the_registry_and_the_task_before_both() {
    let known = known(&[("pay", PAY)]);
    let plain = done("do: [{a: {call: pay}}]", &known);
    let own = call(&plain.program);
    let policy = &own.policy;
    assert_eq!(
        (&*own.queue, policy.start_to_close_ms, policy.lease_ms),
        ("money", 20_000, Some(5_000))
    );
    assert_eq!((policy.retry.maximum_attempts, policy.retry.backoff), (9, Backoff::Linear));
    assert_eq!(policy.bound.as_ref().unwrap().limit, 3);

    let text = "document: {dsl: 1.0.3, namespace: test, name: a, version: 0.1.0, metadata: {kintsugi: \
        {queue: docs, retry: {maximum_attempts: 4}}}}\ndo: [{a: {call: pay, metadata: {kintsugi: \
        {retry: {jitter: 0.5}, priority: 2}}}}, {b: {call: other}}]";
    let compiled = done(text, &known);
    let own = call(&compiled.program);
    let policy = &own.policy;
    assert_eq!((&*own.queue, policy.start_to_close_ms), ("docs", 20_000));
    let retry = &policy.retry;
    assert_eq!((retry.maximum_attempts, retry.backoff), (4, Backoff::Linear));
    assert!((retry.jitter - 0.5).abs() < 1e-9);
    assert_eq!(policy.bound.as_ref().unwrap().priority, 2);
    // What does not fit together is told where the document says it, once.
    let text = "document: {dsl: 1.0.3, namespace: test, name: a, version: 0.1.0, metadata: {kintsugi: \
        {retry: {maximum_interval: 10s}}}}\ndo: [{a: {call: slow}}, {b: {call: slow}}, {c: {call: fast}}]";
    let slow = self::known(&[("slow", "retry: {initial_interval: 20s}")]);
    let problems = step(text, &[], &slow).unwrap_err();
    assert_eq!(problems.0.len(), 1, "{problems}");
    assert_eq!((problems.0[0].code, problems.0[0].line), ("out-of-range", 1));
    // In a `try` with retries the document states its own policy.
    let text =
        "do: [{t: {try: [{a: {call: pay}}], catch: {retry: {limit: {attempt: {count: 3}}}}}}]";
    let compiled = done(text, &known);
    assert_eq!(call(&compiled.program).policy.retry.maximum_attempts, 1);
}

#[test]
fn arguments_that_cannot_fit_are_refused_at_once() {
    let known =
        known(&[("pay", PAY), ("either", "input: {anyOf: [{required: [a]}, {required: [b]}]}")]);
    let codes = |name: &str, with: &str| {
        let text = format!("do: [{{a: {{call: {name}, with: {with}}}}}]");
        match step(&text, &[], &known) {
            Ok(_) => Vec::new(),
            Err(problems) => {
                problems.0.iter().map(|p| format!("{} {}", p.code, p.pointer)).collect()
            }
        }
    };
    let refused = ["invalid-arguments /do/0/a/with"];
    assert_eq!(codes("pay", "{card: x, cents: 5}"), [""; 0]);
    assert_eq!(codes("pay", "{card: x, cents: '5'}"), refused);
    assert_eq!(codes("pay", "{card: x}"), refused);
    // Of what is known in part, the rest is seen when it is called.
    for (with, expected) in [
        ("{card: '${ .card }', cents: '${ .cents }'}", &[][..]),
        ("{card: '${ .card }', cents: 1.5}", &refused),
        ("{card: '${ .card }'}", &refused),
        ("{card: '${ .card }', cents: 5, extra: '${ .x }'}", &refused),
        ("{card: ['${ .card }'], cents: 5}", &refused),
        ("{card: a, cents: 1, note: ['${ .card }', 7]}", &[]),
    ] {
        assert_eq!(codes("pay", with), expected, "{with}");
    }
    assert_eq!(codes("either", "{a: '${ .x }'}"), [""; 0]);
    assert_eq!(codes("either", "{c: '${ .x }'}"), [""; 0], "it may depend on what is not known");
    assert_eq!(codes("either", "{c: 1}"), ["invalid-arguments /do/0/a/with"]);
}

#[test]
fn what_makes_no_sense_is_refused_with_its_place() {
    let codes = |name: &str, text: &str| match task_type(name, text.as_bytes(), &Limits::default())
    {
        Ok(_) => Vec::new(),
        Err(problems) => {
            problems.0.iter().map(|p| format!("{} {}:{}", p.code, p.line, p.column)).collect()
        }
    };
    assert_eq!(codes("pay", PAY), [""; 0]);
    assert_eq!(codes("simulate", "{}"), [""; 0]);
    for name in ["Pay", "", "http", "grpc", "map", "human-task", "run-shell"] {
        assert_eq!(codes(name, "{}"), ["invalid-name 1:1"], "{name}");
    }
    assert_eq!(codes("pay", "[]"), ["type 1:1"]);
    assert_eq!(codes("pay", "a: ["), ["syntax 2:1"]);
    assert_eq!(
        codes("pay", "queue: X\nqueues: y\nlease: 0s\nretry: {tries: 1}"),
        ["invalid-name 1:8", "unknown-key 2:1", "out-of-range 3:8", "unknown-key 4:9"]
    );
    assert_eq!(
        codes("pay", "description: 5\ninput: {type: what}\noutput: 7"),
        ["type 1:14", "invalid-schema 2:8", "invalid-schema 3:9"]
    );
    assert_eq!(codes("pay", "input: {$ref: 'https://a.test/x.json'}"), ["unsupported 1:8"]);
    assert_eq!(codes("pay", "priority: 3"), ["no-effect 1:11"]);
    assert_eq!(codes("pay", "compensate: {call: x}"), ["unknown-key 1:1"]);
    assert_eq!(
        codes("pay", "concurrency: {limit: 1, key: '${ $item }'}"),
        ["unknown-variable 1:30"]
    );
}

#[test]
fn a_slip_away_from_what_is_registered_is_warned_of() {
    let warnings =
        |text: &str, names: &[&str]| match step(text, names, &known(&[("pay-bill", "{}")])) {
            Ok(Step::Done(compiled)) => compiled
                .warnings
                .into_iter()
                .map(|w| format!("{} {}", w.code, w.hint.unwrap()))
                .collect(),
            other => panic!("{other:?}"),
        };
    let text = "do: [{a: {call: pay-bil}}]";
    let said: Vec<String> = warnings(text, &["pay-bill"]);
    assert_eq!(said, ["suspicious-task-type did you mean `pay-bill`?"]);
    assert_eq!(warnings(text, &[]), Vec::<String>::new());
    assert_eq!(
        warnings("do: [{a: {call: pay-bill}}]", &["pay-bill", "pay-bills"]),
        Vec::<String>::new()
    );
}

/// Starts a run of a program that has what the registry says.
fn start(text: &str, input: Value) -> (Program, Expressions, RunState, Outcome) {
    let program = done(
        text,
        &known(&[
            ("pay", PAY.split("concurrency").next().unwrap()),
            (
                "check",
                "{input: {type: object, required: [n]}, output: {type: object, required: [paid]}}",
            ),
        ]),
    )
    .program;
    let expressions = Expressions::new(&program, Limits::default()).unwrap();
    let mut state = RunState::new(input, Timestamp(1_000));
    let id = RunId::parse("r").unwrap();
    let outcome =
        Machine::advance(&id, &program, &expressions, &mut state, &Input::Start, Timestamp(1_000));
    (program, expressions, state, outcome)
}

fn completed(
    state: &mut RunState,
    (program, expressions): (&Program, &Expressions),
    output: Value,
) -> Outcome {
    let task = state.tasks().next().unwrap().task;
    let input = Input::Completed { task, epoch: 1, output, worker: "w".into(), started_at: None };
    let id = RunId::parse("r").unwrap();
    Machine::advance(&id, program, expressions, state, &input, Timestamp(2_000))
}

fn is_given_out(outcome: &Outcome) -> bool {
    outcome.effects.iter().any(|effect| matches!(effect, Effect::Dispatch { .. }))
}

#[test]
fn input_is_checked_before_a_worker_gets_it() {
    let text = "do: [{a: {call: check, with: {n: '${ .n }'}}}]";
    let (_, _, state, outcome) = start(text, json!({"n": 1}));
    assert!(is_given_out(&outcome) && state.status == Status::Running);
    // Without arguments, the worker gets the task's input.
    let text = "do: [{a: {call: check}}]";
    let (_, _, state, outcome) = start(text, json!({"m": 1}));
    assert!(!is_given_out(&outcome));
    let error = state.error.unwrap();
    assert!(error.is_of_type("https://serverlessworkflow.io/spec/1.0.0/errors/validation"));
    assert_eq!((error.status, error.instance.as_deref()), (400, Some("/do/0/a")));
    assert_eq!(
        outcome.effects.iter().filter(|e| matches!(e, Effect::DeadLetter { .. })).count(),
        0
    );
    // It is an error as any other: here, for one item of several.
    let text = "do: [{m: {call: map, with: {in: '${ . }', do: check, onError: collect}}}]";
    let (_, _, state, outcome) = start(text, json!([{"m": 1}]));
    assert!(!is_given_out(&outcome));
    let output = state.output.unwrap();
    assert_eq!(output.pointer("/0/error/status"), Some(&json!(400)), "{output}");
}

#[test]
fn output_that_does_not_fit_fails_the_task_for_good() {
    let text = "do: [{a: {call: check}}]";
    let (program, expressions, mut state, _) = start(text, json!({"n": 1}));
    let outcome = completed(&mut state, (&program, &expressions), json!({"paid": 5}));
    assert_eq!((state.status, state.output), (Status::Completed, Some(json!({"paid": 5}))));
    assert!(outcome.changed);

    let (program, expressions, mut state, _) = start(text, json!({"n": 1}));
    let outcome = completed(&mut state, (&program, &expressions), json!({"paying": 5}));
    assert_eq!(state.status, Status::Faulted);
    let error = state.error.unwrap();
    assert_eq!((error.status, error.instance.as_deref()), (400, Some("/do/0/a")));
    let detail = error.detail.unwrap();
    assert!(
        detail.contains("output does not match its schema") && !detail.contains("paying"),
        "{detail}"
    );
    assert!(outcome.effects.iter().any(|effect| matches!(effect, Effect::DeadLetter { .. })));

    let caught = "do: [{t: {try: [{a: {call: check}}], catch: {errors: {with: {status: 400}}, do: [{b: {set: {x: 1}}}]}}}]";
    let (program, expressions, mut state, _) = start(caught, json!({"n": 1}));
    completed(&mut state, (&program, &expressions), json!(null));
    assert_eq!((state.status, state.output), (Status::Completed, Some(json!({"x": 1}))));
}
