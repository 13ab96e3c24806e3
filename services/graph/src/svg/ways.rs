//! The ways as lines.

use std::fmt::Write as _;

use crate::{Graph, WayKind, write::xml};

use super::{
    layout::{COLUMN_GAP, GAP, LANE, LEFT, Lane, Layout, Point},
    sizes::{HEAD, PILL, ROW, Sizes, leaves_in_row, pixels},
};

/// How far below the top of a box lines arrive at its side, and leave it for a catch.
const ENTRY: i32 = 13;
const EXIT: i32 = 30;

pub(super) fn draw(graph: &Graph, sizes: &Sizes, layout: &Layout, out: &mut String) {
    for (id, way) in graph.ways.iter().enumerate() {
        let points = match layout.lanes[id] {
            Some(lane) => beside(graph, sizes, layout, id, lane),
            None if way.kind == WayKind::Error => caught(graph, sizes, layout, id),
            None => down(layout, way.from, way.to),
        };
        let (from, to) = (&graph.nodes[way.from].name, &graph.nodes[way.to].name);
        let title = match &way.label {
            Some(label) => format!("{from} → {to}: {label}"),
            None => format!("{from} → {to}"),
        };
        let _ = write!(
            out,
            "<g class=\"way way-{}\"><title>{}</title><path class=\"line\" d=\"{}\"/>\
             <path class=\"head\" d=\"{}\"/>",
            way.kind.name(),
            xml(&title),
            line(&points),
            head(&points),
        );
        if let (Some(label), true) = (&way.label, way.kind == WayKind::Next) {
            let Point { x, y } = points[0];
            let _ = write!(
                out,
                "<text class=\"hint\" x=\"{}\" y=\"{}\">{}</text>",
                x + 5,
                y + 12,
                xml(label)
            );
        }
        out.push_str("</g>\n");
    }
}

/// Down from the bottom of a box to the top of another.
fn down(layout: &Layout, from: usize, to: usize) -> Vec<Point> {
    let (a, b) = (layout.nodes[from], layout.nodes[to]);
    let (start, end) = (Point { x: a.middle(), y: a.bottom() }, Point { x: b.middle(), y: b.y });
    if (start.x - end.x).abs() <= 1 {
        return vec![start, Point { x: start.x, y: end.y }];
    }
    let around = layout.around(layout.of_node[from], layout.of_node[to]);
    let y = layout.column_within(to, around).y - GAP / 2;
    vec![start, Point { x: start.x, y }, Point { x: end.x, y }, end]
}

/// From the side of a `try`, or of what raises an error in it, over to its catch: between the columns
/// up, and from above into it.
fn caught(graph: &Graph, sizes: &Sizes, layout: &Layout, way: usize) -> Vec<Point> {
    let (from, to) = (graph.ways[way].from, graph.ways[way].to);
    let (a, b) = (layout.nodes[from], layout.nodes[to]);
    if !leaves_in_row(graph, way) {
        let start = Point { x: a.right(), y: a.y + EXIT };
        return vec![start, Point { x: b.middle(), y: start.y }, Point { x: b.middle(), y: b.y }];
    }
    let around = layout.around(layout.of_node[from], layout.of_node[to]);
    let column = layout.column_within(to, around);
    let start = Point { x: a.right(), y: row_of(graph, sizes, layout, way) };
    let (x, y) = (column.x - COLUMN_GAP / 2, column.y - GAP / 2);
    let end = Point { x: b.middle(), y: b.y };
    vec![start, Point { x, y: start.y }, Point { x, y }, Point { x: end.x, y }, end]
}

/// The middle of the row of a way that leaves in one.
fn row_of(graph: &Graph, sizes: &Sizes, layout: &Layout, way: usize) -> i32 {
    let from = graph.ways[way].from;
    let top = if graph.nodes[from].label.is_empty() { PILL } else { HEAD };
    let row = sizes.nodes[from].rows.iter().position(|(id, _)| *id == way).unwrap_or(0);
    layout.nodes[from].y + top + ROW * pixels(row) + ROW / 2
}

/// Out of the side of a box, along a lane, and into the side of another.
fn beside(graph: &Graph, sizes: &Sizes, layout: &Layout, way: usize, lane: Lane) -> Vec<Point> {
    let Lane { frame, side, index } = lane;
    let (from, to) = (graph.ways[way].from, graph.ways[way].to);
    let (a, b) = (layout.nodes[from], layout.nodes[to]);
    let along = LANE * (pixels(index) + 1);
    let edge = layout.frames[frame].edges[side];
    if side == LEFT {
        let (x, y) = (edge - along, a.y + a.h / 2);
        let end = Point { x: b.x, y: b.y + ENTRY };
        return vec![Point { x: a.x, y }, Point { x, y }, Point { x, y: end.y }, end];
    }
    let (x, y) = (edge + along, row_of(graph, sizes, layout, way));
    let end = Point { x: b.right(), y: b.y + ENTRY };
    vec![Point { x: a.right(), y }, Point { x, y }, Point { x, y: end.y }, end]
}

fn line(points: &[Point]) -> String {
    let mut path = String::new();
    for (at, Point { x, y }) in points.iter().enumerate() {
        let _ = write!(path, "{}{x},{y}", if at == 0 { 'M' } else { 'L' });
    }
    path
}

/// The head of the arrow at the end of a line.
fn head(points: &[Point]) -> String {
    let [.., before, Point { x, y }] = points else { return String::new() };
    match (before.x - x, before.y - y) {
        (0, _) => format!("M{x},{y}l-4,-7h8z"),
        (ahead, _) if ahead > 0 => format!("M{x},{y}l7,-4v8z"),
        _ => format!("M{x},{y}l-7,-4v8z"),
    }
}
