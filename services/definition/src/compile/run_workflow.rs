//! `run: workflow`: another definition as a task.

use kintsugi_arguments::inside;
use kintsugi_core::{DefinitionRef, Kind, RunWorkflow, Template};

use super::{Compiler, nothing};
use crate::Problem;
use crate::names::{is_dns_label, is_semver};
use crate::source::{Checks, Fields, Node, Tree};

impl<'a> Compiler<'a> {
    /// `run` with `workflow` in it; `run` itself has `await` beside it.
    pub(super) fn run_workflow(&mut self, run: &Fields<'a>, tree: &'a Tree, pointer: &str) -> Kind {
        let known = ["namespace", "name", "version", "input"];
        let Some(fields) = self.fields(tree, pointer, "`run.workflow`", &known) else {
            return nothing();
        };
        if let Some(entry) = run.entry("return") {
            let message = "`return` has no effect on `run: workflow`";
            let problem = Problem::new("no-effect", entry.mark, message).at(run.path("return"));
            self.problem(problem.hint("the task's output is the output of the workflow"));
        }
        let namespace = self.workflow_label(&fields, "namespace");
        let name = self.workflow_label(&fields, "name");
        let version = match fields.at("version") {
            Some((tree, at)) => self.workflow_version(tree, &at),
            None => {
                let message = "the schema requires a `version` of `run.workflow`";
                self.not_portable(tree.mark, pointer, message.to_owned());
                Some("latest".to_owned())
            }
        };
        let input = match fields.at("input") {
            Some((tree, at)) => self.workflow_input(tree, &at),
            // As for calls: without an input of its own, it gets the task's.
            None => self.expression(".", tree.mark, pointer).map(Template::Expr),
        };
        let awaited = run.at("await").is_none_or(|(tree, at)| self.awaited(tree, &at));
        let (Some(namespace), Some(name), Some(version), Some(input)) =
            (namespace, name, version, input)
        else {
            return nothing();
        };
        let definition = DefinitionRef { namespace, name, version };
        Kind::RunWorkflow(Box::new(RunWorkflow { definition, input, awaited }))
    }

    fn workflow_label(&mut self, fields: &Fields<'a>, key: &str) -> Option<String> {
        let (tree, at) = self.required(fields, key, "`run.workflow`")?;
        let text = self.string(tree, &at, &format!("`{key}`"))?;
        if !is_dns_label(text) {
            let message = format!("`{key}` must be a DNS label");
            let hint = "1 to 63 of `a-z 0-9 -`, with no `-` at either end; no expression";
            self.problem(Problem::new("invalid-name", tree.mark, message).at(at).hint(hint));
            return None;
        }
        Some(text.to_owned())
    }

    /// An object, or an expression that gives whatever the other workflow takes.
    fn workflow_input(&mut self, tree: &'a Tree, at: &str) -> Option<Template> {
        match &tree.node {
            Node::Object(_) => {}
            Node::String(text) if inside(text).is_some() => {
                let message = "the schema has only objects as the `input` of `run.workflow`";
                self.not_portable(tree.mark, at, message.to_owned());
            }
            _ => {
                self.wrong_type(
                    tree,
                    at,
                    "the `input` of a workflow",
                    "an object or an expression",
                );
                return None;
            }
        }
        Some(self.template(tree, at))
    }

    fn workflow_version(&mut self, tree: &'a Tree, at: &str) -> Option<String> {
        if matches!(tree.node, Node::Number(_)) {
            let problem = Problem::new("type", tree.mark, "`version` must be a string").at(at);
            self.problem(problem.hint("put it in quotes"));
            return None;
        }
        let text = self.string(tree, at, "`version`")?;
        if text != "latest" && !is_semver(text) {
            let message = "`version` must be a semantic version, or `latest`";
            let problem = Problem::new("invalid-version", tree.mark, message).at(at);
            self.problem(problem.hint("for instance 1.0.0"));
            return None;
        }
        Some(text.to_owned())
    }

    fn awaited(&mut self, tree: &'a Tree, pointer: &str) -> bool {
        if let Node::Bool(awaited) = tree.node {
            return awaited;
        }
        self.wrong_type(tree, pointer, "`await`", "a boolean");
        true
    }
}
