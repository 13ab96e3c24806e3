//! `call: map`, of the default catalog: a task for each item, several side by side.

use kintsugi_core::{Kind, Map, Template};

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
        let node = callee.and_then(|(tree, at)| {
            let reference = self.reference(&at);
            self.task_for(task, tree, &at, (reference.clone(), reference))
        });
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
}
