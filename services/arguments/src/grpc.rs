//! `call: grpc`: the method and its messages are taken out of the proto file now, and the worker
//! gets no more.

use std::collections::BTreeMap;

use crate::{Authentication, Host, OpenApi, object};
use kintsugi_contracts::proto::{self, File};
use kintsugi_core::Template;
use kintsugi_document::names::did_you_mean;
use kintsugi_document::{Fields, Mark, Node, Problem, ResourceKind, Tree, escape};
use serde_json::{Value, json};

const WHAT: &str = "`call: grpc`";

/// The port where none is said, which is that of HTTPS.
const TLS_PORT: u64 = 443;

/// Proto files of one call, at most.
const FILES_MAX: usize = 32;

/// Arguments of `call: grpc`.
pub(crate) trait Grpc<'a>: Host<'a> {
    fn grpc(&mut self, task: &Fields<'a>, tree: &'a Tree, pointer: &str) -> Option<Template> {
        let known = ["proto", "service", "method", "arguments"];
        let fields = self.fields(tree, pointer, "`with` of `call: grpc`", &known)?;
        let mut parts = Vec::new();
        if let Some((tree, at)) = fields.at("arguments") {
            self.object(tree, &at, "`arguments`");
            parts.push(("arguments".to_owned(), self.template(tree, &at)));
        }
        let name = self.grpc_service(task, &fields, &mut parts);
        let method = self.required(&fields, "method", WHAT);
        let (mark, at) = match &method {
            Some((tree, at)) => (tree.mark, at.clone()),
            None => (fields.mark, pointer.to_owned()),
        };
        let method = method.and_then(|(tree, at)| self.fixed_text(tree, &at, "`method`"));
        let files = self.required(&fields, "proto", WHAT);
        let files = files.and_then(|(tree, at)| self.proto_files(tree, &at));
        let ((root, files), name, method) = (files?, name?, method?);
        let found = match proto::method(&root, files, name, method) {
            Ok(found) => found,
            Err(refusal) => {
                self.refusal(refusal, mark, &at);
                return None;
            }
        };
        self.grpc_arguments(&fields, &found.fields);
        let fixed = [
            ("descriptors", Value::String(found.encoded())),
            ("method", json!(method)),
            ("service", json!(name)),
        ];
        parts.extend(fixed.map(|(key, value)| (key.to_owned(), Template::Literal(value))));
        Some(object(parts))
    }

