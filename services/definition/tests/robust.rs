//! Whatever comes in, an answer comes out, soon.

mod common;

use std::time::{Duration, Instant};

use kintsugi_core::{Evaluate, Schema};
use kintsugi_definition::{Expressions, Limits, Settings, compile, program_from_document};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A document with every construct.
const FULL: &str = include_str!("full.yaml");

#[test]
fn a_mebibyte_of_anything_is_answered_within_seconds() {
    for pattern in [
        "[",
        "{",
        "- ",
        "? ",
        "a: ",
        "\"",
        "'",
        "&a ",
        "*a ",
        "!a ",
        "# ",
        "|\n ",
        "a\n",
        ": ",
        "%",
        "\t",
        "---\n",
        "...\n",
        "a: b\n",
        "- a\n",
        "[a, ",
        "{a: ",
        "\u{feff}",
        " ",
        "\n",
        "\"a\" ",
        "a ",
        "{}",
        "[]",
        ",",
        "\\",
        "{\"a\":",
        "[\"",
        "a:\n  - b\n",
        "? a\n: b\n",
        "!!str ",
        "é",
        "${",
        "x: >\n  a\n\n",
        "'a': ",
        "\"\\n",
    ] {
        for prefix in ["", "do: ", "{\"do\": "] {
            let text = format!("{prefix}{}", pattern.repeat((1 << 20) / pattern.len() - 1));
            let started = Instant::now();
            let result = compile(text.as_bytes(), &Settings::default());
            let took = started.elapsed();
            assert!(result.is_err(), "{prefix}{pattern}");
            assert!(took < Duration::from_secs(5), "{prefix}{pattern}: {took:?}");
            if took > Duration::from_millis(300) {
                println!("{took:?} {prefix:?} {pattern:?}");
            }
        }
    }
}

#[test]
fn the_full_document_compiles_to_the_same_program_from_its_json() {
    let compiled = compile(FULL.as_bytes(), &Settings::default()).unwrap();
    // It has one part that nothing uses, which is looked at all the same.
    let warned: Vec<_> = compiled.warnings.iter().map(|w| (w.code, w.pointer.as_str())).collect();
    assert_eq!(warned, [("unused-entry", "/use/retries/unused")]);
    let json = compiled.document.to_string();
    let again = compile(json.as_bytes(), &Settings::default()).unwrap();
    assert_eq!(again.program, compiled.program);
    assert_eq!(again.digest, compiled.digest);
    assert_eq!(
        program_from_document(&compiled.document, &compiled.resources).unwrap(),
        compiled.program
    );
    Expressions::new(&compiled.program, Limits::default()).unwrap();
}

#[test]
fn schemas_that_refer_to_themselves_do_not_overflow_the_stack() {
    let deep: Value = (0..120).fold(json!({}), |value, _| json!({"a": value}));
    for schema in [
        json!({"$ref": "#"}),
        json!({"allOf": [{"$ref": "#"}]}),
        json!({"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}),
        json!({"not": {"$ref": "#"}}),
        json!({"$dynamicAnchor": "x", "allOf": [{"$dynamicRef": "#x"}]}),
        json!({"if": {"$ref": "#"}, "then": {"$ref": "#"}, "else": {"$ref": "#"}}),
        json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}),
        json!({"$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"}),
        json!({"properties": {"a": {"$ref": "#"}}, "type": "object"}),
        json!({"dependentSchemas": {"a": {"$ref": "#"}}}),
        json!({"unevaluatedProperties": {"$ref": "#"}, "allOf": [{"$ref": "#"}]}),
        json!({"pattern": "(a+)+$", "type": ["string", "object"]}),
    ] {
        let document = json!({
            "document": {"dsl": "1.0.3", "namespace": "t", "name": "t", "version": "1.0.0"},
            "input": {"schema": {"document": schema}},
            "do": [],
        });
        let started = Instant::now();
        let compiled = compile(document.to_string().as_bytes(), &Settings::default());
        let result = compiled.map(|compiled| {
            let expressions = Expressions::new(&compiled.program, Limits::default()).unwrap();
            expressions.validate(Schema(0), &deep).is_ok()
        });
        println!("{schema} {:?} {:?}", result, started.elapsed());
        assert!(started.elapsed() < Duration::from_secs(3), "{schema}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_mutated_document_is_answered(
        cuts in proptest::collection::vec((0..4000_usize, 0..40_usize, ".{0,6}"), 1..4),
    ) {
        let mut text: Vec<char> = FULL.chars().collect();
        for (at, len, new) in cuts {
            let at = at % text.len();
            let end = (at + len).min(text.len());
            text.splice(at..end, new.chars());
        }
        let text: String = text.into_iter().collect();
        if let Ok(compiled) = compile(text.as_bytes(), &Settings::default()) {
            prop_assert!(Expressions::new(&compiled.program, Limits::default()).is_ok());
            prop_assert_eq!(program_from_document(&compiled.document, &compiled.resources).unwrap(), compiled.program);
        }
    }

    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = compile(&bytes, &Settings::default());
    }

    #[test]
    fn shuffled_lines_are_answered(order in proptest::collection::vec(0..200_usize, 0..80)) {
        let lines: Vec<_> = FULL.lines().collect();
        let text: Vec<_> = order.iter().map(|index| lines[index % lines.len()]).collect();
        let _ = compile(text.join("\n").as_bytes(), &Settings::default());
    }

    #[test]
    fn any_expression_is_answered(
        parts in proptest::collection::vec(
            prop_oneof![
                Just("."), Just(".a"), Just("|"), Just(","), Just("("), Just(")"), Just("["),
                Just("]"), Just("{"), Just("}"), Just("\""), Just("\\("), Just("1"), Just("$x"),
                Just("as"), Just("def f:"), Just(";"), Just("f"), Just("reduce"), Just("range(9)"),
                Just("if"), Just("then"), Just("end"), Just("?"), Just("//"), Just("|="), Just(".."),
                Just("@csv"), Just("map(.)"), Just("try"), Just("-"), Just("*"), Just("a:"), Just("$input"),
                Just("label $l |"), Just("break $l"), Just("limit(2;"), Just("path("), Just("é"),
            ],
            0..25,
        ),
    ) {
        let code = parts.join(" ");
        let _ = common::eval(&code, &json!({"a": [1, "x", null]}), &[("input", json!(1))]);
    }
}
