//! The order of tasks: what nothing leads to, and loops without a way out.

use std::collections::BTreeSet;

use kintsugi_core::{Flow, Kind, ListId, Node, NodeId};

use crate::Lint;

/// Loops of one list that are looked at: each look goes over the whole list.
const LOOPS_MAX: usize = 100;

/// Where a task of a list may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    /// To the task at this position.
    Task(usize),
    /// Out of the list.
    Out,
    /// To the end of the run, or an error.
    End,
}

impl Lint<'_> {
    /// Looks at the tasks of one list.
    pub(crate) fn order(&mut self, list: &[NodeId]) {
        let nexts: Vec<Vec<Next>> = (0..list.len()).map(|at| self.nexts(list, at)).collect();
        let reached = reach(&nexts, 0);
        for (at, id) in list.iter().enumerate() {
            let (Some(node), Some(place)) = (self.node(*id), self.place(*id)) else { continue };
            if !reached.contains(&Next::Task(at)) && at > 0 {
                let message = format!("nothing leads to the task `{}`", node.name);
                let hint = "a `then` before it goes elsewhere; remove it, or lead there";
                self.warn("unreachable-task", place, message, hint);
            }
        }
        self.loops(list, &nexts, &reached);
    }

    /// A loop that nothing leaves and that waits for nothing spins until the run is cut off.
    fn loops(&mut self, list: &[NodeId], nexts: &[Vec<Next>], reached: &BTreeSet<Next>) {
        // A loop begins where something leads back to.
        let back = |(from, all): (usize, &Vec<Next>)| {
            let to = all.iter().filter_map(move |next| match next {
                Next::Task(to) if *to <= from => Some(*to),
                _ => None,
            });
            to.collect::<Vec<_>>()
        };
        let begins: BTreeSet<usize> = nexts.iter().enumerate().flat_map(back).collect();
        for at in begins.into_iter().take(LOOPS_MAX) {
            let Some(id) = list.get(at).filter(|_| reached.contains(&Next::Task(at))) else {
                continue;
            };
            let onward = reach_after(nexts, at);
            let leaves = onward.contains(&Next::Out) || onward.contains(&Next::End);
            let is_first = onward.contains(&Next::Task(at))
                && !onward.iter().any(|next| matches!(next, Next::Task(other) if *other < at));
            if leaves || !is_first {
                continue;
            }
            let spins = onward.iter().all(|next| match next {
                Next::Task(at) => list.get(*at).is_some_and(|id| self.is_busy(*id)),
                Next::Out | Next::End => true,
            });
            let (Some(node), Some(place)) = (self.node(*id), self.place(*id)) else { continue };
            if spins {
                let message = format!(
                    "the loop that begins at `{}` never ends and waits for nothing",
                    node.name
                );
                self.warn("endless-loop", place, message, "lead out of it with a `switch`");
            }
        }
    }

    /// Whether a task and all within it go on at once.
    fn is_busy(&self, id: NodeId) -> bool {
        let Some(node) = self.node(id) else { return false };
        let below = self.children(node);
        !Self::is_effect(node)
            && !matches!(node.kind, Kind::Wait(_))
            && below.into_iter().all(|child| self.is_busy(child))
    }

    fn nexts(&self, list: &[NodeId], at: usize) -> Vec<Next> {
        let Some(node) = list.get(at).and_then(|id| self.node(*id)) else { return Vec::new() };
        let to = |flow: Flow| match flow {
            Flow::Continue if at + 1 < list.len() => Next::Task(at + 1),
            Flow::Continue | Flow::Exit => Next::Out,
            Flow::End => Next::End,
            Flow::Goto(jump) => Next::Task(jump.0 as usize),
        };
        let mut all = Vec::new();
        // What is skipped leads to the next task, whatever its `then`.
        if node.condition.is_some_and(|condition| self.literal(condition) != Some(true)) {
            all.push(to(Flow::Continue));
        }
        let (node, exits) = self.core(node);
        if exits {
            all.push(to(node.then));
        }
        match &node.kind {
            Kind::Switch(cases) => {
                all.extend(cases.iter().map(|case| to(case.then)));
                if cases.iter().all(|case| case.when.is_some()) {
                    all.push(to(node.then));
                }
            }
            Kind::Try { body, catch } => {
                if self.completes(*body) {
                    all.push(to(node.then));
                }
                if catch.body.is_none_or(|body| self.completes(body)) {
                    all.push(to(catch.then.unwrap_or(node.then)));
                }
                all.push(Next::End);
            }
            _ if self.may_complete(node) => all.push(to(node.then)),
            _ => all.push(Next::End),
        }
        all
    }

    /// What a task does without its extensions, and whether one of them may stand in for it.
    fn core<'n>(&'n self, node: &'n Node) -> (&'n Node, bool) {
        match &node.kind {
            Kind::Extended { task, extensions } => {
                let exits = extensions.iter().any(|extension| extension.before.is_some());
                (self.node(*task).unwrap_or(node), exits)
            }
            _ => (node, false),
        }
    }

    /// Whether a task can end without an error and without ending the run.
    fn may_complete(&self, node: &Node) -> bool {
        let single = |id: &NodeId| {
            self.node(*id).is_some_and(|node| node.condition.is_some() || self.may_complete(node))
        };
        let (node, exits) = self.core(node);
        match &node.kind {
            _ if exits => true,
            Kind::Raise(_) => false,
            Kind::Do(body) | Kind::Function { body, .. } => self.completes(*body),
            Kind::Fork { branches, compete: false } => branches.iter().all(single),
            Kind::Fork { branches, compete: true } => branches.iter().any(single),
            _ => true,
        }
    }

    /// Whether some way through a list leads out of it.
    fn completes(&self, list: ListId) -> bool {
        let list = self.program.list(list);
        if list.is_empty() {
            return true;
        }
        let nexts: Vec<Vec<Next>> = (0..list.len()).map(|at| self.nexts(list, at)).collect();
        reach(&nexts, 0).contains(&Next::Out)
    }
}

/// What is reached from `start`, itself included.
fn reach(nexts: &[Vec<Next>], start: usize) -> BTreeSet<Next> {
    let mut found = BTreeSet::from([Next::Task(start)]);
    let mut open = vec![start];
    while let Some(at) = open.pop() {
        for next in nexts.get(at).into_iter().flatten() {
            if found.insert(*next)
                && let Next::Task(at) = next
            {
                open.push(*at);
            }
        }
    }
    found
}

/// What is reached after `start`: itself only through a loop.
fn reach_after(nexts: &[Vec<Next>], start: usize) -> BTreeSet<Next> {
    let mut found = BTreeSet::new();
    for next in nexts.get(start).into_iter().flatten() {
        match next {
            Next::Task(at) => found.extend(reach(nexts, *at)),
            other => {
                found.insert(*other);
            }
        }
    }
    found
}
