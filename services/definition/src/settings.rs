//! What a document and an expression may cost, and what the door fills in.

use std::collections::BTreeSet;
use std::sync::Arc;

use kintsugi_core::Ability;

/// Limits on documents and on the evaluation of expressions.
#[derive(Clone, Debug)]
pub struct Limits {
    /// What reading it may cost.
    pub document: kintsugi_document::Limits,
    /// How many tasks a document may have, with functions and extensions where they are used.
    /// Default: 10,000.
    pub tasks_max: usize,
    /// How many expressions a document may have. Default: 2,000.
    pub expressions_max: usize,
    /// Length of one expression in bytes. Default: 8 KiB.
    pub expression_bytes_max: usize,
    /// To how many resources outside itself a document may refer. Default: 32.
    pub resources_max: usize,
    /// What one evaluation of an expression may cost.
    pub evaluation: kintsugi_jq::Limits,
    /// What the deployment lets workflows start. Default: nothing.
    pub abilities: BTreeSet<Ability>,
    /// Names of the task types that are in the registry: what it says of those that are called is
    /// needed. Default: none.
    pub task_types: Arc<BTreeSet<String>>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            document: kintsugi_document::Limits::default(),
            tasks_max: 10_000,
            expressions_max: 2_000,
            expression_bytes_max: 8 << 10,
            resources_max: 32,
            evaluation: kintsugi_jq::Limits::default(),
            abilities: BTreeSet::new(),
            task_types: Arc::default(),
        }
    }
}

/// What of them counts when a program runs.
impl From<Limits> for kintsugi_jq::Limits {
    fn from(limits: Limits) -> Self {
        limits.evaluation
    }
}

/// How [`crate::compile`] treats a document.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What a document may cost.
    pub limits: Limits,
    /// Namespace of a body that has no `document`. Default: `default`.
    pub namespace: String,
    /// Name of a body that has no `document`; without it such a body is refused.
    pub name: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { limits: Limits::default(), namespace: "default".to_owned(), name: None }
    }
}
