//! Processes that the engine's own worker starts, where the deployment allows it.

use crate::{Host, inside, object};
use kintsugi_core::{Ability, Template};
use kintsugi_document::{Fields, Node, Problem, ResourceKind, Tree, names};
use serde_json::json;

const RETURNS: [&str; 5] = ["stdout", "stderr", "code", "all", "none"];

/// Bytes of a script that stands elsewhere. It goes into every task that runs it.
const SCRIPT_MAX: usize = 256 << 10;

/// The languages of scripts, by their names in documents and the name of their task.
const LANGUAGES: [(&str, &str); 3] =
    [("javascript", "javascript"), ("js", "javascript"), ("python", "python")];

/// Arguments of `run: shell`, `script` and `container`.
pub(crate) trait Processes<'a>: Host<'a> {
    /// Refuses what the deployment does not allow, and names the setting that would.
    fn able(&mut self, ability: Ability, tree: &Tree, pointer: &str, what: &str) {
        if self.abilities().contains(&ability) {
            return;
        }
        let message = format!("{what} is not allowed on this deployment");
        let name = ability.name();
        let hint = format!(
            "whoever runs it can allow it with `processes.allow = [\"{name}\"]` (or \
             KINTSUGI_PROCESSES__ALLOW='[{name}]') for the gateway and the workers"
        );
        self.problem(Problem::new("not-allowed", tree.mark, message).at(pointer).hint(hint));
    }

    /// `await` and `return`.
    fn process_options(&mut self, fields: &Fields<'a>) -> Vec<(String, Template)> {
        let mut parts = Vec::new();
        let mut waits = true;
        if let Some((tree, at)) = fields.at("await") {
            match tree.node {
                Node::Bool(wait) => waits = wait,
                _ => self.wrong_type(tree, &at, "`await`", "a boolean"),
            }
            parts.push(("await".to_owned(), Template::Literal(json!(waits))));
        }
        if let Some((tree, at)) = fields.at("return") {
            let form = self.one_of(tree, &at, "`return`", &RETURNS);
            if !waits && form.is_some_and(|form| form != "none") {
                let message =
                    "`return` has no effect with `await: false`: nobody waits for the end";
                let problem = Problem::new("no-effect", tree.mark, message).at(&at);
                self.problem(problem.hint("leave it out, or write `return: none`"));
            }
            parts.extend(form.map(|form| ("return".to_owned(), Template::Literal(json!(form)))));
        }
        parts
    }

    fn shell(&mut self, tree: &'a Tree, pointer: &str) -> Option<Template> {
        let known = ["command", "stdin", "arguments", "environment"];
        let fields = self.fields(tree, pointer, "`shell`", &known)?;
        let (command, at) = self.required(&fields, "command", "`shell`")?;
        self.string(command, &at, "`command`")?;
        let mut parts = vec![("command".to_owned(), self.source_text(command, &at))];
        self.given(&fields, &mut parts);
        Some(object(parts))
    }

    fn script(&mut self, tree: &'a Tree, pointer: &str) -> Option<Template> {
        let known = ["language", "code", "source", "stdin", "arguments", "environment"];
        let fields = self.fields(tree, pointer, "`script`", &known)?;
        let (language, at) = self.required(&fields, "language", "`script`")?;
        let language = self.language(language, &at);
        let mut parts = Vec::new();
        let code = match (fields.at("code"), fields.at("source")) {
            (Some((code, at)), None) => {
                self.string(code, &at, "`code`")?;
                Some(self.source_text(code, &at))
            }
            (None, Some((source, at))) => self.script_source(source, &at),
            _ => {
                let message = "`script` has either `code` or `source`";
                self.problem(Problem::new("missing-key", tree.mark, message).at(pointer));
                None
            }
        };
        parts.push(("code".to_owned(), code?));
        parts.push(("language".to_owned(), Template::Literal(json!(language?))));
        self.given(&fields, &mut parts);
        Some(object(parts))
    }

