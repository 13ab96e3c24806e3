//! Documents, run by the machine: the conformance features that need no worker, and our own.

#![allow(clippy::print_stdout, reason = "tests say what they found")]

mod common;

use common::{body, official, output, run};
use kintsugi_core::Status;
use kintsugi_definition::{Settings, compile};
use serde_json::{Value, json};

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn documents_do_what_they_say() {
    for (text, input, expected) in [
        ("do: []", json!(5), json!(5)),
        ("do: [{a: {if: .x > 1, set: {y: 1}}}]", json!({"x": 1}), json!({"x": 1})),
        // What is skipped does not lead anywhere, either.
        (
            "do: [{a: {if: .no, set: {y: 1}, then: end}}, {b: {set: {z: 1}}}]",
            json!({}),
            json!({"z": 1}),
        ),
        (
            "input: {from: .in}\ndo: [{a: {set: {raw: '${ $workflow.input }', in: '${ . }'}}}]",
            json!({"in": 1}),
            json!({"raw": {"in": 1}, "in": 1}),
        ),
        ("do: [{a: {set: {y: '${ $context.c }'}}}]", json!({"c": 3}), json!({"y": 3})),
        (
            "do: [{a: {set: {y: 1}, export: {as: '$context + {z: .y}'}}}, {b: {set: '${ $context }'}}]",
            json!({}),
            json!({"z": 1}),
        ),
        (
            "do: [{a: {set: {y: 1}, output: {as: .y}}}, {b: {set: {z: '${ . }'}}}]",
            json!({}),
            json!({"z": 1}),
        ),
        (
            "do: [{a: {for: {in: .n, each: x, at: i}, while: $i < 2, do: [{b: {set: {n: '${ $input.n }', s: '${ (.s // []) + [$x] }'}}}]}}]",
            json!({"n": [7, 8, 9]}),
            json!({"n": [7, 8, 9], "s": [7, 8]}),
        ),
        (
            "do: [{a: {fork: {branches: [{x: {set: {v: 1}}}, {y: {wait: PT1S}}]}}}]",
            json!({"i": 1}),
            json!([{"v": 1}, {"i": 1}]),
        ),
        (
            "do: [{a: {fork: {compete: true, branches: [{x: {wait: PT5S}}, {y: {wait: PT1S, output: {as: '\"y\"'}}}]}}}]",
            json!({}),
            json!("y"),
        ),
        (
            "do: [{t: {try: [{r: {raise: {error: {type: 'https://x/e', status: 409, title: T}}}}], catch: {errors: {with: {status: 409}}, as: e, do: [{c: {set: {got: '${ $e.title }', at: '${ $e.instance }'}}}]}}}]",
            json!({}),
            json!({"got": "T", "at": "/do/0/t/try/0/r"}),
        ),
        (
            "do: [{t: {try: [{r: {raise: {error: {type: 'https://x/e', status: 500}}}}], catch: {retry: {delay: PT1S, limit: {attempt: {count: 2}}}, do: [{c: {set: {done: true}}}], then: z}}}, {y: {set: {no: 1}}}, {z: {set: '${ . + {z: 1} }'}}]",
            json!({}),
            json!({"done": true, "z": 1}),
        ),
        (
            "do: [{a: {set: {n: '${ .n + 1 }'}}}, {s: {switch: [{more: {when: .n < 5, then: a}}]}}, {e: {set: '${ .n }'}}]",
            json!({"n": 0}),
            json!(5),
        ),
        (
            "do: [{a: {do: [{b: {set: {x: 1}, then: exit}}, {c: {set: {x: 2}}}]}}, {d: {set: '${ .x }'}}]",
            json!({}),
            json!(1),
        ),
        (
            "do: [{a: {do: [{b: {set: {x: 1}, then: end}}]}}, {d: {set: {x: 2}}}]",
            json!({}),
            json!({"x": 1}),
        ),
        ("do: [{a: {wait: '${ .d }'}}]", json!({"d": "PT3S"}), json!({"d": "PT3S"})),
        (
            "do: [{a: {set: {v: '${ .big }'}}}]",
            json!({"big": 9_007_199_254_740_993_u64}),
            json!({"v": 9_007_199_254_740_993_u64}),
        ),
        (
            "do: [{a: {set: {n: '${ $task.name }', r: '${ $task.reference }', w: '${ $workflow.id }', d: '${ $workflow.definition.document.name }'}}}]",
            json!({}),
            json!({"n": "a", "r": "/do/0/a", "w": "r", "d": "a"}),
        ),
    ] {
        assert_eq!(output(text, input), Ok(expected), "{text}");
    }
}

