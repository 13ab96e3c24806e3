//! Extensions: tasks before and after other tasks.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{body, output, run};
use kintsugi_core::Status;
use serde_json::{Value, json};

fn codes(text: &str) -> Vec<String> {
    let problems = body(text).unwrap_err();
    problems.0.iter().map(|p| format!("{} {}:{}", p.code, p.line, p.column)).collect()
}

fn warnings(text: &str) -> Vec<String> {
    let warnings = body(text).unwrap().warnings;
    warnings.iter().map(|p| format!("{} {}:{}", p.code, p.line, p.column)).collect()
}

/// Notes what it sees in `$context.log`.
const LOG: &str = "use:\n  extensions:\n  - log:\n      extend: all\n      \
    before: [{note: {set: '${ \"+\" + $task.name }', export: {as: '{log: (($context.log // []) + [.])}'}}}]\n      \
    after: [{note: {set: '${ \"-\" + $task.name }', export: {as: '{log: (($context.log // []) + [.])}'}}}]\n";

fn log(text: &str, input: Value) -> Value {
    let compiled = body(text).unwrap();
    run(&compiled.program, input).unwrap().context["log"].clone()
}

#[test]
fn what_is_around_a_task_changes_nothing_of_it() {
    for (tasks, input, expected) in [
        ("do: [{a: {set: {x: 1}}}]", json!({}), json!({"x": 1})),
        (
            "do: [{a: {set: {x: '${ .y }'}, input: {from: .in}, output: {as: .x}}}]",
            json!({"in": {"y": 7}}),
            json!(7),
        ),
        (
            "do: [{a: {do: [{b: {set: {x: 2}}}, {c: {set: {y: '${ .x }'}}}]}}]",
            json!({}),
            json!({"y": 2}),
        ),
        (
            "do: [{a: {for: {in: '[1,2,3]'}, do: [{b: {set: '${ {n: ($item + (.n // 0))} }'}}]}}]",
            json!({}),
            json!({"n": 6}),
        ),
        (
            "do: [{a: {fork: {branches: [{b: {set: {x: 1}}}, {c: {set: {x: 2}}}]}}}]",
            json!({}),
            json!([{"x": 1}, {"x": 2}]),
        ),
        (
            "do: [{a: {switch: [{q: {when: .x, then: c}}]}}, {b: {set: {r: b}, then: end}}, {c: {set: {r: c}}}]",
            json!({"x": true}),
            json!({"r": "c"}),
        ),
        (
            "do: [{a: {switch: [{q: {when: .x, then: c}}]}}, {b: {set: {r: b}, then: end}}, {c: {set: {r: c}}}]",
            json!({}),
            json!({"r": "b"}),
        ),
        (
            "do: [{a: {switch: [{q: {then: end}}], output: {as: '{e: .x}'}}}, {b: {set: {r: b}}}]",
            json!({"x": 1}),
            json!({"e": 1}),
        ),
        (
            "do: [{a: {try: [{b: {raise: {error: {type: 'https://x.test/e', status: 418}}}}], catch: {then: c, do: [{d: {set: {s: '${ $error.status }'}}}]}}}, {b: {set: {r: b}, then: end}}, {c: {set: {r: '${ .s }'}}}]",
            json!({}),
            json!({"r": 418}),
        ),
        ("do: [{a: {if: .no, set: {x: 1}}}]", json!({"y": 1}), json!({"y": 1})),
    ] {
        assert_eq!(
            output(&format!("{LOG}{tasks}"), input.clone()),
            Ok(expected.clone()),
            "{tasks}"
        );
        assert_eq!(output(tasks, input), Ok(expected), "without extensions: {tasks}");
    }
}

#[test]
fn they_run_before_and_after_each_task_of_the_document_and_of_its_functions() {
    for (tasks, expected) in [
        ("do: [{a: {set: {x: 1}}}, {b: {set: {x: 1}}}]", json!(["+a", "-a", "+b", "-b"])),
        ("do: [{a: {do: [{b: {set: {x: 1}}}]}}]", json!(["+a", "+b", "-b", "-a"])),
        ("do: [{a: {if: 'false', set: {x: 1}}}, {b: {set: {x: 1}}}]", json!(["+b", "-b"])),
        (
            "do: [{a: {for: {in: '[1,2]'}, do: [{b: {set: {x: 1}}}]}}]",
            json!(["+a", "+b", "-b", "+b", "-b", "-a"]),
        ),
        // What fails has no after.
        (
            "do: [{a: {try: [{b: {raise: {error: {type: 'https://x.test/e', status: 418}}}}], catch: {do: [{c: {set: {x: 1}}}]}}}]",
            json!(["+a", "+b", "+c", "-c", "-a"]),
        ),
    ] {
        assert_eq!(log(&format!("{LOG}{tasks}"), json!({})), expected, "{tasks}");
    }
    let functions = format!(
        "{LOG}  functions: {{f: {{do: [{{g: {{set: {{x: 1}}}}}}]}}}}\ndo: [{{a: {{call: f}}}}]"
    );
    assert_eq!(log(&functions, json!({})), json!(["+a", "+f", "+g", "-g", "-f", "-a"]));
}

