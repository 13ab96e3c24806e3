//! `for` and `fork`.

use kintsugi_core::{Kind, Template};

use super::task::Targets;
use super::{Compiler, VARIABLES, nothing};
use crate::Problem;
use crate::names::is_identifier;
use crate::source::{Checks, Fields, Node, Tree};

impl<'a> Compiler<'a> {
    pub(super) fn fork(&mut self, tree: &'a Tree, pointer: &str) -> Kind {
        let known = ["branches", "compete"];
        let Some(fields) = self.fields(tree, pointer, "`fork`", &known) else { return nothing() };
        let compete = match fields.at("compete") {
            None => false,
            Some((Tree { node: Node::Bool(compete), .. }, _)) => *compete,
            Some((other, at)) => {
                self.wrong_type(other, &at, "`compete`", "a boolean");
                false
            }
        };
        let Some((list, at)) = self.required(&fields, "branches", "`fork`") else {
            return nothing();
        };
        let entries = self.entries(list, &at, "`branches`");
        if entries.is_empty() && matches!(list.node, Node::Array(_)) {
            let message = "`fork` needs at least one branch";
            self.problem(Problem::new("empty-list", list.mark, message).at(&at));
        }
        // A branch has no neighbours to go to.
        let branches = self.tasks(&entries, &at, &Targets::new());
        Kind::Fork { branches, compete }
    }

    pub(super) fn for_each(&mut self, task: &Fields<'a>, tree: &'a Tree, pointer: &str) -> Kind {
        let Some(fields) = self.fields(tree, pointer, "`for`", &["each", "in", "at"]) else {
            return nothing();
        };
        let each = self.variable(&fields, "each", "item");
        let at = self.variable(&fields, "at", "index");
        if each == at {
            let message = format!("`each` and `at` are both `{each}`");
            self.problem(Problem::new("invalid-variable", fields.mark, message).at(pointer));
        }
        let items = self.required(&fields, "in", "`for`").map(|(tree, at)| match &tree.node {
            Node::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    if !matches!(item.node, Node::Object(_)) {
                        let at = format!("{at}/{index}");
                        let message =
                            format!("an item must be an object, not {}", item.node.kind());
                        let problem = Problem::new("type", item.mark, message).at(at);
                        let hint = "write the array as an expression: in: ${ [1, 2] }";
                        self.problem(problem.hint(hint));
                    }
                }
                self.template(tree, &at)
            }
            Node::String(_) => {
                let expr = self.condition(tree, &at, "`in`");
                expr.map_or(Template::Literal(serde_json::Value::Null), Template::Expr)
            }
            _ => {
                self.wrong_type(tree, &at, "`in`", "an expression or an array");
                Template::Literal(serde_json::Value::Null)
            }
        });
        let (condition, body) = self.scoped(&[each, at], |c| {
            let condition =
                task.at("while").and_then(|(tree, at)| c.condition(tree, &at, "`while`"));
            let body = c.required(task, "do", "`for`").map(|(tree, at)| c.list(tree, &at, "`do`"));
            (condition, body)
        });
        match (items, body) {
            (Some(items), Some(body)) => {
                Kind::For { each: each.to_owned(), at: at.to_owned(), items, condition, body }
            }
            _ => nothing(),
        }
    }

    /// The name of a variable that the document introduces.
    pub(super) fn variable(
        &mut self,
        fields: &Fields<'a>,
        key: &str,
        default: &'static str,
    ) -> &'a str {
        let Some((tree, pointer)) = fields.at(key) else { return default };
        let Some(name) = self.string(tree, &pointer, &format!("`{key}`")) else { return default };
        let message = if VARIABLES.contains(&name) {
            format!("`{key}` may not be `{name}`: ${name} has a meaning of its own")
        } else if is_identifier(name) {
            if self.scope.iter().any(|outer| outer == name) {
                let message = format!("${name} hides the variable of that name around it");
                let warning = Problem::new("shadowed-variable", tree.mark, message).at(&pointer);
                self.warn(warning.hint("give it another name"));
            }
            return name;
        } else {
            format!("`{key}` must be a name of letters, digits and `_`, without `$`")
        };
        self.problem(Problem::new("invalid-variable", tree.mark, message).at(pointer));
        default
    }
}
