//! Workflow definitions: from an Open Workflow document to a program, with every problem named.
//!
//! A document is read as YAML or JSON with the position of every key and value kept, checked whole,
//! and compiled to [`kintsugi_core::Program`]; [`Expressions`] evaluates the program's jq. What the
//! language means here is decided in `docs/openworkflow-profile.md`. Nothing in this crate does IO,
//! and nothing it is given, however hostile, may take the process down: everything that a document
//! can make grow has a limit in [`Limits`].

mod canonical;
mod compile;
mod expressions;
mod fast;
mod jq;
mod names;
mod problem;
mod schema;
mod settings;
mod source;

use kintsugi_core::Program;
use serde_json::Value;

pub use canonical::digest;
pub use expressions::Expressions;
pub use problem::{Problem, Problems};
pub use settings::{Limits, Settings};
pub use source::Format;

/// A document that was accepted.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// What the engine runs.
    pub program: Program,
    /// SHA-256 of the canonical JSON of `document`, in lower-case hex: equal documents, equal
    /// digest, whatever their format, comments and order of keys.
    pub digest: String,
    /// The document as JSON, completed where the door completes it.
    pub document: Value,
    /// In which format it came.
    pub source_format: Format,
    /// What is accepted but probably not meant.
    pub warnings: Vec<Problem>,
}

/// Reads, checks and compiles a document.
///
/// # Errors
///
/// With all problems of the document at once, in the order of their positions.
pub fn compile(source: &[u8], settings: &Settings) -> Result<Compiled, Problems> {
    jq::on_big_stack(|| {
        let (mut tree, source_format) = source::read(source, &settings.limits)?;
        compile::complete(&mut tree, settings);
        let (program, warnings) = compile::program(&tree, &settings.limits)?;
        let document = tree.to_value();
        Ok(Compiled { program, digest: digest(&document), document, source_format, warnings })
    })
}

/// Compiles a document that [`compile`] gave, for instance from the store: the same document gives
/// the same program.
///
/// # Errors
///
/// When this version of the engine does not accept it. Problems have no position then.
pub fn program_from_document(document: &Value) -> Result<Program, Problems> {
    // It was let in under the limits of its time.
    let limits = Limits {
        depth_max: 128,
        expressions_max: usize::MAX,
        expression_bytes_max: usize::MAX,
        ..Limits::default()
    };
    jq::on_big_stack(|| {
        let tree = source::from_value(document, &limits)?;
        compile::program(&tree, &limits).map(|(program, _)| program)
    })
}
