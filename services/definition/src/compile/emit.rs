//! `emit`.

use kintsugi_arguments::inside;
use kintsugi_core::{CloudEvent, EventTemplate, Kind, Template, is_event_attribute, is_event_time};
use serde_json::{Value, json};

use super::{Compiler, nothing};
use crate::Problem;
use crate::source::{Checks, Entry, Fields, Node, Tree};

impl<'a> Compiler<'a> {
    pub(super) fn emit(&mut self, tree: &'a Tree, pointer: &str) -> Kind {
        let with = self
            .fields(tree, pointer, "`emit`", &["event"])
            .and_then(|fields| self.required(&fields, "event", "`emit`"))
            .and_then(|(tree, at)| self.fields(tree, &at, "`event`", &["with"]))
            .and_then(|fields| self.required(&fields, "with", "`event`"))
            .and_then(|(tree, at)| self.object(tree, &at, "`with`"));
        let Some(with) = with else { return nothing() };
        self.required(&with, "type", "the event to emit");
        let attributes = with.entries.iter().map(|entry| {
            let at = with.path(&entry.key);
            let template = match entry.key.as_str() {
                "data" => self.template(&entry.value, &at),
                _ => self.attribute(entry, &with),
            };
            (entry.key.clone(), template)
        });
        Kind::Emit(Box::new(EventTemplate { with: attributes.collect() }))
    }

    /// An attribute of an event to emit.
    fn attribute(&mut self, entry: &'a Entry, with: &Fields<'a>) -> Template {
        let (key, tree, at) = (entry.key.as_str(), &entry.value, with.path(&entry.key));
        if !self.is_attribute(entry, with) {
            return Template::Literal(Value::Null);
        }
        if ["source", "dataschema"].contains(&key) {
            let uri = kintsugi_arguments::uri(self, tree, &at, &format!("`{key}`"));
            return uri.unwrap_or(Template::Literal(Value::Null));
        }
        match &tree.node {
            Node::String(text) if inside(text).is_some() => return self.template(tree, &at),
            Node::Array(_) | Node::Object(_) | Node::Null => {
                let wanted = "a text, a number, a boolean or an expression";
                self.wrong_type(tree, &at, &format!("`{key}`"), wanted);
                return Template::Literal(Value::Null);
            }
            _ => {}
        }
        // What the event itself would say of a constant.
        let mut probe = json!({"specversion": "1.0", "id": "i", "source": "s", "type": "t"});
        probe[key] = tree.to_value();
        if let Err(error) = CloudEvent::try_from(probe) {
            let mut problem = Problem::new("invalid-value", tree.mark, error.to_string()).at(&at);
            if key == "time" && !tree.as_str().is_some_and(is_event_time) {
                problem = problem.hint("for instance 2026-01-31T12:00:00Z");
            }
            self.problem(problem);
        }
        self.template(tree, &at)
    }

    /// Whether a key of `with` may name an attribute.
    pub(super) fn is_attribute(&mut self, entry: &'a Entry, with: &Fields<'a>) -> bool {
        let key = entry.key.as_str();
        let hint = match key {
            "specversion" => "it is always 1.0",
            "data_base64" => "write `data`",
            key if is_event_attribute(key) => return true,
            _ => "CloudEvents names attributes in lower case letters and digits: `roomid`",
        };
        let message = format!("an event has no attribute `{key}` to set or to filter by");
        let problem = Problem::new("unknown-key", entry.mark, message).at(with.path(key));
        self.problem(problem.hint(hint));
        false
    }
}
