//! `raise`.

use kintsugi_arguments::inside;
use kintsugi_core::{ErrorTemplate, Kind, Template};
use serde_json::Value;

use super::{Compiler, nothing};
use crate::Problem;
use crate::source::{Checks, Node, Tree};

impl<'a> Compiler<'a> {
    pub(super) fn raise(&mut self, tree: &'a Tree, pointer: &str) -> Kind {
        let fields = self.fields(tree, pointer, "`raise`", &["error"]);
        let error = fields.and_then(|fields| self.required(&fields, "error", "`raise`"));
        let error = error.and_then(|(tree, at)| self.resolve("errors", tree, &at));
        let error = error.and_then(|(tree, at)| self.error(tree, &at));
        error.map_or_else(nothing, |error| Kind::Raise(Box::new(error)))
    }

    /// The definition of an error.
    pub(super) fn error(&mut self, tree: &'a Tree, pointer: &str) -> Option<ErrorTemplate> {
        let known = ["type", "status", "instance", "title", "detail"];
        let fields = self.fields(tree, pointer, "an error", &known)?;
        let kind = self.required(&fields, "type", "an error");
        let status = self.required(&fields, "status", "an error");
        let kind = kind.and_then(|(tree, at)| self.error_type(tree, &at));
        let mut text = |found: Option<(&'a Tree, String)>, key: &str| {
            let (tree, at) = found?;
            self.string(tree, &at, &format!("`{key}`"))?;
            Some(self.template(tree, &at))
        };
        let (instance, title) =
            (text(fields.at("instance"), "instance"), text(fields.at("title"), "title"));
        let detail = text(fields.at("detail"), "detail");
        let status = status.and_then(|(tree, at)| self.status(tree, &at));
        Some(ErrorTemplate { kind: kind?, status: status?, instance, title, detail })
    }

    /// A URI, with or without variables of its own; or an expression.
    fn error_type(&mut self, tree: &'a Tree, pointer: &str) -> Option<Template> {
        let text = self.string(tree, pointer, "`type`")?;
        if inside(text).is_none() && (text.is_empty() || text.contains(char::is_whitespace)) {
            let message = "the `type` of an error is a URI";
            let problem = Problem::new("invalid-uri", tree.mark, message).at(pointer);
            self.problem(problem.hint("for instance https://example.com/errors/out-of-stock"));
        }
        Some(self.template(tree, pointer))
    }

    fn status(&mut self, tree: &'a Tree, pointer: &str) -> Option<Template> {
        match &tree.node {
            Node::String(text) if inside(text).is_some() => {
                let message = "the schema has only fixed integers as the `status` of an error";
                self.not_portable(tree.mark, pointer, message.to_owned());
                Some(self.template(tree, pointer))
            }
            _ => {
                let status = self.integer(tree, pointer, "`status`", (100, 599))?;
                Some(Template::Literal(Value::from(status)))
            }
        }
    }
}
