//! What accepted documents become.

mod common;

use common::{HEAD, body};
use kintsugi_core::{
    Backoff, Call, Flow, Jump, Kind, Node, Program, Quarantine, RetryPolicy, Span, Template,
    WhenExhausted,
};
use kintsugi_definition::{Format, Settings, compile, digest};
use serde_json::json;

fn program(text: &str) -> Program {
    body(text).expect("it is right").program
}

fn node<'p>(program: &'p Program, name: &str) -> &'p Node {
    program.nodes.iter().find(|node| node.name == name).expect("a task")
}

fn call<'p>(program: &'p Program, name: &str) -> &'p Call {
    match &node(program, name).kind {
        Kind::Call(call) => call,
        other => panic!("{other:?}"),
    }
}

#[test]
fn pointers_are_those_of_the_document() {
    let text = "do: [{t: {try: [{get: {set: {x: 1}}}], catch: {do: [{c: {set: {x: 1}}}]}}}, {f: {fork: {branches: [{'a/b~': {set: {x: 1}}}]}}}, {l: {for: {in: .x}, do: [{i: {do: [{j: {set: {x: 1}}}]}}]}}]";
    let program = program(text);
    for (name, pointer) in [
        ("get", "/do/0/t/try/0/get"),
        ("c", "/do/0/t/catch/do/0/c"),
        ("a/b~", "/do/1/f/fork/branches/0/a~1b~0"),
        ("j", "/do/2/l/do/0/i/do/0/j"),
    ] {
        assert_eq!(node(&program, name).pointer, pointer);
        assert!(program.document.pointer(pointer).is_some(), "{pointer}");
    }
}

#[test]
fn a_template_keeps_literals_and_numbers_expressions() {
    let program = program(
        "do: [{a: {set: {x: '${ .p }', y: [1, '${ .q }', '${ .p }'], z: {k: true}, n: 9007199254740993}}}]",
    );
    let Kind::Set(Template::Object(parts)) = &node(&program, "a").kind else { panic!() };
    assert_eq!(program.expressions, [".p", ".q"]);
    let names: Vec<_> = parts.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["n", "x", "y", "z"]);
    assert_eq!(parts[0].1, Template::Literal(json!(9_007_199_254_740_993_u64)));
    assert_eq!(parts[3].1, Template::Literal(json!({"k": true})));
    assert!(matches!(&parts[2].1, Template::Array(items) if items.len() == 3));
}

#[test]
fn flow_directives_become_jumps_in_the_same_list() {
    let program = program(
        "do: [{a: {set: {x: 1}, then: c}}, {b: {switch: [{d: {then: exit}}, {w: {when: .x, then: a}}]}}, {c: {set: {x: 1}, then: end}}]",
    );
    assert_eq!(node(&program, "a").then, Flow::Goto(Jump(2)));
    assert_eq!(node(&program, "c").then, Flow::End);
    let Kind::Switch(cases) = &node(&program, "b").kind else { panic!() };
    // The default goes last, wherever it stood.
    assert_eq!((cases[0].then, cases[1].then), (Flow::Goto(Jump(0)), Flow::Exit));
    assert!(cases[1].when.is_none());
}

