//! What a document refers to outside itself: asked for, given, pinned.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::HEAD;
use kintsugi_core::Evaluate;
use kintsugi_definition::{
    Compiled, Expressions, Limits, Need, Problems, ResourceKind, Resources, Settings, Step,
    compile, compile_with, identify, program_from_document,
};
use serde_json::json;

fn step(body: &str, resources: &Resources) -> Result<Step, Problems> {
    compile_with(format!("{HEAD}{body}").as_bytes(), &Settings::default(), resources)
}

fn needs(body: &str, resources: &Resources) -> Vec<Need> {
    match step(body, resources).unwrap() {
        Step::Needs(needs) => needs,
        Step::Done(_) => panic!("nothing is needed"),
    }
}

fn done(body: &str, resources: &Resources) -> Compiled {
    match step(body, resources).unwrap() {
        Step::Done(compiled) => *compiled,
        Step::Needs(needs) => panic!("needed: {needs:?}"),
    }
}

fn codes(body: &str, resources: &Resources) -> Vec<String> {
    let problems = step(body, resources).unwrap_err();
    problems.0.iter().map(|p| format!("{} {}:{}", p.code, p.line, p.column)).collect()
}

const SCHEMA: &str = "input: {schema: {resource: {endpoint: https://a.test/pet.json}}}\ndo: []";

#[test]
fn a_schema_elsewhere_is_needed_with_all_that_it_refers_to() {
    let mut resources = Resources::default();
    let first = needs(SCHEMA, &resources);
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].uri, "https://a.test/pet.json");
    assert_eq!(first[0].kind, ResourceKind::Schema);
    assert_eq!((first[0].line, first[0].column), (2, 39));
    assert_eq!(first[0].pointer, "/input/schema/resource/endpoint");

    resources.put(
        "https://a.test/pet.json",
        r#"{"properties": {"name": {"$ref": "name.yaml#/$defs/name"}, "id": {"$ref": "id.json"}}}"#,
    );
    let uris: Vec<_> = needs(SCHEMA, &resources).into_iter().map(|need| need.uri).collect();
    assert_eq!(uris, ["https://a.test/id.json", "https://a.test/name.yaml"]);

    resources.put("https://a.test/name.yaml", "$defs: {name: {type: string}}");
    resources.put("https://a.test/id.json", "true");
    resources.put("https://a.test/unused.json", "true");
    let compiled = done(SCHEMA, &resources);
    assert_eq!(compiled.resources.len(), 3, "what was not used is not stored");
    let expressions = Expressions::new(&compiled.program, Limits::default()).unwrap();
    let schema = compiled.program.input_schema.unwrap();
    expressions.validate(schema, &json!({"name": "Rex", "id": 1})).unwrap();
    expressions.validate(schema, &json!({"name": 5})).unwrap_err();

    let stored = serde_json::to_vec(&compiled.resources).unwrap();
    let stored: Resources = serde_json::from_slice(&stored).unwrap();
    assert_eq!(program_from_document(&compiled.document, &stored).unwrap(), compiled.program);
    program_from_document(&compiled.document, &Resources::default()).unwrap_err();
}

