//! The document as a whole.

use kintsugi_core::{DefinitionRef, Program};

use super::call::RESERVED;
use super::deferred::Arguments;
use super::{Compiler, Defaults, Named};
use crate::names::{is_dns_label, is_semver};
use crate::source::{Checks, Entry, Fields, Mark, Node, Tree};
use crate::{Problem, Settings, digest};

const TOP: [&str; 8] =
    ["document", "do", "evaluate", "input", "output", "schedule", "timeout", "use"];

/// Gives a body without `document` one, so that what is stored is a whole document: the version is
/// made from the content, so that the same body is the same version.
pub(crate) fn complete(tree: &mut Tree, settings: &Settings) {
    let digest = digest(&tree.to_value());
    let (mark, Node::Object(entries)) = (tree.mark, &mut tree.node) else { return };
    let Some(name) = &settings.name else { return };
    if entries.iter().any(|entry| entry.key == "document") {
        return;
    }
    // A numeric identifier must not have leading zeros (Semantic Versioning 2.0.0, item 9).
    let short = &digest[..8];
    let odd = short.starts_with('0') && short.bytes().all(|b| b.is_ascii_digit());
    let version = format!("0.0.0-{}{short}", if odd { "h" } else { "" });
    let text = |key: &str, value: &str| Entry {
        key: key.to_owned(),
        mark,
        value: Tree { mark, node: Node::String(value.to_owned()) },
    };
    let document = Node::Object(vec![
        text("dsl", "1.0.3"),
        text("name", name),
        text("namespace", &settings.namespace),
        text("version", &version),
    ]);
    entries.push(Entry { key: "document".to_owned(), mark, value: Tree { mark, node: document } });
    entries.sort_by(|a, b| a.key.cmp(&b.key));
}

impl<'a> Compiler<'a> {
    pub(super) fn workflow(&mut self, tree: &'a Tree) -> Option<Program> {
        let fields = self.fields(tree, "", "a workflow", &TOP)?;
        let definition = self.document(&fields);
        self.evaluate(&fields);
        self.uses(&fields);
        self.schedule = self.schedule(&fields);
        let (input_schema, input_from) = self.input(&fields);
        let body = self.required(&fields, "do", "a workflow");
        let body = body.map(|(tree, at)| self.list(tree, &at, "`do`"));
        let timeout = fields.at("timeout").and_then(|(tree, at)| self.timeout(tree, &at));
        let (output_schema, output_as) = self.output(&fields);
        let on_cancel = self.on_cancel();
        self.unused();
        let (nodes, lists, expressions, schemas) = self.take_nodes();
        Some(Program {
            definition: definition?,
            document: tree.to_value(),
            expressions,
            schemas,
            schema_library: (*self.library).clone(),
            nodes,
            lists,
            body: body?,
            inlined: std::mem::take(&mut self.inlined),
            inlined_definitions: std::mem::take(&mut self.inlined_definitions),
            input_schema,
            input_from,
            output_as,
            output_schema,
            timeout,
            on_cancel,
        })
    }

    fn document(&mut self, top: &Fields<'a>) -> Option<DefinitionRef> {
        let Some((tree, pointer)) = top.at("document") else {
            let message = "a workflow needs `document` with dsl, namespace, name and version";
            let problem = Problem::new("missing-key", Mark { line: 1, column: 1 }, message);
            self.problem(
                problem
                    .hint("a body without `document` is accepted where a name is given beside it"),
            );
            return None;
        };
        let known = ["dsl", "namespace", "name", "version", "title", "summary", "tags", "metadata"];
        let fields = self.fields(tree, &pointer, "`document`", &known)?;
        if let Some((tree, at, dsl)) = self.document_text(&fields, "dsl")
            && !(is_semver(dsl) && dsl.starts_with("1.0."))
        {
            let hint = "this version reads 1.0.x";
            self.unsupported(tree.mark, &at, &format!("the DSL version `{dsl}`"), hint);
        }
        let mut label = |key: &str| {
            let (tree, at, text) = self.document_text(&fields, key)?;
            if !is_dns_label(text) {
                let message = format!("`{key}` must be a DNS label");
                let hint = "1 to 63 of `a-z 0-9 -`, with no `-` at either end";
                self.problem(Problem::new("invalid-name", tree.mark, message).at(at).hint(hint));
            }
            Some(text.to_owned())
        };
        let (namespace, name) = (label("namespace"), label("name"));
        let version = self.document_text(&fields, "version").map(|(tree, at, text)| {
            if !is_semver(text) {
                let message = "`version` must be a semantic version of at most 64 characters";
                let problem = Problem::new("invalid-version", tree.mark, message).at(at);
                self.problem(problem.hint("for instance 1.0.0"));
            }
            text.to_owned()
        });
        for key in ["title", "summary"] {
            if let Some((tree, at)) = fields.at(key) {
                self.string(tree, &at, &format!("`{key}`"));
            }
        }
        if let Some((tree, at)) = fields.at("tags") {
            self.object(tree, &at, "`tags`");
        }
        self.metadata = fields.at("metadata");
        self.defaults = self.settings_of_all(Defaults::default());
        Some(DefinitionRef { namespace: namespace?, name: name?, version: version? })
    }

