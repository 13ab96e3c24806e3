//! `call`: what a worker executes.

use kintsugi_core::{Call, Kind, RetryPolicy, Template};
use serde_json::Value;

use super::fields::Fields;
use super::function::Callee;
use super::template::{inside, object};
use super::{Compiler, nothing};
use crate::Problem;
use crate::source::{Node, Tree};

/// Protocols of the specification that this version does not call.
pub(super) const RESERVED: [&str; 5] = ["grpc", "openapi", "asyncapi", "a2a", "mcp"];

impl<'a> Compiler<'a> {
    pub(super) fn call(&mut self, task: &Fields<'a>, tree: &'a Tree, pointer: &str) -> Kind {
        let Some(name) = self.string(tree, pointer, "`call`") else { return nothing() };
        if RESERVED.contains(&name) {
            let hint = "use `call: http`, or a worker of your own";
            self.unsupported(tree.mark, pointer, &format!("`call: {name}`"), hint);
            return nothing();
        }
        if let Some((with, at)) = task.at("with")
            && !matches!(with.node, Node::Object(_))
        {
            self.wrong_type(with, &at, "`with`", "an object");
        }
        let name = match self.callee(tree, name, pointer) {
            Some(Callee::TaskType(name)) => name,
            Some(Callee::Function(function)) => return self.inline(task, tree, function),
            None => return nothing(),
        };
        let with = match task.at("with") {
            Some((tree, at)) if name == "http" => self.http(tree, &at),
            Some((tree, at)) => Some(self.template(tree, &at)),
            None if name == "http" => {
                self.required(task, "with", "`call: http`");
                None
            }
            // Without arguments, the worker gets the task's own input.
            None => self.expression(".", tree.mark, pointer).map(Template::Expr),
        };
        let mut own = self.settings(task.at("metadata"), self.defaults.clone());
        if self.retrying > 0 && !own.states_retry {
            own.policy.retry = RetryPolicy::none();
        }
        let Some(with) = with else { return nothing() };
        let (task_type, queue) = (name, own.queue);
        Kind::Call(Box::new(Call { task_type, queue, with, policy: own.policy }))
    }

    /// The arguments of an HTTP call, `endpoint` made one URI.
    fn http(&mut self, tree: &'a Tree, pointer: &str) -> Option<Template> {
        let known = ["method", "endpoint", "headers", "body", "query", "output", "redirect"];
        let fields = self.fields(tree, pointer, "`with` of `call: http`", &known)?;
        let mut parts = Vec::new();
        if let Some((tree, at)) = fields.at("body") {
            parts.push(("body".to_owned(), self.template(tree, &at)));
        }
        if let Some((tree, at)) = self.required(&fields, "endpoint", "`call: http`") {
            parts.extend(self.endpoint(tree, &at).map(|uri| ("endpoint".to_owned(), uri)));
        }
        for key in ["headers", "query"] {
            if let Some((tree, at)) = fields.at(key) {
                parts.push((key.to_owned(), self.text_map(tree, &at, key)));
            }
        }
        if let Some((tree, at)) = self.required(&fields, "method", "`call: http`") {
            parts.push(("method".to_owned(), self.method(tree, &at)));
        }
        if let Some((tree, at)) = fields.at("output") {
            if !matches!(tree.as_str(), Some("raw" | "content" | "response")) {
                let message = "`output` is `raw`, `content` or `response`";
                self.problem(Problem::new("invalid-value", tree.mark, message).at(at));
            }
            parts.push(("output".to_owned(), Template::Literal(tree.to_value())));
        }
        if let Some((tree, at)) = fields.at("redirect") {
            if !matches!(tree.node, Node::Bool(_)) {
                self.wrong_type(tree, &at, "`redirect`", "a boolean");
            }
            parts.push(("redirect".to_owned(), Template::Literal(tree.to_value())));
        }
        Some(object(parts))
    }

    fn method(&mut self, tree: &'a Tree, pointer: &str) -> Template {
        let Some(method) = self.string(tree, pointer, "`method`") else {
            return Template::Literal(Value::Null);
        };
        let is_token = (1..=32).contains(&method.len())
            && method.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if inside(method).is_none() && !is_token {
            let message = format!("`{method}` is not an HTTP method");
            self.problem(Problem::new("invalid-value", tree.mark, message).at(pointer));
        }
        self.template(tree, pointer)
    }

    /// A map of texts, or an expression that gives one.
    fn text_map(&mut self, tree: &'a Tree, pointer: &str, key: &str) -> Template {
        match &tree.node {
            Node::Object(entries) => {
                for entry in entries {
                    let what = format!("`{}` in `{key}`", entry.key);
                    self.string(&entry.value, &format!("{pointer}/{}", entry.key), &what);
                }
            }
            Node::String(text) if inside(text).is_some() => {}
            _ => self.wrong_type(tree, pointer, &format!("`{key}`"), "an object or an expression"),
        }
        self.template(tree, pointer)
    }

    /// A URI template, an expression, or `{uri}` with one of them.
    fn endpoint(&mut self, tree: &'a Tree, pointer: &str) -> Option<Template> {
        if !matches!(tree.node, Node::Object(_)) {
            return self.uri(tree, pointer, "`endpoint`");
        }
        let known = ["uri", "authentication"];
        let fields = self.fields(tree, pointer, "`endpoint`", &known)?;
        if let Some(entry) = fields.entry("authentication") {
            let hint = "send an `authorization` header";
            let at = fields.path("authentication");
            self.unsupported(entry.mark, &at, "`authentication`", hint);
        }
        let (uri, at) = self.required(&fields, "uri", "`endpoint`")?;
        self.uri(uri, &at, "`uri`")
    }

    fn uri(&mut self, tree: &'a Tree, pointer: &str, what: &str) -> Option<Template> {
        let text = self.string(tree, pointer, what)?;
        if inside(text).is_some() {
            return Some(self.template(tree, pointer));
        }
        match uri_template(text) {
            Ok(parts) if parts.iter().all(|(_, name)| name.is_none()) => {
                Some(Template::Literal(Value::String(text.to_owned())))
            }
            Ok(parts) => Some(Template::Uri(parts)),
            Err(message) => {
                let problem = Problem::new("invalid-uri", tree.mark, message).at(pointer);
                self.problem(problem.hint("`{name}` takes a property of the task's input"));
                None
            }
        }
    }
}

/// Literal parts, each with the name that follows it. RFC 6570, level 1.
fn uri_template(text: &str) -> Result<Vec<(String, Option<String>)>, String> {
    if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("a URI is not empty and has no white space".to_owned());
    }
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((literal, tail)) = rest.split_once('{') {
        let (name, after) = tail.split_once('}').ok_or("a `{` in the URI is not closed")?;
        let is_name = !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
        if literal.contains('}') || !is_name {
            return Err(format!("`{{{name}}}` is not a plain `{{name}}`"));
        }
        parts.push((literal.to_owned(), Some(name.to_owned())));
        rest = after;
    }
    if rest.contains('}') {
        return Err("a `}` in the URI was not opened".to_owned());
    }
    if !rest.is_empty() || parts.is_empty() {
        parts.push((rest.to_owned(), None));
    }
    Ok(parts)
}
