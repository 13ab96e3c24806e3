//! How errors are handled and raised.

use serde::{Deserialize, Serialize};

use crate::{Expr, Flow, ListId, RetryPolicy, Span, Template};

/// How a `try` handles errors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Catch {
    /// Which errors; an empty filter takes all.
    pub errors: ErrorFilter,
    /// Name of the error's variable, without `$`.
    pub as_: String,
    /// Only when it holds.
    pub when: Option<Expr>,
    /// Not when it holds.
    pub except_when: Option<Expr>,
    /// Tries again first.
    pub retry: Option<TryRetry>,
    /// Runs when there is no retry (left).
    pub body: Option<ListId>,
    /// Where to go after a caught error; a target is in the list of the `try`.
    pub then: Option<Flow>,
}

/// `catch.retry`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TryRetry {
    /// Delays and limits, as far as they are known when compiled.
    pub policy: RetryPolicy,
    /// Delays and limits that are expressions.
    #[serde(default, skip_serializing_if = "RetrySpans::is_none")]
    pub spans: RetrySpans,
    /// Only when it holds.
    pub when: Option<Expr>,
    /// Not when it holds.
    pub except_when: Option<Expr>,
    /// `limit.attempt.duration`: the longest that one attempt may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Span>,
}

/// Durations of a retry policy that are expressions: each takes the place of its number in the
/// policy, and is evaluated after each failed attempt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RetrySpans {
    /// `delay`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Expr>,
    /// `maxDelay`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<Expr>,
    /// `limit.duration`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Expr>,
    /// `jitter`: `from` and `to`, both when one is an expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<(Span, Span)>,
}

impl RetrySpans {
    /// Whether there is none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// `catch.errors.with`: what is given must be equal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ErrorFilter {
    /// URI of the type; families of the specification match each other.
    pub kind: Option<String>,
    /// The status.
    pub status: Option<u16>,
    /// JSON pointer of the task.
    pub instance: Option<String>,
    /// The title.
    pub title: Option<String>,
    /// The detail.
    pub detail: Option<String>,
}

/// The error that a `raise` raises.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorTemplate {
    /// URI of the type.
    pub kind: Template,
    /// The status; an integer.
    pub status: Template,
    /// JSON pointer; none: that of the `raise`.
    pub instance: Option<Template>,
    /// The title.
    pub title: Option<Template>,
    /// The detail.
    pub detail: Option<Template>,
}

impl ErrorFilter {
    /// Whether each field that is given is equal; types match over families.
    #[must_use]
    pub fn takes(&self, error: &crate::Error) -> bool {
        fn same<T: PartialEq>(wanted: Option<&T>, found: Option<&T>) -> bool {
            wanted.is_none_or(|wanted| found == Some(wanted))
        }
        self.kind.as_ref().is_none_or(|kind| error.is_of_type(kind))
            && self.status.is_none_or(|status| status == error.status)
            && same(self.instance.as_ref(), error.instance.as_ref())
            && same(self.title.as_ref(), error.title.as_ref())
            && same(self.detail.as_ref(), error.detail.as_ref())
    }
}
