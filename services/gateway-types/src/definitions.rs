//! Definitions.

use poem_openapi::Object;
use serde::Serialize;
use serde_json::Value;

/// One thing that is wrong with a document, or probably not meant.
#[derive(Clone, Debug, PartialEq, Eq, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub struct DefinitionProblem {
    /// What kind of problem; stable, for programs.
    pub code: String,
    /// What is wrong, for people.
    pub message: String,
    /// Line in the source, from 1; 0 where there is none.
    pub line: u32,
    /// Column in characters, from 1; 0 where there is none.
    pub column: u32,
    /// JSON pointer into the document.
    pub pointer: String,
    /// What would be right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl From<&kintsugi_definition::Problem> for DefinitionProblem {
    fn from(problem: &kintsugi_definition::Problem) -> Self {
        Self {
            code: problem.code.to_owned(),
            message: problem.message.clone(),
            line: problem.line,
            column: problem.column,
            pointer: problem.pointer.clone(),
            hint: problem.hint.clone(),
        }
    }
}

impl From<&kintsugi_definition::Resource> for DefinitionResource {
    fn from(resource: &kintsugi_definition::Resource) -> Self {
        Self {
            uri: resource.uri.clone(),
            digest: resource.digest.clone(),
            size_bytes: resource.content.len() as u64,
        }
    }
}

/// The answer to a registration.
#[derive(Clone, Debug, Object)]
pub struct Registered {
    /// `namespace/name:version`.
    pub definition: String,
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The version, immutable from now on.
    pub version: String,
    /// SHA-256 of the document's canonical JSON, in lower-case hex.
    pub digest: String,
    /// What is accepted but probably not meant.
    pub warnings: Vec<DefinitionProblem>,
    /// What another runtime of the language would not do, or would refuse.
    pub portability: Vec<DefinitionProblem>,
}

/// A registered definition, without its document.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct DefinitionSummary {
    /// `namespace/name:version`.
    pub definition: String,
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
    /// SHA-256 of the document's canonical JSON, in lower-case hex.
    pub digest: String,
    /// When it was registered.
    pub created_at: String,
    /// Since when it starts no runs any more.
    pub retired_at: Option<String>,
}

/// A registered definition.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Definition {
    /// `namespace/name:version`.
    pub definition: String,
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
    /// Its title, where the document has one.
    pub title: Option<String>,
    /// SHA-256 of the document's canonical JSON, in lower-case hex.
    pub digest: String,
    /// When it was registered.
    pub created_at: String,
    /// Since when it starts no runs any more.
    pub retired_at: Option<String>,
    /// Format of the source: `yaml` or `json`.
    pub format: String,
    /// The text as it was registered.
    pub source: String,
    /// The document as JSON.
    pub document: Value,
    /// What it refers to outside itself, as it was when it was registered.
    pub resources: Vec<DefinitionResource>,
}

/// Something that a definition refers to, stored with it.
#[derive(Clone, Debug, Object)]
pub struct DefinitionResource {
    /// Where it was got.
    pub uri: String,
    /// SHA-256 of its content, in lower-case hex.
    pub digest: String,
    /// Bytes of its content.
    pub size_bytes: u64,
}

/// A definition that starts no runs any more.
#[derive(Clone, Debug, Object)]
pub struct Retired {
    /// `namespace/name:version`.
    pub definition: String,
    /// Since when.
    pub retired_at: String,
}

/// A page of definitions.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct DefinitionPage {
    /// The definitions.
    pub items: Vec<DefinitionSummary>,
    /// Cursor of the next page; none: this is the last.
    pub next: Option<String>,
}