#[test]
fn a_call_takes_queue_and_policy_from_metadata() {
    let head = "document: {dsl: 1.0.0, namespace: t, name: t, version: 1.0.0, metadata: {kintsugi: {queue: q1, start_to_close: 10s, retry: {maximum_attempts: 7}}}}\n";
    let text = "do: [{a: {call: x}}, {b: {call: y, with: {k: 1}, metadata: {kintsugi: {queue: q2, when_exhausted: park, crashes_max: 2, quarantine: {workers: 4, release: 1h}, retry: {backoff: constant, initial_interval: PT2S, total: {minutes: 5}}}}}}]";
    let compiled = compile(format!("{head}{text}").as_bytes(), &Settings::default()).unwrap();
    let (a, b) = (call(&compiled.program, "a"), call(&compiled.program, "b"));
    assert_eq!((a.task_type.as_str(), a.queue.as_str()), ("x", "q1"));
    assert_eq!(a.policy.start_to_close_ms, 10_000);
    assert_eq!(a.policy.retry.maximum_attempts, 7);
    assert!(matches!(a.with, Template::Expr(_)), "without `with` the worker gets the input");
    assert_eq!(b.queue, "q2");
    assert_eq!(b.policy.when_exhausted, WhenExhausted::Park);
    assert_eq!((b.policy.crashes_max, b.policy.start_to_close_ms), (2, 10_000));
    let (three, never) = (Quarantine { workers: 3, release_ms: None }, 0);
    assert_eq!(a.policy.quarantine, three, "unless something else is said");
    assert_eq!(b.policy.quarantine, Quarantine { workers: 4, release_ms: Some(3_600_000) });
    let off = program("do: [{a: {call: x, metadata: {kintsugi: {quarantine: false}}}}]");
    assert_eq!(call(&off, "a").policy.quarantine.workers, never);
    let retry = &b.policy.retry;
    assert_eq!((retry.backoff, retry.initial_interval_ms), (Backoff::Constant, 2_000));
    assert_eq!((retry.total_ms, retry.maximum_attempts), (Some(300_000), 7));
    assert_eq!(b.with, Template::Literal(json!({"k": 1})));
}

#[test]
fn a_call_inside_a_try_that_retries_does_not_retry_itself() {
    let program = program(
        "do: [{t: {try: [{a: {call: x}}, {b: {call: x, metadata: {kintsugi: {retry: {maximum_attempts: 3}}}}}, {d: {do: [{e: {call: x}}]}}], catch: {retry: {delay: PT1S}, do: [{c: {call: x}}]}}}, {u: {try: [{f: {call: x}}], catch: {}}}]",
    );
    let attempts = |name| call(&program, name).policy.retry.maximum_attempts;
    assert_eq!(call(&program, "a").policy.retry, RetryPolicy::none());
    assert_eq!((attempts("a"), attempts("b"), attempts("e")), (1, 3, 1));
    assert_eq!((attempts("c"), attempts("f")), (5, 5));
}

#[test]
fn retry_policies_count_retries() {
    let policy = |text: &str| {
        let program = program(&format!("do: [{{t: {{try: [], catch: {{retry: {text}}}}}}}]"));
        let Kind::Try { catch, .. } = &node(&program, "t").kind else { panic!() };
        catch.retry.clone().unwrap()
    };
    let five = policy(
        "{delay: PT3S, backoff: {exponential: {}}, limit: {attempt: {count: 5, duration: PT9S}, duration: PT1H}}",
    );
    assert_eq!(five.policy.maximum_attempts, 6);
    assert_eq!(five.policy.backoff, Backoff::Exponential { coefficient: 2.0 });
    assert_eq!((five.policy.initial_interval_ms, five.policy.total_ms), (3_000, Some(3_600_000)));
    assert_eq!(five.attempt, Some(Span::Millis(9_000)));
    assert_eq!(policy("{}").policy.maximum_attempts, 10);
    assert_eq!(policy("{limit: {duration: PT1H}}").policy.maximum_attempts, u32::MAX);
    assert_eq!(policy("{limit: {attempt: {count: 0}}}").policy.maximum_attempts, 1);
    let jitter = policy("{jitter: {from: PT1S, to: PT2S}, backoff: {linear: {maxDelay: PT9S}}}");
    assert_eq!(jitter.policy.jitter_ms, Some((1_000, 2_000)));
    assert_eq!(
        (jitter.policy.backoff, jitter.policy.maximum_interval_ms),
        (Backoff::Linear, 9_000)
    );
}

#[test]
fn an_http_endpoint_becomes_one_template() {
    let endpoint = |text: &str| {
        let program = program(&format!(
            "do: [{{a: {{call: http, with: {{method: get, endpoint: {text}}}}}}}]"
        ));
        match &call(&program, "a").with {
            Template::Literal(value) => Template::Literal(value["endpoint"].clone()),
            Template::Object(parts) => {
                parts.iter().find(|(name, _)| name == "endpoint").unwrap().1.clone()
            }
            other => panic!("{other:?}"),
        }
    };
    let part = |text: &str, name: Option<&str>| (text.to_owned(), name.map(str::to_owned));
    assert_eq!(endpoint("'http://x/y'"), Template::Literal(json!("http://x/y")));
    let both = [part("http://x/", Some("id")), part("/y?z=", Some("q"))];
    assert_eq!(endpoint("'http://x/{id}/y?z={q}'"), Template::Uri(both.to_vec()));
    assert_eq!(endpoint("{uri: 'http://x/{id}/y?z={q}'}"), Template::Uri(both.to_vec()));
    assert!(matches!(endpoint("'${ .url }'"), Template::Expr(_)));
}

