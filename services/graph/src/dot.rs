//! A graph of Graphviz.

use std::fmt::Write as _;

use crate::{Block, Graph, Node, Role, WayKind, write::dot as escape};

pub(crate) fn draw(graph: &Graph) -> String {
    let mut out = format!("digraph \"{}\" {{\n", escape(&graph.definition));
    out.push_str("  rankdir=TB;\n");
    out.push_str("  node [shape=box, style=rounded, fontname=\"sans-serif\", fontsize=11];\n");
    out.push_str("  edge [fontname=\"sans-serif\", fontsize=9];\n");
    blocks(graph, &graph.blocks, 1, &mut out);
    for way in &graph.ways {
        let mut looks = Vec::new();
        if let Some(label) = &way.label {
            looks.push(format!("label=\"{}\"", escape(label)));
        }
        match way.kind {
            WayKind::Error => looks.push("style=dashed, color=firebrick".to_owned()),
            WayKind::Retry => looks.push("style=dashed, constraint=false".to_owned()),
            WayKind::Loop => looks.push("style=bold, constraint=false".to_owned()),
            WayKind::Next
            | WayKind::Then
            | WayKind::Case
            | WayKind::Skip
            | WayKind::Branch
            | WayKind::Join
            | WayKind::Leave => {}
        }
        let looks =
            if looks.is_empty() { looks.concat() } else { format!(" [{}]", looks.join(", ")) };
        let _ = writeln!(out, "  n{} -> n{}{looks};", way.from, way.to);
    }
    out.push_str("}\n");
    out
}

fn blocks(graph: &Graph, all: &[Block], depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    for block in all {
        match block {
            Block::Node(id) => node(&graph.nodes[*id], &indent, out),
            Block::Group { group, head, columns, tail } => {
                let own = &graph.groups[*group];
                let _ = writeln!(out, "{indent}subgraph cluster_g{group} {{");
                let name = format!("{} {}", own.role.name(), own.name);
                let _ = writeln!(out, "{indent}  label=\"{}\";", escape(&name));
                node(&graph.nodes[*head], &format!("{indent}  "), out);
                for column in columns {
                    blocks(graph, column, depth + 1, out);
                }
                if let Some(tail) = tail {
                    node(&graph.nodes[*tail], &format!("{indent}  "), out);
                }
                let _ = writeln!(out, "{indent}}}");
            }
        }
    }
}

fn node(node: &Node, indent: &str, out: &mut String) {
    let shape = match node.role {
        Role::Start | Role::End | Role::Join => ", shape=oval",
        Role::If | Role::Switch => ", shape=diamond, style=solid",
        Role::Do
        | Role::Set
        | Role::Fork
        | Role::For
        | Role::Try
        | Role::Catch
        | Role::Raise
        | Role::Wait
        | Role::Call
        | Role::Function
        | Role::Emit
        | Role::Listen
        | Role::Run
        | Role::Map
        | Role::Compensate
        | Role::Human
        | Role::Extended => "",
    };
    let label = match node.label.as_str() {
        "" => escape(&node.name),
        label => format!("{}\\n{}", escape(&node.name), escape(label)),
    };
    let _ = writeln!(out, "{indent}n{} [label=\"{label}\"{shape}];", node.id);
}
