//! The compiler as arguments see it.

use std::collections::BTreeSet;

use kintsugi_arguments::Host;
use kintsugi_core::{Ability, Template};

use super::Compiler;
use crate::source::{self, Mark, Tree};
use crate::{Problem, Resource, ResourceKind};

impl<'a> Host<'a> for Compiler<'a> {
    fn template(&mut self, tree: &'a Tree, pointer: &str) -> Template {
        Self::template(self, tree, pointer)
    }

    fn value(&mut self, code: &str, mark: Mark, pointer: &str) -> Template {
        Self::value(self, code, mark, pointer)
    }

    fn leave(&mut self, code: &str, mark: Mark, pointer: &str, on_input: bool) {
        Self::leave(self, code, mark, pointer, on_input);
    }

    fn argument<T>(&mut self, root: &str, at: &str, inner: impl FnOnce(&mut Self) -> T) -> T {
        Self::argument(self, root, at, inner)
    }

    fn declared(&mut self, name: &str, mark: Mark, pointer: &str) -> bool {
        Self::declared(self, name, mark, pointer)
    }

    fn resolve(&mut self, part: &str, tree: &'a Tree, pointer: &str) -> Option<(&'a Tree, String)> {
        Self::resolve(self, part, tree, pointer)
    }

    fn millis(&mut self, tree: &'a Tree, pointer: &str, what: &str) -> Option<u64> {
        Self::millis(self, tree, pointer, what)
    }

    fn external_uri(
        &mut self,
        tree: &'a Tree,
        pointer: &str,
        what: &str,
    ) -> Option<(String, Mark, String)> {
        Self::external_uri(self, tree, pointer, what)
    }

    fn resource(
        &mut self,
        uri: &str,
        kind: ResourceKind,
        mark: Mark,
        pointer: &str,
    ) -> Option<&'a Resource> {
        Self::resource(self, uri, kind, mark, pointer)
    }

    fn warn(&mut self, problem: Problem) {
        Self::warn(self, problem);
    }

    fn abilities(&self) -> &BTreeSet<Ability> {
        &self.limits.abilities
    }

    fn document_limits(&self) -> &source::Limits {
        &self.limits.document
    }
}
