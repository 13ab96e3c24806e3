//! How large each box is: the text in it, and a row for each way that leaves at its side.

use crate::{Graph, Role, WayKind, short::cut};

/// The height of a box with a name alone, in pixels.
pub(super) const PILL: i32 = 26;

/// The height of a box with a name and a label, without its rows.
pub(super) const HEAD: i32 = 44;

/// The height of a row.
pub(super) const ROW: i32 = 18;

/// The longest row, in characters.
const ROW_MAX: usize = 56;

/// One box.
pub(super) struct Size {
    pub(super) w: i32,
    pub(super) h: i32,
    /// It is no task: its ends are round.
    pub(super) is_pill: bool,
    /// Each way that leaves at the side, with what its row says.
    pub(super) rows: Vec<(usize, String)>,
}

/// All boxes.
pub(super) struct Sizes {
    pub(super) nodes: Vec<Size>,
}

impl Sizes {
    pub(super) fn of(graph: &Graph) -> Self {
        let mut rows: Vec<Vec<(usize, String)>> = graph.nodes.iter().map(|_| Vec::new()).collect();
        for (id, way) in graph.ways.iter().enumerate() {
            if leaves_in_row(graph, id) {
                let text = way.label.as_deref().unwrap_or(way.kind.name());
                rows[way.from].push((id, cut(text, ROW_MAX)));
            }
        }
        for rows in &mut rows {
            rows.sort_by_key(|(way, _)| graph.ways[*way].rank);
        }
        let size = |(node, rows): (&crate::Node, Vec<(usize, String)>)| {
            let widest = rows.iter().map(|(_, row)| width(row, 62)).max().unwrap_or(0);
            let w = width(&node.name, 76).max(width(&node.label, 62)).max(widest);
            let head = if node.label.is_empty() { PILL } else { HEAD };
            let is_pill = match node.role {
                Role::Start | Role::End | Role::Join | Role::If => true,
                Role::Do
                | Role::Set
                | Role::Switch
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
                | Role::Extended => false,
            };
            let h = head + ROW * pixels(rows.len()) + if rows.is_empty() { 0 } else { 3 };
            Size { w: w + 24, h, is_pill, rows }
        };
        Self { nodes: graph.nodes.iter().zip(rows).map(size).collect() }
    }
}

/// Whether a way leaves its box at the right, in a row of its own.
pub(super) fn leaves_in_row(graph: &Graph, way: usize) -> bool {
    let way = &graph.ways[way];
    match way.kind {
        WayKind::Next | WayKind::Branch | WayKind::Join | WayKind::Loop => false,
        WayKind::Then | WayKind::Case | WayKind::Skip | WayKind::Retry | WayKind::Leave => true,
        // The way of a `try` to its own catch needs no words.
        WayKind::Error => graph.nodes[way.from].role != Role::Try,
    }
}

/// Whether a way is that of an error to what catches it, in the column beside.
pub(super) fn leads_to_catch(graph: &Graph, way: usize) -> bool {
    let way = &graph.ways[way];
    way.kind == WayKind::Error && graph.nodes[way.to].role == Role::Catch
}

/// Whether a way goes straight on: down, or within a column.
pub(super) fn goes_on(kind: WayKind) -> bool {
    matches!(kind, WayKind::Next | WayKind::Branch | WayKind::Join)
}

/// A guess at the width of a text, whose characters are `tenths` of a pixel wide on average.
fn width(text: &str, tenths: i32) -> i32 {
    let wide = text.chars().filter(|c| u32::from(*c) >= 0x1100).count();
    (pixels(text.chars().count()) + pixels(wide)) * tenths / 10
}

/// A count as a coordinate. Texts are cut and nodes are few: it always fits.
pub(super) fn pixels(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX / 1_000)
}
