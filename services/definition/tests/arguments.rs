//! The specification's table of the arguments of expressions: which has a value in which place.
//!
//! What stands in angle brackets in a document here is an expression that the test watches: it asks
//! for every argument where the machine evaluates it, and writes others in its place that name what
//! must be refused.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::cell::RefCell;
use std::collections::BTreeSet;

use common::{HEAD, everything_allowed};
use kintsugi_core::{
    CloudEvent, Evaluate, EvaluateError, Expr, Input, Machine, Phase, Program, RunId, RunState,
    Schema, Timestamp, Variables,
};
use kintsugi_definition::{Compiled, Expressions, Limits, Problems, compile};
use serde_json::{Value, json};

/// The arguments, and parts of `$task` that come and go, and variables of single places.
const NAMES: [&str; 11] = [
    "context",
    "input",
    "output",
    "runtime",
    "task",
    "task.input",
    "task.output",
    "workflow",
    "error",
    "index",
    "item",
];

/// Row "Task `if`" and "Task `input.from`" of the table.
const BEFORE: &str = "context runtime task task.input workflow";
/// Row "Task definition".
const WITHIN: &str = "context input runtime task task.input workflow";
/// Row "Task `output.as`".
const OUTPUT: &str = "context input runtime task task.input task.output workflow";
/// Row "Task `export.as`".
const EXPORT: &str = "context input output runtime task task.input task.output workflow";
/// Row "Workflow `output.as`".
const AFTER: &str = "context runtime workflow";

const USE: &str = "use: {secrets: [s], functions: {f: {set: {x: 1}}}}\n";

const FAILS: &str = "{r: {raise: {error: {type: 'https://x.test/e', status: 500}}}}";