const NOTE: &str = "export: {as: '$context + {log: (($context.log // []) + [.])}'}";

#[test]
fn the_first_one_is_the_outermost_and_each_takes_its_kind() {
    let text = format!(
        "use:\n  extensions:\n  \
         - one: {{extend: all, before: [{{n: {{set: '${{ \"1+\" + $task.name }}', {NOTE}}}}}], after: [{{n: {{set: '${{ \"1-\" + $task.name }}', {NOTE}}}}}]}}\n  \
         - two: {{extend: composite, before: [{{n: {{set: '${{ \"2+\" + $task.name }}', {NOTE}}}}}], after: [{{n: {{set: '${{ \"2-\" + $task.name }}', {NOTE}}}}}]}}\n  \
         - no: {{extend: all, when: '$task.name == \"x\"', after: [{{n: {{set: never, {NOTE}}}}}]}}\n\
         do: [{{a: {{do: [{{b: {{set: {{x: 1}}}}}}]}}}}]"
    )
    .replace("set: never", "set: '${ \"never\" }'");
    let expected = json!(["1+a", "2+a", "1+b", "1-b", "2-a", "1-a"]);
    assert_eq!(log(&text, json!({})), expected);
}

#[test]
fn an_exit_before_stands_in_for_the_task_and_the_layers_within() {
    let text = format!(
        "use:\n  extensions:\n  \
         - outer: {{extend: set, after: [{{n: {{set: '${{ \"after \" + ($task.output.code | tostring) }}', {NOTE}}}}}]}}\n  \
         - mock: {{extend: set, when: '$task.set.real', before: [{{m: {{set: {{code: 200}}, then: exit}}}}], after: [{{n: {{set: '${{ \"own\" }}', {NOTE}}}}}]}}\n  \
         - inner: {{extend: set, before: [{{n: {{set: '${{ \"inner\" }}', {NOTE}}}}}]}}\n\
         do:\n- a: {{set: {{real: true}}, output: {{as: '{{got: .code}}'}}, export: {{as: '$context + .'}}, then: c}}\n\
         - b: {{set: {{x: 1}}}}\n\
         - c: {{set: {{code: 1, got: '${{ .got }}'}}}}"
    );
    let compiled = body(&text).unwrap();
    let state = run(&compiled.program, json!({})).unwrap();
    assert_eq!(state.status, Status::Completed);
    assert_eq!(state.output, Some(json!({"code": 1, "got": 200})));
    assert_eq!(state.context, json!({"log": ["after 200", "inner", "after 1"], "got": 200}));
}

#[test]
fn they_see_the_task_that_they_are_around() {
    let seen =
        "{reference: $task.reference, set: $task.set, in: $task.input, out: $task.output, from: .}";
    let text = format!(
        "use:\n  extensions:\n  - e: {{extend: set, before: [{{b: {{do: [{{c: {{set: {{x: 1}}, input: {{from: '{seen}'}}, export: {{as: '{{before: $input}}'}}}}}}]}}}}], \
         after: [{{d: {{set: {{x: 1}}, input: {{from: '{seen}'}}, export: {{as: '$context + {{after: $input}}'}}}}}}]}}\n\
         do: [{{a: {{set: {{x: 2}}, input: {{from: .p}}}}}}]"
    );
    let compiled = body(&text).unwrap();
    let state = run(&compiled.program, json!({"p": {"q": 1}})).unwrap();
    let common = json!({"reference": "/do/0/a", "set": {"x": 2}, "in": {"p": {"q": 1}}});
    let with = |out: Value, from: Value| {
        let mut all = common.clone();
        (all["out"], all["from"]) = (out, from);
        all
    };
    let expected = json!({
        "before": with(json!(null), json!({"q": 1})),
        "after": with(json!({"x": 2}), json!({"x": 2})),
    });
    assert_eq!(state.context, expected);
    // The task itself sees no more than any other.
    let own =
        format!("{LOG}do: [{{a: {{set: '${{ $task.set }}', output: {{as: '[., $task.set]'}}}}}}]");
    assert_eq!(output(&own, json!({})), Ok(json!([null, null])));
}

