//! From a tree to a program. Everything is looked at even when something is wrong, so that all
//! problems are told at once; a program that has one is thrown away.

mod bound;
mod call;
mod catch;
mod deferred;
mod duration;
mod emit;
mod extension;
mod function;
mod host;
mod human;
mod listen;
mod loops;
mod map;
mod metadata;
mod on_cancel;
mod raise;
mod registered;
mod resource;
mod retry;
mod run;
mod run_workflow;
mod schedule;
mod schema;
mod task;
mod template;
mod undo;
mod workflow;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kintsugi_core::{Expr, Kind, List, ListId, Node, NodeId, Program, Schedule, Template};
use kintsugi_jq::Toolbox;
use kintsugi_lint::Place;
use serde_json::Value;

use self::deferred::Arguments;
use self::extension::Extender;
use self::metadata::Defaults;
use self::registered::Registered;
pub(crate) use self::registered::check_task_type;
pub(crate) use self::workflow::complete;
use crate::schema::Library;
use crate::source::{Checks, Mark, Tree};
use crate::{Limits, Need, Problem, Problems, Resources};

/// Variables of the specification.
const VARIABLES: [&str; 8] =
    ["authorization", "context", "input", "output", "runtime", "secrets", "task", "workflow"];

/// What came of a document without problems.
pub(crate) enum Outcome {
    Made(Box<Made>),
    Needs(Vec<Need>),
}

/// A program, and what was learnt on the way.
pub(crate) struct Made {
    pub(crate) program: Program,
    pub(crate) schedule: Option<Schedule>,
    pub(crate) warnings: Vec<Problem>,
    pub(crate) portability: Vec<Problem>,
    /// The resources that it was made from.
    pub(crate) resources: Resources,
}

/// Compiles a document.
pub(crate) fn program(
    tree: &Tree,
    limits: &Limits,
    resources: &Resources,
) -> Result<Outcome, Problems> {
    let trees: Trees<'_> = resources.iter().map(|one| (&*one.uri, OnceCell::new())).collect();
    let mut compiler = Compiler::new(limits, resources, &trees);
    let program = compiler.workflow(tree);
    if !compiler.problems.is_empty() {
        return Err(Problems::of(compiler.problems));
    }
    if !compiler.needs.is_empty() {
        return Ok(Outcome::Needs(compiler.needs));
    }
    let Some(program) = program else { return Err(Problems::of(compiler.problems)) };
    let mut warnings = compiler.warnings;
    warnings.extend(kintsugi_lint::check(&program, &compiler.places, compiler.schedule.as_ref()));
    let (warnings, portability) = (Problems::of(warnings).0, Problems::of(compiler.portability).0);
    let used = compiler.resources_used.union(&compiler.task_types_used);
    let (schedule, resources) = (compiler.schedule, resources.only(used));
    Ok(Outcome::Made(Box::new(Made { program, schedule, warnings, portability, resources })))
}

/// A part of `use` by name.
type Named<'a> = BTreeMap<&'a str, &'a Tree>;

/// `use`: a function from elsewhere sees nothing of it.
#[derive(Default)]
struct Uses<'a> {
    errors: Named<'a>,
    retries: Named<'a>,
    timeouts: Named<'a>,
    functions: Named<'a>,
    catalogs: Named<'a>,
    authentications: Named<'a>,
    /// The outermost first.
    extensions: Vec<Extender<'a>>,
    /// `evaluate.mode: loose`.
    is_loose: bool,
    /// Names in `secrets`.
    secrets: BTreeSet<&'a str>,
}

/// Resources as trees, each read when it is first asked for.
type Trees<'a> = BTreeMap<&'a str, OnceCell<Result<Tree, Problem>>>;

struct Compiler<'a> {
    limits: &'a Limits,
    resources: &'a Resources,
    trees: &'a Trees<'a>,
    /// URIs of the resources that were asked for.
    resources_used: BTreeSet<String>,
    /// URIs of the task types that are called and in the registry. They are not bounded as others are,
    /// since nobody has to be asked for them.
    task_types_used: BTreeSet<String>,
    /// Resources that are not at hand.
    needs: Vec<Need>,
    /// Schemas outside the document that its schemas refer to, by URI.
    library: Arc<Library>,
    toolbox: Toolbox,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    portability: Vec<Problem>,
    expressions: Vec<String>,
    /// Known expressions, with the variables that each names.
    expression_ids: BTreeMap<String, (Expr, Vec<String>)>,
    schemas: Vec<Value>,
    nodes: Vec<Node>,
    /// Where each of them stands.
    places: Vec<Place>,
    lists: Vec<List>,
    /// What can be named where the compiler is.
    uses: Uses<'a>,
    /// The arguments that are being compiled, of a call that the engine carries out itself.
    arguments: Option<Arguments>,
    /// Reusable parts that something refers to; the others are checked in the end.
    used: BTreeSet<String>,
    defaults: Defaults,
    /// `document.metadata`, which says what holds for all calls.
    metadata: Option<(&'a Tree, String)>,
    /// What holds for calls of task types that were called so far.
    registered: BTreeMap<String, Registered>,
    /// When the document starts runs by itself.
    schedule: Option<Schedule>,
    /// What is compiled is evaluated before there is a run.
    before_runs: bool,
    /// Loop and catch variables that are in scope.
    scope: Vec<String>,
    /// How many bodies of a `try` with `catch.retry` enclose the task.
    retrying: u32,
    /// The task belongs to an extension.
    extending: bool,
    /// Functions that are being inlined, the outermost first.
    inlining: Vec<String>,
    /// Where tasks of the function that is being inlined are: pointers that begin with the first
    /// become references that begin with the second.
    rebase: Option<(String, String)>,
    /// The resource that is being compiled, and the call that leads there.
    foreign: Option<Foreign>,
    /// References of inlined functions, and where in `inlined_definitions` each is.
    inlined: BTreeMap<String, u32>,
    inlined_definitions: Vec<Value>,
    inlined_ids: BTreeMap<String, u32>,
    /// There are more tasks than fit, which was told.
    is_full: bool,
}

