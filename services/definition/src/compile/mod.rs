//! From a tree to a program. Everything is looked at even when something is wrong, so that all
//! problems are told at once; a program that has one is thrown away.

mod call;
mod catch;
mod duration;
mod fields;
mod loops;
mod metadata;
mod raise;
mod retry;
mod task;
mod template;
mod workflow;

use std::collections::{BTreeMap, BTreeSet};

use kintsugi_core::{Expr, Kind, List, ListId, Node, NodeId, Program, Template};
use serde_json::Value;

use self::metadata::Defaults;
pub(crate) use self::workflow::complete;
use crate::jq::Toolbox;
use crate::source::{Mark, Tree};
use crate::{Limits, Problem, Problems};

/// Variables of the specification.
const VARIABLES: [&str; 8] =
    ["authorization", "context", "input", "output", "runtime", "secrets", "task", "workflow"];

/// Compiles a document; gives its warnings, too.
pub(crate) fn program(tree: &Tree, limits: &Limits) -> Result<(Program, Vec<Problem>), Problems> {
    let mut compiler = Compiler::new(limits);
    let program = compiler.workflow(tree);
    match program {
        Some(program) if compiler.problems.is_empty() => {
            let warnings = if compiler.warnings.is_empty() {
                Vec::new()
            } else {
                Problems::of(compiler.warnings).0
            };
            Ok((program, warnings))
        }
        _ => Err(Problems::of(compiler.problems)),
    }
}

/// A part of `use` by name.
type Named<'a> = BTreeMap<&'a str, &'a Tree>;

struct Compiler<'a> {
    limits: &'a Limits,
    toolbox: Toolbox,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    expressions: Vec<String>,
    expression_ids: BTreeMap<String, Expr>,
    schemas: Vec<Value>,
    nodes: Vec<Node>,
    lists: Vec<List>,
    errors: Named<'a>,
    retries: Named<'a>,
    timeouts: Named<'a>,
    functions: Named<'a>,
    /// Reusable parts that something refers to; the others are checked in the end.
    used: BTreeSet<String>,
    defaults: Defaults,
    /// Loop and catch variables that are in scope.
    scope: Vec<String>,
    /// How many bodies of a `try` with `catch.retry` enclose the task.
    retrying: u32,
}

impl<'a> Compiler<'a> {
    fn new(limits: &'a Limits) -> Self {
        Self {
            limits,
            toolbox: Toolbox::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
            expressions: Vec::new(),
            expression_ids: BTreeMap::new(),
            schemas: Vec::new(),
            nodes: Vec::new(),
            lists: Vec::new(),
            errors: Named::new(),
            retries: Named::new(),
            timeouts: Named::new(),
            functions: Named::new(),
            used: BTreeSet::new(),
            defaults: Defaults::default(),
            scope: Vec::new(),
            retrying: 0,
        }
    }

    fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Tells that `tree` is not `wanted`.
    fn wrong_type(&mut self, tree: &Tree, pointer: &str, what: &str, wanted: &str) {
        let message = format!("{what} must be {wanted}, not {}", tree.node.kind());
        self.problem(Problem::new("type", tree.mark, message).at(pointer));
    }

    /// Tells that the engine cannot do this yet.
    fn unsupported(&mut self, mark: Mark, pointer: &str, what: &str, hint: &str) {
        let message = format!("{what} is not supported yet");
        self.problem(Problem::new("unsupported", mark, message).at(pointer).hint(hint));
    }

    fn string(&mut self, tree: &'a Tree, pointer: &str, what: &str) -> Option<&'a str> {
        let text = tree.as_str();
        if text.is_none() {
            self.wrong_type(tree, pointer, what, "a string");
        }
        text
    }

    /// Compiles `inner` with `names` in scope.
    fn scoped<T>(&mut self, names: &[&str], inner: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.scope.len();
        self.scope.extend(names.iter().map(|name| (*name).to_owned()));
        let result = inner(self);
        self.scope.truncate(outer);
        result
    }

    fn add_node(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        NodeId(u32::try_from(self.nodes.len() - 1).unwrap_or(u32::MAX))
    }

    fn add_list(&mut self, list: Vec<NodeId>) -> ListId {
        self.lists.push(List(list));
        ListId(u32::try_from(self.lists.len() - 1).unwrap_or(u32::MAX))
    }

    fn take_nodes(&mut self) -> (Vec<Node>, Vec<List>, Vec<String>, Vec<Value>) {
        let take = std::mem::take::<Vec<Node>>;
        let nodes = take(&mut self.nodes);
        let lists = std::mem::take(&mut self.lists);
        (nodes, lists, std::mem::take(&mut self.expressions), std::mem::take(&mut self.schemas))
    }
}

/// Stands in for what has a problem.
fn nothing() -> Kind {
    Kind::Set(Template::Literal(Value::Null))
}
