//! Looking at the parts of a document: known keys, and no others.

use crate::names::did_you_mean;
use crate::{Entry, Mark, Node, Problem, Tree, escape};

/// An object, looked at key by key.
#[derive(Clone)]
pub struct Fields<'a> {
    /// Its keys and values.
    pub entries: &'a [Entry],
    /// Where it stands.
    pub mark: Mark,
    /// JSON pointer to it.
    pub pointer: String,
}

impl<'a> Fields<'a> {
    /// A key with its value.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&'a Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'a Tree> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The pointer of one of its keys.
    #[must_use]
    pub fn path(&self, key: &str) -> String {
        format!("{}/{}", self.pointer, escape(key))
    }

    /// The value of `key` with its pointer.
    #[must_use]
    pub fn at(&self, key: &str) -> Option<(&'a Tree, String)> {
        self.get(key).map(|tree| (tree, self.path(key)))
    }
}

/// Looks at the parts of a document, and tells whoever collects problems what is wrong with them.
/// In all methods `pointer` is the JSON pointer of `tree`, and `what` its name in messages.
pub trait Checks {
    /// Takes a problem.
    fn problem(&mut self, problem: Problem);

    /// Takes `tree` as an object; keys are not looked at.
    fn object<'a>(&mut self, tree: &'a Tree, pointer: &str, what: &str) -> Option<Fields<'a>> {
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
    fn fields<'a>(
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
    fn only(&mut self, fields: &Fields<'_>, what: &str, known: &[&str]) {
        for entry in fields.entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let message = format!("{what} has no key `{}`", entry.key);
            let hint = did_you_mean(&entry.key, known.iter().copied())
                .unwrap_or_else(|| format!("it has {}", known.join(", ")));
            let problem = Problem::new("unknown-key", entry.mark, message).hint(hint);
            self.problem(problem.at(fields.path(&entry.key)));
        }
    }

    /// The value of a key that must be there.
    fn required<'a>(
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
    fn integer(
        &mut self,
        tree: &Tree,
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
    fn number(
        &mut self,
        tree: &Tree,
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

    /// The named things of an array of objects with one key each, with their positions.
    fn entries<'a>(
        &mut self,
        tree: &'a Tree,
        pointer: &str,
        what: &str,
    ) -> Vec<(usize, &'a Entry)> {
        let Node::Array(items) = &tree.node else {
            self.wrong_type(tree, pointer, what, "an array of named tasks (`- name: {…}`)");
            return Vec::new();
        };
        let mut seen = std::collections::BTreeMap::new();
        let mut entries = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let pointer = format!("{pointer}/{index}");
            let Some(fields) = self.object(item, &pointer, &format!("an item of {what}")) else {
                continue;
            };
            let [entry] = fields.entries else {
                let message =
                    format!("an item of {what} has one name, not {}", fields.entries.len());
                let hint = "write `- name:` and indent what belongs to it further";
                self.problem(Problem::new("type", item.mark, message).at(pointer).hint(hint));
                continue;
            };
            if entry.key.is_empty() || entry.key.chars().count() > 200 {
                let message = "a name has 1 to 200 characters";
                self.problem(Problem::new("invalid-name", entry.mark, message).at(&pointer));
            }
            if let Some(line) = seen.insert(entry.key.as_str(), entry.mark.line) {
                let message = format!("the name `{}` is used twice in {what}", entry.key);
                let hint = format!("the first one is in line {line}");
                self.problem(
                    Problem::new("duplicate-name", entry.mark, message).at(&pointer).hint(hint),
                );
            }
            entries.push((index, entry));
        }
        entries
    }

    /// Tells that `tree` is not `wanted`.
    fn wrong_type(&mut self, tree: &Tree, pointer: &str, what: &str, wanted: &str) {
        let message = format!("{what} must be {wanted}, not {}", tree.node.kind());
        self.problem(Problem::new("type", tree.mark, message).at(pointer));
    }

    /// Tells that the engine cannot do this yet.
    fn unsupported(&mut self, mark: Mark, pointer: &str, what: &str, hint: &str) {
        let message = format!("{what} is not supported yet");
        self.problem(Problem::new("unsupported", mark, message).at(pointer).hint(hint));
    }

    /// Takes `tree` as a string.
    fn string<'a>(&mut self, tree: &'a Tree, pointer: &str, what: &str) -> Option<&'a str> {
        let text = tree.as_str();
        if text.is_none() {
            self.wrong_type(tree, pointer, what, "a string");
        }
        text
    }

    /// One of these words, as it stands.
    fn one_of<'a>(
        &mut self,
        tree: &'a Tree,
        pointer: &str,
        what: &str,
        words: &[&str],
    ) -> Option<&'a str> {
        let text = self.string(tree, pointer, what)?;
        if words.contains(&text) {
            return Some(text);
        }
        let message = format!("{what} is one of {}", words.join(", "));
        self.problem(Problem::new("invalid-value", tree.mark, message).at(pointer));
        None
    }

    /// An array of texts.
    fn text_list(&mut self, tree: &Tree, pointer: &str, what: &str) {
        let Node::Array(items) = &tree.node else {
            return self.wrong_type(tree, pointer, what, "an array of strings");
        };
        for (index, item) in items.iter().enumerate() {
            self.string(item, &format!("{pointer}/{index}"), &format!("an item of {what}"));
        }
    }
}
