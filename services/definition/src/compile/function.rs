//! Functions: of `use.functions`, of catalogs, and by URL. Each call has the function's task inlined.
//!
//! A function is a task of its own: its input is what the call gives it, it sees none of the
//! caller's variables, and its references begin with the call's (`/do/0/greet/call/…`), so that no
//! two tasks of a program share one. A function from elsewhere sees nothing of `use` either.

use kintsugi_core::{Kind, NodeId};

use super::call::{NATIVE, RESERVED};
use super::task::Targets;
use super::{Compiler, Foreign, nothing};
use crate::names::{did_you_mean, is_semver, is_task_type, nearest};
use crate::source::{Checks, Fields, Tree, content_of, escape};
use crate::{Problem, ResourceKind};

/// Functions that may call each other in a row.
const DEPTH_MAX: usize = 16;

/// The catalog whose functions are the task types that workers offer.
const DEFAULT: &str = "default";

/// Task types of `run`, whose arguments only the compiler writes.
pub(super) const PROCESSES: [&str; 3] = ["run-shell", "run-script", "run-container"];

/// Task types of the built-in worker.
const BUILT_IN: [&str; 2] = ["http", "simulate"];

/// What a `call` names, where it is no protocol.
pub(super) enum Callee<'a> {
    /// A function.
    Function(Function<'a>),
    /// A task type of workers.
    TaskType(String),
}

/// A function to inline.
pub(super) struct Function<'a> {
    /// Tells functions apart: the pointer or the URI.
    id: String,
    name: String,
    tree: &'a Tree,
    is_foreign: bool,
}

