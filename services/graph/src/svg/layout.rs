//! Where each box is.

use crate::{Block, Graph, WayKind};

use super::sizes::{Sizes, goes_on, leads_to_catch, leaves_in_row, pixels};

/// Between boxes that follow each other, in pixels.
pub(super) const GAP: i32 = 30;

/// Between columns beside each other.
pub(super) const COLUMN_GAP: i32 = 28;

/// Within the frame of a group, and around the picture.
const PAD: i32 = 14;

/// Between lanes.
pub(super) const LANE: i32 = 11;

/// A place in the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) x: i32,
    pub(super) y: i32,
}

/// A box in the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rect {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) w: i32,
    pub(super) h: i32,
}

impl Rect {
    pub(super) fn middle(&self) -> i32 {
        self.x + self.w / 2
    }

    pub(super) fn bottom(&self) -> i32 {
        self.y + self.h
    }

    pub(super) fn right(&self) -> i32 {
        self.x + self.w
    }
}

/// A column or a group: what lanes run beside.
#[derive(Debug, Default)]
pub(super) struct Frame {
    /// The frame around it, and how many there are around it.
    parent: Option<usize>,
    depth: usize,
    /// How many lanes it has on either side.
    lanes: [usize; 2],
    /// All of it, lanes included.
    pub(super) rect: Rect,
    /// Where its first lane on either side is.
    pub(super) edges: [i32; 2],
}

/// The side of a lane.
pub(super) const LEFT: usize = 0;
pub(super) const RIGHT: usize = 1;

/// A way's lane.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lane {
    pub(super) frame: usize,
    pub(super) side: usize,
    pub(super) index: usize,
}

/// Where everything is.
pub(super) struct Layout {
    pub(super) nodes: Vec<Rect>,
    pub(super) groups: Vec<Rect>,
    pub(super) frames: Vec<Frame>,
    /// The frame that each node lies in at first hand.
    pub(super) of_node: Vec<usize>,
    /// For each way, the lane that it takes.
    pub(super) lanes: Vec<Option<Lane>>,
    pub(super) width: i32,
    pub(super) height: i32,
}

/// How far a block reaches from its axis, and how high it is.
#[derive(Clone, Copy, Debug, Default)]
struct Extent {
    sides: [i32; 2],
    height: i32,
}

struct Maker<'g> {
    graph: &'g Graph,
    sizes: &'g Sizes,
    layout: Layout,
    /// Extents of columns and groups by frame.
    extents: Vec<Extent>,
    /// The frames of a group and of its columns, by group.
    of_group: Vec<(usize, Vec<usize>)>,
}

impl Layout {
    pub(super) fn of(graph: &Graph, sizes: &Sizes) -> Self {
        let layout = Self {
            nodes: vec![Rect::default(); graph.nodes.len()],
            groups: vec![Rect::default(); graph.groups.len()],
            frames: Vec::new(),
            of_node: vec![0; graph.nodes.len()],
            lanes: vec![None; graph.ways.len()],
            width: 0,
            height: 0,
        };
        let of_group = graph.groups.iter().map(|_| (0, Vec::new())).collect();
        let mut maker = Maker { graph, sizes, layout, extents: Vec::new(), of_group };
        let root = maker.frame(None);
        maker.frames(&graph.blocks, root);
        maker.lanes();
        maker.extents = vec![Extent::default(); maker.layout.frames.len()];
        let whole = maker.measure_column(&graph.blocks, root);
        maker.place_column(&graph.blocks, root, Point { x: whole.sides[LEFT] + PAD, y: PAD });
        let mut layout = maker.layout;
        layout.width = whole.sides[LEFT] + whole.sides[RIGHT] + 2 * PAD;
        layout.height = whole.height + 2 * PAD;
        layout
    }

    /// The innermost frame around both of two frames.
    pub(super) fn around(&self, mut a: usize, mut b: usize) -> usize {
        while a != b {
            let (deep, other) =
                if self.frames[a].depth >= self.frames[b].depth { (a, b) } else { (b, a) };
            // The root is around everything.
            (a, b) = (self.frames[deep].parent.unwrap_or(0), other);
        }
        a
    }

    /// What contains `node` at first hand within the frame `around`.
    pub(super) fn column_within(&self, node: usize, around: usize) -> Rect {
        let (mut frame, mut within) = (self.of_node[node], self.nodes[node]);
        while frame != around {
            within = self.frames[frame].rect;
            frame = self.frames[frame].parent.unwrap_or(around);
        }
        within
    }
}