/// Places, documents with an expression there, and what has a value there.
#[rustfmt::skip]
#[allow(clippy::too_many_lines, reason = "a table, with a row for each place")]
fn places() -> Vec<(&'static str, String, String)> {
    let task = |text: &str| format!("{USE}do: [{{a: {{{text}}}}}]");
    let catch = |text: &str| format!("{USE}do: [{{a: {{try: [{FAILS}], catch: {{{text}}}}}}}]");
    let retry = |text: &str| catch(&format!("retry: {{delay: PT1S, limit: {{attempt: {{count: 1}}}}, {text}}}"));
    let listen = |text: &str| task(&format!("listen: {{to: {{one: {{with: {{type: t, source: 'https://x.test'}}, {text}}}}}}}"));
    let foreach = |text: &str| task(&format!(
        "listen: {{to: {{one: {{with: {{type: t, source: 'https://x.test'}}}}}}}}, foreach: {{item: item, at: index, do: [{{b: {{set: {{x: 1}}}}}}], {text}}}"
    ));
    let extension = |text: &str| format!("use: {{secrets: [s], extensions: [{{e: {{extend: set, {text}}}}}]}}\ndo: [{{a: {{set: {{x: 1}}}}}}]");
    let and = |has: &str, more: &str| format!("{has} {more}");
    let of = |has: &str| has.to_owned();
    vec![
        ("workflow input.from", format!("{USE}input: {{from: <{{}}>}}\ndo: [{{a: {{set: {{x: 1}}}}}}]"), of("runtime workflow")),
        ("workflow timeout", format!("{USE}timeout: {{after: <\"PT9S\">}}\ndo: [{{a: {{set: {{x: 1}}}}}}]"), of(AFTER)),
        ("workflow output.as", format!("{USE}output: {{as: <{{}}>}}\ndo: [{{a: {{set: {{x: 1}}}}}}]"), of(AFTER)),
        ("if", task("if: <true>, set: {x: 1}"), of(BEFORE)),
        ("input.from", task("input: {from: <{}>}, set: {x: 1}"), of(BEFORE)),
        ("output.as", task("output: {as: <{}>}, set: {x: 1}"), of(OUTPUT)),
        ("output.as of what stays open", task("output: {as: <{}>}, do: [{b: {wait: PT1S}}]"), of(OUTPUT)),
        ("export.as", task("export: {as: <{}>}, set: {x: 1}"), of(EXPORT)),
        ("export.as of what stays open", task("export: {as: <{}>}, do: [{b: {wait: PT1S}}]"), of(EXPORT)),
        ("timeout", task("timeout: {after: <\"PT9S\">}, wait: PT1S"), of(WITHIN)),
        ("set", task("set: {x: [<1>]}"), of(WITHIN)),
        ("set, whole", task("set: <{}>"), of(WITHIN)),
        ("switch.when", task("switch: [{c: {when: <true>, then: continue}}]"), of(WITHIN)),
        ("wait", task("wait: <\"PT1S\">"), of(WITHIN)),
        ("for.in", task("for: {in: <[1]>}, do: [{b: {set: {x: 1}}}]"), of(WITHIN)),
        ("for.while", task("for: {in: '[1]'}, while: <true>, do: [{b: {set: {x: 1}}}]"), and(WITHIN, "index item")),
        ("within a loop", task("for: {in: '[1]'}, do: [{b: {set: {x: <1>}}}]"), and(WITHIN, "index item")),
        ("within a branch", task("fork: {branches: [{b: {set: {x: <1>}}}]}"), of(WITHIN)),
        ("raise.type", task("raise: {error: {type: <\"https://x.test/e\">, status: 500}}"), of(WITHIN)),
        ("raise.status", task("raise: {error: {type: 'https://x.test/e', status: <500>}}"), of(WITHIN)),
        ("raise.title", task("raise: {error: {type: 'https://x.test/e', status: 500, title: <\"t\">}}"), of(WITHIN)),
        ("raise.detail", task("raise: {error: {type: 'https://x.test/e', status: 500, detail: <\"d\">}}"), of(WITHIN)),
        ("emit", task("emit: {event: {with: {type: t, source: 'https://x.test', subject: <\"s\">}}}"), of(WITHIN)),
        ("emit, data", task("emit: {event: {with: {type: t, source: 'https://x.test', data: {x: <1>}}}}"), of(WITHIN)),
        ("catch.when", catch("when: <true>"), and(WITHIN, "error")),
        ("catch.exceptWhen", catch("exceptWhen: <false>"), and(WITHIN, "error")),
        ("catch.do", catch("do: [{b: {set: {x: <1>}}}]"), and(WITHIN, "error")),
        ("retry.when", retry("when: <true>"), and(WITHIN, "error")),
        ("retry.exceptWhen", retry("exceptWhen: <false>"), and(WITHIN, "error")),
        ("retry.delay", catch("retry: {delay: <\"PT1S\">, limit: {attempt: {count: 1}}}"), and(WITHIN, "error")),
        ("retry.jitter", retry("jitter: {from: <\"PT1S\">, to: PT2S}"), and(WITHIN, "error")),
        ("retry.limit.duration", catch("retry: {delay: PT1S, limit: {attempt: {count: 1}, duration: <\"PT9S\">}}"), and(WITHIN, "error")),
        ("retry.limit.attempt.duration", catch("retry: {delay: PT1S, limit: {attempt: {count: 1, duration: <\"PT9S\">}}}"), of(WITHIN)),
        ("listen, data", task("listen: {to: {one: {with: {type: t, source: 'https://x.test', data: <true>}}}}"), of(WITHIN)),
        ("listen, attribute", task("listen: {to: {one: {with: {type: <true>, source: 'https://x.test'}}}}"), of(WITHIN)),
        ("correlate.from", listen("correlate: {c: {from: <1>}}"), of(WITHIN)),
        ("correlate.expect", listen("correlate: {c: {from: '1', expect: <\"1\">}}"), of(WITHIN)),
        ("listen.until", task("listen: {to: {any: [{with: {type: t, source: 'https://x.test'}}], until: <true>}}"), of(WITHIN)),
        ("foreach.do", foreach("output: {as: .}").replace("{x: 1}}}],", "{x: <1>}}}],"), and(WITHIN, "index item")),
        ("foreach.output.as", foreach("output: {as: <{}>}"), and(WITHIN, "index item")),
        ("foreach.export.as", foreach("export: {as: <{}>}"), and(WITHIN, "index item output")),
        ("call of a task type", task("call: some, with: {x: <1>}"), of(WITHIN)),
        ("call of a function", task("call: f, with: {x: <1>}"), of(WITHIN)),
        ("within a function", "use: {secrets: [s], functions: {f: {set: {x: <1>}}}}\ndo: [{a: {call: f}}]".to_owned(), of(WITHIN)),
        ("call: http", task("call: http, with: {method: get, endpoint: 'http://x.test', headers: {A: <\"1\">}}"), of(WITHIN)),
        ("call: http, endpoint", task("call: http, with: {method: get, endpoint: <\"http://x.test\">}"), of(WITHIN)),
        ("call: http, authentication", task("call: http, with: {method: get, endpoint: {uri: 'http://x.test', authentication: {bearer: {token: <\"t\">}}}}"), of(WITHIN)),
        ("call: mcp", task("call: mcp, with: {method: tools/call, parameters: {name: n, arguments: {x: <1>}}, transport: {http: {endpoint: 'http://x.test'}}}"), of(WITHIN)),
        ("call: a2a", task("call: a2a, with: {method: message/send, server: 'http://x.test', parameters: {x: <1>}}"), of(WITHIN)),
        ("run.shell", task("run: {shell: {command: ls, environment: {A: <\"1\">}}}"), of(WITHIN)),
        ("run.script", task("run: {script: {language: js, code: '1', arguments: [<\"1\">]}}"), of(WITHIN)),
        ("run.container", task("run: {container: {image: i, stdin: <\"1\">}}"), of(WITHIN)),
        ("run.workflow", task("run: {workflow: {namespace: t, name: b, version: 0.1.0, input: {x: <1>}}}"), of(WITHIN)),
        ("map, in", task("call: map, with: {in: <[1]>, do: f}"), of(WITHIN)),
        ("map, with", task("call: map, with: {in: '[1]', do: f, with: {x: <1>}}"), and(WITHIN, "index item")),
        ("compensate.with", task("set: {x: 1}, metadata: {kintsugi: {compensate: {call: f, with: {x: <1>}}}}"), of(EXPORT)),
        ("human-task", task("call: human-task, with: {title: <\"t\">}"), of(WITHIN)),
        ("human-task, due", task("call: human-task, with: {title: t, due: <\"PT1H\">}"), of(WITHIN)),
        ("extension, when", extension("when: <true>, before: [{b: {set: {x: 1}}}]"), of(WITHIN)),
        ("extension, before", extension("before: [{b: {set: {x: <1>}}}]"), of(WITHIN)),
        ("extension, after", extension("after: [{b: {set: {x: <1>}}}]"), of(OUTPUT)),
    ]
}

