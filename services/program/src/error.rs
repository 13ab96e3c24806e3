//! Errors of a workflow, as the Open Workflow specification has them (RFC 9457 in form).

use serde::{Deserialize, Serialize};

/// Where the specification keeps its error types (Open Workflow Specification, "Errors").
const BASE: &str = "https://open-workflow-specification.org/spec/1.0.0/errors/";

/// Families under which other runtimes and the conformance features name the same errors.
const FAMILIES: [&str; 4] = [
    BASE,
    "https://serverlessworkflow.io/spec/1.0.0/errors/",
    "https://serverlessworkflow.io/dsl/errors/types/",
    "https://open-workflow-specification.org/dsl/errors/types/",
];

/// The error types of the specification, with their default status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Bad or missing configuration, an unresolved reference (400).
    Configuration,
    /// A schema was violated (400).
    Validation,
    /// An expression failed (400).
    Expression,
    /// Authentication failed (401).
    Authentication,
    /// Something is forbidden (403).
    Authorization,
    /// A timeout passed (408).
    Timeout,
    /// A call failed (500, or the status that the called service gave).
    Communication,
    /// Everything else (500).
    Runtime,
}

impl ErrorKind {
    /// Every type.
    pub const ALL: [Self; 8] = [
        Self::Configuration,
        Self::Validation,
        Self::Expression,
        Self::Authentication,
        Self::Authorization,
        Self::Timeout,
        Self::Communication,
        Self::Runtime,
    ];

    /// The type with this last segment of its URI.
    #[must_use]
    pub fn named(segment: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.parts().0 == segment)
    }

    /// The last segment of the type's URI and the default status.
    #[must_use]
    pub fn parts(self) -> (&'static str, u16) {
        match self {
            Self::Configuration => ("configuration", 400),
            Self::Validation => ("validation", 400),
            Self::Expression => ("expression", 400),
            Self::Authentication => ("authentication", 401),
            Self::Authorization => ("authorization", 403),
            Self::Timeout => ("timeout", 408),
            Self::Communication => ("communication", 500),
            Self::Runtime => ("runtime", 500),
        }
    }
}

/// An error as a workflow sees it: raised, caught, or the reason why a run faulted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Error {
    /// A URI that identifies the type.
    #[serde(rename = "type")]
    pub kind: String,
    /// As an HTTP status.
    pub status: u16,
    /// JSON pointer of the task in which it arose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// A short summary for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What went wrong this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Error {
    /// An error of a type of the specification, which arose at `instance`.
    #[must_use]
    pub fn new(kind: ErrorKind, instance: &str, detail: impl Into<String>) -> Self {
        let (segment, status) = kind.parts();
        let (title, detail) = (segment[..1].to_uppercase() + &segment[1..], detail.into());
        Self {
            kind: format!("{BASE}{segment}"),
            status,
            instance: Some(instance.to_owned()),
            title: Some(format!("{title} error")),
            detail: Some(detail),
        }
    }

    /// Whether a filter's `type` names this error's type: equal, or the same last segment under two
    /// of the known families.
    #[must_use]
    pub fn is_of_type(&self, wanted: &str) -> bool {
        fn segment(uri: &str) -> Option<&str> {
            FAMILIES.iter().find_map(|family| uri.strip_prefix(family))
        }
        self.kind == wanted || segment(&self.kind).is_some_and(|own| segment(wanted) == Some(own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_types_match_over_families() {
        let error = Error::new(ErrorKind::Communication, "/do/0/a", "no answer");
        assert!(error.is_of_type("https://serverlessworkflow.io/dsl/errors/types/communication"));
        assert!(!error.is_of_type("https://serverlessworkflow.io/dsl/errors/types/timeout"));
        assert!(!error.is_of_type("https://example.com/communication"));
    }
}
