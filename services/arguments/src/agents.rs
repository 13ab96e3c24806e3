//! `call: a2a`.

use crate::{Host, Http, OpenApi, inside, object};
use kintsugi_contracts::agent_card;
use kintsugi_core::Template;
use kintsugi_document::{Fields, Node, Problem, ResourceKind, Tree};
use serde_json::json;

const A2A_METHODS: [&str; 11] = [
    "message/send",
    "message/stream",
    "tasks/get",
    "tasks/list",
    "tasks/cancel",
    "tasks/resubscribe",
    "tasks/pushNotificationConfig/set",
    "tasks/pushNotificationConfig/get",
    "tasks/pushNotificationConfig/list",
    "tasks/pushNotificationConfig/delete",
    "agent/getAuthenticatedExtendedCard",
];

/// Arguments of `call: a2a`.
pub(crate) trait Agents<'a>: Host<'a> {
    fn a2a(&mut self, tree: &'a Tree, pointer: &str) -> Option<Template> {
        let known = ["agentCard", "server", "method", "parameters"];
        let fields = self.fields(tree, pointer, "`with` of `call: a2a`", &known)?;
        let mut parts = Vec::new();
        self.method_of(&fields, "`call: a2a`", &A2A_METHODS, &mut parts);
        self.parameters_of(&fields, &mut parts);
        match (fields.at("server"), fields.at("agentCard")) {
            (Some((tree, at)), None) => parts.extend(self.endpoint(tree, &at, "server")),
            (None, Some((tree, at))) => {
                let kind = ResourceKind::AgentCard;
                let (card, _) = self.described(tree, &at, "`agentCard`", kind)?;
                match agent_card::url(&card) {
                    Some(url) => {
                        parts.push(("server".to_owned(), Template::Literal(json!(url))));
                    }
                    None => {
                        let hint = "name the agent's URL as `server`";
                        let what = "an agent that does not speak JSON-RPC";
                        self.unsupported(tree.mark, &at, what, hint);
                    }
                }
            }
            _ => {
                let message = "`call: a2a` has either a `server` or an `agentCard`";
                self.problem(Problem::new("missing-key", fields.mark, message).at(pointer));
            }
        }
        Some(object(parts))
    }

    fn method_of(
        &mut self,
        fields: &Fields<'a>,
        what: &str,
        methods: &[&str],
        parts: &mut Vec<(String, Template)>,
    ) {
        let method = self.required(fields, "method", what);
        let method = method.and_then(|(tree, at)| self.one_of(tree, &at, "`method`", methods));
        parts.extend(method.map(|name| ("method".to_owned(), Template::Literal(json!(name)))));
    }

    /// An object, or an expression that gives one.
    fn parameters_of(&mut self, fields: &Fields<'a>, parts: &mut Vec<(String, Template)>) {
        let Some((tree, at)) = fields.at("parameters") else { return };
        match &tree.node {
            Node::Object(_) => {}
            Node::String(text) if inside(text).is_some() => {}
            _ => self.wrong_type(tree, &at, "`parameters`", "an object or an expression"),
        }
        parts.push(("parameters".to_owned(), self.template(tree, &at)));
    }
}

impl<'a, H: Host<'a>> Agents<'a> for H {}
