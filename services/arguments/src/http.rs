//! `call: http`.

use crate::{Authentication, Host, inside, object};
use kintsugi_core::Template;
use kintsugi_document::{Fields, Node, Problem, Tree, escape};
use serde_json::Value;

const OUTPUTS: [&str; 3] = ["raw", "content", "response"];

/// Arguments of `call: http`, and of all that goes over HTTP.
pub(crate) trait Http<'a>: Host<'a> {
    /// The arguments of an HTTP call, `endpoint` made one URI.
    fn http(&mut self, tree: &'a Tree, pointer: &str) -> Option<Template> {
        let known = ["method", "endpoint", "headers", "body", "query", "output", "redirect"];
        let fields = self.fields(tree, pointer, "`with` of `call: http`", &known)?;
        let mut parts = Vec::new();
        if let Some((tree, at)) = fields.at("body") {
            parts.push(("body".to_owned(), self.template(tree, &at)));
        }
        if let Some((tree, at)) = self.required(&fields, "endpoint", "`call: http`") {
            parts.extend(self.endpoint(tree, &at, "endpoint"));
        }
        for key in ["headers", "query"] {
            if let Some((tree, at)) = fields.at(key) {
                parts.push((key.to_owned(), self.text_map(tree, &at, key)));
            }
        }
        if let Some((tree, at)) = self.required(&fields, "method", "`call: http`") {
            parts.push(("method".to_owned(), self.method(tree, &at)));
        }
        self.http_output(&fields, &mut parts);
        Some(object(parts))
    }

    /// `output` and `redirect`, as every call over HTTP has them.
    fn http_output(&mut self, fields: &Fields<'a>, parts: &mut Vec<(String, Template)>) {
        if let Some((tree, at)) = fields.at("output")
            && let Some(form) = self.one_of(tree, &at, "`output`", &OUTPUTS)
        {
            parts.push(("output".to_owned(), Template::Literal(form.into())));
        }
        if let Some((tree, at)) = fields.at("redirect") {
            if !matches!(tree.node, Node::Bool(_)) {
                self.wrong_type(tree, &at, "`redirect`", "a boolean");
            }
            parts.push(("redirect".to_owned(), Template::Literal(tree.to_value())));
        }
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
                    let at = format!("{pointer}/{}", escape(&entry.key));
                    self.string(&entry.value, &at, &what);
                }
            }
            Node::String(text) if inside(text).is_some() => {}
            _ => self.wrong_type(tree, pointer, &format!("`{key}`"), "an object or an expression"),
        }
        self.template(tree, pointer)
    }

    /// A URI template, an expression, or `{uri, authentication}`: the arguments `key` and
    /// `authentication`.
    fn endpoint(&mut self, tree: &'a Tree, pointer: &str, key: &str) -> Vec<(String, Template)> {
        let (mut uri, mut parts) = (Some((tree, pointer.to_owned())), Vec::new());
        if matches!(tree.node, Node::Object(_)) {
            let known = ["uri", "authentication"];
            let Some(fields) = self.fields(tree, pointer, "`endpoint`", &known) else {
                return parts;
            };
            uri = self.required(&fields, "uri", "`endpoint`");
            if let Some((tree, at)) = fields.at("authentication") {
                let policy = self.authentication(tree, &at);
                parts.extend(policy.map(|policy| ("authentication".to_owned(), policy)));
            }
        }
        if let Some((tree, at)) = uri {
            let uri = self.argument(&at, &format!("/{key}"), |c| c.uri(tree, &at, "`endpoint`"));
            parts.extend(uri.map(|uri| (key.to_owned(), uri)));
        }
        parts
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

impl<'a, H: Host<'a>> Http<'a> for H {}

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