#[test]
fn an_inline_schema_may_refer_to_others() {
    let body = "do: [{a: {set: {x: 1}, output: {schema: {document: \
                {$ref: 'https://a.test/x.json#/$defs/y'}}}}}]";
    let mut resources = Resources::default();
    assert_eq!(needs(body, &resources)[0].uri, "https://a.test/x.json");
    resources.put("https://a.test/x.json", r#"{"$defs": {"z": {}}}"#);
    assert_eq!(codes(body, &resources), ["invalid-schema 2:52"]);
    resources.put("https://a.test/x.json", r#"{"$defs": {"y": {"type": "object"}}}"#);
    done(body, &resources);
}

#[test]
fn what_cannot_be_had_is_a_problem_at_its_place() {
    let mut resources = Resources::default();
    resources.fail("https://a.test/pet.json", "the answer is 404 Not Found");
    let problems = step(SCHEMA, &resources).unwrap_err();
    assert_eq!(problems.0[0].code, "missing-resource");
    assert!(problems.0[0].message.contains("404"), "{problems}");
    let mut resources = Resources::default();
    resources.put("https://a.test/pet.json", "[: not yaml");
    assert_eq!(codes(SCHEMA, &resources), ["invalid-schema 2:39"]);
    let problems = compile(format!("{HEAD}{SCHEMA}").as_bytes(), &Settings::default());
    assert_eq!(problems.unwrap_err().0[0].code, "missing-resource");
}

#[test]
fn a_document_with_problems_of_its_own_needs_nothing() {
    let body = format!("{SCHEMA}\ndoo: 1");
    assert_eq!(codes(&body, &Resources::default()), ["unknown-key 4:1"]);
}

#[test]
fn what_is_no_fixed_absolute_uri_is_refused() {
    for (endpoint, code) in [
        ("pet.json", "invalid-uri"),
        ("ftp://a.test/x", "invalid-uri"),
        ("https://me:secret@a.test/x", "invalid-uri"),
        ("'https://a.test/{name}'", "invalid-uri"),
        ("'${ .uri }'", "unsupported"),
        ("{uri: 'https://a.test/x', authentication: {use: a}}", "unsupported"),
        ("5", "type"),
    ] {
        let body = format!("input: {{schema: {{resource: {{endpoint: {endpoint}}}}}}}\ndo: []");
        let problems = step(&body, &Resources::default()).unwrap_err();
        assert_eq!(problems.0[0].code, code, "{endpoint}: {problems}");
    }
    let relative = "input: {schema: {document: {$ref: other.json}}}\ndo: []";
    assert_eq!(codes(relative, &Resources::default()), ["invalid-uri 2:28"]);
}

#[test]
fn a_format_names_the_draft() {
    let body = |schema: &str| format!("input: {{schema: {schema}}}\ndo: []");
    for good in [
        "{document: {}}",
        "{format: json, document: {}}",
        "{format: 'json:2020-12', document: {}}",
        "{format: 'json:draft-07', document: {$schema: 'http://json-schema.org/draft-07/schema'}}",
    ] {
        done(&body(good), &Resources::default());
    }
    for (bad, code) in [
        ("{format: avro, document: {}}", "unsupported"),
        ("{format: 'json:draft-99', document: {}}", "unsupported"),
        (
            "{format: 'json:draft-07', document: {$schema: 'https://json-schema.org/draft/2020-12/schema'}}",
            "invalid-schema",
        ),
        ("{document: {}, resource: {endpoint: 'https://a.test'}}", "ambiguous-schema"),
        ("{}", "missing-key"),
    ] {
        let problems = step(&body(bad), &Resources::default()).unwrap_err();
        assert_eq!(problems.0[0].code, code, "{bad}: {problems}");
    }
    // In draft 7, `items` may be an array, and `$defs` is nothing special.
    let old = done(
        &body("{format: 'json:draft-07', document: {items: [{type: string}]}}"),
        &Resources::default(),
    );
    let expressions = Expressions::new(&old.program, Limits::default()).unwrap();
    expressions.validate(old.program.input_schema.unwrap(), &json!([1])).unwrap_err();
}

#[test]
fn references_without_end_are_refused() {
    let fields: Vec<_> =
        (0..40).map(|n| format!("p{n}: {{$ref: 'https://a.test/{n}.json'}}")).collect();
    let body = format!(
        "input: {{schema: {{document: {{properties: {{{}}}}}}}}}\ndo: []",
        fields.join(", ")
    );
    assert!(codes(&body, &Resources::default())[0].starts_with("document-too-large"));
}

#[test]
fn a_document_is_identified_without_being_checked() {
    let settings = Settings::default();
    let compiled = compile(format!("{HEAD}do: []").as_bytes(), &settings).unwrap();
    let identity = identify(format!("{HEAD}do: []").as_bytes(), &settings).unwrap();
    assert_eq!(identity.digest, compiled.digest);
    assert_eq!(identity.reference, compiled.program.definition.to_string());
    assert_eq!(identify(b"do: []", &settings), None);
}
