//! `call: human-task`, of the default catalog: a task that a person does.

use kintsugi_core::{Human, Kind, Template};

use super::{Compiler, nothing};
use crate::source::{Checks, Fields, Node, Tree};

const KEYS: [&str; 7] = ["assignees", "data", "description", "due", "escalate", "form", "title"];

impl<'a> Compiler<'a> {
    pub(super) fn human(&mut self, task: &Fields<'a>, call: &'a Tree, pointer: &str) -> Kind {
        let what = "`call: human-task`";
        let message = "another runtime needs a function `human-task`".to_owned();
        self.not_portable(call.mark, pointer, message);
        if let Some((metadata, at)) = task.at("metadata") {
            self.metadata_of_no_call(metadata, &at);
        }
        let Some((tree, at)) = self.required(task, "with", what) else { return nothing() };
        let Some(own) = self.fields(tree, &at, "`with` of `call: human-task`", &KEYS) else {
            return nothing();
        };
        let title = self.required(&own, "title", what);
        let title = title.and_then(|(tree, at)| self.text(tree, &at, "`title`"));
        let description =
            own.at("description").and_then(|(tree, at)| self.text(tree, &at, "`description`"));
        let data = own.at("data").map(|(tree, at)| self.template(tree, &at));
        let assignees = self.people(&own, "assignees");
        let due = own.at("due").and_then(|(tree, at)| self.span(tree, &at, "`due`"));
        let escalate = self.people(&own, "escalate");
        if let (Some(entry), None) = (own.entry("escalate"), own.entry("due")) {
            let message = "`escalate` has no effect without `due`";
            let problem = crate::Problem::new("no-effect", entry.mark, message);
            self.problem(problem.at(own.path("escalate")).hint("say when: `due: {hours: 8}`"));
        }
        let form =
            own.at("form").and_then(|(tree, at)| self.add_schema(tree.to_value(), tree.mark, &at));
        let Some(title) = title else { return nothing() };
        Kind::Human(Box::new(Human { title, description, data, assignees, form, due, escalate }))
    }

    /// A text, perhaps with an expression.
    fn text(&mut self, tree: &'a Tree, pointer: &str, what: &str) -> Option<Template> {
        self.string(tree, pointer, what)?;
        Some(self.template(tree, pointer))
    }

    /// A name, names, or an expression that gives them.
    fn people(&mut self, own: &Fields<'a>, key: &str) -> Option<Template> {
        let (tree, at) = own.at(key)?;
        let what = format!("`{key}`");
        match &tree.node {
            Node::String(_) => {}
            Node::Array(names) => {
                for (index, name) in names.iter().enumerate() {
                    self.string(name, &format!("{at}/{index}"), "a name")?;
                }
            }
            _ => {
                self.wrong_type(tree, &at, &what, "a name, an array of names or an expression");
                return None;
            }
        }
        Some(self.template(tree, &at))
    }
}
