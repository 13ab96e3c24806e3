//! Each form of a drawing: what it looks like, that nothing in a document gets out of its text, how
//! large it may be, and every official example.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "tests say what they skip")]

mod common;
#[path = "../../definition/tests/common/official.rs"]
#[allow(dead_code, unreachable_pub, reason = "only the examples are needed here")]
mod official;

use std::fmt::Write as _;

use common::{drawn, graph_of, program, references_of_svg, sound};
use kintsugi_graph::{Error, Form, SVG_NODES_MAX, WAYS_MAX, draw, graph};

const ORDER: &str = "do:
  - check: {switch: [{big: {when: .total > 100, then: big}}, {small: {then: pay}}]}
  - big: {if: .ask, wait: PT5S, then: end}
  - pay:
      try: [{charge: {call: charge-card}}]
      catch: {errors: {with: {status: 503}}, retry: {limit: {attempt: {count: 2}}}, do: [{tell: {emit: {event: {with: {type: failed, source: https://x.example}}}}}]}
  - ship: {fork: {branches: [{pack: {call: pack}}, {label: {call: print}}]}}
";

#[test]
fn text_is_a_tree() {
    assert_eq!(
        drawn(ORDER, Form::Text),
        "test/a:0.1.0
├─ check: switch
│  ├─ big: .total > 100 → big
│  └─ small: otherwise → pay
├─ big: wait 5s  (if .ask)  → end
├─ pay: try
│  ├─ try
│  │  └─ charge: call charge-card
│  └─ catch status 503, again, up to 2 times
│     └─ tell: emit failed
└─ ship: fork, 2 branches
   ├─ pack: call pack
   └─ label: call print
"
    );
}

#[test]
fn mermaid_has_every_node_way_and_group() {
    let text = drawn(ORDER, Form::Mermaid);
    let graph = graph_of(ORDER);
    assert!(text.starts_with("---\ntitle: \"test/a:0.1.0\"\n---\nflowchart TB\n"), "{text}");
    let count = |what: &str| text.lines().filter(|line| line.trim().starts_with(what)).count();
    assert_eq!(count("subgraph "), graph.groups.len());
    assert_eq!(count("end"), graph.groups.len());
    let ways = text.lines().filter(|line| line.contains("-->") || line.contains("-.->")).count();
    assert_eq!(ways, graph.ways.len());
    for node in &graph.nodes {
        assert_eq!(
            count(&format!("n{}[", node.id))
                + count(&format!("n{}(", node.id))
                + count(&format!("n{}{{", node.id)),
            1,
            "{text}"
        );
    }
    assert!(
        text.contains("n2 -->|\"big: #46;total #62; 100 → big\"|")
            || text.contains("total #62; 100 → big"),
        "{text}"
    );
}

#[test]
fn dot_has_every_node_way_and_group() {
    let text = drawn(ORDER, Form::Dot);
    let graph = graph_of(ORDER);
    assert!(text.starts_with("digraph \"test/a:0.1.0\" {\n") && text.ends_with("}\n"), "{text}");
    assert_eq!(text.matches("subgraph cluster_g").count(), graph.groups.len());
    assert_eq!(text.matches(" -> ").count(), graph.ways.len());
    assert_eq!(text.matches('{').count(), text.matches('}').count());
    assert!(text.contains("[label=\"charge\\ncall charge-card\"]"), "{text}");
}

#[test]
fn an_svg_has_an_element_for_each_task() {
    let text = drawn(ORDER, Form::Svg);
    let mut found = references_of_svg(&text);
    let graph = graph_of(ORDER);
    let mut wanted: Vec<_> = graph.nodes.iter().filter_map(|node| node.reference.clone()).collect();
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted);
    assert!(found.contains(&"/do/2/pay/try/0/charge".to_owned()));
    assert_eq!(text.matches("class=\"line\"").count(), graph.ways.len());
    assert!(text.contains("<title>test/a:0.1.0</title>"));
}

/// Names and expressions as nobody should write them, but somebody will.
const HOSTILE: [&str; 9] = [
    "\"quoted\"",
    "</text><script>alert(1)</script>",
    "]]> & &amp; <!-- x -->",
    "a\\nb\\",
    "n0\"]; n1[\"x",
    "%%{init: {'theme':'x'}}%%",
    "end\n  end",
    "ünï→→漢字🦀\u{202e}evil",
    "`1. #quot; ;|",
];

#[test]
fn nothing_that_is_written_gets_out_of_its_text() {
    for name in HOSTILE {
        let key = serde_json::to_string(name).unwrap();
        let code = serde_json::to_string(&format!(". == {key}")).unwrap();
        let body = format!(
            "do: [{{{key}: {{if: {code}, do: [{{{key}: {{set: {{{key}: 1}}}}}}]}}}}, {{s: {{switch: [{{{key}: {{when: {code}, then: {key}}}}}]}}}}]"
        );
        let graph = graph_of(&body);
        sound(&graph);
        let svg = drawn(&body, Form::Svg);
        let found = references_of_svg(&svg);
        assert!(!svg.contains("<script") && !svg.contains("<!--"), "{svg}");
        for node in graph.nodes.iter().filter_map(|node| node.reference.as_ref()) {
            assert!(found.contains(node), "{node:?} in {found:?}");
        }
        let mermaid = drawn(&body, Form::Mermaid);
        let subgraphs = mermaid.lines().filter(|line| line.trim().starts_with("subgraph ")).count();
        let ends = mermaid.lines().filter(|line| line.trim() == "end").count();
        assert_eq!((subgraphs, ends), (1, 1), "{mermaid}");
        assert!(!mermaid.contains("%%") && !mermaid.contains("<script"), "{mermaid}");
        for line in mermaid.lines() {
            assert!(line.matches('"').count() == 2 || !line.contains('"'), "{line}");
        }
        let dot = drawn(&body, Form::Dot);
        for line in dot.lines() {
            let bare = line.replace("\\\\", "").replace("\\\"", "");
            assert_eq!(bare.matches('"').count() % 2, 0, "{line}");
        }
        let text = drawn(&body, Form::Text);
        assert!(!text.contains('\u{202e}') && !text.contains('\u{1b}'));
        assert_eq!(text.lines().count(), 5, "{text}");
    }
}

#[test]
fn a_control_character_harms_no_form() {
    let body = "do: [{\"a\\u001b[31m\\u0001\\uffff\": {set: {x: 1}}}]";
    references_of_svg(&drawn(body, Form::Svg));
    for form in Form::ALL {
        let text = drawn(body, form);
        assert!(!text.contains('\u{1b}') && !text.contains('\u{1}'), "{}: {text}", form.name());
    }
}

#[test]
fn what_is_too_large_says_what_to_do() {
    let mut body = "do:\n".to_owned();
    for at in 0..=SVG_NODES_MAX {
        let _ = writeln!(body, "  - t{at}: {{set: {{x: 1}}}}");
    }
    let large = program(&body);
    let error = draw(&large, Form::Svg).unwrap_err();
    assert_eq!(error, Error::TooLarge { what: "nodes", max: SVG_NODES_MAX });
    assert_eq!(error.code(), "graph_too_large");
    assert_eq!(error.to_string(), "the graph has more than 2000 nodes");
    assert!(error.hint().contains("mermaid") && error.hint().contains("text"));
    for form in [Form::Text, Form::Mermaid, Form::Dot, Form::Json] {
        assert!(draw(&large, form).is_ok(), "{}", form.name());
    }
}

#[test]
fn a_graph_has_a_limit_and_a_text_has_none() {
    let mut large = program("do: [{s: {switch: [{a: {when: .x, then: end}}]}}]");
    let kintsugi_core::Kind::Switch(cases) = &mut large.nodes[0].kind else { panic!() };
    *cases = vec![cases[0].clone(); WAYS_MAX];
    let error = graph(&large).unwrap_err();
    assert_eq!(error, Error::TooLarge { what: "ways", max: WAYS_MAX });
    assert!(error.hint().starts_with("ask for `text`"));
    assert_eq!(draw(&large, Form::Text).unwrap().lines().count(), WAYS_MAX + 2);
    for form in [Form::Mermaid, Form::Dot, Form::Svg, Form::Json] {
        assert!(draw(&large, form).is_err(), "{}", form.name());
    }
}

#[test]
fn as_large_as_it_may_be_is_drawn_soon() {
    // Many conditions, each with a way past its task, and a switch that leads everywhere.
    let mut body = "do:\n  - s: {switch: [".to_owned();
    for at in 0..900 {
        let _ = write!(body, "{{c{at}: {{when: .n == {at}, then: t{at}}}}}, ");
    }
    body.push_str("]}\n");
    for at in 0..900 {
        let _ = writeln!(body, "  - t{at}: {{if: .x, set: {{x: 1}}}}");
    }
    let program = program(&body);
    let began = std::time::Instant::now();
    let svg = draw(&program, Form::Svg).unwrap();
    println!("{} bytes in {:?}", svg.len(), began.elapsed());
    assert!(svg.len() < 4_000_000);
}

/// As deep as documents and functions within each other may nest, on the stack of a thread as it is
/// started by default.
#[test]
fn depth_does_not_break_it() {
    let mut program = program("do: [{a: {do: [{b: {set: {x: 1}}}]}}]");
    for _ in 0..400 {
        let mut node = program.nodes[1].clone();
        let list = kintsugi_core::ListId(u32::try_from(program.lists.len()).unwrap());
        program.lists.push(program.lists[program.body.0 as usize].clone());
        node.kind = kintsugi_core::Kind::Do(list);
        let id = kintsugi_core::NodeId(u32::try_from(program.nodes.len()).unwrap());
        program.nodes.push(node);
        program.lists[program.body.0 as usize].0 = vec![id];
    }
    std::thread::spawn(move || {
        for form in Form::ALL {
            draw(&program, form).unwrap();
        }
    })
    .join()
    .unwrap();
}

#[test]
fn every_official_example_that_compiles_is_drawn() {
    let Some(folder) = official::folder() else { return };
    let (mut drawn, mut not) = (0, 0);
    for (_, source) in official::examples(&folder) {
        let mut settings = kintsugi_definition::Settings::default();
        settings.limits.abilities = kintsugi_core::Ability::ALL.into();
        let Ok(compiled) = kintsugi_definition::compile(source.as_bytes(), &settings) else {
            not += 1;
            continue;
        };
        let graph = graph(&compiled.program).unwrap();
        sound(&graph);
        for form in Form::ALL {
            let text = draw(&compiled.program, form).unwrap();
            if form == Form::Svg {
                references_of_svg(&text);
            }
        }
        drawn += 1;
    }
    println!("{drawn} examples drawn, {not} do not compile by themselves");
    assert!(drawn > 30, "{drawn}");
}
