//! Where a page is looked for.

use kintsugi_rows::RunFilter;

/// The index that leads to what a filter wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// None but the status.
    All,
    /// Exactly one definition.
    Definition(String),
    /// Definitions whose text begins so.
    Definitions(String),
    /// Children of a run.
    Parent(String),
    /// What ended at this time or later; the one key whose runs have to be sorted.
    Ended(i64),
    /// There are none.
    Nothing,
}

/// The key, and what its runs must be compared with one by one.
pub(crate) fn key(filter: &RunFilter) -> (Key, Option<Key>) {
    let definition = definition(filter);
    let rest = |key: Key| (definition != Key::All).then_some(key);
    if definition == Key::Nothing {
        return (Key::Nothing, None);
    }
    match (&filter.parent, filter.ended_from) {
        (Some(parent), _) => (Key::Parent(parent.to_string()), rest(definition.clone())),
        (None, Some(at)) => (Key::Ended(at), rest(definition.clone())),
        (None, None) => (definition, None),
    }
}

/// Namespace and definition as one range of texts.
fn definition(filter: &RunFilter) -> Key {
    let namespace = filter.namespace.as_ref().map(|name| format!("{name}/"));
    let text = match (namespace, filter.definition.clone()) {
        (None, None) => return Key::All,
        (Some(text), None) | (None, Some(text)) => text,
        (Some(namespace), Some(text)) if text.starts_with(&namespace) => text,
        (Some(namespace), Some(text)) if !is_exact(&text) && namespace.starts_with(&text) => {
            namespace
        }
        (Some(_), Some(_)) => return Key::Nothing,
    };
    if is_exact(&text) { Key::Definition(text) } else { Key::Definitions(text) }
}

/// A text with a version stands for itself.
fn is_exact(text: &str) -> bool {
    text.split_once(':').is_some_and(|(_, version)| !version.is_empty())
}

#[cfg(test)]
#[path = "../tests/unit/keys.rs"]
mod tests;
