//! What is held by hand.

use poem_openapi::Object;
use serde::Deserialize;

/// Holds something.
#[derive(Clone, Debug, Default, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields)]
pub struct HoldRequest {
    /// Who.
    #[serde(default)]
    pub by: Option<String>,
    /// Why, for people.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Something that is held, or was.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Hold {
    /// Its id: `hold-<id>` is the request by which runs are suspended.
    pub id: String,
    /// `task-type`, `queue`, `definition` or `target` (`host:port`).
    pub kind: String,
    /// Which.
    pub name: String,
    /// Who holds it.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Since when.
    pub since: String,
    /// When it was lifted; none: it holds.
    pub lifted_at: Option<String>,
    /// By whom.
    pub lifted_by: Option<String>,
    /// Why.
    pub lift_reason: Option<String>,
}

/// A page of holds.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct HoldPage {
    /// The holds.
    pub items: Vec<Hold>,
    /// Cursor of the next page; none: this is the last.
    pub next: Option<String>,
}
