//! YAML and JSON as trees in which every key and value knows where it stands, and what is wrong with
//! them; and what a document refers to outside itself. It knows nothing of workflows.

mod canonical;
mod checks;
mod json;
mod limits;
pub mod names;
mod page;
mod problem;
mod resource;
mod scalar;
mod tree;
mod yaml;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use canonical::digest;
pub use checks::{Checks, Fields};
pub use limits::Limits;
pub use page::content_of;
pub use problem::{Problem, Problems};
pub use resource::{Need, Resource, ResourceKind, Resources, task_type_uri, unfit};
pub use tree::{Entry, Mark, Node, Tree, escape};

/// The format of a source text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// YAML 1.2, core schema.
    Yaml,
    /// JSON.
    Json,
}

/// Reads a document, which must be an object.
///
/// # Errors
///
/// When it is neither YAML nor JSON, no object, or exceeds a limit.
pub fn read(source: &[u8], limits: &Limits) -> Result<(Tree, Format), Problems> {
    let start = Mark { line: 1, column: 1 };
    if source.len() > limits.bytes_max {
        let (size, max) = (source.len(), limits.bytes_max);
        let message = format!("the document has {size} bytes; at most {max} are accepted");
        return Err(Problem::new("document-too-large", start, message).into());
    }
    let text = std::str::from_utf8(source).map_err(|err| {
        let at = mark_of(&String::from_utf8_lossy(&source[..err.valid_up_to()]));
        Problem::new("invalid-utf8", at, "the document is not UTF-8 from here on")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some((before, _)) = text.split_once('\0') {
        let message = "the document has the character U+0000";
        return Err(Problem::new("nul-character", mark_of(before), message).into());
    }
    let (tree, format) = read_either(text, limits)?;
    if !matches!(tree.node, Node::Object(_)) {
        let message = format!("a workflow is an object, not {}", tree.node.kind());
        return Err(Problem::new("type", tree.mark, message)
            .hint("start with `do:` and a list of tasks")
            .into());
    }
    Ok((tree, format))
}

/// JSON is told by its first two characters; YAML's flow style may begin in the same way, and is
/// tried when JSON does not even have its syntax.
fn read_either(text: &str, limits: &Limits) -> Result<(Tree, Format), Problem> {
    let mut starts = text.chars().filter(|c| !c.is_whitespace());
    let json =
        matches!(starts.next(), Some('{' | '[')) && matches!(starts.next(), Some('"' | '}' | '{'));
    if !json {
        return yaml::read(text, limits).map(|tree| (tree, Format::Yaml));
    }
    match json::read(text, limits) {
        Ok(tree) => Ok((tree, Format::Json)),
        Err(problem) if problem.code == "syntax" => match yaml::read(text, limits) {
            Ok(tree) => Ok((tree, Format::Yaml)),
            Err(_) => Err(problem),
        },
        Err(problem) => Err(problem),
    }
}

/// Reads YAML or JSON of any kind, under the limits of a document.
///
/// # Errors
///
/// When it is neither, or exceeds a limit.
pub fn read_resource(text: &str, limits: &Limits) -> Result<Tree, Problem> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    read_either(text, limits).map(|(tree, _)| tree)
}

/// Takes a JSON value as a tree without positions.
///
/// # Errors
///
/// When it nests too deep.
pub fn from_value(value: &Value, limits: &Limits) -> Result<Tree, Problems> {
    Ok(tree::from_value(value, limits.depth_max)?)
}

/// The position after `text`.
fn mark_of(text: &str) -> Mark {
    let line = text.matches('\n').count() + 1;
    let column = text.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    Mark::new(line, column)
}