#[test]
fn durations_and_timeouts_are_resolved() {
    let program = program(
        "do: [{a: {wait: {minutes: 1, seconds: 30}, timeout: {after: PT2M}}}, {b: {wait: '${ .d }', timeout: short}}]\nuse: {timeouts: {short: {after: PT5S}}}\ntimeout: {after: P1D}",
    );
    assert_eq!(node(&program, "a").kind, Kind::Wait(Span::Millis(90_000)));
    assert_eq!(node(&program, "a").timeout, Some(Span::Millis(120_000)));
    assert!(matches!(node(&program, "b").kind, Kind::Wait(Span::Expr(_))));
    assert_eq!(node(&program, "b").timeout, Some(Span::Millis(5_000)));
    assert_eq!(program.timeout, Some(Span::Millis(86_400_000)));
}

#[test]
fn a_body_without_document_is_completed_where_a_name_is_given() {
    let settings = Settings { name: Some("hello".to_owned()), ..Settings::default() };
    let text = "do: [{greet: {set: {msg: hi}}}]";
    let compiled = compile(text.as_bytes(), &settings).unwrap();
    let definition = &compiled.program.definition;
    assert_eq!((definition.namespace.as_str(), definition.name.as_str()), ("default", "hello"));
    assert!(definition.version.starts_with("0.0.0-"), "{definition}");
    let again = compile(compiled.document.to_string().as_bytes(), &Settings::default()).unwrap();
    assert_eq!(again.program, compiled.program);
    assert_eq!(again.digest, compiled.digest);
    let other = compile(text.replace("hi", "ho").as_bytes(), &settings).unwrap();
    assert_ne!(other.program.definition.version, definition.version);
}

#[test]
fn format_and_digest_are_told() {
    let yaml = compile(
        format!("{HEAD}do: [{{a: {{set: {{x: 1}}}}}}] # comment").as_bytes(),
        &Settings::default(),
    )
    .unwrap();
    let json = compile(yaml.document.to_string().as_bytes(), &Settings::default()).unwrap();
    let flow = compile(
        b"{do: [], document: {dsl: 1.0.3, namespace: t, name: a, version: 1.0.0}}",
        &Settings::default(),
    )
    .unwrap();
    assert_eq!((yaml.source_format, json.source_format), (Format::Yaml, Format::Json));
    assert_eq!(flow.source_format, Format::Yaml);
    assert_eq!(yaml.digest, json.digest);
    assert_eq!(yaml.digest, digest(&yaml.document));
    assert_eq!(yaml.digest.len(), 64);
}

#[test]
fn json_with_surrogate_pairs_is_read() {
    let text = r#"{"document":{"dsl":"1.0.3","namespace":"t","name":"a","version":"1.0.0"},"do":[{"a":{"set":{"x":"\ud83d\ude00\u00e9\/"}}}]}"#;
    let compiled = compile(text.as_bytes(), &Settings::default()).unwrap();
    assert_eq!(compiled.document["do"][0]["a"]["set"]["x"], json!("😀é/"));
}

#[test]
fn another_workflow_is_run_with_an_input_or_the_tasks_own() {
    let text = "do: [{a: {run: {workflow: {namespace: n, name: w, version: '1.0.0', input: {x: '${ .y }'}}}}}, {b: {run: {await: false, workflow: {namespace: n, name: w}}}}]";
    let program = program(text);
    let run = |name| match &node(&program, name).kind {
        Kind::RunWorkflow(run) => run,
        other => panic!("{other:?}"),
    };
    assert_eq!(run("a").definition.to_string(), "n/w:1.0.0");
    assert_eq!((run("a").awaited, run("b").awaited), (true, false));
    assert_eq!(run("b").definition.to_string(), "n/w:latest");
    assert!(matches!(run("b").input, Template::Expr(_)));
}