impl<'a> Compiler<'a> {
    /// What `name` means; none: it is needed first, or its problem was told.
    pub(super) fn callee(
        &mut self,
        tree: &Tree,
        name: &'a str,
        pointer: &str,
    ) -> Option<Callee<'a>> {
        if name.contains("://") {
            return self.remote(tree, name, name, pointer).map(Callee::Function);
        }
        if let Some(function) = self.uses.functions.get(name) {
            let id = format!("/use/functions/{}", escape(name));
            self.used.insert(id.clone());
            let name = name.to_owned();
            return Some(Callee::Function(Function {
                id,
                name,
                tree: function,
                is_foreign: false,
            }));
        }
        if name.contains([':', '@']) {
            return self.cataloged(tree, name, pointer);
        }
        if !is_task_type(name) {
            let message = format!("`{name}` is neither a function nor a task type");
            let hint = did_you_mean(name, self.uses.functions.keys().copied())
                .unwrap_or_else(|| "a task type is 1 to 64 of `a-z 0-9 _ -`".to_owned());
            let problem = Problem::new("invalid-name", tree.mark, message).at(pointer);
            self.problem(problem.hint(hint));
            return None;
        }
        if PROCESSES.contains(&name) {
            let message = format!("`{name}` is the engine's own task type");
            let problem = Problem::new("invalid-name", tree.mark, message).at(pointer);
            self.problem(problem.hint("write `run`, or give the task type another name"));
            return None;
        }
        self.looks_like(tree, name, pointer);
        self.workers_only(tree, name, pointer);
        Some(Callee::TaskType(name.to_owned()))
    }

    fn workers_only(&mut self, tree: &Tree, name: &str, pointer: &str) {
        if name != "http" {
            let message = format!(
                "`{name}` is a task type of workers here; another runtime needs a function of that name"
            );
            self.not_portable(tree.mark, pointer, message);
        }
    }

    /// Warns of a task type that is one slip away from something else that `call` takes: any name
    /// is a task type, since workers come and go.
    fn looks_like(&mut self, tree: &Tree, name: &str, pointer: &str) {
        let registry = self.limits.task_types.clone();
        if BUILT_IN.contains(&name) || name.len() < 3 || self.is_registered(name) {
            return;
        }
        let known = BUILT_IN.into_iter().chain(RESERVED).chain(NATIVE);
        let known = known.chain(self.uses.functions.keys().copied());
        let known = known.chain(registry.iter().map(String::as_str));
        if let Some((near, 1)) = nearest(name, known) {
            let message = match registry.contains(near) {
                true => format!("`{name}` is not in the registry of task types"),
                false => format!("`{name}` is a task type for workers of your own"),
            };
            let warning = Problem::new("suspicious-task-type", tree.mark, message).at(pointer);
            self.warn(warning.hint(format!("did you mean `{near}`?")));
        }
    }

    /// `name:version@catalog`.
    fn cataloged(&mut self, tree: &Tree, whole: &'a str, pointer: &str) -> Option<Callee<'a>> {
        let parts = whole.split_once('@').and_then(|(function, catalog)| {
            let (name, version) = function.split_once(':')?;
            Some((name, version, catalog))
        });
        let fitting = parts.filter(|(name, version, catalog)| {
            let plain = |text: &str| {
                let fits = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
                !text.is_empty() && text.bytes().all(fits) && !text.starts_with('.')
            };
            plain(name) && is_semver(version) && !catalog.is_empty()
        });
        let Some((name, version, catalog)) = fitting else {
            let message = format!("`{whole}` does not name a function of a catalog");
            let problem = Problem::new("invalid-name", tree.mark, message).at(pointer);
            self.problem(problem.hint("write name:1.0.0@catalog, with a semantic version"));
            return None;
        };
        let Some(found) = self.uses.catalogs.get(catalog).copied() else {
            if catalog == DEFAULT {
                return self.versioned(tree, name, version, pointer).map(Callee::TaskType);
            }
            let message = format!("there is no catalog `{catalog}`");
            let candidates = self.uses.catalogs.keys().copied().chain([DEFAULT]);
            let hint = did_you_mean(catalog, candidates)
                .unwrap_or_else(|| "define it in `use.catalogs`".to_owned());
            let problem = Problem::new("unknown-reference", tree.mark, message);
            self.problem(problem.at(pointer).hint(hint));
            return None;
        };
        let at = format!("/use/catalogs/{}", escape(catalog));
        self.used.insert(at.clone());
        let root = self.catalog(found, &at)?;
        // A query, for instance with a token, belongs to what is asked for.
        let (root, query) = root.split_at(root.find(['?', '#']).unwrap_or(root.len()));
        let root = root.trim_end_matches('/');
        let uri = format!("{root}/functions/{name}/{version}/function.yaml{query}");
        self.remote(tree, &uri, name, pointer).map(Callee::Function)
    }

    /// The URI of a catalog's root.
    pub(super) fn catalog(&mut self, tree: &'a Tree, pointer: &str) -> Option<String> {
        let fields = self.fields(tree, pointer, "a catalog", &["endpoint"])?;
        let (endpoint, at) = self.required(&fields, "endpoint", "a catalog")?;
        self.fixed_endpoint(endpoint, &at).map(|(uri, ..)| uri)
    }

    /// A version of a task type is a task type of its own: workers know types only.
    fn versioned(&mut self, tree: &Tree, name: &str, version: &str, at: &str) -> Option<String> {
        let task_type = format!("{name}-{}", version.replace('.', "-"));
        if is_task_type(&task_type) {
            self.workers_only(tree, &task_type, at);
            return Some(task_type);
        }
        let message = format!("`{task_type}` is not a task type");
        let problem = Problem::new("invalid-name", tree.mark, message).at(at);
        self.problem(problem.hint("name:1.0.0@default is the task type name-1-0-0"));
        None
    }

    /// The function at a URI.
    fn remote(&mut self, tree: &Tree, uri: &str, name: &str, at: &str) -> Option<Function<'a>> {
        let uri = content_of(uri);
        let resource = self.resource(&uri, ResourceKind::Function, tree.mark, at)?;
        let cell = self.trees.get(resource.uri.as_str())?;
        let limits = &self.limits.document;
        match cell.get_or_init(|| crate::source::read_resource(&resource.content, limits)) {
            Ok(function) => {
                Some(Function { id: uri, name: name.to_owned(), tree: function, is_foreign: true })
            }
            Err(problem) => {
                let message = format!("{uri}:{problem}");
                self.problem(Problem::new("invalid-function", tree.mark, message).at(at));
                None
            }
        }
    }

    /// Puts the function's task in the place of the call.
    pub(super) fn inline(
        &mut self,
        task: &Fields<'a>,
        call: &Tree,
        function: Function<'a>,
    ) -> Kind {
        let pointer = task.path("call");
        let with = task.at("with").map(|(tree, at)| self.template(tree, &at));
        let reference = format!("{}/call", self.reference(&task.pointer));
        match self.task_of(task, call, function, reference, &pointer) {
            Some(node) => Kind::Function { with, body: self.add_list(vec![node]) },
            None => nothing(),
        }
    }

    /// The function's task, for a call that `call` and `pointer` say the place of. Its reference
    /// begins with `reference`.
    pub(super) fn task_of(
        &mut self,
        task: &Fields<'a>,
        call: &Tree,
        function: Function<'a>,
        reference: String,
        pointer: &str,
    ) -> Option<NodeId> {
        if let Some((metadata, at)) = task.at("metadata") {
            self.metadata_of_no_call(metadata, &at);
        }
        if let Some(again) = self.inlining.iter().position(|id| *id == function.id) {
            let mut chain: Vec<_> = self.inlining[again..].iter().map(|id| shown(id)).collect();
            chain.push(shown(&function.id));
            let message = format!("a function must not call itself: {}", chain.join(" → "));
            let problem = Problem::new("recursive-function", call.mark, message).at(pointer);
            self.problem(problem.hint("use `for`, or a `then` that goes back"));
            return None;
        }
        if self.inlining.len() >= DEPTH_MAX {
            let message = format!("more than {DEPTH_MAX} functions call each other");
            self.problem(Problem::new("document-too-large", call.mark, message).at(pointer));
            return None;
        }
        self.remember(&reference, &function.id, function.tree);
        self.inlining.push(function.id.clone());
        let node = self.body(&function, reference, call, pointer);
        self.inlining.pop();
        node
    }

    /// Compiles the function's task as it is where it stands, with nothing of the caller in scope.
    fn body(
        &mut self,
        function: &Function<'a>,
        reference: String,
        call: &Tree,
        pointer: &str,
    ) -> Option<NodeId> {
        let place = if function.is_foreign { String::new() } else { function.id.clone() };
        let rebase = self.rebase.replace((place.clone(), reference));
        let scope = std::mem::take(&mut self.scope);
        let outside = function.is_foreign.then(|| {
            let outer = self.foreign.clone();
            let (mark, pointer) = self.place(call.mark, pointer);
            self.foreign = Some(Foreign { uri: function.id.clone(), mark, pointer });
            (std::mem::take(&mut self.uses), outer)
        });
        let node = self.task(&function.name, function.tree, place, &Targets::new());
        if let Some((uses, foreign)) = outside {
            (self.uses, self.foreign) = (uses, foreign);
        }
        (self.scope, self.rebase) = (scope, rebase);
        node
    }

    /// Notes what `$task.definition` is for the tasks of an inlined function or extension.
    pub(super) fn remember(&mut self, reference: &str, id: &str, tree: &Tree) {
        let next = u32::try_from(self.inlined_definitions.len()).unwrap_or(u32::MAX);
        let index = *self.inlined_ids.entry(id.to_owned()).or_insert(next);
        if index == next {
            self.inlined_definitions.push(tree.to_value());
        }
        self.inlined.insert(reference.to_owned(), index);
    }

    /// Compiles functions that nothing calls, for their problems only.
    pub(super) fn unused_functions(&mut self) {
        for (name, tree) in self.uses.functions.clone() {
            let id = format!("/use/functions/{}", escape(name));
            if self.used.contains(&id) {
                continue;
            }
            self.unused_entry("functions", name, tree.mark, &id);
            self.inlining.push(id.clone());
            self.task(name, tree, id, &Targets::new());
            self.inlining.pop();
        }
    }
}

/// A function in a message.
fn shown(id: &str) -> String {
    id.strip_prefix("/use/functions/").unwrap_or(id).to_owned()
}
