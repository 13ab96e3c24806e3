//! Workflow definitions: from an Open Workflow document to a program, with every problem named.
//!
//! A document is read as YAML or JSON with the position of every key and value kept, checked whole,
//! and compiled to [`kintsugi_core::Program`]; [`Expressions`] evaluates the program's jq. What the
//! language means here is decided in `docs/openworkflow-profile.md`. Nothing in this crate does IO,
//! and nothing it is given, however hostile, may take the process down: everything that a document
//! can make grow has a limit in [`Limits`].

mod compile;
mod settings;

use kintsugi_core::{Program, Schedule};
use serde_json::Value;

pub(crate) use kintsugi_document as source;
pub(crate) use kintsugi_document::names;
pub(crate) use kintsugi_expressions::schema;

pub use kintsugi_expressions::{Expression, Expressions, Jq};
pub use settings::{Limits, Settings};
pub use source::{
    Format, Need, Problem, Problems, Resource, ResourceKind, Resources, digest, task_type_uri,
};

/// A document that was accepted.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// What the engine runs.
    pub program: Program,
    /// When it starts runs by itself; none: it does not.
    pub schedule: Option<Schedule>,
    /// SHA-256 of the canonical JSON of `document`, in lower-case hex: equal documents, equal
    /// digest, whatever their format, comments and order of keys.
    pub digest: String,
    /// The document as JSON, completed where the door completes it.
    pub document: Value,
    /// What it refers to outside itself, as it was when it was compiled: stored with it.
    pub resources: Resources,
    /// In which format it came.
    pub source_format: Format,
    /// What is accepted but probably not meant.
    pub warnings: Vec<Problem>,
    /// What another runtime of the language would not do, or would refuse.
    pub portability: Vec<Problem>,
}

/// How far compiling came.
#[derive(Clone, Debug)]
pub enum Step {
    /// It is done.
    Done(Box<Compiled>),
    /// It goes on when these are given as well. Each step of a chain of references is one round.
    Needs(Vec<Need>),
}

/// Reads, checks and compiles a document that refers to nothing outside itself.
///
/// # Errors
///
/// With all problems of the document at once, in the order of their positions; what it needs from
/// outside is one.
pub fn compile(source: &[u8], settings: &Settings) -> Result<Compiled, Problems> {
    match compile_with(source, settings, &Resources::default())? {
        Step::Done(compiled) => Ok(*compiled),
        Step::Needs(needs) => Err(missing(needs)),
    }
}

/// Reads, checks and compiles a document with the resources that are there so far. The caller gets
/// what is needed, and asks again: nothing here does IO. A document with problems of its own needs
/// nothing, so that nothing is fetched for what is refused anyway.
///
/// # Errors
///
/// With all problems at once, in the order of their positions.
pub fn compile_with(
    source: &[u8],
    settings: &Settings,
    resources: &Resources,
) -> Result<Step, Problems> {
    kintsugi_jq::on_big_stack(|| {
        let (mut tree, source_format) = source::read(source, &settings.limits.document)?;
        compile::complete(&mut tree, settings);
        let made = match compile::program(&tree, &settings.limits, resources)? {
            compile::Outcome::Needs(needs) => return Ok(Step::Needs(needs)),
            compile::Outcome::Made(made) => made,
        };
        let document = tree.to_value();
        Ok(Step::Done(Box::new(Compiled {
            program: made.program,
            schedule: made.schedule,
            digest: digest(&document),
            document,
            resources: made.resources,
            source_format,
            warnings: made.warnings,
            portability: made.portability,
        })))
    })
}

/// Reads YAML or JSON of any kind under the limits of a document, and checks nothing else.
///
/// # Errors
///
/// When it is neither, or exceeds a limit.
pub fn read(source: &str, limits: &Limits) -> Result<Value, Problems> {
    kintsugi_jq::on_big_stack(|| Ok(source::read_resource(source, &limits.document)?.to_value()))
}

/// What a document is, as far as that can be said without checking it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// `namespace/name:version`.
    pub reference: String,
    /// As [`Compiled::digest`].
    pub digest: String,
}

/// Says what a document is; none: it cannot be read, or does not say.
#[must_use]
pub fn identify(source: &[u8], settings: &Settings) -> Option<Identity> {
    kintsugi_jq::on_big_stack(|| {
        let (mut tree, _) = source::read(source, &settings.limits.document).ok()?;
        compile::complete(&mut tree, settings);
        let document = tree.to_value();
        let text = |key: &str| document.get("document")?.get(key)?.as_str();
        let reference = format!("{}/{}:{}", text("namespace")?, text("name")?, text("version")?);
        Some(Identity { reference, digest: digest(&document) })
    })
}

/// Compiles what [`compile_with`] gave, for instance from the store: the same document and
/// resources give the same program.
///
/// # Errors
///
/// When this version of the engine does not accept it. Problems have no position then.
pub fn program_from_document(document: &Value, resources: &Resources) -> Result<Program, Problems> {
    // It was let in under the limits of its time.
    let limits = Limits {
        document: source::Limits { depth_max: 128, ..source::Limits::default() },
        expressions_max: usize::MAX,
        expression_bytes_max: usize::MAX,
        resources_max: usize::MAX,
        abilities: kintsugi_core::Ability::ALL.into(),
        ..Limits::default()
    };
    kintsugi_jq::on_big_stack(|| {
        let tree = source::from_value(document, &limits.document)?;
        match compile::program(&tree, &limits, resources)? {
            compile::Outcome::Made(made) => Ok(made.program),
            compile::Outcome::Needs(needs) => Err(missing(needs)),
        }
    })
}

/// Reads and checks what is to stand in the registry for the task type `name`, in YAML or JSON.
///
/// # Errors
///
/// With all problems at once, in the order of their positions.
pub fn task_type(name: &str, source: &[u8], limits: &Limits) -> Result<Value, Problems> {
    kintsugi_jq::on_big_stack(|| {
        let text = std::str::from_utf8(source).map_err(|_| {
            let start = source::Mark { line: 1, column: 1 };
            Problem::new("invalid-utf8", start, "a task type is a text in UTF-8")
        })?;
        let tree = source::read_resource(text, &limits.document)?;
        compile::check_task_type(name, &tree, limits)?;
        Ok(tree.to_value())
    })
}

fn missing(needs: Vec<Need>) -> Problems {
    let problem = |need: Need| {
        let mark = source::Mark { line: need.line, column: need.column };
        let message = format!("`{}` is not at hand", need.uri);
        Problem::new("missing-resource", mark, message).at(need.pointer)
    };
    Problems::of(needs.into_iter().map(problem).collect())
}
