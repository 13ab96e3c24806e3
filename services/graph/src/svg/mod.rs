//! A picture: boxes below each other as the tasks follow each other, groups as frames around them.
//!
//! The layout follows the structure of the workflow. A list of tasks is a column on one axis; branches
//! and a catch are columns beside each other. What just goes on is a line down the axis. What goes
//! elsewhere (`then`, a case, a skipped task) leaves its box at the side, in a row that says why, and
//! runs in a lane beside the columns.

mod layout;
mod sizes;
mod ways;

use std::fmt::Write as _;

use crate::{Error, Graph, Node, SVG_NODES_MAX, SVG_WAYS_MAX, write::xml};
use layout::{Layout, Point, Rect};
use sizes::{HEAD, ROW, Sizes};

/// What the pictures look like, by day and by night: the content of their one `style` element. It
/// names nothing outside, so its digest may stand in a content security policy.
pub const STYLE: &str = "\
.ground{fill:#fffdf9}\
text{font-family:system-ui,sans-serif;fill:#1d2144}\
.name{font-size:13px;font-weight:600}\
.label,.row{font-size:11px;fill:#5a5e7d}\
.row{text-anchor:end}\
.hint{font-size:10px;fill:#5a5e7d}\
.node rect{fill:#f6f4ee;stroke:#5a5e7d}\
.node .rule{stroke:#ddd8ca;fill:none}\
.role-start rect,.role-end rect,.role-join rect{fill:#efece3}\
.role-if rect,.role-switch rect{fill:#fffdf9;stroke:#34408f}\
.role-raise rect,.role-catch rect{stroke:#a32f25}\
.group rect{fill:#34408f;fill-opacity:.04;stroke:#34408f;stroke-opacity:.35}\
.group.role-catch rect{fill:#a32f25;stroke:#a32f25}\
.way .line{fill:none;stroke:#5a5e7d;stroke-width:1.3}\
.way .head{fill:#5a5e7d}\
.way-error .line{stroke:#a32f25;stroke-dasharray:5 3}\
.way-error .head{fill:#a32f25}\
.way-retry .line,.way-loop .line{stroke:#34408f;stroke-dasharray:2 3}\
.way-retry .head,.way-loop .head{fill:#34408f}\
@media(prefers-color-scheme:dark){\
.ground{fill:#181c3a}\
text{fill:#ebe8df}\
.label,.row,.hint{fill:#a9adca}\
.node rect{fill:#10132a;stroke:#a9adca}\
.node .rule{stroke:#2c3159}\
.role-start rect,.role-end rect,.role-join rect{fill:#0c0f22}\
.role-if rect,.role-switch rect{fill:#181c3a;stroke:#a9b6ff}\
.role-raise rect,.role-catch rect{stroke:#ff9d8d}\
.group rect{fill:#a9b6ff;stroke:#a9b6ff}\
.group.role-catch rect{fill:#ff9d8d;stroke:#ff9d8d}\
.way .line{stroke:#a9adca}\
.way .head{fill:#a9adca}\
.way-error .line{stroke:#ff9d8d}\
.way-error .head{fill:#ff9d8d}\
.way-retry .line,.way-loop .line{stroke:#a9b6ff}\
.way-retry .head,.way-loop .head{fill:#a9b6ff}\
}";

pub(crate) fn draw(graph: &Graph) -> Result<String, Error> {
    if graph.nodes.len() > SVG_NODES_MAX {
        return Err(Error::TooLarge { what: "nodes", max: SVG_NODES_MAX });
    }
    if graph.ways.len() > SVG_WAYS_MAX {
        return Err(Error::TooLarge { what: "ways", max: SVG_WAYS_MAX });
    }
    let sizes = Sizes::of(graph);
    let layout = Layout::of(graph, &sizes);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" \
         height=\"{h}\" role=\"img\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
         <rect class=\"ground\" width=\"{w}\" height=\"{h}\"/>\n",
        w = layout.width,
        h = layout.height,
        title = xml(&graph.definition),
    );
    for (group, rect) in graph.groups.iter().zip(&layout.groups) {
        let role = group.role.name();
        let _ = writeln!(out, "<g class=\"group role-{role}\">{}</g>", frame(rect, 10));
    }
    ways::draw(graph, &sizes, &layout, &mut out);
    for node in &graph.nodes {
        drawn(node, &sizes, layout.nodes[node.id], &mut out);
    }
    out.push_str("</svg>\n");
    Ok(out)
}

fn frame(rect: &Rect, radius: i32) -> String {
    let Rect { x, y, w, h } = rect;
    format!("<rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" rx=\"{radius}\"/>")
}

fn drawn(node: &Node, sizes: &Sizes, rect: Rect, out: &mut String) {
    let reference = node.reference.as_deref();
    let reference = reference.map(|at| format!(" data-reference=\"{}\"", xml(at)));
    let size = &sizes.nodes[node.id];
    let radius = if size.is_pill { 13 } else { 5 };
    let title = match (node.label.as_str(), &node.reference) {
        ("", _) => node.name.clone(),
        (label, Some(at)) => format!("{}: {label} ({at})", node.name),
        (label, None) => format!("{}: {label}", node.name),
    };
    let _ = write!(
        out,
        "<g class=\"node role-{}\"{}><title>{}</title>{}",
        node.role.name(),
        reference.unwrap_or_default(),
        xml(&title),
        frame(&rect, radius),
    );
    let mut text = |class: &str, at: Point, text: &str| {
        let _ = write!(
            out,
            "<text class=\"{class}\" x=\"{}\" y=\"{}\">{}</text>",
            at.x,
            at.y,
            xml(text)
        );
    };
    let left = rect.x + 12;
    if node.label.is_empty() {
        text("name", Point { x: left, y: rect.y + 18 }, &node.name);
    } else {
        text("name", Point { x: left, y: rect.y + 19 }, &node.name);
        text("label", Point { x: left, y: rect.y + 35 }, &node.label);
    }
    let head = if node.label.is_empty() { sizes::PILL } else { HEAD };
    for (at, (_, row)) in (0_i32..).zip(&size.rows) {
        let y = rect.y + head + at * ROW;
        text("row", Point { x: rect.x + rect.w - 8, y: y + 13 }, row);
    }
    if !size.rows.is_empty() {
        let y = rect.y + head;
        let _ = write!(out, "<path class=\"rule\" d=\"M{},{y}h{}\"/>", rect.x, rect.w);
    }
    out.push_str("</g>\n");
}
