//! `call: mcp`.

use crate::{Agents, Host, Http, OpenApi, Processes, object};
use kintsugi_core::{Ability, Template};
use kintsugi_document::{Fields, Node, Problem, Tree, escape};
use serde_json::json;

const METHODS: [&str; 7] = [
    "tools/list",
    "tools/call",
    "prompts/list",
    "prompts/get",
    "resources/list",
    "resources/read",
    "resources/templates/list",
];

/// Versions of the Model Context Protocol that are spoken here.
const VERSIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

/// Arguments of `call: mcp`.
pub(crate) trait Mcp<'a>: Host<'a> {
    fn mcp(&mut self, tree: &'a Tree, pointer: &str) -> Option<Template> {
        let known = ["protocolVersion", "method", "parameters", "timeout", "transport", "client"];
        let fields = self.fields(tree, pointer, "`with` of `call: mcp`", &known)?;
        let mut parts = Vec::new();
        self.method_of(&fields, "`call: mcp`", &METHODS, &mut parts);
        self.parameters_of(&fields, &mut parts);
        if let Some((tree, at)) = fields.at("protocolVersion") {
            let text = self.fixed_text(tree, &at, "`protocolVersion`")?;
            if !VERSIONS.contains(&text) {
                let hint = format!("it is one of {}", VERSIONS.join(", "));
                let what = format!("the version `{text}` of the protocol");
                self.unsupported(tree.mark, &at, &what, &hint);
            }
            parts.push(("protocol_version".to_owned(), Template::Literal(json!(text))));
        }
        if let Some((tree, at)) = fields.at("timeout") {
            let millis = self.millis(tree, &at, "`timeout`")?;
            parts.push(("timeout_ms".to_owned(), Template::Literal(json!(millis))));
        }
        self.mcp_client(&fields, &mut parts);
        if let Some((tree, at)) = self.required(&fields, "transport", "`call: mcp`") {
            self.transport(tree, &at, &mut parts);
        }
        Some(object(parts))
    }

    fn mcp_client(&mut self, fields: &Fields<'a>, parts: &mut Vec<(String, Template)>) {
        let Some((tree, at)) = fields.at("client") else { return };
        let known = ["name", "version"];
        let Some(client) = self.fields(tree, &at, "`client`", &known) else { return };
        for key in known {
            if let Some((tree, at)) = self.required(&client, key, "`client`") {
                self.string(tree, &at, &format!("`{key}`"));
            }
        }
        parts.push(("client".to_owned(), self.template(tree, &at)));
    }

    fn transport(&mut self, tree: &'a Tree, pointer: &str, parts: &mut Vec<(String, Template)>) {
        let known = ["http", "stdio", "options"];
        let Some(fields) = self.fields(tree, pointer, "`transport`", &known) else { return };
        if let Some(entry) = fields.entry("options") {
            let hint = "leave it out: the language names no option";
            self.unsupported(entry.mark, &fields.path("options"), "`options` of a transport", hint);
        }
        match (fields.at("http"), fields.at("stdio")) {
            (Some((tree, at)), None) => self.mcp_http(tree, &at, parts),
            (None, Some((tree, at))) => {
                self.able(Ability::McpStdio, tree, &at, "`call: mcp` with `stdio`");
                let stdio = self.argument(&at, "/stdio", |c| c.mcp_stdio(tree, &at));
                parts.extend(stdio.map(|stdio| ("stdio".to_owned(), stdio)));
            }
            _ => {
                let message = "`transport` is either `http` or `stdio`";
                self.problem(Problem::new("missing-key", tree.mark, message).at(pointer));
            }
        }
    }

    fn mcp_http(&mut self, tree: &'a Tree, pointer: &str, parts: &mut Vec<(String, Template)>) {
        let known = ["endpoint", "headers"];
        let Some(fields) = self.fields(tree, pointer, "`http`", &known) else { return };
        if let Some((tree, at)) = self.required(&fields, "endpoint", "`http`") {
            parts.extend(self.endpoint(tree, &at, "endpoint"));
        }
        if let Some((tree, at)) = fields.at("headers") {
            self.object(tree, &at, "`headers`");
            let headers = self.argument(&at, "/headers", |c| c.text_map(tree, &at, "headers"));
            parts.push(("headers".to_owned(), headers));
        }
    }

    fn mcp_stdio(&mut self, tree: &'a Tree, pointer: &str) -> Option<Template> {
        let known = ["command", "arguments", "environment"];
        let fields = self.fields(tree, pointer, "`stdio`", &known)?;
        let (command, at) = self.required(&fields, "command", "`stdio`")?;
        self.string(command, &at, "`command`")?;
        let mut parts = vec![("command".to_owned(), self.template(command, &at))];
        let own = fields.get("environment").map(|tree| &tree.node);
        if let Some(Node::Object(entries)) = own {
            for entry in entries {
                let at = format!("{}/{}", fields.path("environment"), escape(&entry.key));
                self.string(&entry.value, &at, &format!("`{}` in `environment`", entry.key));
            }
        }
        self.given(&fields, &mut parts);
        Some(object(parts))
    }
}

impl<'a, H: Host<'a>> Mcp<'a> for H {}
