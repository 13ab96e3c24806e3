//! Each construct of the language, as a graph.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{expect, graph_of, node};
use kintsugi_graph::Role;

#[test]
fn tasks_follow_each_other() {
    let graph = expect(
        "do: [{a: {set: {x: 1, y: 2}}}, {b: {wait: PT5S}}, {c: {call: charge-card}}]",
        &["start -next-> a", "a -next-> b", "b -next-> c", "c -next-> end"],
    );
    assert_eq!(node(&graph, "a").label, "set x, y");
    assert_eq!(node(&graph, "b").label, "wait 5s");
    assert_eq!(node(&graph, "c").label, "call charge-card");
    assert_eq!(node(&graph, "c").reference.as_deref(), Some("/do/2/c"));
    assert_eq!(graph.definition, "test/a:0.1.0");
}

#[test]
fn then_leads_on_back_and_out() {
    expect(
        "do: [{a: {set: {x: 1}, then: c}}, {b: {set: {x: 1}, then: a}}, {c: {set: {x: 1}, then: end}}, {d: {set: {x: 1}, then: exit}}]",
        &[
            "start -next-> a",
            "a -then-> c [then c]",
            "b -then-> a [then a]",
            "c -then-> end [end]",
            "d -then-> end [exit]",
        ],
    );
}

#[test]
fn a_switch_has_a_way_for_each_case() {
    expect(
        "do: [{s: {switch: [{other: {then: end}}, {big: {when: .n > 9, then: b}}, {small: {when: .n < 3, then: continue}}]}}, {a: {set: {x: 1}}}, {b: {set: {x: 1}}}]",
        &[
            "start -next-> s",
            "s -case-> b [big: .n > 9 → b]",
            "s -case-> a [small: .n < 3]",
            "s -case-> end [other: otherwise → end]",
            "a -next-> b",
            "b -next-> end",
        ],
    );
    // Without a default, it may be that no case holds.
    expect(
        "do: [{s: {switch: [{big: {when: .n > 9, then: exit}}]}}, {a: {set: {x: 1}}}]",
        &[
            "start -next-> s",
            "s -case-> end [big: .n > 9 → exit]",
            "s -next-> a [no case]",
            "a -next-> end",
        ],
    );
}

#[test]
fn a_condition_is_asked_before_its_task() {
    expect(
        "do: [{a: {if: .x, set: {x: 1}, then: end}}, {b: {set: {x: 1}}}]",
        &[
            "start -next-> if .x",
            "if .x -next-> a [yes]",
            // A `then` of what is skipped is not followed.
            "if .x -skip-> b [no]",
            "a -then-> end [end]",
            "b -next-> end",
        ],
    );
}

#[test]
fn a_do_is_a_group() {
    let graph = expect(
        "do: [{outer: {do: [{a: {set: {x: 1}, then: exit}}, {b: {set: {x: 1}}}], then: last}}, {c: {set: {x: 1}}}, {last: {set: {x: 1}}}]",
        &[
            "start -next-> outer",
            "outer -next-> a",
            "a -then-> last [exit, then last]",
            "b -then-> last [then last]",
            "c -next-> last",
            "last -next-> end",
        ],
    );
    assert_eq!(graph.groups.len(), 1);
    assert_eq!(graph.groups[0].reference, "/do/0/outer");
    assert_eq!(node(&graph, "a").group, Some(0));
    assert_eq!(node(&graph, "outer").group, Some(0));
    assert_eq!(node(&graph, "c").group, None);
}

#[test]
fn branches_come_together() {
    let graph = expect(
        "do: [{f: {fork: {branches: [{a: {set: {x: 1}}}, {b: {if: .x, set: {x: 1}}}, {c: {set: {x: 1}, then: end}}]}}}]",
        &[
            "start -next-> f",
            "f -branch-> a",
            "f -branch-> if .x",
            "f -branch-> c",
            "if .x -next-> b [yes]",
            "if .x -skip-> all are done [no]",
            "a -join-> all are done",
            "b -join-> all are done",
            "c -then-> end [end]",
            "all are done -next-> end",
        ],
    );
    assert_eq!(node(&graph, "f").label, "fork, 3 branches");
    let graph = graph_of("do: [{f: {fork: {compete: true, branches: [{a: {set: {x: 1}}}]}}}]");
    assert_eq!(node(&graph, "f").label, "fork, 1 branch compete");
    assert_eq!(node(&graph, "the first to succeed").role, Role::Join);
}