impl Maker<'_> {
    fn frame(&mut self, parent: Option<usize>) -> usize {
        let depth = parent.map_or(0, |parent| self.layout.frames[parent].depth + 1);
        self.layout.frames.push(Frame { parent, depth, ..Frame::default() });
        self.layout.frames.len() - 1
    }

    fn frames(&mut self, blocks: &[Block], own: usize) {
        for block in blocks {
            match block {
                Block::Node(node) => self.layout.of_node[*node] = own,
                Block::Group { group, head, columns, tail } => {
                    let frame = self.frame(Some(own));
                    self.layout.of_node[*head] = frame;
                    if let Some(tail) = tail {
                        self.layout.of_node[*tail] = frame;
                    }
                    let mut inner = Vec::with_capacity(columns.len());
                    for column in columns {
                        let id = self.frame(Some(frame));
                        self.frames(column, id);
                        inner.push(id);
                    }
                    self.of_group[*group] = (frame, inner);
                }
            }
        }
    }

    /// Gives each way that needs one a lane. Ways to one node share theirs; stretches that do not meet
    /// may lie in one; the shorter lie nearer. Nodes are numbered from the top down.
    fn lanes(&mut self) {
        struct Stretch {
            frame: usize,
            side: usize,
            to: usize,
            from_row: usize,
            to_row: usize,
            ways: Vec<usize>,
        }
        let mut stretches: std::collections::BTreeMap<(usize, usize, usize), Stretch> =
            std::collections::BTreeMap::new();
        for (id, way) in self.graph.ways.iter().enumerate() {
            let side = match way.kind {
                WayKind::Loop => LEFT,
                kind if goes_on(kind) || leads_to_catch(self.graph, id) => continue,
                _ if leaves_in_row(self.graph, id) => RIGHT,
                _ => continue,
            };
            let own = (self.layout.of_node[way.from], self.layout.of_node[way.to]);
            let frame = self.layout.around(own.0, own.1);
            let (low, high) = (way.from.min(way.to), way.from.max(way.to));
            let empty =
                Stretch { frame, side, to: way.to, from_row: low, to_row: high, ways: Vec::new() };
            let stretch = stretches.entry((frame, side, way.to)).or_insert(empty);
            stretch.from_row = stretch.from_row.min(low);
            stretch.to_row = stretch.to_row.max(high);
            stretch.ways.push(id);
        }
        let mut all: Vec<Stretch> = stretches.into_values().collect();
        all.sort_by_key(|one| (one.frame, one.side, one.to_row - one.from_row, one.to));
        let mut taken: Vec<Vec<(usize, usize)>> = Vec::new();
        let mut current = None;
        for one in all {
            if current != Some((one.frame, one.side)) {
                current = Some((one.frame, one.side));
                taken.clear();
            }
            let free = |lane: &Vec<(usize, usize)>| {
                lane.iter().all(|(low, high)| *high <= one.from_row || *low >= one.to_row)
            };
            let index = taken.iter().position(free).unwrap_or_else(|| {
                taken.push(Vec::new());
                taken.len() - 1
            });
            taken[index].push((one.from_row, one.to_row));
            let lanes = &mut self.layout.frames[one.frame].lanes[one.side];
            *lanes = (*lanes).max(index + 1);
            for way in one.ways {
                self.layout.lanes[way] = Some(Lane { frame: one.frame, side: one.side, index });
            }
        }
    }

    /// What the lanes of a frame need on either side.
    fn beside(&self, frame: usize, side: usize) -> i32 {
        match self.layout.frames[frame].lanes[side] {
            0 => 0,
            lanes => LANE * (pixels(lanes) + 1),
        }
    }

    fn with_lanes(&mut self, frame: usize, inner: Extent, pad: i32) -> Extent {
        let sides = [LEFT, RIGHT].map(|side| inner.sides[side] + self.beside(frame, side) + pad);
        let extent = Extent { sides, height: inner.height };
        self.layout.frames[frame].edges = inner.sides;
        self.extents[frame] = extent;
        extent
    }

    fn measure_column(&mut self, blocks: &[Block], frame: usize) -> Extent {
        let mut inner = Extent::default();
        for (at, block) in blocks.iter().enumerate() {
            let one = self.measure(block);
            for side in [LEFT, RIGHT] {
                inner.sides[side] = inner.sides[side].max(one.sides[side]);
            }
            inner.height += one.height + if at == 0 { 0 } else { GAP };
        }
        self.with_lanes(frame, inner, 0)
    }

    fn measure(&mut self, block: &Block) -> Extent {
        match block {
            Block::Node(node) => self.measure_node(*node),
            Block::Group { group, head, columns, tail } => {
                let (frame, inner) = self.of_group[*group].clone();
                let head = self.measure_node(*head);
                let right = head.sides[RIGHT];
                let mut height = 0;
                for (column, id) in columns.iter().zip(&inner) {
                    height = height.max(self.measure_column(column, *id).height);
                }
                let axes = self.axes(tail.is_some(), right, &inner);
                let mut extent = Extent { height: head.height, ..head };
                for (axis, id) in axes.iter().zip(&inner) {
                    let sides = self.extents[*id].sides;
                    extent.sides[LEFT] = extent.sides[LEFT].max(sides[LEFT] - axis);
                    extent.sides[RIGHT] = extent.sides[RIGHT].max(sides[RIGHT] + axis);
                }
                extent.height += if height > 0 { GAP + height } else { 0 };
                if let Some(tail) = tail {
                    let tail = self.measure_node(*tail);
                    extent.height += GAP + tail.height;
                    for side in [LEFT, RIGHT] {
                        extent.sides[side] = extent.sides[side].max(tail.sides[side]);
                    }
                }
                extent.height += 2 * PAD;
                self.with_lanes(frame, extent, PAD)
            }
        }
    }

    fn measure_node(&self, node: usize) -> Extent {
        let size = &self.sizes.nodes[node];
        let half = size.w / 2;
        Extent { sides: [half, size.w - half], height: size.h }
    }

    /// The axes of columns, from that of their group: side by side around it where they are branches,
    /// else from it to the right, where a line must get past the `right` end of the head.
    fn axes(&self, are_branches: bool, right: i32, columns: &[usize]) -> Vec<i32> {
        let mut axes = Vec::with_capacity(columns.len());
        let mut edge = 0;
        for (at, id) in columns.iter().enumerate() {
            let sides = self.extents[*id].sides;
            if at == 0 {
                edge = -sides[LEFT];
            }
            axes.push(edge + sides[LEFT]);
            edge += sides[LEFT] + sides[RIGHT] + COLUMN_GAP;
            if !are_branches {
                edge = edge.max(right + COLUMN_GAP);
            }
        }
        if are_branches && let Some(first) = columns.first() {
            let whole = edge - COLUMN_GAP + self.extents[*first].sides[LEFT];
            let shift = whole / 2 - self.extents[*first].sides[LEFT];
            for axis in &mut axes {
                *axis -= shift;
            }
        }
        axes
    }

    /// Places a column whose axis is at `at.x` and whose top is at `at.y`.
    fn place_column(&mut self, blocks: &[Block], frame: usize, at: Point) {
        self.place_frame(frame, at);
        let mut y = at.y;
        for block in blocks {
            y += self.place(block, Point { x: at.x, y }) + GAP;
        }
    }

    fn place_frame(&mut self, frame: usize, at: Point) {
        let Extent { sides, height } = self.extents[frame];
        let own = &mut self.layout.frames[frame];
        own.rect =
            Rect { x: at.x - sides[LEFT], y: at.y, w: sides[LEFT] + sides[RIGHT], h: height };
        own.edges = [at.x - own.edges[LEFT], at.x + own.edges[RIGHT]];
    }

    fn place(&mut self, block: &Block, at: Point) -> i32 {
        match block {
            Block::Node(node) => self.place_node(*node, at),
            Block::Group { group, head, columns, tail } => {
                let (frame, inner) = self.of_group[*group].clone();
                self.place_frame(frame, at);
                let rect = self.layout.frames[frame].rect;
                self.layout.groups[*group] = rect;
                let mut y = at.y + PAD;
                y += self.place_node(*head, Point { x: at.x, y }) + GAP;
                let right = self.measure_node(*head).sides[RIGHT];
                let axes = self.axes(tail.is_some(), right, &inner);
                for ((column, id), axis) in columns.iter().zip(&inner).zip(axes) {
                    self.place_column(column, *id, Point { x: at.x + axis, y });
                }
                if let Some(tail) = tail {
                    let y = rect.bottom() - PAD - self.sizes.nodes[*tail].h;
                    self.place_node(*tail, Point { x: at.x, y });
                }
                rect.h
            }
        }
    }

    fn place_node(&mut self, node: usize, at: Point) -> i32 {
        let size = &self.sizes.nodes[node];
        let rect = Rect { x: at.x - size.w / 2, y: at.y, w: size.w, h: size.h };
        self.layout.nodes[node] = rect;
        rect.h
    }
}
