//! What a document refers to outside itself: functions, schemas, API documents.
//!
//! Nothing here fetches. Compiling says what it needs ([`Need`]); whoever may do IO gets it and
//! gives it back ([`Resources`]); what was used is stored with the definition, so that a later
//! change of what stands at a URI changes nothing (`docs/adr/0008`).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::Mark;

/// Where the registry of task types is, as far as that has a place.
const TASK_TYPES: &str = "kintsugi:task-types/";

/// What a resource is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceKind {
    /// A function of the language: one task, in YAML or JSON.
    Function,
    /// A JSON Schema, in YAML or JSON.
    Schema,
    /// An OpenAPI or Swagger document.
    OpenApi,
    /// An `AsyncAPI` document.
    AsyncApi,
    /// Protocol Buffers' definition language.
    Proto,
    /// A script.
    Script,
    /// An A2A agent card.
    AgentCard,
    /// What the registry says of a task type; no server has it.
    TaskType,
}

/// The URI of what the registry says of a task type.
#[must_use]
pub fn task_type_uri(name: &str) -> String {
    format!("{TASK_TYPES}{name}")
}

/// A resource without which a document cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Need {
    /// Where it is: an absolute URI of the scheme `https`, `http` or `file`; of a task type, what
    /// [`task_type_uri`] gives.
    pub uri: String,
    /// What it is taken for.
    pub kind: ResourceKind,
    /// Line of the first reference to it, from 1.
    pub line: u32,
    /// Its column, from 1.
    pub column: u32,
    /// JSON pointer of the first reference to it.
    pub pointer: String,
}

/// A resource that was got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// Where it was found.
    pub uri: String,
    /// SHA-256 of its content, in lower-case hex.
    pub digest: String,
    /// What it says.
    pub content: String,
}

/// Resources by URI, and those that could not be got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    got: BTreeMap<String, Resource>,
    failed: BTreeMap<String, String>,
}

impl Resources {
    /// Takes up what stands at `uri`.
    pub fn put(&mut self, uri: impl Into<String>, content: impl Into<String>) {
        let (uri, content) = (uri.into(), content.into());
        let digest = Sha256::digest(content.as_bytes());
        let digest = digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        self.got.insert(uri.clone(), Resource { uri, digest, content });
    }

    /// Notes why `uri` could not be got; what refers to it then has a problem that says so.
    pub fn fail(&mut self, uri: impl Into<String>, why: impl Into<String>) {
        self.failed.insert(uri.into(), why.into());
    }

    /// Each resource, by URI.
    pub fn iter(&self) -> impl Iterator<Item = &Resource> {
        self.got.values()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.got.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.got.is_empty()
    }

    /// The bytes of all contents.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.iter().map(|resource| resource.content.len()).sum()
    }

    /// What stands at `uri`.
    #[must_use]
    pub fn get(&self, uri: &str) -> Option<&Resource> {
        self.got.get(uri)
    }

    /// Why there is nothing from `uri`.
    #[must_use]
    pub fn failure(&self, uri: &str) -> Option<&str> {
        self.failed.get(uri).map(String::as_str)
    }

    /// Only those of `uris`.
    #[must_use]
    pub fn only<'u>(&self, uris: impl IntoIterator<Item = &'u String>) -> Self {
        let found = uris.into_iter().filter_map(|uri| self.got.get_key_value(uri));
        let got = found.map(|(uri, resource)| (uri.clone(), resource.clone())).collect();
        Self { got, failed: BTreeMap::new() }
    }
}

/// Stored as an array, so that its form does not depend on what a URI may contain.
impl Serialize for Resources {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.got.values())
    }
}

impl<'de> Deserialize<'de> for Resources {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let all = Vec::<Resource>::deserialize(deserializer)?;
        let got = all.into_iter().map(|resource| (resource.uri.clone(), resource)).collect();
        Ok(Self { got, failed: BTreeMap::new() })
    }
}

impl Need {
    /// The task type whose entry in the registry is needed; none: it is something else.
    #[must_use]
    pub fn task_type(&self) -> Option<&str> {
        self.uri.strip_prefix(TASK_TYPES)
    }

    /// A need whose first reference is at `mark`.
    #[must_use]
    pub fn new(uri: &str, kind: ResourceKind, mark: Mark, pointer: &str) -> Self {
        let Mark { line, column } = mark;
        Self { uri: uri.to_owned(), kind, line, column, pointer: pointer.to_owned() }
    }
}

/// Why `uri` cannot be a resource's; none: it can.
#[must_use]
pub fn unfit(uri: &str) -> Option<&'static str> {
    let rest = ["https://", "http://", "file:///"].into_iter().find_map(|s| uri.strip_prefix(s));
    match rest {
        None => Some("a resource has an absolute URI: https://…, http://… or file:///…"),
        Some(rest) if rest.is_empty() || rest.starts_with('/') => Some("the URI names no host"),
        Some(rest) if rest.split('/').next().is_some_and(|host| host.contains('@')) => {
            Some("a URI must not have a user or a password in it")
        }
        Some(_) if uri.chars().any(|c| c.is_whitespace() || c.is_control()) => {
            Some("a URI has no white space")
        }
        Some(_) if uri.contains(['{', '}']) => {
            Some("a resource is fetched when the definition is registered: no variables")
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_again() {
        let mut resources = Resources::default();
        resources.put("https://a.test/x.yaml", "set: {a: 1}");
        resources.fail("https://a.test/y.yaml", "404");
        let text = serde_json::to_string(&resources).unwrap();
        let again: Resources = serde_json::from_str(&text).unwrap();
        assert_eq!(again.get("https://a.test/x.yaml"), resources.get("https://a.test/x.yaml"));
        assert_eq!(again.failure("https://a.test/y.yaml"), None);
        assert_eq!(again.iter().next().unwrap().digest.len(), 64);
    }

    #[test]
    fn only_absolute_uris_are_fit() {
        for good in ["https://a.test/x", "http://127.0.0.1:80/x", "file:///tmp/x.yaml"] {
            assert_eq!(unfit(good), None, "{good}");
        }
        for bad in
            ["x.yaml", "/x", "ftp://a/x", "https://", "https:///x", "file://h/x", "http://u:p@h/x"]
        {
            assert!(unfit(bad).is_some(), "{bad}");
        }
        assert!(unfit("https://a.test/{version}").is_some());
    }
}