#[test]
fn a_loop_leads_back() {
    let graph = expect(
        "do: [{each: {for: {each: pet, in: .pets}, while: .ok, do: [{a: {set: {x: 1}}}, {b: {if: .x, set: {x: 1}}}]}}, {c: {set: {x: 1}}}]",
        &[
            "start -next-> each",
            "each -next-> a",
            "a -next-> if .x",
            "if .x -next-> b [yes]",
            "if .x -loop-> each [no]",
            "b -loop-> each",
            "each -leave-> c [after the last]",
            "c -next-> end",
        ],
    );
    assert_eq!(node(&graph, "each").label, "for each pet in .pets while .ok");
}

#[test]
fn errors_lead_into_the_catch() {
    let graph = expect(
        "do: [{t: {try: [{a: {set: {x: 1}}}], catch: {errors: {with: {type: https://open-workflow-specification.org/spec/1.0.0/errors/timeout, status: 408}}, as: why, retry: {limit: {attempt: {count: 3}}}, do: [{h: {set: {x: 1}}}]}}}, {b: {set: {x: 1}}}]",
        &[
            "start -next-> t",
            "t -next-> a",
            "t -error-> catch timeout, status 408 [error]",
            "catch timeout, status 408 -retry-> t [again, up to 3 times]",
            "catch timeout, status 408 -next-> h",
            "a -next-> b",
            "h -next-> b",
            "b -next-> end",
        ],
    );
    let caught = node(&graph, "catch timeout, status 408");
    assert_eq!(caught.reference.as_deref(), Some("/do/0/t/catch"));
    assert_eq!(caught.label, "as why");
}

#[test]
fn a_catch_may_do_nothing_or_go_elsewhere() {
    expect(
        "do: [{t: {try: [{a: {set: {x: 1}}}], catch: {}}}, {b: {set: {x: 1}}}]",
        &[
            "start -next-> t",
            "t -next-> a",
            "t -error-> catch any error [error]",
            "catch any error -next-> b",
            "a -next-> b",
            "b -next-> end",
        ],
    );
    // With retries alone, the last error goes on.
    expect(
        "do: [{t: {try: [{a: {set: {x: 1}}}], catch: {when: .x, retry: {limit: {attempt: {count: 1}}}, then: end}}}]",
        &[
            "start -next-> t",
            "t -next-> a",
            "t -error-> catch any error, when .x [error]",
            "catch any error, when .x -retry-> t [again, once]",
            "catch any error, when .x -error-> end [fault]",
            "a -next-> end",
        ],
    );
    expect(
        "do: [{t: {try: [{a: {set: {x: 1}}}], catch: {do: [{h: {set: {x: 1}}}], then: end}}}, {b: {set: {x: 1}}}]",
        &[
            "start -next-> t",
            "t -next-> a",
            "t -error-> catch any error [error]",
            "catch any error -next-> h",
            "h -then-> end [end]",
            "a -next-> b",
            "b -next-> end",
        ],
    );
}

#[test]
fn a_raise_leads_to_the_catch_around_it() {
    let raise = "raise: {error: {type: https://example.com/errors/broken, status: 500}}";
    let graph = expect(
        &format!(
            "do: [{{t: {{try: [{{a: {{do: [{{r: {{{raise}}}}}]}}}}], catch: {{do: [{{again: {{{raise}}}}}]}}}}}}]"
        ),
        &[
            "start -next-> t",
            "t -next-> a",
            "a -next-> r",
            "r -error-> catch any error [error]",
            "t -error-> catch any error [error]",
            "catch any error -next-> again",
            "again -error-> end [fault]",
        ],
    );
    assert_eq!(node(&graph, "r").label, "raise broken (500)");
}

