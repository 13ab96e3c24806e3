//! What the tests share.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

use kintsugi_core::{Ability, Program};
use kintsugi_definition::{Settings, compile};
use kintsugi_graph::{Form, Graph, Node, WayKind, draw, graph};

pub const HEAD: &str = "document: {dsl: 1.0.3, namespace: test, name: a, version: 0.1.0}\n";

/// Compiles a body of tasks, on a deployment that lets workflows start anything.
pub fn program(body: &str) -> Program {
    let mut settings = Settings::default();
    settings.limits.abilities = Ability::ALL.into();
    match compile(format!("{HEAD}{body}").as_bytes(), &settings) {
        Ok(compiled) => compiled.program,
        Err(problems) => panic!("{problems}\n{body}"),
    }
}

pub fn graph_of(body: &str) -> Graph {
    graph(&program(body)).unwrap()
}

pub fn drawn(body: &str, form: Form) -> String {
    draw(&program(body), form).unwrap()
}

/// Each way as `from -kind-> to`, with its label behind it, sorted.
pub fn ways(graph: &Graph) -> Vec<String> {
    let way = |way: &kintsugi_graph::Way| {
        let name = |id: usize| graph.nodes[id].name.as_str();
        let label = way.label.as_ref().map(|label| format!(" [{label}]")).unwrap_or_default();
        format!("{} -{}-> {}{label}", name(way.from), way.kind.name(), name(way.to))
    };
    let mut all: Vec<_> = graph.ways.iter().map(way).collect();
    all.sort();
    all
}

/// The ways of `body`, against what they should be.
#[track_caller]
pub fn expect(body: &str, wanted: &[&str]) -> Graph {
    let graph = graph_of(body);
    let mut wanted: Vec<_> = wanted.iter().map(|one| (*one).to_owned()).collect();
    wanted.sort();
    assert_eq!(ways(&graph), wanted, "{body}");
    sound(&graph);
    graph
}

pub fn node<'g>(graph: &'g Graph, name: &str) -> &'g Node {
    graph.nodes.iter().find(|node| node.name == name).unwrap_or_else(|| panic!("no node {name}"))
}

/// What holds for every graph.
pub fn sound(graph: &Graph) {
    for (at, node) in graph.nodes.iter().enumerate() {
        assert_eq!(node.id, at);
        assert!(node.group.is_none_or(|group| group < graph.groups.len()));
        assert!(!node.name.contains('\n') && node.name.chars().count() <= 60, "{}", node.name);
        assert!(node.label.chars().count() <= 80, "{}", node.label);
    }
    for (at, group) in graph.groups.iter().enumerate() {
        assert_eq!(group.id, at);
        assert!(group.parent.is_none_or(|parent| parent < at));
    }
    for way in &graph.ways {
        assert!(way.from < graph.nodes.len() && way.to < graph.nodes.len());
        assert!(way.kind != WayKind::Case || way.label.is_some());
    }
    let mut references: Vec<_> = graph.nodes.iter().filter_map(|n| n.reference.as_ref()).collect();
    let count = references.len();
    references.sort();
    references.dedup();
    assert_eq!(references.len(), count, "a reference has one node");
}

/// Reads `text` as XML; gives each `data-reference`.
pub fn references_of_svg(text: &str) -> Vec<String> {
    let svg = roxmltree::Document::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let allowed = ["svg", "title", "style", "g", "rect", "path", "text"];
    let mut found = Vec::new();
    for element in svg.descendants().filter(roxmltree::Node::is_element) {
        let name = element.tag_name().name();
        assert!(allowed.contains(&name), "an element `{name}`");
        for attribute in element.attributes() {
            let key = attribute.name();
            assert!(!key.starts_with("on") && !key.contains("href"), "{key}");
        }
        found.extend(element.attribute("data-reference").map(str::to_owned));
    }
    found
}
