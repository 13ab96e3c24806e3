//! Expressions, templates and schemas.

use kintsugi_arguments::{inside, object};
use kintsugi_core::{Expr, Template};
use serde_json::Value;

use super::{Compiler, VARIABLES};
use crate::Problem;
use crate::source::{Checks, Mark, Node, Tree, escape};

impl<'a> Compiler<'a> {
    /// A value in which strings may be `${ … }`.
    pub(super) fn template(&mut self, tree: &'a Tree, pointer: &str) -> Template {
        match &tree.node {
            Node::String(text) => match inside(text) {
                Some(code) => self.value(code, tree.mark, pointer),
                None if self.uses.is_loose => self.loose(text, tree.mark, pointer),
                None => {
                    self.suspicious(text, tree.mark, pointer);
                    Template::Literal(Value::String(text.clone()))
                }
            },
            Node::Array(items) => {
                let parts: Vec<_> = items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| self.template(item, &format!("{pointer}/{index}")))
                    .collect();
                array(parts)
            }
            Node::Object(entries) => {
                let mut parts = Vec::with_capacity(entries.len());
                for entry in entries {
                    let pointer = format!("{pointer}/{}", escape(&entry.key));
                    parts.push((entry.key.clone(), self.template(&entry.value, &pointer)));
                }
                object(parts)
            }
            _ => Template::Literal(tree.to_value()),
        }
    }

    /// A text in the loose mode: an expression, if it can be one.
    fn loose(&mut self, text: &str, mark: Mark, pointer: &str) -> Template {
        let literal = Template::Literal(Value::String(text.to_owned()));
        let code = text.trim();
        if code.is_empty() || code.len() > self.limits.expression_bytes_max {
            return literal;
        }
        let Ok(filter) = self.toolbox.compile(code) else { return literal };
        let names = filter.variables().to_vec();
        let is_there =
            |name: &String| VARIABLES.contains(&name.as_str()) || self.scope.contains(name);
        if !names.iter().all(is_there) {
            return literal;
        }
        if names.iter().any(|name| matches!(name.as_str(), "secrets" | "authorization")) {
            return self.value(code, mark, pointer);
        }
        if code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
            let message = format!("`{code}` is evaluated: jq has a word of that name");
            let hint = format!("to mean the text, write ${{ \"{code}\" }}");
            self.warn(Problem::new("loose-word", mark, message).at(pointer).hint(hint));
        }
        match self.expression(code, mark, pointer) {
            Some(expr) => Template::Loose(expr, text.to_owned()),
            None => literal,
        }
    }

    /// `from` and `as`: a string is an expression, an object a template.
    pub(super) fn transform(
        &mut self,
        tree: &'a Tree,
        pointer: &str,
        what: &str,
    ) -> Option<Template> {
        match &tree.node {
            Node::String(text) => self.bare(text, tree.mark, pointer).map(Template::Expr),
            Node::Object(_) => Some(self.template(tree, pointer)),
            _ => {
                self.wrong_type(tree, pointer, what, "an expression or an object");
                None
            }
        }
    }

    /// A field that is always an expression, with or without `${ }`.
    pub(super) fn condition(&mut self, tree: &'a Tree, pointer: &str, what: &str) -> Option<Expr> {
        let text = self.string(tree, pointer, what)?;
        self.bare(text, tree.mark, pointer)
    }

    fn bare(&mut self, text: &str, mark: Mark, pointer: &str) -> Option<Expr> {
        self.expression(inside(text).unwrap_or(text), mark, pointer)
    }

    /// Checks an expression and gives it a number.
    pub(super) fn expression(&mut self, code: &str, mark: Mark, pointer: &str) -> Option<Expr> {
        let invalid =
            |message: String| Problem::new("invalid-expression", mark, message).at(pointer);
        let max = self.limits.expression_bytes_max;
        if code.len() > max {
            let message =
                format!("the expression has {} bytes; at most {max} are accepted", code.len());
            self.problem(invalid(message));
            return None;
        }
        if let Some((known, names)) = self.expression_ids.get(code).cloned() {
            self.known(&names, mark, pointer);
            return Some(known);
        }
        let names = match self.toolbox.compile(code) {
            Ok(filter) => filter.variables().to_vec(),
            Err(err) => {
                let mut problem = invalid(err.message);
                problem.hint = err.hint;
                self.problem(problem);
                return None;
            }
        };
        self.known(&names, mark, pointer);
        if self.expressions.len() >= self.limits.expressions_max {
            let message =
                format!("the document has more than {} expressions", self.limits.expressions_max);
            self.problem(Problem::new("document-too-large", mark, message).at(pointer));
            return None;
        }
        let expr = Expr(u32::try_from(self.expressions.len()).ok()?);
        self.expressions.push(code.to_owned());
        self.expression_ids.insert(code.to_owned(), (expr, names));
        Some(expr)
    }

    /// Warns of text that its author may take for an expression.
    fn suspicious(&mut self, text: &str, mark: Mark, pointer: &str) {
        let (code, message) = if text.contains("${") {
            ("partial-expression", "`${` within a text is not evaluated")
        } else if looks_like_path(text) {
            ("literal-expression", "this looks like an expression but is a text")
        } else {
            return;
        };
        let hint = if code == "partial-expression" {
            "make the whole value one expression, e.g. ${ \"Hello \\(.name)\" }".to_owned()
        } else {
            format!("to evaluate it, write ${{ {text} }}")
        };
        self.warn(Problem::new(code, mark, message).at(pointer).hint(hint));
    }
}

/// `.a`, `.a.b[0]`, `$context`, `$x.a`.
fn looks_like_path(text: &str) -> bool {
    let rest = match text.as_bytes() {
        [b'.', b'a'..=b'z' | b'A'..=b'Z' | b'_', ..] => &text[1..],
        [b'$', b'a'..=b'z' | b'A'..=b'Z' | b'_', ..] => &text[1..],
        _ => return false,
    };
    rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"._[]".contains(&b))
}

/// An array that is a literal when all of it is.
fn array(parts: Vec<Template>) -> Template {
    if !parts.iter().all(|part| matches!(part, Template::Literal(_))) {
        return Template::Array(parts);
    }
    let literal = |part| match part {
        Template::Literal(value) => value,
        _ => Value::Null,
    };
    Template::Literal(parts.into_iter().map(literal).collect())
}
