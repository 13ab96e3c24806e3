//! `use.extensions`: tasks around other tasks.
//!
//! As functions are, they are inlined: each task that one extends has its own copy, whose references
//! begin with the task's (`/do/0/pay/extensions/log/before/0/send`).

use kintsugi_core::{Extension, Kind, ListId, Node};

use super::Compiler;
use crate::Problem;
use crate::source::{Checks, Fields, Mark, Tree, escape};

/// What an extension may extend.
const TARGETS: [&str; 12] = [
    "all",
    "call",
    "composite",
    "emit",
    "for",
    "listen",
    "raise",
    "run",
    "set",
    "switch",
    "try",
    "wait",
];

/// An extension of the document.
#[derive(Clone)]
pub(super) struct Extender<'a> {
    name: &'a str,
    tree: &'a Tree,
    fields: Fields<'a>,
    extend: &'a str,
}

impl Extender<'_> {
    /// Whether it extends tasks of a keyword. `composite` is the specification's word for tasks
    /// that are nothing but others.
    fn takes(&self, keyword: &str) -> bool {
        let class = if matches!(keyword, "do" | "fork") { "composite" } else { keyword };
        self.extend == "all" || self.extend == class
    }
}

impl<'a> Compiler<'a> {
    /// Reads `use.extensions`. What they run is compiled where it is put.
    pub(super) fn extenders(&mut self, tree: &'a Tree, pointer: &str) -> Vec<Extender<'a>> {
        let entries = self.entries(tree, pointer, "`use.extensions`");
        let mut all = Vec::with_capacity(entries.len());
        for (index, entry) in entries {
            let at = format!("{pointer}/{index}/{}", escape(&entry.key));
            let what = format!("the extension `{}`", entry.key);
            let known = ["after", "before", "extend", "when"];
            let Some(fields) = self.fields(&entry.value, &at, &what, &known) else { continue };
            let extend = self.required(&fields, "extend", &what);
            let extend = extend.and_then(|(tree, at)| self.one_of(tree, &at, "`extend`", &TARGETS));
            if fields.entry("before").is_none() && fields.entry("after").is_none() {
                let message = format!("{what} does nothing");
                let warning = Problem::new("no-effect", entry.mark, message).at(&at);
                self.warn(warning.hint("give it `before` or `after`"));
            }
            if let Some(extend) = extend {
                all.push(Extender { name: &entry.key, tree: &entry.value, fields, extend });
            }
        }
        all
    }

    /// Puts the extensions around a task that take its kind. Tasks of extensions have none.
    pub(super) fn extended(&mut self, keyword: &str, node: Node, mark: Mark, at: &str) -> Node {
        if self.extending || !self.uses.extensions.iter().any(|one| one.takes(keyword)) {
            return node;
        }
        let mut extensions = Vec::new();
        for extender in self.uses.extensions.clone() {
            if extender.takes(keyword) && self.has_room(mark, at) {
                extensions.push(self.around(&extender, &node.pointer));
            }
        }
        let bare = Node::bare(node.name.clone(), node.pointer.clone(), node.kind);
        let core = Node { timeout: node.timeout, then: node.then, ..bare };
        let task = self.add_node(core, mark, at);
        Node { timeout: None, kind: Kind::Extended { task, extensions }, ..node }
    }

    /// A copy of an extension for the task of a reference. It sees no variables of its surroundings.
    fn around(&mut self, extender: &Extender<'a>, reference: &str) -> Extension {
        let id = extender.fields.pointer.clone();
        self.used.insert(id.clone());
        let reference = format!("{reference}/extensions/{}", escape(extender.name));
        self.remember(&reference, &id, extender.tree);
        let known = self.problems.len();
        let rebase = self.rebase.replace((id.clone(), reference));
        let scope = std::mem::take(&mut self.scope);
        let extending = std::mem::replace(&mut self.extending, true);
        let when = extender.fields.at("when");
        let when = when.and_then(|(tree, at)| self.condition(tree, &at, "`when`"));
        let before = self.layer(extender, "before");
        let after = self.layer(extender, "after");
        (self.scope, self.rebase, self.extending) = (scope, rebase, extending);
        if self.problems.len() > known {
            // They are told once, not for every task.
            self.uses.extensions.retain(|other| other.fields.pointer != id);
        }
        Extension { when, before, after }
    }

    fn layer(&mut self, extender: &Extender<'a>, key: &str) -> Option<ListId> {
        let (tree, at) = extender.fields.at(key)?;
        Some(self.list(tree, &at, &format!("`{key}`")))
    }

    /// Compiles extensions that extend nothing, for their problems only.
    pub(super) fn unused_extensions(&mut self) {
        for extender in self.uses.extensions.clone() {
            let at = extender.fields.pointer.clone();
            if self.used.contains(&at) {
                continue;
            }
            let message = format!("the extension `{}` extends nothing here", extender.name);
            let warning = Problem::new("unused-entry", extender.tree.mark, message).at(&at);
            self.warn(warning.hint(format!("there is no task of the kind `{}`", extender.extend)));
            self.around(&extender, "");
        }
    }
}