/// Places whose expressions a worker may evaluate, with secrets.
const WORKERS: [&str; 8] = [
    "call: http",
    "call: http, endpoint",
    "call: http, authentication",
    "call: mcp",
    "call: a2a",
    "run.shell",
    "run.script",
    "run.container",
];

/// The document with an expression for what stands in angle brackets.
fn with(text: &str, expression: impl Fn(&str) -> String) -> Result<Compiled, Problems> {
    let (before, rest) = text.split_once('<').unwrap();
    let (value, after) = rest.split_once('>').unwrap();
    let text = format!("{HEAD}{before}'${{ {} }}'{after}", expression(value));
    compile(text.as_bytes(), &everything_allowed())
}

/// Evaluates as always, and notes which names have a value where the watched expression stands.
struct Watch<'a> {
    program: &'a Program,
    expressions: Expressions,
    seen: RefCell<BTreeSet<String>>,
}

impl Evaluate for Watch<'_> {
    fn evaluate(
        &self,
        expr: Expr,
        input: &Value,
        variables: &dyn Variables,
    ) -> Result<Value, EvaluateError> {
        if self.program.expressions[expr.0 as usize].contains("\"watched\"") {
            let has = |name: &&str| match name.split_once('.') {
                Some((name, part)) => {
                    variables.get(name).is_some_and(|value| value.get(part).is_some())
                }
                None => variables.get(name).is_some(),
            };
            let mut has: Vec<_> = NAMES.into_iter().filter(has).collect();
            has.sort_unstable();
            self.seen.borrow_mut().insert(has.join(" "));
        }
        self.expressions.evaluate(expr, input, variables)
    }

    fn validate(&self, schema: Schema, value: &Value) -> Result<(), EvaluateError> {
        self.expressions.validate(schema, value)
    }
}

/// Runs to the end, or to where another run is awaited: workers complete everything, and one event
/// comes to whoever listens. Gives what had a value where the watched expression stands.
fn watch(program: &Program) -> (RunState, BTreeSet<String>) {
    let expressions = Expressions::new(program, Limits::default()).unwrap();
    let watch = Watch { program, expressions, seen: RefCell::default() };
    let (id, mut now) = (RunId::parse("r").unwrap(), Timestamp(1_000));
    let mut state = RunState::new(json!({}), now);
    let mut next = Input::Start;
    for _ in 0..20 {
        Machine::advance(&id, program, &watch, &mut state, &next, now);
        if state.status.is_terminal() {
            break;
        }
        let out = state.tasks().find(|task| matches!(task.state.phase, Phase::Dispatched { .. }));
        next = if let Some(out) = out {
            let (task, epoch, worker) = (out.task, out.state.epoch, "w".to_owned());
            Input::Completed { task, epoch, output: json!({}), worker, started_at: None }
        } else if state.listens().next().is_some() {
            let event = json!({
                "specversion": "1.0", "id": "1", "source": "https://x.test", "type": "t", "data": {},
            });
            Input::Event { event: CloudEvent::try_from(event).unwrap(), directed: true }
        } else {
            now = state.wake_at().unwrap_or(now).max(now);
            Input::Tick
        };
    }
    (state, watch.seen.into_inner())
}

fn codes(problems: &Problems) -> Vec<&str> {
    problems.0.iter().map(|problem| problem.code).collect()
}