    fn document_text(
        &mut self,
        fields: &Fields<'a>,
        key: &str,
    ) -> Option<(&'a Tree, String, &'a str)> {
        let (tree, at) = self.required(fields, key, "`document`")?;
        if matches!(tree.node, Node::Number(_)) {
            let message = format!("`{key}` must be a string, not a number");
            let problem = Problem::new("type", tree.mark, message).at(at);
            self.problem(problem.hint("put it in quotes"));
            return None;
        }
        let text = self.string(tree, &at, &format!("`{key}`"))?;
        Some((tree, at, text))
    }

    fn evaluate(&mut self, top: &Fields<'a>) {
        let evaluate = top.at("evaluate");
        let known = ["language", "mode"];
        let fields = evaluate.and_then(|(tree, at)| self.fields(tree, &at, "`evaluate`", &known));
        let Some(fields) = fields else { return };
        if let Some((tree, at)) = fields.at("language")
            && let Some(text) = self.string(tree, &at, "`language`")
            && text != "jq"
        {
            let hint = "`jq` is the default";
            self.unsupported(tree.mark, &at, &format!("`language: {text}`"), hint);
        }
        if let Some((tree, at)) = fields.at("mode") {
            let mode = self.one_of(tree, &at, "`mode`", &["strict", "loose"]);
            self.uses.is_loose = mode == Some("loose");
        }
    }

    fn uses(&mut self, top: &Fields<'a>) {
        let all = [
            "errors",
            "retries",
            "timeouts",
            "catalogs",
            "functions",
            "authentications",
            "extensions",
            "secrets",
        ];
        let fields = top.at("use").and_then(|(tree, at)| self.fields(tree, &at, "`use`", &all));
        let Some(fields) = fields else { return };
        if let Some((tree, at)) = fields.at("secrets") {
            self.secret_names(tree, &at);
        }
        for key in &all[..6] {
            let Some((tree, at)) = fields.at(key) else { continue };
            let Some(own) = self.object(tree, &at, &format!("`use.{key}`")) else { continue };
            let named: Named<'a> = own.entries.iter().map(|e| (e.key.as_str(), &e.value)).collect();
            match *key {
                "errors" => self.uses.errors = named,
                "retries" => self.uses.retries = named,
                "timeouts" => self.uses.timeouts = named,
                "authentications" => self.uses.authentications = named,
                "catalogs" => self.uses.catalogs = named,
                _ => {
                    self.function_names(&own);
                    self.uses.functions = named;
                }
            }
        }
        if let Some((tree, at)) = fields.at("extensions") {
            self.uses.extensions = self.extenders(tree, &at);
        }
    }

    /// A function cannot be called by a name that means something else.
    fn function_names(&mut self, functions: &Fields<'a>) {
        for entry in functions.entries {
            let name = entry.key.as_str();
            if name == "http" || RESERVED.contains(&name) || name.contains([':', '@']) {
                let message = format!("a function cannot be named `{name}`");
                let problem = Problem::new("invalid-name", entry.mark, message);
                self.problem(problem.at(functions.path(name)).hint("`call` would not mean it"));
            }
        }
    }

    /// Warns of a part of `use` that nothing names.
    pub(super) fn unused_entry(&mut self, part: &str, name: &str, mark: Mark, pointer: &str) {
        let message = format!("nothing uses `{name}` of `use.{part}`");
        let warning = Problem::new("unused-entry", mark, message).at(pointer);
        self.warn(warning.hint("remove it, or name it where it is needed"));
    }

    /// Checks the reusable parts that nothing refers to; their expressions are not kept.
    fn unused(&mut self) {
        let kept = (self.expressions.len(), self.schemas.len());
        let tasks = (self.nodes.len(), self.lists.len(), self.inlined.clone());
        self.arguments = Some(Arguments::default());
        let parts = [
            ("errors", self.uses.errors.clone()),
            ("retries", self.uses.retries.clone()),
            ("timeouts", self.uses.timeouts.clone()),
            ("authentications", self.uses.authentications.clone()),
            ("catalogs", self.uses.catalogs.clone()),
        ];
        for (part, named) in parts {
            for (name, tree) in named {
                let at = format!("/use/{part}/{}", crate::source::escape(name));
                if self.used.contains(&at) {
                    continue;
                }
                self.unused_entry(part, name, tree.mark, &at);
                self.scoped(&["error"], |c| match part {
                    "errors" => drop(c.error(tree, &at)),
                    "retries" => drop(c.retry(tree, &at)),
                    "catalogs" => drop(c.catalog(tree, &at)),
                    "authentications" => drop(kintsugi_arguments::policy(c, tree, &at)),
                    _ if tree.as_str().is_some() => {
                        c.wrong_type(tree, &at, "a timeout", "an object")
                    }
                    _ => drop(c.timeout(tree, &at)),
                });
            }
        }
        self.arguments = None;
        self.unused_functions();
        self.unused_extensions();
        self.expressions.truncate(kept.0);
        self.schemas.truncate(kept.1);
        self.nodes.truncate(tasks.0);
        self.places.truncate(tasks.0);
        self.lists.truncate(tasks.1);
        self.inlined = tasks.2;
    }
}
