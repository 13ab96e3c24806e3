//! Functions: inlined, apart from their callers, from `use`, catalogs and URLs.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{HEAD, body, output, run};
use kintsugi_core::{Kind, Status};
use kintsugi_definition::{Compiled, Problems, Resources, Settings, Step, compile_with};
use serde_json::{Value, json};

fn with(resources: &Resources, text: &str) -> Result<Compiled, Problems> {
    let source = format!("{HEAD}{text}");
    match compile_with(source.as_bytes(), &Settings::default(), resources)? {
        Step::Done(compiled) => Ok(*compiled),
        Step::Needs(needs) => panic!("needed: {needs:?}"),
    }
}

fn codes(text: &str) -> Vec<String> {
    let problems = body(text).unwrap_err();
    problems.0.iter().map(|p| format!("{} {}:{}", p.code, p.line, p.column)).collect()
}

const GREET: &str = "use: {functions: {greet: {input: {schema: {document: {required: [name]}}}, \
    set: {text: '${ \"Hi \" + .name }'}, output: {as: .text}}}}\n";

#[test]
fn a_function_is_a_task_of_its_own() {
    for (calls, input, expected) in [
        (
            "do: [{a: {call: greet, with: {name: '${ .who }'}}}]",
            json!({"who": "Bo"}),
            json!("Hi Bo"),
        ),
        // Without `with` it gets the call's input.
        ("do: [{a: {call: greet}}]", json!({"name": "Bo"}), json!("Hi Bo")),
        (
            "do: [{a: {call: greet, input: {from: .x}}}]",
            json!({"x": {"name": "Bo"}}),
            json!("Hi Bo"),
        ),
        (
            "do: [{a: {call: greet, output: {as: '{said: .}'}}}]",
            json!({"name": "B"}),
            json!({"said": "Hi B"}),
        ),
        ("do: [{a: {call: greet, if: .no}}]", json!({"x": 1}), json!({"x": 1})),
        (
            "do: [{f: {fork: {branches: [{a: {call: greet, with: {name: A}}}, {b: {call: greet, with: {name: B}}}]}}}]",
            json!({}),
            json!(["Hi A", "Hi B"]),
        ),
        (
            "do: [{a: {call: greet, then: end, with: {name: A}}}, {b: {set: {x: 1}}}]",
            json!({}),
            json!("Hi A"),
        ),
    ] {
        assert_eq!(output(&format!("{GREET}{calls}"), input), Ok(expected), "{calls}");
    }
}

#[test]
fn a_function_checks_its_own_input() {
    let error = output(&format!("{GREET}do: [{{a: {{call: greet, with: {{x: 1}}}}}}]"), json!({}));
    let error = error.unwrap_err();
    assert!(error["type"].as_str().unwrap().ends_with("/validation"), "{error}");
    assert_eq!(error["instance"], "/do/0/a/call");
}

#[test]
fn references_and_definitions_are_those_of_the_call() {
    let text = "use: {functions: {f: {do: [{s: {set: {r: '${ $task.reference }', n: '${ $task.name }', \
                d: '${ $task.definition.metadata.x }'}, metadata: {x: 7}}}]}, g: {do: [{h: {call: f}}]}}}\n\
                do: [{a: {call: g}}]";
    let expected = json!({"r": "/do/0/a/call/do/0/h/call/do/0/s", "n": "s", "d": 7});
    assert_eq!(output(text, json!({})), Ok(expected));
    let program = body(text).unwrap().program;
    assert_eq!(program.definition_at("/do/0/a").unwrap(), &json!({"call": "g"}));
    assert_eq!(program.definition_at("/do/0/a/call").unwrap()["do"][0]["h"]["call"], "f");
    assert_eq!(
        program.definition_at("/do/0/a/call/do/0/h/call").unwrap()["do"][0]["s"]["metadata"]["x"],
        7
    );
    assert_eq!(program.definition_at("/do/7"), None);
    let mut references: Vec<_> = program.nodes.iter().map(|node| &node.pointer).collect();
    references.sort();
    references.dedup();
    assert_eq!(references.len(), program.nodes.len(), "no two tasks share a reference");
}

