//! From a program to its graph.
//!
//! A task list is followed from its beginning: what a task leaves open leads to the task after it, or
//! to where its `then` says. Each task begins with one node, so ways backward are known at once; ways
//! forward wait until their target is there.

use std::collections::BTreeMap;

use kintsugi_core::{Catch, Expr, Flow, Kind, ListId, NodeId, Program};

use crate::{Block, Error, Graph, Group, Node, Role, WAYS_MAX, Way, WayKind, label};

/// A way that leads nowhere yet.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) from: usize,
    pub(crate) kind: WayKind,
    pub(crate) label: Option<String>,
    /// Of a case, its position.
    pub(crate) rank: usize,
}

impl End {
    pub(crate) fn next(from: usize) -> Self {
        Self { from, kind: WayKind::Next, label: None, rank: 0 }
    }

    pub(crate) fn new(from: usize, kind: WayKind, label: &str) -> Self {
        Self { from, kind, label: Some(label.to_owned()), rank: 0 }
    }

    /// The same for another reason, unless it has a reason of its own.
    fn because(self, kind: WayKind) -> Self {
        let kind = if self.kind == WayKind::Next { kind } else { self.kind };
        Self { kind, ..self }
    }
}

/// What a task leaves open, with where it leads.
pub(crate) type Open = Vec<(Flow, End)>;

/// Where a task begins: the ways that lead to it, and the list that its jumps are positions in.
pub(crate) struct Entry<'p> {
    pub(crate) from: Vec<End>,
    pub(crate) list: &'p [NodeId],
}

pub(crate) struct Builder<'p> {
    pub(crate) program: &'p Program,
    graph: Graph,
    /// The group that is being filled.
    pub(crate) group: Option<usize>,
    /// For each `try` around, innermost last, the tasks within that raise errors.
    raises: Vec<Vec<usize>>,
    /// What leads to the end of the run.
    to_end: Vec<End>,
    too_many: bool,
}

pub(crate) fn graph(program: &Program) -> Result<Graph, Error> {
    let definition = program.definition.to_string();
    let graph =
        Graph { definition, nodes: vec![], ways: vec![], groups: vec![], blocks: Vec::new() };
    let mut builder = Builder {
        program,
        graph,
        group: None,
        raises: Vec::new(),
        to_end: Vec::new(),
        too_many: false,
    };
    let mut blocks = Vec::new();
    let start = builder.plain(Role::Start, &mut blocks);
    let ends = builder.list(program.body, vec![End::next(start)], &mut blocks);
    let end = builder.plain(Role::End, &mut blocks);
    let to_end = std::mem::take(&mut builder.to_end);
    builder.connect(ends.into_iter().chain(to_end), end);
    if builder.too_many {
        return Err(Error::TooLarge { what: "ways", max: WAYS_MAX });
    }
    builder.graph.blocks = blocks;
    Ok(builder.graph)
}

/// Whether something is drawn within a task. Exhaustive on purpose, as the labels are.
fn is_group(kind: &Kind) -> bool {
    match kind {
        Kind::Do(_) | Kind::Fork { .. } | Kind::Try { .. } | Kind::Function { .. } => true,
        Kind::Map(_) | Kind::Extended { .. } => true,
        Kind::For { .. } | Kind::Listen(_) | Kind::Messages(_) => rounds(kind).is_some(),
        Kind::Set(_) | Kind::Switch(_) | Kind::Raise(_) | Kind::Wait(_) => false,
        Kind::Call(_)
        | Kind::Emit(_)
        | Kind::RunWorkflow(_)
        | Kind::Human(_)
        | Kind::Compensate => false,
    }
}

/// What a task does over and over.
fn rounds(kind: &Kind) -> Option<ListId> {
    match kind {
        Kind::For { body, .. } => Some(*body),
        Kind::Listen(listen) => listen.foreach.as_ref().and_then(|each| each.body),
        Kind::Messages(of) => of.foreach.body,
        _ => None,
    }
}

impl<'p> Builder<'p> {
    pub(crate) fn node(
        &mut self,
        role: Role,
        name: String,
        label: String,
        at: Option<String>,
    ) -> usize {
        let id = self.graph.nodes.len();
        self.graph.nodes.push(Node { id, role, name, label, reference: at, group: self.group });
        id
    }

    /// A node that is no task and says no more than what it is.
    fn plain(&mut self, role: Role, blocks: &mut Vec<Block>) -> usize {
        let id = self.node(role, role.name().to_owned(), String::new(), None);
        blocks.push(Block::Node(id));
        id
    }

    pub(crate) fn connect(&mut self, ends: impl IntoIterator<Item = End>, to: usize) {
        for End { from, kind, label, rank } in ends {
            if self.graph.ways.len() == WAYS_MAX {
                self.too_many = true;
                return;
            }
            self.graph.ways.push(Way { from, to, kind, label, rank });
        }
    }

