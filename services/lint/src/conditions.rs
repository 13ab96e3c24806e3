//! Conditions that are decided already.

use kintsugi_core::{Kind, Node};

use crate::{Lint, Place};

impl Lint<'_> {
    /// Looks at the conditions of one task.
    pub(crate) fn conditions(&mut self, node: &Node, place: &Place) {
        let name = &node.name;
        match node.condition.and_then(|expr| self.literal(expr)) {
            Some(false) => {
                let message = format!("the task `{name}` never runs: its `if` is never true");
                self.warn("constant-condition", place, message, "write a condition, or remove it");
            }
            Some(true) => {
                let message = format!("the `if` of the task `{name}` is always true");
                self.warn("constant-condition", place, message, "leave it out");
            }
            None => {}
        }
        if let Kind::For { condition: Some(condition), .. } = &node.kind
            && self.literal(*condition) == Some(false)
        {
            let message = format!("the loop `{name}` never runs: its `while` is never true");
            self.warn("constant-condition", place, message, "write a condition, or leave it out");
        }
        if let Kind::Switch(cases) = &node.kind {
            for when in cases.iter().filter_map(|case| case.when) {
                let message = match self.literal(when) {
                    Some(true) => format!("a `when` of the switch `{name}` is always true"),
                    Some(false) => format!("a `when` of the switch `{name}` is never true"),
                    None => continue,
                };
                let hint = "a case without `when` is the default";
                self.warn("constant-condition", place, message, hint);
            }
        }
    }
}