#[test]
fn a_function_sees_nothing_of_its_caller_but_the_context() {
    let reads = |what: &str| {
        format!(
            "use: {{functions: {{f: {{set: {{x: '${{ {what} }}'}}}}}}}}\n\
             do: [{{l: {{for: {{in: '[1]'}}, do: [{{a: {{call: f}}}}]}}}}]"
        )
    };
    assert_eq!(codes(&reads("$item")), ["unknown-variable 2:32"]);
    assert_eq!(output(&reads("$context.c"), json!({"c": 5})), Ok(json!({"x": 5})));
}

#[test]
fn an_end_within_a_function_ends_the_run_and_an_exit_the_function() {
    let text = |then: &str| {
        format!(
            "use: {{functions: {{f: {{do: [{{x: {{set: {{v: 1}}, then: {then}}}}}, {{y: {{set: {{v: 2}}}}}}]}}}}}}\n\
             do: [{{a: {{call: f}}}}, {{b: {{set: {{after: '${{ .v }}'}}}}}}]"
        )
    };
    assert_eq!(output(&text("exit"), json!({})), Ok(json!({"after": 1})));
    assert_eq!(output(&text("end"), json!({})), Ok(json!({"v": 1})));
    assert_eq!(output(&text("continue"), json!({})), Ok(json!({"after": 2})));
}

#[test]
fn recursion_is_refused_with_its_cycle() {
    let text = "use: {functions: {a: {do: [{x: {call: b}}]}, b: {do: [{y: {call: c}}]}, c: {call: a}}}\n\
                do: [{s: {call: a}}]";
    let problems = body(text).unwrap_err();
    assert_eq!(problems.0[0].code, "recursive-function");
    assert!(problems.0[0].message.contains("a → b → c → a"), "{problems}");
    assert_eq!(codes("use: {functions: {a: {call: a}}}\ndo: []"), ["recursive-function 2:29"]);
}