    /// Opens a group; gives it and the one around it.
    pub(crate) fn open(
        &mut self,
        role: Role,
        name: String,
        reference: String,
    ) -> (usize, Option<usize>) {
        let (id, parent) = (self.graph.groups.len(), self.group);
        self.graph.groups.push(Group { id, role, name, reference, parent });
        self.group = Some(id);
        (id, parent)
    }

    /// Tasks one after the other; gives what leads out of the list.
    pub(crate) fn list(
        &mut self,
        list: ListId,
        from: Vec<End>,
        blocks: &mut Vec<Block>,
    ) -> Vec<End> {
        let list = self.program.list(list);
        let mut begins = Vec::with_capacity(list.len());
        let mut ahead: BTreeMap<usize, Vec<End>> = BTreeMap::new();
        let (mut from, mut out) = (from, Vec::new());
        for (at, id) in list.iter().enumerate() {
            from.extend(ahead.remove(&at).unwrap_or_default());
            begins.push(self.graph.nodes.len());
            let open = self.task(*id, Entry { from: std::mem::take(&mut from), list }, blocks);
            for (flow, end) in open {
                match flow {
                    Flow::Continue => from.push(end),
                    Flow::Exit => out.push(end),
                    Flow::End => self.to_end.push(end),
                    Flow::Goto(jump) => match begins.get(jump.0 as usize) {
                        Some(begin) => self.connect([end], *begin),
                        None => ahead.entry(jump.0 as usize).or_default().push(end),
                    },
                }
            }
        }
        from.extend(out);
        from
    }

    pub(crate) fn task(&mut self, id: NodeId, entry: Entry<'p>, blocks: &mut Vec<Block>) -> Open {
        let Some(node) = self.program.node(id) else { return Open::new() };
        let Entry { mut from, list } = entry;
        let mut open = Open::new();
        if let Some(condition) = node.condition {
            let asked = self.asked(condition, from, blocks);
            // What is skipped leads on, whatever its `then` says.
            open.push((Flow::Continue, End::new(asked, WayKind::Skip, "no")));
            from = vec![End::new(asked, WayKind::Next, "yes")];
        }
        if let Kind::Extended { task, extensions } = &node.kind {
            open.extend(self.around(node, *task, extensions, Entry { from, list }, blocks));
            return open;
        }
        let (role, does) = label::of(self.program, node);
        let (name, reference) = (label::name(node), node.pointer.clone());
        let opened = is_group(&node.kind).then(|| self.open(role, name.clone(), reference.clone()));
        let head = self.node(role, name, does, Some(reference));
        self.connect(from, head);
        let mut columns = Vec::new();
        let (ends, tail) = self.inside(node, head, list, &mut columns, &mut open);
        match opened {
            Some((group, parent)) => {
                self.group = parent;
                blocks.push(Block::Group { group, head, columns, tail });
            }
            None => blocks.push(Block::Node(head)),
        }
        open.extend(ends.into_iter().map(|end| self.after(node.then, list, end)));
        open
    }

    /// What lies within a task; gives what leads out of it, and the node at its bottom. What leads
    /// elsewhere than its `then` says goes to `open`.
    fn inside(
        &mut self,
        node: &'p kintsugi_core::Node,
        head: usize,
        list: &'p [NodeId],
        columns: &mut Vec<Vec<Block>>,
        open: &mut Open,
    ) -> (Vec<End>, Option<usize>) {
        let ends = match &node.kind {
            Kind::Raise(_) => {
                self.raised(head);
                Vec::new()
            }
            Kind::Switch(cases) => {
                let labels = label::cases(self.program, node);
                for (rank, (case, label)) in cases.iter().zip(labels).enumerate() {
                    let label = self.case(case.then, list, label);
                    open.push((case.then, End { from: head, kind: WayKind::Case, label, rank }));
                }
                let falls = !cases.iter().any(|case| case.when.is_none());
                let falls = falls.then(|| End::new(head, WayKind::Next, "no case"));
                falls.into_iter().collect()
            }
            Kind::Do(body) | Kind::Function { body, .. } => {
                self.column(*body, vec![End::next(head)], columns)
            }
            Kind::Map(map) => self.mapped(head, map.task, columns),
            Kind::Fork { branches, compete } => {
                let joined = self.fork(head, branches, *compete, columns);
                return (vec![End::next(joined)], Some(joined));
            }
            Kind::Try { body, catch } => {
                let (ends, caught) = self.tried(head, *body, catch, columns);
                let flow = catch.then.unwrap_or(node.then);
                open.extend(caught.into_iter().map(|end| self.after(flow, list, end)));
                ends
            }
            other => match rounds(other) {
                Some(body) => self.rounds(head, body, columns),
                None => vec![End::next(head)],
            },
        };
        (ends, None)
    }