/// What is compiled is from elsewhere: problems are told at the call that leads there.
#[derive(Clone)]
struct Foreign {
    uri: String,
    mark: Mark,
    pointer: String,
}

impl Checks for Compiler<'_> {
    fn problem(&mut self, problem: Problem) {
        let placed = self.placed(problem);
        self.problems.push(placed);
    }
}

impl<'a> Compiler<'a> {
    fn new(limits: &'a Limits, resources: &'a Resources, trees: &'a Trees<'a>) -> Self {
        Self {
            limits,
            resources,
            trees,
            resources_used: BTreeSet::new(),
            task_types_used: BTreeSet::new(),
            needs: Vec::new(),
            library: Arc::default(),
            toolbox: Toolbox::default(),
            problems: Vec::new(),
            warnings: Vec::new(),
            portability: Vec::new(),
            expressions: Vec::new(),
            expression_ids: BTreeMap::new(),
            schemas: Vec::new(),
            nodes: Vec::new(),
            places: Vec::new(),
            lists: Vec::new(),
            uses: Uses::default(),
            arguments: None,
            used: BTreeSet::new(),
            defaults: Defaults::default(),
            metadata: None,
            registered: BTreeMap::new(),
            schedule: None,
            before_runs: false,
            scope: Vec::new(),
            retrying: 0,
            extending: false,
            inlining: Vec::new(),
            rebase: None,
            foreign: None,
            inlined: BTreeMap::new(),
            inlined_definitions: Vec::new(),
            inlined_ids: BTreeMap::new(),
            is_full: false,
        }
    }

    fn warn(&mut self, problem: Problem) {
        let placed = self.placed(problem);
        self.warnings.push(placed);
    }

    /// Notes what only this engine does.
    fn not_portable(&mut self, mark: Mark, pointer: &str, message: String) {
        let note = self.placed(Problem::new("not-portable", mark, message).at(pointer));
        self.portability.push(note);
    }

    /// Where something is in the document: of what is from elsewhere, the call that leads there.
    fn place(&self, mark: Mark, pointer: &str) -> (Mark, String) {
        match &self.foreign {
            Some(foreign) => (foreign.mark, foreign.pointer.clone()),
            None => (mark, pointer.to_owned()),
        }
    }

    /// A problem of what is from elsewhere is told at the call that leads there.
    fn placed(&self, problem: Problem) -> Problem {
        let Some(foreign) = &self.foreign else { return problem };
        let Problem { code, message, line, column, hint, .. } = problem;
        let message = format!("{}:{line}:{column}: {message}", foreign.uri);
        let placed = Problem::new(code, foreign.mark, message).at(&foreign.pointer);
        Problem { hint, ..placed }
    }

    /// The reference of the task at `pointer`.
    fn reference(&self, pointer: &str) -> String {
        let rebased = self.rebase.as_ref().and_then(|(from, to)| {
            pointer.strip_prefix(from.as_str()).map(|rest| format!("{to}{rest}"))
        });
        rebased.unwrap_or_else(|| pointer.to_owned())
    }

    /// Whether another task fits; tells it once when not.
    fn has_room(&mut self, mark: Mark, pointer: &str) -> bool {
        let max = self.limits.tasks_max;
        if self.nodes.len() < max && self.inlined.len() < max {
            return true;
        }
        if !std::mem::replace(&mut self.is_full, true) {
            let message =
                format!("with functions and extensions, the document has more than {max} tasks");
            self.problem(Problem::new("document-too-large", mark, message).at(pointer));
        }
        false
    }

    /// Compiles `inner` with `names` in scope.
    fn scoped<T>(&mut self, names: &[&str], inner: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.scope.len();
        self.scope.extend(names.iter().map(|name| (*name).to_owned()));
        let result = inner(self);
        self.scope.truncate(outer);
        result
    }

    fn add_node(&mut self, node: Node, mark: Mark, pointer: &str) -> NodeId {
        let (mark, pointer) = self.place(mark, pointer);
        self.places.push(Place { mark, pointer });
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