#[test]
fn functions_that_explode_are_refused_quickly() {
    let mut functions = vec!["f0: {set: {x: 1}}".to_owned()];
    for n in 1..=15 {
        let calls: Vec<_> =
            (0..8).map(|call| format!("{{c{call}: {{call: f{}}}}}", n - 1)).collect();
        functions.push(format!("f{n}: {{do: [{}]}}", calls.join(", ")));
    }
    let text =
        format!("use: {{functions: {{{}}}}}\ndo: [{{a: {{call: f15}}}}]", functions.join(", "));
    let begun = std::time::Instant::now();
    assert!(codes(&text).iter().any(|code| code.starts_with("document-too-large")));
    assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn problems_are_where_the_function_is_and_told_once() {
    let text = "use: {functions: {f: {set: {x: '${ .a + }'}}}}\n\
                do: [{a: {call: f}}, {b: {call: f}}]";
    assert_eq!(codes(text), ["invalid-expression 2:32"]);
    assert_eq!(codes("use: {functions: {f: {sett: {x: 1}}}}\ndo: []"), ["missing-keyword 2:22"]);
    assert_eq!(codes("use: {functions: {http: {set: {x: 1}}}}\ndo: []"), ["invalid-name 2:19"]);
    assert_eq!(codes("do: [{a: {call: Greet}}]"), ["invalid-name 2:17"]);
    assert_eq!(codes(&format!("{GREET}do: [{{a: {{call: greet, with: 5}}}}]")), ["type 3:30"]);
    assert_eq!(
        codes(&format!(
            "{GREET}do: [{{a: {{call: greet, metadata: {{kintsugi: {{queue: q}}}}}}}}]"
        )),
        ["no-effect 3:35"]
    );
}

const REMOTE: &str = "https://a.test/functions/double/1.2.0/function.yaml";
const CATALOG: &str = "use: {catalogs: {mine: {endpoint: {uri: https://a.test/}}}}\n";

#[test]
fn functions_come_from_catalogs_and_urls() {
    let mut resources = Resources::default();
    resources.put(REMOTE, "input: {schema: {document: {required: [n]}}}\nset: {n: '${ .n * 2 }'}");
    for call in ["double:1.2.0@mine", REMOTE] {
        let text = format!("{CATALOG}do: [{{a: {{call: '{call}', with: {{n: 4}}}}}}]");
        let compiled = with(&resources, &text).unwrap();
        assert_eq!(compiled.resources.len(), 1);
        let state = run(&compiled.program, json!({})).unwrap();
        assert_eq!((state.status, state.output), (Status::Completed, Some(json!({"n": 8}))));
        let definition = compiled.program.definition_at("/do/0/a/call").unwrap();
        assert_eq!(definition["set"]["n"], "${ .n * 2 }");
    }
}

#[test]
fn a_function_from_elsewhere_sees_nothing_of_use() {
    let mut resources = Resources::default();
    let uses =
        "use: {functions: {f: {set: {x: 1}}}, errors: {e: {type: 'https://e', status: 400}}}\n";
    let call = format!("{uses}do: [{{a: {{call: '{REMOTE}'}}}}]");
    resources.put(REMOTE, "do:\n  - x: {call: f}\n");
    let program = with(&resources, &call).unwrap().program;
    let types = program.nodes.iter().filter_map(|node| match &node.kind {
        Kind::Call(call) => Some(call.task_type.clone()),
        _ => None,
    });
    assert_eq!(types.collect::<Vec<_>>(), ["f"], "a task type, not the caller's function");
    resources.put(REMOTE, "do:\n  - x: {raise: {error: e}}\n");
    let problems = with(&resources, &call).unwrap_err();
    let problem = &problems.0[0];
    assert_eq!((problem.code, problem.line, problem.column), ("unknown-reference", 3, 17));
    assert_eq!(problem.pointer, "/do/0/a/call");
    assert!(problem.message.starts_with(&format!("{REMOTE}:2:24: ")), "{problems}");
}

#[test]
fn the_default_catalog_is_the_task_types_of_workers() {
    let task_type = |call: &str| {
        let compiled = body(&format!("do: [{{a: {{call: '{call}'}}}}]")).unwrap();
        let Kind::Call(call) = &compiled.program.nodes[0].kind else { panic!("a call") };
        call.task_type.clone()
    };
    assert_eq!(task_type("charge-card"), "charge-card");
    assert_eq!(task_type("charge-card:1.2.0@default"), "charge-card-1-2-0");
    for (call, code) in [
        ("charge-card:1.2.0", "invalid-name"),
        ("charge-card@default", "invalid-name"),
        ("charge-card:latest@default", "invalid-name"),
        ("Charge:1.2.0@default", "invalid-name"),
        ("charge-card:1.2.0@other", "unknown-reference"),
    ] {
        let problems = body(&format!("do: [{{a: {{call: '{call}'}}}}]")).unwrap_err();
        assert_eq!(problems.0[0].code, code, "{call}: {problems}");
    }
}

#[test]
fn a_document_may_have_a_default_catalog_of_its_own() {
    let text = "use: {catalogs: {default: {endpoint: https://a.test}}}\n\
                do: [{a: {call: 'double:1.2.0@default', with: {n: 1}}}]";
    let mut resources = Resources::default();
    resources.put(REMOTE, "set: {n: '${ .n * 2 }'}");
    let state = run(&with(&resources, text).unwrap().program, Value::Null).unwrap();
    assert_eq!(state.output, Some(json!({"n": 2})));
}

#[test]
fn a_resource_that_is_no_function_is_told_at_the_call() {
    for (content, code) in
        [("[]", "type"), ("{x: [}", "invalid-function"), ("{}", "missing-keyword")]
    {
        let mut resources = Resources::default();
        resources.put(REMOTE, content);
        let problems = with(&resources, &format!("do: [{{a: {{call: '{REMOTE}'}}}}]")).unwrap_err();
        let problem = &problems.0[0];
        assert_eq!((problem.code, problem.line, problem.column), (code, 2, 17), "{content}");
    }
    let mut resources = Resources::default();
    resources.put(REMOTE, format!("call: {REMOTE}"));
    let problems = with(&resources, &format!("do: [{{a: {{call: '{REMOTE}'}}}}]")).unwrap_err();
    assert_eq!(problems.0[0].code, "recursive-function");
}