    fn asked(&mut self, condition: Expr, from: Vec<End>, blocks: &mut Vec<Block>) -> usize {
        let text = label::condition(self.program, condition);
        let asked = self.node(Role::If, text, String::new(), None);
        blocks.push(Block::Node(asked));
        self.connect(from, asked);
        asked
    }

    /// The label of a case, with where it leads.
    fn case(&self, flow: Flow, list: &[NodeId], label: String) -> Option<String> {
        let leads = label::flow(self.program, list, flow);
        Some(match leads {
            Some(leads) => format!("{label} → {}", leads.trim_start_matches("then ")),
            None => label,
        })
    }

    /// Where what a task left open leads, by its `then`.
    fn after(&self, flow: Flow, list: &[NodeId], end: End) -> (Flow, End) {
        let Some(leads) = label::flow(self.program, list, flow) else { return (flow, end) };
        let label = match &end.label {
            Some(label) => format!("{label}, {leads}"),
            None => leads,
        };
        (flow, End { label: Some(label), ..end.because(WayKind::Then) })
    }

    fn column(&mut self, body: ListId, from: Vec<End>, columns: &mut Vec<Vec<Block>>) -> Vec<End> {
        let mut column = Vec::new();
        let ends = self.list(body, from, &mut column);
        columns.push(column);
        ends
    }

    /// A body that is run over and over.
    fn rounds(&mut self, head: usize, body: ListId, columns: &mut Vec<Vec<Block>>) -> Vec<End> {
        let ends = self.column(body, vec![End::next(head)], columns);
        let back = ends.into_iter().filter(|end| end.from != head);
        let back = back.map(|end| End { kind: WayKind::Loop, ..end });
        self.connect(back.collect::<Vec<_>>(), head);
        vec![End::new(head, WayKind::Leave, "after the last")]
    }

    /// Branches side by side; gives where they come together.
    fn fork(
        &mut self,
        head: usize,
        branches: &'p [NodeId],
        compete: bool,
        columns: &mut Vec<Vec<Block>>,
    ) -> usize {
        let mut joins = Vec::new();
        for branch in branches {
            let mut column = Vec::new();
            let from = vec![End { kind: WayKind::Branch, ..End::next(head) }];
            let open = self.task(*branch, Entry { from, list: branches }, &mut column);
            columns.push(column);
            for (flow, end) in open {
                match flow {
                    Flow::End => self.to_end.push(end),
                    // A branch is a list of its own: to leave it is to be done with it.
                    Flow::Continue | Flow::Exit | Flow::Goto(_) => {
                        joins.push(end.because(WayKind::Join));
                    }
                }
            }
        }
        let what = if compete { "the first to succeed" } else { "all are done" };
        let joined = self.node(Role::Join, what.to_owned(), String::new(), None);
        self.connect(joins, joined);
        joined
    }

    /// A body and what catches its errors; gives what leads out of either.
    fn tried(
        &mut self,
        head: usize,
        body: ListId,
        catch: &'p Catch,
        columns: &mut Vec<Vec<Block>>,
    ) -> (Vec<End>, Vec<End>) {
        self.raises.push(Vec::new());
        let ends = self.column(body, vec![End::next(head)], columns);
        let raised = self.raises.pop().unwrap_or_default();
        let own = &self.graph.nodes[head];
        let (name, reference) =
            (own.name.clone(), format!("{}/catch", own.reference.as_deref().unwrap_or_default()));
        let what = label::catch(self.program, catch);
        let opened = catch.body.map(|_| self.open(Role::Catch, name, reference.clone()));
        let caught = self.node(Role::Catch, what, format!("as {}", catch.as_), Some(reference));
        let errors = [head].into_iter().chain(raised);
        let errors = errors.map(|from| End::new(from, WayKind::Error, "error"));
        self.connect(errors.collect::<Vec<_>>(), caught);
        if let Some(retry) = &catch.retry {
            let again = End::new(caught, WayKind::Retry, &label::retry(retry));
            self.connect([again], head);
        }
        let mut inner = Vec::new();
        let handled = match (catch.body, &catch.retry) {
            (Some(body), _) => self.column(body, vec![End::next(caught)], &mut inner),
            // With retries alone, the last error goes on as if nothing had caught it.
            (None, Some(_)) => {
                self.raised(caught);
                Vec::new()
            }
            (None, None) => vec![End::next(caught)],
        };
        columns.push(vec![match opened {
            Some((group, parent)) => {
                self.group = parent;
                Block::Group { group, head: caught, columns: inner, tail: None }
            }
            None => Block::Node(caught),
        }]);
        (ends, handled)
    }

    /// An error leaves `node`: the innermost `try` around hears of it first.
    fn raised(&mut self, node: usize) {
        match self.raises.last_mut() {
            Some(within) => within.push(node),
            None => self.to_end.push(End::new(node, WayKind::Error, "fault")),
        }
    }
}
