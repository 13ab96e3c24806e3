//! Names and identities.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An identifier was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} `{value}` must match {rule}")]
pub struct IdError {
    /// What was being named, e.g. `run id`.
    pub what: &'static str,
    /// The text that was given, at most 80 characters of it.
    pub value: String,
    /// The rule that it breaks.
    pub rule: &'static str,
}

/// The identity of a run: 1 to 64 characters of `A-Z a-z 0-9 _ -`, so that it can stand in a
/// subject, a path and a header without escaping.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// Takes `text` as a run id.
    ///
    /// # Errors
    ///
    /// When it is empty, longer than 64 characters, or has another character.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        if Self::fits(text) {
            return Ok(Self(text.to_owned()));
        }
        let value = text.chars().take(80).collect();
        Err(IdError { what: "run id", value, rule: "[A-Za-z0-9_-]{1,64}" })
    }

    /// Whether `text` could be one.
    #[must_use]
    pub fn fits(text: &str) -> bool {
        !text.is_empty()
            && text.len() <= 64
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    }

    /// The text of the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A task of a run: the run's id and the task's number within it. Written `run:number`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskKey {
    /// The run.
    pub run: RunId,
    /// The number of the task in the run, given out in order from 1.
    pub task: u64,
}

impl TaskKey {
    /// Reads `run:number`.
    ///
    /// # Errors
    ///
    /// When the text has another form.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let refused = || IdError {
            what: "task id",
            value: text.chars().take(80).collect(),
            rule: "<run id>:<number>",
        };
        let (run, task) = text.rsplit_once(':').ok_or_else(refused)?;
        Ok(Self { run: RunId::parse(run)?, task: task.parse().map_err(|_| refused())? })
    }
}

impl fmt::Display for TaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.run, self.task)
    }
}

/// A definition by name: `namespace/name:version`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DefinitionRef {
    /// DNS label, at most 63 characters.
    pub namespace: String,
    /// DNS label, at most 63 characters.
    pub name: String,
    /// Semantic version, or `latest` where a reference is resolved.
    pub version: String,
}

impl DefinitionRef {
    /// Reads `namespace/name:version`; without `:version` it is `latest`, without `namespace/` it
    /// is `default`.
    ///
    /// # Errors
    ///
    /// When a part is empty or not a DNS label, or the version has an odd character.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let (path, version) = text.split_once(':').unwrap_or((text, "latest"));
        let (namespace, name) = path.split_once('/').unwrap_or(("default", path));
        let version_fits = !version.is_empty()
            && version.len() <= 64
            && version.bytes().all(|b| b.is_ascii_alphanumeric() || b".-+".contains(&b));
        if is_dns_label(namespace) && is_dns_label(name) && version_fits {
            let own = str::to_owned;
            return Ok(Self { namespace: own(namespace), name: own(name), version: own(version) });
        }
        let value = text.chars().take(80).collect();
        Err(IdError { what: "definition", value, rule: "namespace/name:version (DNS labels)" })
    }
}

impl fmt::Display for DefinitionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}:{}", self.namespace, self.name, self.version)
    }
}

/// Whether `text` is a DNS label (RFC 1123): 1 to 63 of `a-z 0-9 -`, no `-` at either end.
#[must_use]
pub fn is_dns_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
        && bytes[0] != b'-'
        && bytes[bytes.len() - 1] != b'-'
}

/// The partition that a run's inputs go to, of `count` partitions (at least 1).
///
/// FNV-1a, 32 bits (draft-eastlake-fnv): stable over versions and simple enough for a worker in
/// any language, although workers need not compute it: each task message names its reply subject.
#[must_use]
pub fn partition_of(run: &RunId, count: u16) -> u16 {
    let hash = run
        .0
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    u16::try_from(hash % u32::from(count.max(1))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_could_escape_a_subject_are_refused() {
        for bad in ["", "a.b", "a*", "a>", "a b", "a\n", "ü", &"x".repeat(65)] {
            assert!(RunId::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_definition_reference_has_defaults() {
        assert_eq!(DefinitionRef::parse("order").unwrap().to_string(), "default/order:latest");
        assert!(DefinitionRef::parse("Shop/order:1.0.0").is_err());
    }
}