#[test]
fn each_argument_has_a_value_where_the_table_has_it_and_nowhere_else() {
    let mut wrong = Vec::new();
    for (place, text, has) in places() {
        let compiled = with(&text, |value| format!("\"watched\" | {value}"))
            .unwrap_or_else(|problems| panic!("{place}: {problems}"));
        let mut has: Vec<_> = has.split(' ').collect();
        has.sort_unstable();
        let (_, seen) = watch(&compiled.program);
        if seen != BTreeSet::from([has.join(" ")]) {
            wrong.push(format!("{place}\n  is     {seen:?}\n  wanted {has:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What has no value is an expression error of the task; a condition that fails does not hold.
#[test]
fn naming_what_has_no_value_is_an_error() {
    let lenient = ["catch.when", "catch.exceptWhen", "retry.when", "retry.exceptWhen"];
    let events = ["listen, data", "listen, attribute", "correlate.from"];
    for (place, text, has) in places() {
        for name in ["context", "input", "output"] {
            let known = has.split(' ').any(|has| has == name);
            let compiled = with(&text, |value| format!("${name} as $named | {value}"));
            let (state, _) = watch(&compiled.unwrap().program);
            let error = state.error.as_ref().map_or("", |error| error.kind.as_str());
            let is_wrong = error.ends_with("/expression");
            let has_no_end = events.contains(&place) && !state.status.is_terminal();
            let goes_on = lenient.contains(&place) && error == "https://x.test/e";
            let refused = is_wrong || has_no_end || goes_on;
            let retried_in_vain = known && place.starts_with("retry") && goes_on;
            assert!(refused != known || retried_in_vain, "{place}, ${name}: {state:?}");
        }
    }
}

/// Secrets are the worker's (profile, section 4): what the engine evaluates lies in its history.
#[test]
fn secrets_are_refused_wherever_the_engine_evaluates() {
    for (place, text, _) in places() {
        let compiled = with(&text, |value| format!("$secrets.s as $named | {value}"));
        match compiled {
            Ok(compiled) if WORKERS.contains(&place) => {
                let shown = format!("{:?}", compiled.program.nodes);
                assert!(shown.contains("secrets: [\"s\"]"), "{place}: {shown}");
            }
            Ok(_) => panic!("{place}: a secret is accepted"),
            Err(problems) => {
                assert!(!WORKERS.contains(&place), "{place}: {problems}");
                assert_eq!(codes(&problems), ["secret-here"], "{place}");
            }
        }
        for (name, code) in [("authorization", "secret-here"), ("nobody", "unknown-variable")] {
            let problems = with(&text, |value| format!("${name} as $named | {value}")).unwrap_err();
            assert_eq!(codes(&problems), [code], "{place}: ${name}");
        }
    }
}

/// Before there is a run there is nothing to name.
#[test]
fn what_starts_runs_names_nothing() {
    for filter in ["with: {type: t, data: <true>}", "with: {type: t}, correlate: {c: {from: <1>}}"]
    {
        let text =
            format!("schedule: {{on: {{one: {{{filter}}}}}}}\ndo: [{{a: {{set: {{x: 1}}}}}}]");
        assert!(with(&text, str::to_owned).is_ok(), "{filter}");
        for name in ["context", "input", "output", "runtime", "task", "workflow"] {
            let problems = with(&text, |value| format!("${name} as $named | {value}")).unwrap_err();
            assert_eq!(codes(&problems), ["unknown-variable"], "{filter}: ${name}");
        }
    }
}

/// The values, along the way of one task.
#[test]
fn each_argument_is_what_the_table_says() {
    let all = "{i: $input, o: $output, raw: $task.input, made: $task.output, c: $context}";
    let text = format!(
        "input: {{from: '{{n: 1}}'}}\noutput: {{as: '[., $context, $workflow.input]'}}\n\
         do: [{{a: {{input: {{from: '{{n: (.n + 1)}}'}}, set: {{n: 3}}, output: {{as: '{{n: 4, raw: $task.output, in: $input, was: $task.input}}'}}, \
         export: {{as: '{all}'}}}}}}]"
    );
    let got = common::output(&text, json!({"n": 0})).unwrap();
    let output = json!({"n": 4, "raw": {"n": 3}, "in": {"n": 2}, "was": {"n": 1}});
    let context = json!({
        "i": {"n": 2}, "o": output.clone(), "raw": {"n": 1}, "made": {"n": 3}, "c": {"n": 1},
    });
    assert_eq!(got, json!([output, context, {"n": 0}]));
}

/// `$input` of a loop's condition is the loop's, and what it is asked about the last output.
#[test]
fn a_condition_of_a_loop_sees_the_loops_input() {
    let text = "do: [{a: {for: {in: '[1, 2, 3]'}, while: '.n < $input.max', do: [{b: {set: '${ {n: ((.n // 0) + 1)} }'}}]}}]";
    assert_eq!(common::output(text, json!({"max": 2})).unwrap(), json!({"n": 2}));
}
