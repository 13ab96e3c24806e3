//! Schemas: in the document, or elsewhere.

use std::collections::BTreeSet;
use std::sync::Arc;

use kintsugi_core::Schema;
use serde_json::{Value, json};

use super::Compiler;
use crate::schema::{self, Refusal};
use crate::source::unfit;
use crate::source::{self, Checks, Mark, Tree};
use crate::{Problem, ResourceKind};

/// Versions of JSON Schema, as a suffix of the format and as a URI.
const DRAFTS: [(&[&str], &str); 5] = [
    (&["2020-12", "draft-2020-12"], "https://json-schema.org/draft/2020-12/schema"),
    (&["2019-09", "draft-2019-09"], "https://json-schema.org/draft/2019-09/schema"),
    (&["draft-07", "draft7", "7"], "http://json-schema.org/draft-07/schema#"),
    (&["draft-06", "draft6", "6"], "http://json-schema.org/draft-06/schema#"),
    (&["draft-04", "draft4", "4"], "http://json-schema.org/draft-04/schema#"),
];

impl<'a> Compiler<'a> {
    /// `schema: {format, document | resource}`.
    pub(super) fn schema(&mut self, tree: &'a Tree, pointer: &str) -> Option<Schema> {
        let fields = self.fields(tree, pointer, "a schema", &["format", "document", "resource"])?;
        let draft = fields.at("format").and_then(|(tree, at)| self.format(tree, &at));
        let (mark, at, mut value) = match (fields.at("document"), fields.at("resource")) {
            (Some((document, at)), None) => (document.mark, at, document.to_value()),
            (None, Some((resource, at))) => {
                let (uri, mark, at) = self.external_uri(resource, &at, "`resource`")?;
                if let Some(why) = unfit(&uri) {
                    self.problem(Problem::new("invalid-uri", mark, why).at(at));
                    return None;
                }
                (mark, at, json!({ "$ref": uri }))
            }
            (Some(_), Some((resource, at))) => {
                let message = "a schema has `document` or `resource`, not both";
                self.problem(Problem::new("ambiguous-schema", resource.mark, message).at(at));
                return None;
            }
            (None, None) => {
                self.required(&fields, "document", "a schema");
                return None;
            }
        };
        if let Some(draft) = draft {
            self.with_draft(&mut value, draft, mark, &at);
        }
        self.add_schema(value, mark, &at)
    }

    /// The draft that a format names; none: it names none.
    fn format(&mut self, tree: &'a Tree, pointer: &str) -> Option<&'static str> {
        let name = self.string(tree, pointer, "`format`")?;
        let version = match name.split_once(':') {
            None if name == "json" => return None,
            Some(("json", version)) => version,
            _ => {
                let hint = "write `format: json`, or leave it out";
                let what = format!("the schema format `{name}`");
                self.unsupported(tree.mark, pointer, &what, hint);
                return None;
            }
        };
        let known = DRAFTS.iter().find(|(names, _)| names.contains(&version));
        if known.is_none() {
            let what = format!("the version `{version}` of JSON Schema");
            let hint = "known are json:2020-12, json:2019-09, json:draft-07, -06 and -04";
            self.unsupported(tree.mark, pointer, &what, hint);
        }
        known.map(|(_, uri)| *uri)
    }

    /// The format's version, put where JSON Schema itself has it; it must not contradict it.
    fn with_draft(&mut self, value: &mut Value, draft: &str, mark: Mark, pointer: &str) {
        let Value::Object(schema) = value else { return };
        let plain = |uri: &str| uri.trim_end_matches('#').to_owned();
        match schema.get("$schema").and_then(Value::as_str) {
            None => drop(schema.insert("$schema".to_owned(), draft.into())),
            Some(own) if plain(own) == plain(draft) => {}
            Some(own) => {
                let message = format!("`$schema` is {own}, but `format` says {draft}");
                self.problem(Problem::new("invalid-schema", mark, message).at(pointer));
            }
        }
    }

    /// Checks a schema, gets what it refers to, and gives it a number.
    pub(super) fn add_schema(&mut self, value: Value, mark: Mark, pointer: &str) -> Option<Schema> {
        if let Some(known) = self.schemas.iter().position(|schema| *schema == value) {
            return u32::try_from(known).ok().map(Schema);
        }
        loop {
            match schema::build(&value, &self.library) {
                Ok(_) => break,
                Err(Refusal::Invalid(message)) => {
                    self.problem(Problem::new("invalid-schema", mark, message).at(pointer));
                    return None;
                }
                Err(Refusal::Missing(uris)) => self.shelve(&uris, mark, pointer)?,
            }
        }
        self.schemas.push(value);
        u32::try_from(self.schemas.len() - 1).ok().map(Schema)
    }

    /// Puts schemas into the library; none: one of them is not at hand.
    fn shelve(&mut self, uris: &BTreeSet<String>, mark: Mark, pointer: &str) -> Option<()> {
        let mut all = true;
        for uri in uris {
            let Some(resource) = self.resource(uri, ResourceKind::Schema, mark, pointer) else {
                all = false;
                continue;
            };
            match source::read_resource(&resource.content, &self.limits.document) {
                Ok(tree) => {
                    Arc::make_mut(&mut self.library).insert(uri.clone(), tree.to_value());
                }
                Err(problem) => {
                    let message = format!("{uri}:{problem}");
                    self.problem(Problem::new("invalid-schema", mark, message).at(pointer));
                    all = false;
                }
            }
        }
        all.then_some(())
    }
}
