//! `call: openapi`: the operation is taken out of its document now, and the worker gets no more.

use crate::{Authentication, Host, Http, inside, object};
use kintsugi_contracts::{Refusal, openapi};
use kintsugi_core::Template;
use kintsugi_document::{Limits, Mark, Node, Problem, ResourceKind, Tree, read_resource};
use serde_json::Value;

const WHAT: &str = "`call: openapi`";

/// Documents of services are larger than workflows.
const NODES_MAX: usize = 200_000;

/// Arguments of `call: openapi`, and documents in which services describe themselves.
pub(crate) trait OpenApi<'a>: Host<'a> {
    fn openapi(&mut self, tree: &'a Tree, pointer: &str) -> Option<Template> {
        let known =
            ["document", "operationId", "parameters", "authentication", "output", "redirect"];
        let fields = self.fields(tree, pointer, "`with` of `call: openapi`", &known)?;
        let mut parts = Vec::new();
        if let Some((tree, at)) = fields.at("authentication") {
            let policy = self.authentication(tree, &at);
            parts.extend(policy.map(|policy| ("authentication".to_owned(), policy)));
        }
        if let Some((tree, at)) = fields.at("parameters") {
            self.object(tree, &at, "`parameters`");
            parts.push(("parameters".to_owned(), self.template(tree, &at)));
        }
        self.http_output(&fields, &mut parts);
        let id = self.required(&fields, "operationId", WHAT);
        let id = id.and_then(|(tree, at)| {
            Some((self.fixed_text(tree, &at, "`operationId`")?, tree.mark, at))
        });
        let document = self.required(&fields, "document", WHAT);
        let document = document
            .and_then(|(tree, at)| self.described(tree, &at, "`document`", ResourceKind::OpenApi));
        let ((id, mark, at), (document, from)) = (id?, document?);
        let operation = match openapi::operation(&document, &from, id) {
            Ok(operation) => operation,
            Err(refusal) => {
                self.refusal(refusal, mark, &at);
                return None;
            }
        };
        let given = fields.get("parameters").map(|tree| &tree.node);
        let names: Vec<&str> = match given {
            Some(Node::Object(entries)) => entries.iter().map(|e| e.key.as_str()).collect(),
            _ => Vec::new(),
        };
        let (mark, at) = match fields.entry("parameters") {
            Some(entry) => (entry.mark, fields.path("parameters")),
            None => (fields.mark, fields.pointer.clone()),
        };
        for message in operation.complaints(names) {
            self.problem(Problem::new("invalid-parameters", mark, message).at(&at));
        }
        let operation = serde_json::to_value(operation).unwrap_or_default();
        parts.push(("operation".to_owned(), Template::Literal(operation)));
        Some(object(parts))
    }

    /// A text that is known now.
    fn fixed_text(&mut self, tree: &'a Tree, pointer: &str, what: &str) -> Option<&'a str> {
        let text = self.string(tree, pointer, what)?;
        if inside(text).is_some() {
            let hint = "write it out: it is looked up when the definition is registered";
            self.unsupported(tree.mark, pointer, &format!("{what} as an expression"), hint);
            return None;
        }
        Some(text)
    }

    /// A document in which a service describes itself, with where it was read from.
    fn described(
        &mut self,
        tree: &'a Tree,
        pointer: &str,
        what: &str,
        kind: ResourceKind,
    ) -> Option<(Value, String)> {
        let (uri, mark, at) = self.external_uri(tree, pointer, what)?;
        let resource = self.resource(&uri, kind, mark, &at)?;
        let limits = Limits { nodes_max: NODES_MAX, ..self.document_limits().clone() };
        match read_resource(&resource.content, &limits) {
            Ok(read) => Some((read.to_value(), resource.uri.clone())),
            Err(problem) => {
                let message = format!("`{}` cannot be read: {}", resource.uri, problem.message);
                self.problem(Problem::new("invalid-resource", tree.mark, message).at(pointer));
                None
            }
        }
    }

    /// What a document does not give.
    fn refusal(&mut self, refusal: Refusal, mark: Mark, pointer: &str) {
        match refusal {
            Refusal::Unsupported(what) => {
                let hint = "call the service another way, e.g. with `call: http`";
                self.unsupported(mark, pointer, &what, hint);
            }
            Refusal::Invalid(message) => {
                self.problem(Problem::new("invalid-resource", mark, message).at(pointer));
            }
        }
    }
}

impl<'a, H: Host<'a>> OpenApi<'a> for H {}
