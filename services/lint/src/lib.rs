//! What is accepted in a workflow but probably not meant, found by looking at the program: tasks
//! that nothing leads to, loops without a way out, handlers that can never handle, and the like.
//!
//! Every warning is certain of its fact: what only might be so is not told.

mod conditions;
mod handlers;
mod limits;
mod occasions;
mod order;

use kintsugi_core::{Expr, Kind, ListId, Node, NodeId, Program, Schedule};
use kintsugi_document::{Mark, Problem};

/// Where a task stands in the source.
#[derive(Clone, Debug)]
pub struct Place {
    /// Line and column.
    pub mark: Mark,
    /// JSON pointer into the document.
    pub pointer: String,
}

/// Looks at a whole program, and at what starts its runs. `places` has one place for each of its nodes.
#[must_use]
pub fn check(program: &Program, places: &[Place], schedule: Option<&Schedule>) -> Vec<Problem> {
    let mut lint = Lint { program, places, warnings: Vec::new() };
    for list in &program.lists {
        lint.order(&list.0);
    }
    for (node, place) in program.nodes.iter().zip(places) {
        lint.conditions(node, place);
        lint.handler(node, place);
        lint.occasion(node, place, schedule);
    }
    lint.compensation();
    let limit = lint.millis(program.timeout);
    lint.limits(program.list(program.body), limit);
    lint.warnings
}

struct Lint<'p> {
    program: &'p Program,
    places: &'p [Place],
    warnings: Vec<Problem>,
}

impl<'p> Lint<'p> {
    fn warn(&mut self, code: &'static str, place: &Place, message: String, hint: &str) {
        let problem = Problem::new(code, place.mark, message);
        self.warnings.push(problem.at(&place.pointer).hint(hint));
    }

    fn place(&self, id: NodeId) -> Option<&'p Place> {
        self.places.get(id.0 as usize)
    }

    fn node(&self, id: NodeId) -> Option<&'p Node> {
        self.program.node(id)
    }

    /// Whether an expression is a literal, and what it is as a condition.
    fn literal(&self, expr: Expr) -> Option<bool> {
        match self.program.expressions.get(expr.0 as usize)?.trim() {
            "true" => Some(true),
            "false" | "null" => Some(false),
            text if text.len() > 1 && text.starts_with('"') && text.ends_with('"') => {
                (!text[1..text.len() - 1].contains(['"', '\\'])).then_some(true)
            }
            text if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => Some(true),
            _ => None,
        }
    }

    /// Every task of a list, those within others included.
    fn within(&self, list: ListId) -> Vec<NodeId> {
        let mut open: Vec<NodeId> = self.program.list(list).to_vec();
        let mut all = Vec::new();
        while let Some(id) = open.pop() {
            all.push(id);
            if let Some(node) = self.node(id) {
                open.extend(self.children(node));
            }
        }
        all
    }

    /// The tasks directly below one.
    fn children(&self, node: &Node) -> Vec<NodeId> {
        let list = |id: &ListId| self.program.list(*id).to_vec();
        match &node.kind {
            Kind::Do(body) | Kind::For { body, .. } | Kind::Function { body, .. } => list(body),
            Kind::Try { body, catch } => {
                let mut all = list(body);
                all.extend(catch.body.iter().flat_map(list));
                all
            }
            Kind::Fork { branches, .. } => branches.clone(),
            Kind::Map(map) => vec![map.task],
            Kind::Messages(of) => {
                std::iter::once(of.call).chain(of.foreach.body.iter().flat_map(list)).collect()
            }
            Kind::Extended { task, extensions } => {
                let layers = extensions.iter().flat_map(|one| one.before.iter().chain(&one.after));
                std::iter::once(*task).chain(layers.flat_map(list)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether something outside the run decides how the task, alone, ends.
    fn is_effect(node: &Node) -> bool {
        !matches!(
            node.kind,
            Kind::Do(_)
                | Kind::Set(_)
                | Kind::Switch(_)
                | Kind::Fork { .. }
                | Kind::For { .. }
                | Kind::Try { .. }
                | Kind::Raise(_)
                | Kind::Wait(_)
                | Kind::Function { .. }
                | Kind::Map(_)
                | Kind::Compensate
                | Kind::Messages(_)
                | Kind::Extended { .. }
        )
    }
}