#[test]
fn documents_fault_as_they_should() {
    for (text, input, kind, instance) in [
        ("do: [{a: {set: {x: '${ .a + 1 }'}}}]", json!({"a": "secret"}), "expression", "/do/0/a"),
        ("do: [{a: {set: {x: '${ def f: 1+f; f }'}}}]", json!({}), "expression", "/do/0/a"),
        ("do: [{a: {if: $output.x, set: {x: 1}}}]", json!({}), "expression", "/do/0/a"),
        ("do: [{a: {for: {in: .x}, do: []}}]", json!({"x": 5}), "expression", "/do/0/a"),
        (
            "do: [{a: {set: {x: 1}, input: {schema: {document: {required: [y]}}}}}]",
            json!({}),
            "validation",
            "/do/0/a",
        ),
        ("do: [{a: {wait: PT1H, timeout: {after: PT1S}}}]", json!({}), "timeout", "/do/0/a"),
        (
            "do: [{a: {try: [{b: {wait: PT1H, timeout: {after: PT1S}}}], catch: {errors: {with: {status: 500}}}}}]",
            json!({}),
            "timeout",
            "/do/0/a/try/0/b",
        ),
    ] {
        let error = output(text, input).unwrap_err();
        let end = format!("/{kind}");
        assert!(error["type"].as_str().unwrap().ends_with(&end), "{text}: {error}");
        assert_eq!(error["instance"], instance, "{text}: {error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

/// The text of `"""` blocks after `marker`.
fn block<'t>(scenario: &'t str, marker: &str) -> Option<&'t str> {
    let after = scenario.split_once(marker)?.1;
    Some(after.split("\"\"\"").nth(1)?.trim_start_matches("yaml"))
}

/// A YAML value, read as part of a document.
fn yaml(text: &str) -> Value {
    let lines: String =
        text.lines().fold(String::new(), |all, line| format!("{all}          {line}\n"));
    let compiled = body(&format!("do:\n  - a:\n      set:\n        x:\n{lines}"));
    let compiled = compiled.expect("a value");
    compiled.document["do"][0]["a"]["set"]["x"].clone()
}

#[test]
fn conformance_features_without_workers_hold() {
    let Some(folder) = official::folder() else { return };
    let mut held = 0;
    for (_, text) in official::features(&folder) {
        for scenario in text.split("Scenario:").skip(1) {
            let name = scenario.lines().next().unwrap().trim();
            let source = block(scenario, "a workflow with definition:").unwrap();
            let Ok(compiled) = compile(source.as_bytes(), &Settings::default()) else {
                println!("not supported  {name}");
                continue;
            };
            let input = block(scenario, "workflow input is:").map_or(json!({}), yaml);
            let Some(state) = run(&compiled.program, input) else {
                println!("needs a worker {name}");
                continue;
            };
            if let Some(expected) = block(scenario, "should complete with output:") {
                assert_eq!(state.output, Some(yaml(expected)), "{name}: {:?}", state.error);
            } else if let Some(expected) = block(scenario, "should fault with error:") {
                let expected = yaml(expected);
                let error = state.error.unwrap();
                assert_eq!(json!(error.status), expected["status"], "{name}");
                assert!(error.is_of_type(expected["type"].as_str().unwrap()), "{name}: {error:?}");
            } else {
                assert_eq!(state.status, Status::Completed, "{name}: {:?}", state.error);
            }
            println!("holds          {name}");
            held += 1;
        }
    }
    assert!(held >= 10, "only {held} scenarios held");
}