    /// Where the service is, and who asks; gives its name.
    fn grpc_service(
        &mut self,
        task: &Fields<'a>,
        fields: &Fields<'a>,
        parts: &mut Vec<(String, Template)>,
    ) -> Option<&'a str> {
        let (tree, at) = self.required(fields, "service", WHAT)?;
        let known = ["name", "host", "port", "authentication"];
        let service = self.fields(tree, &at, "`service`", &known)?;
        if let Some((tree, at)) = service.at("authentication") {
            let policy = self.authentication(tree, &at);
            parts.extend(policy.map(|policy| ("authentication".to_owned(), policy)));
        }
        let port = match service.at("port") {
            Some((tree, at)) => self.integer(tree, &at, "`port`", (1, 65_535)),
            None => Some(TLS_PORT),
        };
        let host = self.required(&service, "host", "`service`");
        let host = host.and_then(|(tree, at)| self.host(tree, &at));
        let name = self.required(&service, "name", "`service`");
        let name = name.and_then(|(tree, at)| self.fixed_text(tree, &at, "`name`"));
        let tls = self.speaks_tls(task).unwrap_or(port == Some(TLS_PORT));
        let fixed = [("host", json!(host?)), ("port", json!(port?)), ("tls", json!(tls))];
        parts.extend(fixed.map(|(key, value)| (key.to_owned(), Template::Literal(value))));
        name
    }

    /// `metadata.kintsugi.tls`: the language has no word for it.
    fn speaks_tls(&mut self, task: &Fields<'a>) -> Option<bool> {
        let (own, at) = task.at("metadata")?;
        let own = child(child(own, "kintsugi")?, "tls")?;
        match own.node {
            Node::Bool(tls) => Some(tls),
            _ => {
                self.wrong_type(own, &format!("{at}/kintsugi/tls"), "`tls`", "a boolean");
                None
            }
        }
    }

    /// A name or an address, as the schema has it.
    fn host(&mut self, tree: &'a Tree, pointer: &str) -> Option<&'a str> {
        let host = self.string(tree, pointer, "`host`")?;
        let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = host.as_bytes();
        let fits = bytes.len() <= 63
            && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(b))
            && ends(bytes.first())
            && ends(bytes.last());
        if !fits {
            let message = "`host` is a name or an address of at most 63 characters, without scheme \
                           and port";
            self.problem(Problem::new("invalid-value", tree.mark, message).at(pointer));
        }
        fits.then_some(host)
    }

    /// Refuses arguments that the message has no field for.
    fn grpc_arguments(&mut self, fields: &Fields<'a>, names: &[String]) {
        let Some((Node::Object(entries), at)) =
            fields.at("arguments").map(|(tree, at)| (&tree.node, at))
        else {
            return;
        };
        for entry in entries.iter().filter(|entry| !names.contains(&entry.key)) {
            let message = format!("the method takes no `{}`", entry.key);
            let hint = did_you_mean(&entry.key, names.iter().map(String::as_str))
                .unwrap_or_else(|| format!("it takes {}", names.join(", ")));
            let problem = Problem::new("invalid-parameters", entry.mark, message).hint(hint);
            self.problem(problem.at(format!("{at}/{}", escape(&entry.key))));
        }
    }

    /// The file, and all that it imports, by the names that they are imported by.
    fn proto_files(
        &mut self,
        tree: &'a Tree,
        pointer: &str,
    ) -> Option<(String, BTreeMap<String, File>)> {
        let (uri, mark, at) = self.external_uri(tree, pointer, "`proto`")?;
        let content = &self.resource(&uri, ResourceKind::Proto, mark, &at)?.content;
        let (folder, own) = uri.rsplit_once('/')?;
        let own = own.split(['?', '#']).next().unwrap_or_default();
        let file = self.proto_file(own, content, mark, &at)?;
        // A file in the folders of its package is imported by its path from above them.
        let package = file.package().replace('.', "/");
        let above = folder.strip_suffix(&package).filter(|above| above.ends_with('/'));
        let (base, root) = match above.filter(|_| !package.is_empty()) {
            Some(above) => (above.to_owned(), format!("{package}/{own}")),
            None => (format!("{folder}/"), own.to_owned()),
        };
        let file = self.proto_file(&root, content, mark, &at)?;
        let (mut files, mut open) = (BTreeMap::new(), vec![(root.clone(), file)]);
        let mut complete = true;
        while let Some((name, file)) = open.pop() {
            for import in file.imports() {
                let known = files.contains_key(import) || open.iter().any(|(one, _)| one == import);
                if known || import == name {
                    continue;
                }
                if files.len() + open.len() >= FILES_MAX {
                    let message = format!("the proto file imports more than {FILES_MAX} others");
                    self.problem(Problem::new("invalid-resource", mark, message).at(&at));
                    return None;
                }
                if !is_path(import) {
                    let message = format!("the proto file imports `{import}`, which is no path");
                    self.problem(Problem::new("invalid-resource", mark, message).at(&at));
                    return None;
                }
                let beside = !import.contains('/');
                let uri =
                    if beside { format!("{folder}/{import}") } else { format!("{base}{import}") };
                match self.resource(&uri, ResourceKind::Proto, mark, &at) {
                    Some(found) => {
                        let file = self.proto_file(import, &found.content, mark, &at)?;
                        open.push((import.to_owned(), file));
                    }
                    // What it imports in turn is not known yet.
                    None => complete = false,
                }
            }
            files.insert(name, file);
        }
        complete.then_some((root, files))
    }

    fn proto_file(&mut self, name: &str, content: &str, mark: Mark, at: &str) -> Option<File> {
        match File::read(name, content) {
            Ok(file) => Some(file),
            Err(refusal) => {
                self.refusal(refusal, mark, at);
                None
            }
        }
    }
}

impl<'a, H: Host<'a>> Grpc<'a> for H {}

fn child<'a>(tree: &'a Tree, key: &str) -> Option<&'a Tree> {
    let Node::Object(entries) = &tree.node else { return None };
    entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
}

/// Whether an import stays below where it starts.
fn is_path(import: &str) -> bool {
    import.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b))
        && import.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}
