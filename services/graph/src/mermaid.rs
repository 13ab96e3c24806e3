//! A flowchart of Mermaid.

use std::fmt::Write as _;

use crate::{Block, Graph, Node, Role, WayKind, write::mermaid as escape};

pub(crate) fn draw(graph: &Graph) -> String {
    let mut out = format!("---\ntitle: \"{}\"\n---\nflowchart TB\n", escape(&graph.definition));
    blocks(graph, &graph.blocks, 1, &mut out);
    for way in &graph.ways {
        let line = match way.kind {
            WayKind::Error | WayKind::Retry => "-.->",
            WayKind::Loop => "==>",
            WayKind::Next
            | WayKind::Then
            | WayKind::Case
            | WayKind::Skip
            | WayKind::Branch
            | WayKind::Join
            | WayKind::Leave => "-->",
        };
        let label = way.label.as_ref().map(|label| format!("|\"{}\"|", escape(label)));
        let label = label.unwrap_or_default();
        let _ = writeln!(out, "  n{} {line}{label} n{}", way.from, way.to);
    }
    out
}

fn blocks(graph: &Graph, all: &[Block], depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    for block in all {
        match block {
            Block::Node(id) => node(&graph.nodes[*id], &indent, out),
            Block::Group { group, head, columns, tail } => {
                let name = escape(&graph.groups[*group].name);
                let role = graph.groups[*group].role.name();
                let _ = writeln!(out, "{indent}subgraph g{group}[\"{role} {name}\"]");
                node(&graph.nodes[*head], &format!("{indent}  "), out);
                for column in columns {
                    blocks(graph, column, depth + 1, out);
                }
                if let Some(tail) = tail {
                    node(&graph.nodes[*tail], &format!("{indent}  "), out);
                }
                let _ = writeln!(out, "{indent}end");
            }
        }
    }
}

fn node(node: &Node, indent: &str, out: &mut String) {
    let (open, close) = match node.role {
        Role::Start | Role::End | Role::Join => ("([", "])"),
        Role::If | Role::Switch => ("{{", "}}"),
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
        | Role::Extended => ("[", "]"),
    };
    let label = match node.label.as_str() {
        "" => escape(&node.name),
        label => format!("{}<br/>{}", escape(&node.name), escape(label)),
    };
    let _ = writeln!(out, "{indent}n{}{open}\"{label}\"{close}", node.id);
}
