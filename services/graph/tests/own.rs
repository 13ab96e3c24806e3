//! What this engine adds to the language, as a graph.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{drawn, expect, graph_of, node};
use kintsugi_graph::{Form, Role};

const FUNCTIONS: &str = "use: {functions: {f: {set: {x: 1}}}}\n";

#[test]
fn a_map_goes_round() {
    let graph = expect(
        &format!(
            "{FUNCTIONS}do: [{{m: {{call: map, with: {{in: .list, do: f, maxConcurrency: 3}}}}}}, {{w: {{call: map, with: {{in: [1, 2], do: work}}}}}}]"
        ),
        &[
            "start -next-> m",
            "m -branch-> f",
            "f -loop-> m",
            "m -leave-> w [after the last]",
            "w -branch-> work",
            "work -loop-> w",
            "w -leave-> end [after the last]",
        ],
    );
    let (map, work) = (node(&graph, "m"), node(&graph, "work"));
    assert_eq!(
        (map.role, map.label.as_str()),
        (Role::Map, "f for each item in .list, 3 at a time")
    );
    assert_eq!(work.reference.as_deref(), Some("/do/1/w/with/do"));
}

#[test]
fn what_undoes_a_task_is_said() {
    let body = "do: [{a: {call: pay, metadata: {kintsugi: {compensate: {call: refund}}}}}, {u: {call: compensate}}]";
    let graph = expect(body, &["start -next-> a", "a -next-> u", "u -next-> end"]);
    assert_eq!(node(&graph, "a").label, "call pay, undone by refund");
    assert_eq!(
        (node(&graph, "u").role, node(&graph, "u").label.as_str()),
        (Role::Compensate, "undo what was completed")
    );
}

#[test]
fn what_people_are_asked_is_said_and_what_they_see_is_not() {
    let body = "do: [{a: {call: human-task, with: {title: Approve?, data: {card: '4111'}}}}, \
        {b: {call: human-task, with: {title: '${ .title }'}}}]";
    let graph = expect(body, &["start -next-> a", "a -next-> b", "b -next-> end"]);
    assert_eq!(
        (node(&graph, "a").role, node(&graph, "a").label.as_str()),
        (Role::Human, "ask: Approve?")
    );
    assert_eq!(node(&graph, "b").label, "ask a person");
}

#[test]
fn extensions_are_around_their_task() {
    let body = "use: {extensions: [{outer: {extend: set, before: [{b1: {wait: PT1S}}], after: [{a1: {wait: PT1S}}]}}, \
        {inner: {extend: set, before: [{b2: {wait: PT1S}}], after: [{a2: {wait: PT1S}}]}}]}\n\
        do: [{t: {set: {x: 1}, if: .go, then: end}}, {u: {wait: PT1S}}]";
    let graph = graph_of(body);
    common::sound(&graph);
    let ways = common::ways(&graph);
    for way in
        ["b1 -next-> b2", "b2 -next-> t", "t -then-> a2 [end]", "a2 -next-> a1", "a1 -next-> end"]
    {
        assert!(ways.iter().any(|one| one == way), "{way}: {ways:#?}");
    }
    let text = drawn(body, Form::Text);
    let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"));
    assert!(
        at("b1") < at("b2")
            && at("b2") < at("task")
            && at("task") < at("a2")
            && at("a2") < at("a1"),
        "{text}"
    );
}

#[test]
fn every_form_draws_them() {
    let body = format!(
        "{FUNCTIONS}  \ndo: [{{m: {{call: map, with: {{in: .list, do: f}}, metadata: {{kintsugi: {{compensate: {{call: f}}}}}}}}}}, {{u: {{call: compensate}}}}]"
    )
    .replace("use: {", "use: {extensions: [{e: {extend: all, before: [{b: {wait: PT1S}}]}}], ");
    for form in Form::ALL {
        let text = drawn(&body, form);
        assert!(text.contains("undo what was completed"), "{}: {text}", form.name());
    }
    let references = common::references_of_svg(&drawn(&body, Form::Svg));
    assert!(references.iter().any(|one| one == "/do/0/m"), "{references:?}");
}
