//! The registry of task types: what is known of a type, wherever it is called. A definition keeps what
//! it said when the definition was registered, as it keeps what it refers to elsewhere.

use std::sync::Arc;

use kintsugi_core::{Schema, Template};
use serde_json::{Map, Value};

use super::call::{NATIVE, RESERVED};
use super::function::PROCESSES;
use super::metadata::{Defaults, SETTINGS};
use super::{Compiler, Foreign, Trees};
use crate::names::is_task_type;
use crate::schema::{self, Validator};
use crate::source::{Checks, Fields, Mark, Tree, escape, read_resource, task_type_uri};
use crate::{Limits, Need, Problem, Problems, ResourceKind, Resources};

/// What is said of a task type besides its settings.
const KEYS: [&str; 3] = ["description", "input", "output"];

/// The longest description, in characters: that of a task for a person.
const DESCRIPTION_MAX: usize = 10_000;

/// What holds for calls of a task type.
#[derive(Clone)]
pub(super) struct Registered {
    /// What the document says of all calls, on top of what the registry says of this one.
    pub(super) defaults: Defaults,
    pub(super) input: Option<Schema>,
    pub(super) output: Option<Schema>,
    /// Checks arguments that are known when compiled.
    checker: Option<Arc<Validator>>,
}

/// Checks the name and the entry of a task type.
pub(crate) fn check_task_type(name: &str, tree: &Tree, limits: &Limits) -> Result<(), Problems> {
    let (resources, trees) = (Resources::default(), Trees::default());
    let mut compiler = Compiler::new(limits, &resources, &trees);
    if !is_task_type(name) {
        let message = format!("`{name}` is not a task type");
        let problem = Problem::new("invalid-name", tree.mark, message);
        compiler.problem(problem.hint("a task type is 1 to 64 of `a-z 0-9 _ -`"));
    }
    let mut own = RESERVED.iter().chain(&NATIVE).chain(&PROCESSES).chain(&["http"]);
    if own.any(|own| *own == name) {
        let message = format!("`{name}` is the engine's own: nothing can be said of it");
        compiler.problem(Problem::new("invalid-name", tree.mark, message));
    }
    compiler.task_type(tree);
    for need in std::mem::take(&mut compiler.needs) {
        let mark = Mark { line: need.line, column: need.column };
        let message = format!("a schema of a task type must not refer to `{}`", need.uri);
        let problem = Problem::new("unsupported", mark, message).at(need.pointer);
        compiler.problem(problem.hint("put it into the schema, under `$defs`"));
    }
    match compiler.problems.is_empty() {
        true => Ok(()),
        false => Err(Problems::of(compiler.problems)),
    }
}

impl<'a> Compiler<'a> {
    /// What the document says of all calls, on top of `base`.
    pub(super) fn settings_of_all(&mut self, base: Defaults) -> Defaults {
        self.settings(self.metadata.clone(), base, &["schedule", "on_cancel"])
    }

    /// Whether the registry knows the task type.
    pub(super) fn is_registered(&self, name: &str) -> bool {
        self.limits.task_types.contains(name) || self.resources.get(&task_type_uri(name)).is_some()
    }

    /// What holds for calls of a task type, at a call of it.
    pub(super) fn registered(&mut self, name: &str, mark: Mark, pointer: &str) -> Registered {
        if let Some(known) = self.registered.get(name) {
            return known.clone();
        }
        let found = match self.entry(name, mark, pointer) {
            Some(tree) => self.on_top(name, tree, mark, pointer),
            None => Registered {
                defaults: self.defaults.clone(),
                input: None,
                output: None,
                checker: None,
            },
        };
        self.registered.insert(name.to_owned(), found.clone());
        found
    }

