//! `call: map`, of the default catalog: a task for each item, several side by side.

use kintsugi_core::{Flow, Kind, Map, Node, NodeId, Template};

use super::call::RESERVED;
use super::function::Callee;
use super::{Compiler, nothing};
use crate::Problem;
use crate::source::{self, Checks, Fields, Tree};

/// Items at a time where nothing is said: that of the inline map state of the Amazon States Language.
const BOUND: u32 = 40;

/// The most items at a time: each has its part in the state of the run.
const BOUND_MAX: u64 = 1_000;

const KEYS: [&str; 7] = ["as", "at", "do", "in", "maxConcurrency", "onError", "with"];

impl<'a> Compiler<'a> {
    pub(super) fn map(&mut self, task: &Fields<'a>, call: &'a Tree, pointer: &str) -> Kind {
        let what = "`call: map`";
        let message = "another runtime needs a function `map`".to_owned();
        self.not_portable(call.mark, pointer, message);
        let Some((tree, at)) = self.required(task, "with", what) else { return nothing() };
        let Some(own) = self.fields(tree, &at, "`with` of `call: map`", &KEYS) else {
            return nothing();
        };
        let each = self.variable(&own, "as", "item");
        let index = self.variable(&own, "at", "index");
        if each == index {
            let message = format!("`as` and `at` are both `{each}`");
            self.problem(Problem::new("invalid-variable", own.mark, message).at(&own.pointer));
        }
        let items = self.required(&own, "in", what).and_then(|(tree, at)| self.items(tree, &at));
        let with =
            self.scoped(&[each, index], |c| own.at("with").map(|(tree, at)| c.template(tree, &at)));
        let bound = own
            .at("maxConcurrency")
            .and_then(|(tree, at)| self.integer(tree, &at, "`maxConcurrency`", (1, BOUND_MAX)));
        let collect = own
            .at("onError")
            .and_then(|(tree, at)| self.one_of(tree, &at, "`onError`", &["fail", "collect"]));
        let callee = self.required(&own, "do", what);
        let node = callee.and_then(|(tree, at)| self.mapped(task, tree, &at));
        let (Some(items), Some(task)) = (items, node) else { return nothing() };
        Kind::Map(Box::new(Map {
            items,
            each: each.to_owned(),
            at: index.to_owned(),
            with,
            task,
            bound: bound.and_then(|bound| u32::try_from(bound).ok()).unwrap_or(BOUND),
            collect: collect == Some("collect"),
        }))
    }

    /// An array, or an expression that gives one.
    fn items(&mut self, tree: &'a Tree, pointer: &str) -> Option<Template> {
        match &tree.node {
            source::Node::Array(_) => Some(self.template(tree, pointer)),
            source::Node::String(_) => self.condition(tree, pointer, "`in`").map(Template::Expr),
            _ => {
                self.wrong_type(tree, pointer, "`in`", "an array or an expression");
                None
            }
        }
    }

    /// The task of each item: that of a function, or one for workers. Its input is the item's.
    fn mapped(&mut self, task: &Fields<'a>, tree: &'a Tree, pointer: &str) -> Option<NodeId> {
        let name = self.string(tree, pointer, "`do`")?;
        let is_own = self.uses.functions.contains_key(name);
        if !is_own && (name == "http" || name == "map" || RESERVED.contains(&name)) {
            let message = format!("`do` takes a function or a task type, not `{name}`");
            let problem = Problem::new("invalid-name", tree.mark, message).at(pointer);
            self.problem(problem.hint("make it a function in `use.functions`"));
            return None;
        }
        let reference = self.reference(pointer);
        match self.callee(tree, name, pointer)? {
            Callee::Function(function) => self.task_of(task, tree, function, reference, pointer),
            Callee::TaskType(task_type) => {
                let input = self.expression(".", tree.mark, pointer).map(Template::Expr);
                let kind = self.given_out(task, &task_type, input, Vec::new());
                let node = Node {
                    name: name.to_owned(),
                    pointer: reference,
                    condition: None,
                    input_schema: None,
                    input_from: None,
                    output_as: None,
                    output_schema: None,
                    export: None,
                    timeout: None,
                    then: Flow::Continue,
                    kind,
                };
                Some(self.add_node(node, tree.mark, pointer))
            }
        }
    }
}
