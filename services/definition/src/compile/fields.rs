//! Objects of the language: known keys, and no others.

use super::Compiler;
use crate::Problem;
use crate::names::did_you_mean;
use crate::source::{Entry, Mark, Node, Tree, escape};

/// An object whose keys the language knows.
#[derive(Clone)]
pub(super) struct Fields<'a> {
    pub(super) entries: &'a [Entry],
    pub(super) mark: Mark,
    pub(super) pointer: String,
}

impl<'a> Fields<'a> {
    pub(super) fn entry(&self, key: &str) -> Option<&'a Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Tree> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The pointer of one of its keys.
    pub(super) fn path(&self, key: &str) -> String {
        format!("{}/{}", self.pointer, escape(key))
    }

    /// The value of `key` with its pointer.
    pub(super) fn at(&self, key: &str) -> Option<(&'a Tree, String)> {
        self.get(key).map(|tree| (tree, self.path(key)))
    }
}

impl<'a> Compiler<'a> {
    /// Takes `tree` as an object; keys are not looked at.
    pub(super) fn object(
        &mut self,
        tree: &'a Tree,
        pointer: &str,
        what: &str,
    ) -> Option<Fields<'a>> {
        match &tree.node {
            Node::Object(entries) => {
                Some(Fields { entries, mark: tree.mark, pointer: pointer.to_owned() })
            }
            _ => {
                self.wrong_type(tree, pointer, what, "an object");
                None
            }
        }
    }

    /// Takes `tree` as an object with no keys but `known`.
    pub(super) fn fields(
        &mut self,
        tree: &'a Tree,
        pointer: &str,
        what: &str,
        known: &[&str],
    ) -> Option<Fields<'a>> {
        let fields = self.object(tree, pointer, what)?;
        self.only(&fields, what, known);
        Some(fields)
    }

    /// Refuses keys other than `known`.
    pub(super) fn only(&mut self, fields: &Fields<'a>, what: &str, known: &[&str]) {
        for entry in fields.entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let message = format!("{what} has no key `{}`", entry.key);
            let hint = did_you_mean(&entry.key, known.iter().copied())
                .unwrap_or_else(|| format!("it has {}", known.join(", ")));
            let problem = Problem::new("unknown-key", entry.mark, message).hint(hint);
            self.problem(problem.at(fields.path(&entry.key)));
        }
    }

    /// The value of a key that must be there.
    pub(super) fn required(
        &mut self,
        fields: &Fields<'a>,
        key: &str,
        what: &str,
    ) -> Option<(&'a Tree, String)> {
        let found = fields.at(key);
        if found.is_none() {
            let message = format!("{what} needs `{key}`");
            self.problem(Problem::new("missing-key", fields.mark, message).at(&fields.pointer));
        }
        found
    }

    /// An integer between `min` and `max`.
    pub(super) fn integer(
        &mut self,
        tree: &'a Tree,
        pointer: &str,
        what: &str,
        (min, max): (u64, u64),
    ) -> Option<u64> {
        let number = match &tree.node {
            Node::Number(number) => number.as_u64(),
            _ => {
                self.wrong_type(tree, pointer, what, "an integer");
                return None;
            }
        };
        let fitting = number.filter(|number| (min..=max).contains(number));
        if fitting.is_none() {
            let message = format!("{what} must be an integer from {min} to {max}");
            self.problem(Problem::new("out-of-range", tree.mark, message).at(pointer));
        }
        fitting
    }

    /// A number between `min` and `max`.
    pub(super) fn number(
        &mut self,
        tree: &'a Tree,
        pointer: &str,
        what: &str,
        (min, max): (f64, f64),
    ) -> Option<f64> {
        let number = match &tree.node {
            Node::Number(number) => number.as_f64(),
            _ => {
                self.wrong_type(tree, pointer, what, "a number");
                return None;
            }
        };
        let fitting = number.filter(|number| (min..=max).contains(number));
        if fitting.is_none() {
            let message = format!("{what} must be a number from {min} to {max}");
            self.problem(Problem::new("out-of-range", tree.mark, message).at(pointer));
        }
        fitting
    }
}