#[test]
fn an_error_in_one_is_the_tasks_and_tells_where_it_is() {
    let text = "use: {extensions: [{e: {extend: set, before: [{r: {raise: {error: {type: 'https://x.test/e', status: 418}}}}]}}]}\n\
        do: [{a: {set: {x: 1}}}]";
    let error = output(text, json!({})).unwrap_err();
    assert_eq!(
        (&error["status"], &error["instance"]),
        (&json!(418), &json!("/do/0/a/extensions/e/before/0/r"))
    );
    let caught = text.replace("{a: {set: {x: 1}}}", "{t: {try: [{a: {set: {x: 1}}}], catch: {do: [{c: {raise: {error: {type: 'https://x.test/e', status: 501}}}}]}}}");
    assert_eq!(output(&caught, json!({})).unwrap_err()["status"], json!(501));
    let when = "use: {extensions: [{e: {extend: set, when: error, before: []}}]}\ndo: [{a: {set: {x: 1}}}]";
    let error = output(when, json!({})).unwrap_err();
    assert_eq!(error["instance"], json!("/do/0/a"));
    assert!(error["type"].as_str().unwrap().ends_with("/expression"), "{error}");
}

#[test]
fn the_time_limit_of_a_task_is_its_own() {
    let slow = "use: {extensions: [{e: {extend: wait, before: [{w: {wait: PT5S}}], after: [{w: {wait: PT5S}}]}}]}\n";
    assert_eq!(
        output(&format!("{slow}do: [{{a: {{wait: PT0.1S, timeout: {{after: PT1S}}}}}}]"), json!(1)),
        Ok(json!(1))
    );
    let error =
        output(&format!("{slow}do: [{{a: {{wait: PT2S, timeout: {{after: PT1S}}}}}}]"), json!(1))
            .unwrap_err();
    assert!(error["type"].as_str().unwrap().ends_with("/timeout"), "{error}");
}

#[test]
fn loops_of_steps_go_on_after_a_cut() {
    // 500 operations are done at once: state is stored in the middle of an extension.
    let text = format!(
        "{LOG}do: [{{a: {{for: {{in: '[range(100)]'}}, do: [{{b: {{set: {{x: 1}}}}}}]}}}}]"
    );
    assert_eq!(log(&text, json!({})).as_array().unwrap().len(), 2 * 101);
}

#[test]
fn what_is_wrong_with_one_is_told_once() {
    let twice = "\ndo: [{a: {set: {x: 1}}}, {b: {set: {x: 1}}}]";
    for (extensions, expected) in [
        ("{e: {extend: set, before: [{x: {sett: {}}}]}}", vec!["missing-keyword 2:51"]),
        ("{e: {extend: sett}}", vec!["invalid-value 2:33"]),
        ("{e: {before: []}}", vec!["missing-key 2:24"]),
        ("{e: {extend: set, befor: []}}", vec!["unknown-key 2:38"]),
        (
            "{e: {extend: set, before: [{x: {set: {y: '${ $item }'}}}]}}",
            vec!["unknown-variable 2:61"],
        ),
        ("{e: {extend: run, before: [{x: {sett: {}}}]}}", vec!["missing-keyword 2:51"]),
    ] {
        assert_eq!(
            codes(&format!("use: {{extensions: [{extensions}]}}{twice}")),
            expected,
            "{extensions}"
        );
    }
    assert_eq!(codes(&format!("use: {{extensions: {{}}}}{twice}")), ["type 2:19"]);
    assert_eq!(
        warnings(&format!("use: {{extensions: [{{e: {{extend: run, before: []}}}}]}}{twice}")),
        ["unused-entry 2:24"]
    );
    assert_eq!(
        warnings(&format!("use: {{extensions: [{{e: {{extend: set}}}}]}}{twice}")),
        ["no-effect 2:21"]
    );
}

#[test]
fn they_multiply_within_the_limit_on_tasks() {
    let before =
        (0..100).map(|n| format!("{{n{n}: {{set: {{x: 1}}}}}}")).collect::<Vec<_>>().join(", ");
    let tasks =
        (0..101).map(|n| format!("{{t{n}: {{set: {{x: 1}}}}}}")).collect::<Vec<_>>().join(", ");
    let text =
        format!("use: {{extensions: [{{e: {{extend: set, before: [{before}]}}}}]}}\ndo: [{tasks}]");
    assert_eq!(
        codes(&text).iter().map(|c| c.split(' ').next().unwrap()).collect::<Vec<_>>(),
        ["document-too-large"]
    );
}
