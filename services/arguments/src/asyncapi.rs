//! `call: asyncapi`: the channel is taken out of its document now.

use crate::{Authentication, Host, OpenApi, inside, object};
use kintsugi_contracts::asyncapi::{self, Protocol, Wanted};
use kintsugi_core::Template;
use kintsugi_document::{Fields, Mark, Problem, ResourceKind, Tree};
use serde_json::{Value, json};

const WHAT: &str = "`call: asyncapi`";

/// The protocols of the language's schema.
const PROTOCOLS: [&str; 19] = [
    "amqp",
    "amqp1",
    "anypointmq",
    "googlepubsub",
    "http",
    "ibmmq",
    "jms",
    "kafka",
    "mercure",
    "mqtt",
    "mqtt5",
    "nats",
    "pulsar",
    "redis",
    "sns",
    "solace",
    "sqs",
    "stomp",
    "ws",
];

/// Arguments of `call: asyncapi`.
pub(crate) trait AsyncApi<'a>: Host<'a> {
    fn asyncapi(&mut self, tree: &'a Tree, pointer: &str) -> Option<Template> {
        let known = [
            "document",
            "channel",
            "operation",
            "server",
            "protocol",
            "message",
            "subscription",
            "authentication",
        ];
        let fields = self.fields(tree, pointer, "`with` of `call: asyncapi`", &known)?;
        let mut parts = Vec::new();
        if let Some((tree, at)) = fields.at("authentication") {
            let policy = self.authentication(tree, &at);
            parts.extend(policy.map(|policy| ("authentication".to_owned(), policy)));
        }
        let takes = self.direction(&fields, &mut parts);
        let server = self.asyncapi_server(&fields, &mut parts);
        let protocol = fields.at("protocol");
        let protocol =
            protocol.and_then(|(tree, at)| self.one_of(tree, &at, "`protocol`", &PROTOCOLS));
        let (mark, at) = self.place_of(&fields, &["operation", "channel"]);
        let mut text = |key: &str| {
            let (tree, at) = fields.at(key)?;
            self.fixed_text(tree, &at, &format!("`{key}`"))
        };
        let (operation, channel) = (text("operation"), text("channel"));
        if operation.is_some() == channel.is_some() {
            let message = "`call: asyncapi` names either an `operation` or a `channel`";
            self.problem(Problem::new("missing-key", fields.mark, message).at(pointer));
        }
        let document = self.required(&fields, "document", WHAT);
        let document = document
            .and_then(|(tree, at)| self.described(tree, &at, "`document`", ResourceKind::AsyncApi));
        let (document, _) = document?;
        let wanted = Wanted { operation, channel, server, protocol };
        match asyncapi::channel(&document, wanted) {
            Err(refusal) => self.refusal(refusal, mark, &at),
            Ok(found) => {
                if takes && found.protocol == Protocol::Http {
                    let hint = "messages can be taken from a server of NATS";
                    self.unsupported(mark, &at, "a subscription over HTTP", hint);
                }
                let found = serde_json::to_value(found).unwrap_or_default();
                parts.push(("channel".to_owned(), Template::Literal(found)));
            }
        }
        Some(object(parts))
    }

    /// Where one of these keys stands.
    fn place_of(&self, fields: &Fields<'a>, keys: &[&str]) -> (Mark, String) {
        let found = keys.iter().find_map(|key| Some((fields.get(key)?.mark, fields.path(key))));
        found.unwrap_or((fields.mark, fields.pointer.clone()))
    }

    /// `message` or `subscription`; says whether messages are taken.
    fn direction(&mut self, fields: &Fields<'a>, parts: &mut Vec<(String, Template)>) -> bool {
        match (fields.at("message"), fields.at("subscription")) {
            (Some((tree, at)), None) => {
                let known = ["payload", "headers"];
                if let Some(message) = self.fields(tree, &at, "`message`", &known) {
                    for key in known {
                        if let Some((tree, at)) = message.at(key) {
                            self.object(tree, &at, &format!("`{key}`"));
                        }
                    }
                    parts.push(("message".to_owned(), self.template(tree, &at)));
                }
                false
            }
            (None, Some((tree, at))) => {
                let subscription = self.subscription(tree, &at);
                parts.extend(
                    subscription.map(|value| ("subscription".to_owned(), Template::Literal(value))),
                );
                true
            }
            _ => {
                let message = "`call: asyncapi` has either a `message` or a `subscription`";
                let problem = Problem::new("missing-key", fields.mark, message);
                self.problem(problem.at(&fields.pointer));
                false
            }
        }
    }

    fn asyncapi_server(
        &mut self,
        fields: &Fields<'a>,
        parts: &mut Vec<(String, Template)>,
    ) -> Option<&'a str> {
        let (tree, at) = fields.at("server")?;
        let own = self.fields(tree, &at, "`server`", &["name", "variables"])?;
        if let Some((tree, at)) = own.at("variables") {
            self.object(tree, &at, "`variables`");
            let variables = self.argument(&at, "/variables", |c| c.template(tree, &at));
            parts.push(("variables".to_owned(), variables));
        }
        let (name, at) = self.required(&own, "name", "`server`")?;
        self.fixed_text(name, &at, "`name`")
    }

    /// Which messages are taken, and how many; expressions are evaluated for each by the worker.
    fn subscription(&mut self, tree: &'a Tree, pointer: &str) -> Option<Value> {
        let known = ["filter", "consume", "foreach"];
        let fields = self.fields(tree, pointer, "`subscription`", &known)?;
        if let Some((tree, at)) = fields.at("filter") {
            self.for_each_message(tree, &at, "filter");
        }
        let (consume, at) = self.required(&fields, "consume", "`subscription`")?;
        let known = ["amount", "while", "until", "for"];
        let consume = self.fields(consume, &at, "`consume`", &known)?;
        let mut made = json!({});
        let ends: Vec<&str> =
            known[..3].iter().copied().filter(|key| consume.entry(key).is_some()).collect();
        if ends.len() != 1 {
            let message = "`consume` has one of amount, while and until";
            self.problem(Problem::new("missing-key", consume.mark, message).at(&at));
        }
        if let Some((tree, at)) = consume.at("amount") {
            let amount = self.integer(tree, &at, "`amount`", (1, 10_000))?;
            made["amount"] = json!(amount);
        }
        for key in ["while", "until"] {
            if let Some((tree, at)) = consume.at(key) {
                self.for_each_message(tree, &at, key);
            }
        }
        if let Some((tree, at)) = consume.at("for") {
            made["for_ms"] = json!(self.millis(tree, &at, "`for`")?);
        }
        Some(made)
    }

    fn for_each_message(&mut self, tree: &'a Tree, pointer: &str, key: &str) {
        let what = format!("`{key}`");
        let Some(text) = self.string(tree, pointer, &what) else { return };
        let Some(code) = inside(text) else {
            let message = format!("{what} must be an expression");
            let problem = Problem::new("type", tree.mark, message).at(pointer);
            return self.problem(problem.hint("write ${ … }"));
        };
        let at = format!("/subscription/{key}");
        self.argument(pointer, &at, |c| c.leave(code, tree.mark, pointer, false));
    }
}

impl<'a, H: Host<'a>> AsyncApi<'a> for H {}
