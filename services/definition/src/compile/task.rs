//! Task lists and what all tasks have in common.

use std::collections::BTreeMap;

use kintsugi_core::{Case, Export, Flow, Jump, Kind, ListId, Node, NodeId};

use super::{Compiler, nothing};
use crate::Problem;
use crate::names::did_you_mean;
use crate::source::{self, Checks, Entry, Fields, Tree, escape};

/// Words that make a task; `for` also has a `do`.
const KEYWORDS: [&str; 12] =
    ["call", "do", "emit", "for", "fork", "listen", "raise", "run", "set", "switch", "try", "wait"];

/// What every task may have.
const COMMON: [&str; 7] = ["if", "input", "output", "export", "timeout", "then", "metadata"];

/// The tasks that a `then` may name, with their positions.
pub(super) type Targets<'a> = BTreeMap<&'a str, u32>;

impl<'a> Compiler<'a> {
    /// A list of tasks that run one after the other.
    pub(super) fn list(&mut self, tree: &'a Tree, pointer: &str, what: &str) -> ListId {
        let entries = self.entries(tree, pointer, what);
        let position = |(index, entry): (usize, &(usize, &'a Entry))| {
            Some((entry.1.key.as_str(), u32::try_from(index).ok()?))
        };
        let targets: Targets<'a> = entries.iter().enumerate().filter_map(position).collect();
        let nodes = self.tasks(&entries, pointer, &targets);
        self.add_list(nodes)
    }

    /// Compiles the tasks of a list.
    pub(super) fn tasks(
        &mut self,
        entries: &[(usize, &'a Entry)],
        pointer: &str,
        targets: &Targets<'a>,
    ) -> Vec<NodeId> {
        let mut nodes = Vec::with_capacity(entries.len());
        for (index, entry) in entries {
            let pointer = format!("{pointer}/{index}/{}", escape(&entry.key));
            nodes.extend(self.task(&entry.key, &entry.value, pointer, targets));
        }
        nodes
    }

    pub(super) fn task(
        &mut self,
        name: &str,
        tree: &'a Tree,
        pointer: String,
        targets: &Targets<'a>,
    ) -> Option<NodeId> {
        let what = format!("the task `{name}`");
        let fields = self.object(tree, &pointer, &what)?;
        if !self.has_room(fields.mark, &pointer) {
            return None;
        }
        let keyword = self.keyword(&fields, &what)?;
        let own: &[&str] = match keyword {
            "call" => &["with"],
            "for" => &["while", "do"],
            "try" => &["catch"],
            "listen" => &["foreach"],
            _ => &[],
        };
        let known: Vec<_> = [keyword].iter().chain(own).chain(&COMMON).copied().collect();
        self.only(&fields, &what, &known);
        let condition = fields.at("if").and_then(|(tree, at)| self.condition(tree, &at, "`if`"));
        let (input_schema, input_from) = self.input(&fields);
        let kind = self.kind(keyword, &fields, targets);
        let (output_schema, output_as) = self.output(&fields);
        let export = fields.at("export").and_then(|(tree, at)| self.export(tree, &at));
        let timeout = fields.at("timeout").and_then(|(tree, at)| self.timeout(tree, &at));
        let then = fields.at("then").and_then(|(tree, at)| self.flow(tree, &at, targets));
        let undo = self.undo(&fields);
        if !matches!(keyword, "call" | "run")
            && let Some((metadata, at)) = fields.at("metadata")
        {
            self.metadata_of_no_call(metadata, &at);
        }
        let node = Node {
            name: name.to_owned(),
            pointer: self.reference(&pointer),
            condition,
            input_schema,
            input_from,
            output_as,
            output_schema,
            export,
            timeout,
            then: then.unwrap_or(Flow::Continue),
            undo,
            kind,
        };
        let node = self.extended(keyword, node, tree.mark, &pointer);
        Some(self.add_node(node, tree.mark, &pointer))
    }

    /// The one word that says what the task does.
    fn keyword(&mut self, fields: &Fields<'a>, what: &str) -> Option<&'static str> {
        let mut found: Vec<&'static str> =
            KEYWORDS.into_iter().filter(|word| fields.entry(word).is_some()).collect();
        if found.contains(&"for") {
            found.retain(|word| *word != "do");
        }
        if let [word] = found[..] {
            return Some(word);
        }
        if found.is_empty() {
            let near = fields.entries.iter().filter(|e| !COMMON.contains(&e.key.as_str()));
            let hint = near.filter_map(|e| did_you_mean(&e.key, KEYWORDS)).next();
            let message = format!("{what} does not say what it does");
            let hint = hint.unwrap_or_else(|| format!("a task has one of {}", KEYWORDS.join(", ")));
            let problem = Problem::new("missing-keyword", fields.mark, message);
            self.problem(problem.at(&fields.pointer).hint(hint));
        } else {
            let message = format!("{what} can do one thing, not {}", found.join(" and "));
            let problem = Problem::new("ambiguous-task", fields.mark, message);
            self.problem(problem.at(&fields.pointer).hint("make it several tasks"));
        }
        None
    }

    fn kind(&mut self, keyword: &str, fields: &Fields<'a>, targets: &Targets<'a>) -> Kind {
        let Some((tree, pointer)) = fields.at(keyword) else { return nothing() };
        match keyword {
            "do" => Kind::Do(self.list(tree, &pointer, "`do`")),
            "set" => self.set(tree, &pointer),
            "switch" => self.switch(tree, &pointer, targets),
            "fork" => self.fork(tree, &pointer),
            "for" => self.for_each(fields, tree, &pointer),
            "try" => self.try_catch(fields, tree, &pointer, targets),
            "raise" => self.raise(tree, &pointer),
            "wait" => self.span(tree, &pointer, "`wait`").map_or_else(nothing, Kind::Wait),
            "call" => self.call(fields, tree, &pointer),
            "run" => self.run(fields, tree, &pointer),
            "emit" => self.emit(tree, &pointer),
            "listen" => self.listen(fields, tree, &pointer),
            // There are no others: see `KEYWORDS`.
            _ => nothing(),
        }
    }

    fn set(&mut self, tree: &'a Tree, pointer: &str) -> Kind {
        match &tree.node {
            source::Node::Object(entries) if !entries.is_empty() => {}
            source::Node::Object(_) => {
                let message = "`set` needs at least one key";
                self.problem(Problem::new("missing-key", tree.mark, message).at(pointer));
            }
            source::Node::String(text)
                if self.uses.is_loose || kintsugi_arguments::inside(text).is_some() => {}
            source::Node::String(_) => {
                let message = "`set` as a string must be one expression";
                let problem = Problem::new("type", tree.mark, message).at(pointer);
                self.problem(problem.hint("write ${ … }"));
            }
            _ => self.wrong_type(tree, pointer, "`set`", "an object or an expression"),
        }
        Kind::Set(self.template(tree, pointer))
    }

    fn switch(&mut self, tree: &'a Tree, pointer: &str, targets: &Targets<'a>) -> Kind {
        let entries = self.entries(tree, pointer, "`switch`");
        if entries.is_empty() && matches!(tree.node, source::Node::Array(_)) {
            let message = "`switch` needs at least one case";
            self.problem(Problem::new("empty-list", tree.mark, message).at(pointer));
        }
        let mut cases = Vec::with_capacity(entries.len());
        let mut default = None;
        for (index, entry) in entries {
            let at = format!("{pointer}/{index}/{}", escape(&entry.key));
            let what = format!("the case `{}`", entry.key);
            let Some(fields) = self.fields(&entry.value, &at, &what, &["when", "then"]) else {
                continue;
            };
            let when = fields.at("when").and_then(|(tree, at)| self.condition(tree, &at, "`when`"));
            if fields.entry("when").is_none()
                && let Some(first) = default.replace(entry.key.as_str())
            {
                let message = format!("{what} has no `when`, and neither has `{first}`");
                let problem = Problem::new("duplicate-default", entry.mark, message);
                self.problem(problem.at(&at).hint("only one case may be the default"));
            }
            let then = self.required(&fields, "then", &what);
            let then = then.and_then(|(tree, at)| self.flow(tree, &at, targets));
            cases.push(Case { when, then: then.unwrap_or(Flow::Continue) });
        }
        // The default is taken when no other case is, wherever it stands.
        cases.sort_by_key(|case| case.when.is_none());
        Kind::Switch(cases)
    }

    /// A flow directive: a word, or a task of the same list.
    pub(super) fn flow(
        &mut self,
        tree: &'a Tree,
        pointer: &str,
        targets: &Targets<'a>,
    ) -> Option<Flow> {
        let name = self.string(tree, pointer, "`then`")?;
        match name {
            "continue" => return Some(Flow::Continue),
            "exit" => return Some(Flow::Exit),
            "end" => return Some(Flow::End),
            _ => {}
        }
        if let Some(index) = targets.get(name) {
            return Some(Flow::Goto(Jump(*index)));
        }
        let message = format!("there is no task `{name}` in this list");
        let words = ["continue", "exit", "end"];
        let hint = did_you_mean(name, targets.keys().copied().chain(words)).unwrap_or_else(|| {
            "`then` takes a task of the same list, continue, exit or end".to_owned()
        });
        self.problem(Problem::new("unknown-target", tree.mark, message).at(pointer).hint(hint));
        None
    }

    /// `input`: schema and `from`.
    pub(super) fn input(
        &mut self,
        fields: &Fields<'a>,
    ) -> (Option<kintsugi_core::Schema>, Option<kintsugi_core::Template>) {
        self.data(fields, "input", "from")
    }

    /// `output`: schema and `as`.
    pub(super) fn output(
        &mut self,
        fields: &Fields<'a>,
    ) -> (Option<kintsugi_core::Schema>, Option<kintsugi_core::Template>) {
        self.data(fields, "output", "as")
    }

    fn data(
        &mut self,
        fields: &Fields<'a>,
        key: &str,
        transform: &str,
    ) -> (Option<kintsugi_core::Schema>, Option<kintsugi_core::Template>) {
        let what = format!("`{key}`");
        let Some((tree, pointer)) = fields.at(key) else { return (None, None) };
        let Some(own) = self.fields(tree, &pointer, &what, &["schema", transform]) else {
            return (None, None);
        };
        let schema = own.at("schema").and_then(|(tree, at)| self.schema(tree, &at));
        let what = format!("`{key}.{transform}`");
        let template = own.at(transform).and_then(|(tree, at)| self.transform(tree, &at, &what));
        (schema, template)
    }

    pub(super) fn export(&mut self, tree: &'a Tree, pointer: &str) -> Option<Export> {
        let own = self.fields(tree, pointer, "`export`", &["schema", "as"])?;
        let schema = own.at("schema").and_then(|(tree, at)| self.schema(tree, &at));
        let as_ = own.at("as").and_then(|(tree, at)| self.transform(tree, &at, "`export.as`"));
        Some(Export { as_, schema })
    }

    /// A timeout, or the name of one in `use.timeouts`.
    pub(super) fn timeout(&mut self, tree: &'a Tree, pointer: &str) -> Option<kintsugi_core::Span> {
        let (tree, pointer) = self.resolve("timeouts", tree, pointer)?;
        let fields = self.fields(tree, &pointer, "a timeout", &["after"])?;
        let (after, pointer) = self.required(&fields, "after", "a timeout")?;
        self.span(after, &pointer, "`after`")
    }

    /// What a name stands for in `use`; anything but a string stands for itself.
    pub(super) fn resolve(
        &mut self,
        part: &str,
        tree: &'a Tree,
        pointer: &str,
    ) -> Option<(&'a Tree, String)> {
        let Some(name) = tree.as_str() else { return Some((tree, pointer.to_owned())) };
        let named = match part {
            "errors" => &self.uses.errors,
            "retries" => &self.uses.retries,
            "authentications" => &self.uses.authentications,
            _ => &self.uses.timeouts,
        };
        let at = format!("/use/{part}/{}", escape(name));
        if let Some(found) = named.get(name) {
            self.used.insert(at.clone());
            return Some((found, at));
        }
        let message = format!("there is no `{name}` in `use.{part}`");
        let hint = did_you_mean(name, named.keys().copied())
            .unwrap_or_else(|| format!("define it in `use.{part}`, or write it here"));
        let problem = Problem::new("unknown-reference", tree.mark, message);
        self.problem(problem.at(pointer).hint(hint));
        None
    }
}
