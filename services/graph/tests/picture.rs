//! The picture as a picture: no box lies on another, and no way goes through one.
//!
//! Not held to it: what leaves a column at its side to beyond its group, with a column to its right.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::drawn;
use kintsugi_graph::Form;

/// Left, top, right, bottom.
type Area = [i32; 4];

fn attribute(element: &str, name: &str) -> i32 {
    let from = element.find(&format!(" {name}=\"")).expect(name) + name.len() + 3;
    let text = &element[from..];
    text[..text.find('"').unwrap()].parse().unwrap()
}

/// The boxes of a picture's nodes.
fn boxes(svg: &str) -> Vec<Area> {
    let nodes = svg.split("<g class=\"node ").skip(1);
    let area = |node: &str| {
        let rect = &node[node.find("<rect").unwrap()..];
        let rect = &rect[..rect.find("/>").unwrap()];
        let [x, y, w, h] = ["x", "y", "width", "height"].map(|name| attribute(rect, name));
        [x, y, x + w, y + h]
    };
    nodes.map(area).collect()
}

/// The stretches of a picture's ways, each with what its way says.
fn stretches(svg: &str) -> Vec<(String, Area)> {
    let mut found = Vec::new();
    for way in svg.split("<g class=\"way ").skip(1) {
        let between = |from: &str, to: &str| {
            let text = &way[way.find(from).unwrap() + from.len()..];
            text[..text.find(to).unwrap()].to_owned()
        };
        let (title, line) = (between("<title>", "</title>"), between("class=\"line\" d=\"M", "\""));
        let points: Vec<(i32, i32)> = line
            .split('L')
            .map(|point| point.split_once(',').unwrap())
            .map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap()))
            .collect();
        for pair in points.windows(2) {
            let [(ax, ay), (bx, by)] = [pair[0], pair[1]];
            found.push((title.clone(), [ax.min(bx), ay.min(by), ax.max(bx), ay.max(by)]));
        }
    }
    found
}

/// Whether two areas have more than an edge in common.
fn overlap(a: Area, b: Area) -> bool {
    a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
}

#[track_caller]
fn clear(body: &str) {
    let svg = drawn(body, Form::Svg);
    let boxes = boxes(&svg);
    for (at, one) in boxes.iter().enumerate() {
        for other in &boxes[at + 1..] {
            assert!(!overlap(*one, *other), "{one:?} lies on {other:?}: {svg}");
        }
    }
    for (title, [left, top, right, bottom]) in stretches(&svg) {
        // A line has no width: one that only touches a box is not in it.
        let line = [left, top, right.max(left + 1), bottom.max(top + 1)];
        for [x, y, r, b] in &boxes {
            let inner = [x + 1, y + 1, r - 1, b - 1];
            assert!(!overlap(line, inner), "{title} goes through a box at {x},{y}: {svg}");
        }
    }
}

#[test]
fn boxes_and_ways_keep_clear_of_each_other() {
    clear(
        "do: [{a: {set: {x: 1}}}, {b: {wait: PT1S, then: a}}, {c: {if: .x, call: charge, then: end}}, {d: {set: {y: 1}}}]",
    );
    clear(
        "do: [{s: {switch: [{m: {when: .x, then: b}}, {n: {when: .y, then: end}}, {o: {then: c}}]}}, {a: {set: {x: 1}}}, {b: {set: {x: 1}}}, {c: {set: {x: 1}}}]",
    );
    clear(
        "do: [{f: {fork: {branches: [{a: {do: [{b: {set: {x: 1}}}, {c: {if: .z, set: {x: 1}}}]}}, {d: {for: {each: i, in: .l}, do: [{e: {call: charge}}]}}, {g: {wait: PT1S}}]}}}, {h: {listen: {to: {any: []}}}}]",
    );
}

#[test]
fn an_error_comes_to_its_catch_between_the_columns() {
    let raise = "raise: {error: {type: https://example.com/e, status: 400}}";
    // A catch with tasks and one without, retries, an error below a fork, and one that is raised again.
    for catch in
        ["{do: [{h: {set: {x: 1}}}, {i: {set: {y: 1}}}]}", "{}", "{retry: {delay: {seconds: 1}}}"]
    {
        clear(&format!(
            "do: [{{t: {{try: [{{a: {{call: charge}}}}, {{r: {{{raise}}}}}], catch: {catch}}}}}, {{z: {{set: {{x: 1}}}}}}]"
        ));
        clear(&format!(
            "do: [{{o: {{try: [{{t: {{try: [{{r: {{{raise}}}}}], catch: {catch}}}}}], catch: {{do: [{{x: {{set: {{x: 1}}}}}}]}}}}}}]"
        ));
        clear(&format!(
            "do: [{{t: {{try: [{{l: {{for: {{each: i, in: .l}}, do: [{{a: {{call: charge}}}}, {{r: {{{raise}}}}}]}}}}, {{w: {{set: {{x: 1}}}}}}], catch: {catch}}}}}]"
        ));
    }
}

#[test]
fn the_rows_of_a_switch_are_in_the_order_of_its_cases() {
    let svg = drawn(
        "do: [{s: {switch: [{far: {when: .a, then: end}}, {near: {when: .b, then: b}}, {far2: {when: .c, then: end}}, {or: {then: c}}]}}, {a: {set: {x: 1}}}, {b: {set: {x: 1}}}, {c: {set: {x: 1}}}]",
        Form::Svg,
    );
    let rows = svg.split("class=\"row\"").skip(1).map(|row| &row[row.find('>').unwrap() + 1..]);
    let names: Vec<&str> = rows.map(|row| row.split(':').next().unwrap()).collect();
    assert_eq!(names, ["far", "near", "far2", "or"]);
}