    fn language(&mut self, tree: &'a Tree, pointer: &str) -> Option<&'static str> {
        let name = self.string(tree, pointer, "`language`")?;
        let found = LANGUAGES.iter().find(|(known, _)| *known == name);
        if found.is_none() {
            let hint = "write it in `js` (JavaScript) or `python`";
            self.unsupported(tree.mark, pointer, &format!("the language `{name}`"), hint);
        }
        found.map(|(_, language)| *language)
    }

    /// The text of a script elsewhere, as it is now. `${` in it is the script's own.
    fn script_source(&mut self, tree: &'a Tree, pointer: &str) -> Option<Template> {
        let (uri, mark, at) = self.external_uri(tree, pointer, "`source`")?;
        let found = self.resource(&uri, ResourceKind::Script, mark, &at)?;
        let size = found.content.len();
        if size > SCRIPT_MAX {
            let message = format!("`{uri}` has {size} bytes; a script has at most {SCRIPT_MAX}");
            self.problem(Problem::new("invalid-resource", mark, message).at(at));
            return None;
        }
        Some(Template::Literal(json!(found.content)))
    }

    fn container(&mut self, tree: &'a Tree, pointer: &str) -> Option<Template> {
        let known = [
            "image",
            "name",
            "command",
            "ports",
            "volumes",
            "environment",
            "stdin",
            "arguments",
            "lifetime",
            "pullPolicy",
        ];
        let fields = self.fields(tree, pointer, "`container`", &known)?;
        self.required(&fields, "image", "`container`")?;
        let mut parts = Vec::new();
        for key in ["image", "name", "command"] {
            if let Some((tree, at)) = fields.at(key) {
                self.string(tree, &at, &format!("`{key}`"));
                parts.push((key.to_owned(), self.source_text(tree, &at)));
            }
        }
        for key in ["ports", "volumes"] {
            if let Some((tree, at)) = fields.at(key) {
                self.object(tree, &at, &format!("`{key}`"));
                parts.push((key.to_owned(), self.template(tree, &at)));
            }
        }
        if let Some((tree, at)) = fields.at("volumes") {
            self.able(Ability::ContainerVolumes, tree, &at, "`run.container.volumes`");
        }
        if let Some((tree, at)) = fields.at("pullPolicy") {
            let policies = ["ifNotPresent", "always", "never"];
            let policy = self.one_of(tree, &at, "`pullPolicy`", &policies);
            parts.extend(policy.map(|text| ("pull".to_owned(), Template::Literal(json!(text)))));
        }
        if let Some((tree, at)) = fields.at("lifetime") {
            self.lifetime(tree, &at, &mut parts);
        }
        self.given(&fields, &mut parts);
        Some(object(parts))
    }

    fn lifetime(&mut self, tree: &'a Tree, pointer: &str, parts: &mut Vec<(String, Template)>) {
        let known = ["cleanup", "after"];
        let Some(fields) = self.fields(tree, pointer, "`lifetime`", &known) else { return };
        let Some((cleanup, at)) = self.required(&fields, "cleanup", "`lifetime`") else { return };
        let words = ["always", "never", "eventually"];
        let Some(word) = self.one_of(cleanup, &at, "`cleanup`", &words) else { return };
        parts.push(("cleanup".to_owned(), Template::Literal(json!(word))));
        match (word, fields.at("after")) {
            ("eventually", Some((tree, at))) => {
                let millis = self.millis(tree, &at, "`after`").unwrap_or_default();
                parts.push(("cleanup_after_ms".to_owned(), Template::Literal(json!(millis))));
            }
            ("eventually", None) => {
                self.required(&fields, "after", "`cleanup: eventually`");
            }
            (_, Some((tree, at))) => {
                let message = "`after` has no effect without `cleanup: eventually`";
                self.problem(Problem::new("no-effect", tree.mark, message).at(at));
            }
            (_, None) => {}
        }
    }

    /// A text of another language, in which `${` may have a meaning of its own; or an expression.
    fn source_text(&mut self, tree: &'a Tree, pointer: &str) -> Template {
        match tree.as_str().and_then(inside) {
            Some(code) => self.value(code, tree.mark, pointer),
            None => Template::Literal(tree.to_value()),
        }
    }

    /// `stdin`, `arguments` and `environment`.
    fn given(&mut self, fields: &Fields<'a>, parts: &mut Vec<(String, Template)>) {
        if let Some((tree, at)) = fields.at("stdin") {
            self.string(tree, &at, "`stdin`");
            parts.push(("stdin".to_owned(), self.template(tree, &at)));
        }
        if let Some((tree, at)) = fields.at("arguments") {
            self.text_list(tree, &at, "`arguments`");
            parts.push(("arguments".to_owned(), self.template(tree, &at)));
        }
        if let Some((tree, at)) = fields.at("environment") {
            let own = self.object(tree, &at, "`environment`");
            for entry in own.iter().flat_map(|fields| fields.entries) {
                let fits = names::is_identifier(&entry.key);
                if !fits {
                    let message = format!("`{}` is not a name of a variable", entry.key);
                    self.problem(Problem::new("invalid-name", entry.mark, message).at(&at));
                }
            }
            parts.push(("environment".to_owned(), self.template(tree, &at)));
        }
    }
}

impl<'a, H: Host<'a>> Processes<'a> for H {}