    /// A task type's entry; none: it has none, it is needed first, or it has a problem.
    fn entry(&mut self, name: &str, mark: Mark, pointer: &str) -> Option<&'a Tree> {
        if !self.is_registered(name) {
            return None;
        }
        let uri = task_type_uri(name);
        let problem = |c: &mut Self, why: &str| {
            let message = format!("what the registry says of `{name}` cannot be had: {why}");
            c.problem(Problem::new("missing-resource", mark, message).at(pointer));
        };
        if let Some(why) = self.resources.failure(&uri) {
            problem(self, why);
            return None;
        }
        self.task_types_used.insert(uri.clone());
        let Some(resource) = self.resources.get(&uri) else {
            let (mark, pointer) = self.place(mark, pointer);
            self.needs.push(Need::new(&uri, ResourceKind::TaskType, mark, &pointer));
            return None;
        };
        let limits = &self.limits.document;
        let cell = self.trees.get(uri.as_str())?;
        match cell.get_or_init(|| read_resource(&resource.content, limits)) {
            Ok(tree) => Some(tree),
            Err(why) => {
                problem(self, &why.to_string());
                None
            }
        }
    }

    /// An entry, and on top of it what the document says of all calls.
    fn on_top(&mut self, name: &str, tree: &'a Tree, mark: Mark, pointer: &str) -> Registered {
        let (mark, pointer) = self.place(mark, pointer);
        let foreign = Foreign { uri: task_type_uri(name), mark, pointer };
        // It sees neither `use` nor variables, and neither does what the document says of all calls.
        let foreign = self.foreign.replace(foreign);
        let (uses, scope) = (std::mem::take(&mut self.uses), std::mem::take(&mut self.scope));
        let mut found = self.task_type(tree);
        self.foreign = None;
        found.defaults = self.settings_of_all(found.defaults);
        (self.foreign, self.uses, self.scope) = (foreign, uses, scope);
        found
    }

    fn task_type(&mut self, tree: &'a Tree) -> Registered {
        let mut found =
            Registered { defaults: Defaults::default(), input: None, output: None, checker: None };
        let known = [&KEYS[..], &SETTINGS].concat();
        let Some(own) = self.fields(tree, "", "a task type", &known) else { return found };
        if let Some((tree, at)) = own.at("description")
            && let Some(text) = self.string(tree, &at, "`description`")
            && text.chars().count() > DESCRIPTION_MAX
        {
            let message = format!("`description` has at most {DESCRIPTION_MAX} characters");
            self.problem(Problem::new("out-of-range", tree.mark, message).at(at));
        }
        let mut schema = |key: &str| {
            let (tree, at) = own.at(key)?;
            self.add_schema(tree.to_value(), tree.mark, &at)
        };
        (found.input, found.output) = (schema("input"), schema("output"));
        let input = found.input.and_then(|input| self.schemas.get(input.0 as usize));
        let checker = input.and_then(|input| schema::build(input, &self.library).ok());
        found.checker = checker.map(Arc::new);
        found.defaults = self.stated(&own, found.defaults);
        found
    }

    /// Refuses arguments of which it is known already that the registry does not take them.
    pub(super) fn must_fit(
        &mut self,
        task: &Fields<'a>,
        name: &str,
        with: &Template,
        registered: &Registered,
    ) {
        let Some(checker) = &registered.checker else { return };
        let Some((tree, at)) = task.at("with") else { return };
        let mut open = Vec::new();
        let known = known(with, "", &mut open);
        if let Err(why) = schema::must_match(checker, &known, &open) {
            let message = format!("`with` is not what `{name}` takes: it {why}");
            let problem = Problem::new("invalid-arguments", tree.mark, message).at(at);
            self.problem(problem.hint("the registry of task types says what it takes"));
        }
    }
}

/// What is known of a value; null where it is not, and the pointers of those places.
fn known(template: &Template, pointer: &str, open: &mut Vec<String>) -> Value {
    match template {
        Template::Literal(value) => value.clone(),
        Template::Array(items) => {
            let items = items.iter().enumerate();
            items.map(|(index, item)| known(item, &format!("{pointer}/{index}"), open)).collect()
        }
        Template::Object(fields) => {
            let mut object = Map::new();
            for (key, field) in fields {
                let value = known(field, &format!("{pointer}/{}", escape(key)), open);
                object.insert(key.clone(), value);
            }
            Value::Object(object)
        }
        Template::Expr(_) | Template::Loose(..) | Template::Uri(_) => {
            open.push(pointer.to_owned());
            Value::Null
        }
    }
}