#[test]
fn events_are_named() {
    let graph = expect(
        "do: [{l: {listen: {to: {any: [{with: {type: a.b}}, {with: {source: x}}], until: .n > 3}}, foreach: {item: event, do: [{s: {set: {x: 1}}}]}}}, {e: {emit: {event: {with: {type: done, source: https://x.example}}}}}]",
        &[
            "start -next-> l",
            "l -next-> s",
            "s -loop-> l",
            "l -leave-> e [after the last]",
            "e -next-> end",
        ],
    );
    assert_eq!(
        node(&graph, "l").label,
        "listen to any of a.b, an event until .n > 3, for each event"
    );
    assert_eq!(node(&graph, "e").label, "emit done");
    let graph = graph_of("do: [{l: {listen: {to: {one: {with: {type: order.placed}}}}}}]");
    assert_eq!(node(&graph, "l").label, "listen to order.placed");
    assert!(graph.groups.is_empty());
    let graph =
        graph_of("do: [{l: {listen: {to: {all: [{with: {type: a}}, {with: {type: b}}]}}}}]");
    assert_eq!(node(&graph, "l").label, "listen to all of a, b");
}

#[test]
fn what_is_called_and_run_is_named() {
    let graph = graph_of(
        "do:
  - h: {call: http, with: {method: get, endpoint: 'https://me:secret@api.example/pets/{id}?key=secret'}}
  - g: {call: http, with: {method: post, endpoint: '${ .uri }', headers: {x: secret}, body: secret}}
  - s: {run: {shell: {command: 'echo secret'}}}
  - j: {run: {script: {language: js, code: 'secret()'}}}
  - c: {run: {container: {image: alpine}}}
  - w: {run: {workflow: {namespace: t, name: other, version: 1.0.0}}}
  - q: {call: pack, metadata: {kintsugi: {queue: slow}}}
",
    );
    for (name, label, role) in [
        ("h", "call http GET https://api.example/pets/{id}", Role::Call),
        ("g", "call http POST …", Role::Call),
        ("s", "run shell", Role::Run),
        ("j", "run script javascript", Role::Run),
        ("c", "run container alpine", Role::Run),
        ("w", "run workflow t/other:1.0.0", Role::Run),
        ("q", "call pack on slow", Role::Call),
    ] {
        assert_eq!((node(&graph, name).label.as_str(), node(&graph, name).role), (label, role));
    }
}

#[test]
fn a_function_is_a_group_of_its_call() {
    let graph = expect(
        "use: {functions: {greet: {do: [{a: {set: {x: 1}}}]}}}\ndo: [{one: {call: greet}}, {two: {call: greet}}]",
        &[
            "start -next-> one",
            "one -next-> greet",
            "greet -next-> a",
            "a -next-> two",
            "two -next-> greet",
            "greet -next-> a",
            "a -next-> end",
        ],
    );
    assert_eq!(node(&graph, "one").label, "function greet");
}

#[test]
fn only_the_graph_is_in_its_json() {
    let graph = graph_of("do: [{a: {do: [{b: {set: {x: 1}}}]}}]");
    let json = serde_json::to_value(&graph).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "definition": "test/a:0.1.0",
            "nodes": [
                {"id": 0, "role": "start", "name": "start", "label": ""},
                {"id": 1, "role": "do", "name": "a", "label": "do", "reference": "/do/0/a", "group": 0},
                {"id": 2, "role": "set", "name": "b", "label": "set x", "reference": "/do/0/a/do/0/b", "group": 0},
                {"id": 3, "role": "end", "name": "end", "label": ""},
            ],
            "ways": [
                {"from": 0, "to": 1, "kind": "next"},
                {"from": 1, "to": 2, "kind": "next"},
                {"from": 2, "to": 3, "kind": "next"},
            ],
            "groups": [{"id": 0, "role": "do", "name": "a", "reference": "/do/0/a"}],
        })
    );
}
