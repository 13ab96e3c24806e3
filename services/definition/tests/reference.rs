//! Random definitions with random failing workers end as a simple recursive interpreter says, on a
//! machine whose owner dies between any two inputs, whose attempts are lost, and whose messages come
//! twice and in any order.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "reference/calls.rs"]
mod calls;
mod common;
#[path = "reference/engine.rs"]
mod engine;
#[path = "reference/generate.rs"]
mod generate;
#[path = "reference/interpret.rs"]
mod interpret;

use kintsugi_definition::{Settings, compile};
use proptest::prelude::*;
use serde_json::{Value, json};

/// The parts of an error that both know.
fn essence(result: Result<Value, Value>) -> Result<Value, Value> {
    result.map_err(|error| {
        let part = |key: &str| error.get(key).cloned().unwrap_or_default();
        json!({"type": part("type"), "status": part("status"), "instance": part("instance")})
    })
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 4_000, ..ProptestConfig::default() })]
    #[test]
    fn the_machine_does_what_the_interpreter_says(
        document in generate::document(),
        number in 0..3_i64,
        seeds in prop::array::uniform3(any::<u64>()),
    ) {
        let text = document.to_string();
        let compiled = compile(text.as_bytes(), &Settings::default());
        let compiled = compiled.unwrap_or_else(|problems| panic!("{problems}\n{document:#}"));
        let input = json!({"n": number, "list": [1, {"n": 2}]});
        let expected = essence(interpret::run(&document, &input));
        for seed in seeds {
            let found = essence(engine::run(&compiled.program, &input, seed));
            prop_assert_eq!(&found, &expected, "seed {}\n{:#}", seed, document);
        }
    }
}

#[test]
fn the_definitions_are_of_every_kind_and_end_in_every_way() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut texts = String::new();
    let mut kinds = std::collections::BTreeMap::<String, u32>::new();
    for _ in 0..300 {
        let document = generate::document().new_tree(&mut runner).unwrap().current();
        texts.push_str(&document["do"].to_string());
        let end = match interpret::run(&document, &json!({"n": 1, "list": [1]})) {
            Ok(_) => "completed".to_owned(),
            Err(error) => error["type"].as_str().unwrap().to_owned(),
        };
        *kinds.entry(end).or_default() += 1;
    }
    let ends: Vec<_> = kinds.keys().map(|kind| kind.rsplit('/').next().unwrap()).collect();
    for end in ["completed", "e1", "even", "expression", "runtime"] {
        assert!(ends.contains(&end), "{end}: {kinds:?}");
    }
    for word in [
        "set",
        "do",
        "switch",
        "for",
        "try",
        "fork",
        "raise",
        "wait",
        "if",
        "then",
        "export",
        "retry",
        "compensate",
        "map",
        "work",
    ] {
        let count = texts.matches(&format!("\"{word}\"")).count();
        assert!(count > 20, "{word}: {count}");
    }
}

/// Found by the above: null was read back as absent.
#[test]
fn null_is_a_value_in_what_is_stored() {
    for tasks in [
        // `$context` of a branch, and after joining.
        json!([{"f": {"fork": {"branches": [
            {"a": {"set": {"x": 1}, "export": {"as": "null"}}},
            {"b": {"call": "work", "with": {"n": 1, "plan": 1}}},
        ]}}}, {"see": {"set": "${ [$context] }"}}]),
        // The input of an open task.
        json!([{"a": {"input": {"from": "null"}, "do": [
            {"b": {"call": "work", "with": {"n": 1, "plan": 0}, "output": {"as": "null"}}},
        ], "output": {"as": "[$input, .]"}}}]),
        // The raw output of a task with extensions, while one runs after it.
        json!([{"a": {"wait": {"milliseconds": 1}, "input": {"from": "null"}, "output": {"as": "[.]"}}}]),
    ] {
        let mut document = json!({
            "document": {"dsl": "1.0.3", "namespace": "test", "name": "nulls", "version": "1.0.0"},
            "do": tasks,
        });
        let input = json!({"n": 1});
        let expected = essence(interpret::run(&document, &input));
        let after = json!([{"w": {"call": "work", "with": {"n": 1, "plan": 0}}}]);
        document["use"] = json!({"extensions": [{"e": {"extend": "wait", "after": after}}]});
        let program =
            compile(document.to_string().as_bytes(), &Settings::default()).unwrap().program;
        for seed in 0..20 {
            assert_eq!(essence(engine::run(&program, &input, seed)), expected, "{document}");
        }
    }
}
