//! What arguments are compiled with: the compiler of the document that they stand in.

use std::collections::BTreeSet;

use kintsugi_core::{Ability, Template};
use kintsugi_document::{Checks, Limits, Mark, Problem, Resource, ResourceKind, Tree};
use serde_json::Value;

/// The compiler of a document. In all methods `pointer` is the JSON pointer of what they are about.
pub trait Host<'a>: Checks + Sized {
    /// A value in which texts may be `${ … }`.
    fn template(&mut self, tree: &'a Tree, pointer: &str) -> Template;

    /// The value of `${ code }`: evaluated by the engine, or left to the worker.
    fn value(&mut self, code: &str, mark: Mark, pointer: &str) -> Template;

    /// Leaves an expression to the worker, which applies it to the task's input, or to what it
    /// finds out itself.
    fn leave(&mut self, code: &str, mark: Mark, pointer: &str, on_input: bool);

    /// Compiles what stands at `root` in the document and goes to `at` in the arguments.
    fn argument<T>(&mut self, root: &str, at: &str, inner: impl FnOnce(&mut Self) -> T) -> T;

    /// A secret must stand in `use.secrets`; says whether it does.
    fn declared(&mut self, name: &str, mark: Mark, pointer: &str) -> bool;

    /// What a name stands for in a part of `use`; anything but a text stands for itself.
    fn resolve(&mut self, part: &str, tree: &'a Tree, pointer: &str) -> Option<(&'a Tree, String)>;

    /// Milliseconds of a duration that is known now.
    fn millis(&mut self, tree: &'a Tree, pointer: &str, what: &str) -> Option<u64>;

    /// The URI of an `externalResource` (`{name, endpoint}`), where it stands, and the pointer there.
    fn external_uri(
        &mut self,
        tree: &'a Tree,
        pointer: &str,
        what: &str,
    ) -> Option<(String, Mark, String)>;

    /// What stands at `uri`; none: it is needed first, or there is a problem with it, which is told.
    fn resource(
        &mut self,
        uri: &str,
        kind: ResourceKind,
        mark: Mark,
        pointer: &str,
    ) -> Option<&'a Resource>;

    /// Takes a warning.
    fn warn(&mut self, problem: Problem);

    /// What the deployment allows.
    fn abilities(&self) -> &BTreeSet<Ability>;

    /// Limits of documents.
    fn document_limits(&self) -> &Limits;
}

/// What stands in `${ … }` when that is the whole string.
#[must_use]
pub fn inside(text: &str) -> Option<&str> {
    text.trim().strip_prefix("${")?.strip_suffix('}').map(str::trim)
}

/// An object that is a literal when all of it is.
#[must_use]
pub fn object(parts: Vec<(String, Template)>) -> Template {
    if !parts.iter().all(|(_, part)| matches!(part, Template::Literal(_))) {
        return Template::Object(parts);
    }
    let literal = |(key, part)| match part {
        Template::Literal(value) => (key, value),
        _ => (key, Value::Null),
    };
    Template::Literal(Value::Object(parts.into_iter().map(literal).collect()))
}
