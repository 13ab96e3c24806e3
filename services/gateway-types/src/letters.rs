//! Dead letters together: groups and discards.

use poem_openapi::Object;
use serde::{Deserialize, Serialize};

use super::RunError;

/// Open dead letters that died of the same in the same place.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct DeadLetterGroup {
    /// What they have in common: definition, place, task type, and the error without what varies.
    pub fingerprint: String,
    /// How many are open.
    pub open: u64,
    /// When the oldest of them was dead-lettered.
    pub first_at: String,
    /// When the newest of them was.
    pub last_at: String,
    /// The newest one, as an example.
    pub example: String,
    /// `namespace/name` of the definition.
    pub definition: String,
    /// Versions of it, of the ten newest.
    pub versions: Vec<String>,
    /// JSON pointer of the task in the definition.
    pub pointer: String,
    /// The task type.
    #[oai(rename = "type")]
    pub kind: String,
    /// The queue.
    pub queue: String,
    /// The last error of the example.
    pub error: Option<RunError>,
    /// Who was at the ten newest.
    pub workers: Vec<String>,
}

/// A page of groups, the one that grew last first.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct DeadLetterGroupPage {
    /// The groups.
    pub items: Vec<DeadLetterGroup>,
    /// Cursor of the next page; none: this is the last.
    pub next: Option<String>,
}

/// Which open dead letters are meant: those for which everything holds that is said.
#[derive(Clone, Debug, Default, Object, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[oai(deny_unknown_fields, skip_serializing_if_is_none)]
pub struct DeadLetterQuery {
    /// This one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Of the group with this fingerprint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Of this run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Of definitions whose `namespace/name:version` begins so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
    /// Of this task type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[oai(rename = "type")]
    pub kind: Option<String>,
    /// Of this queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Whose last error is of this type (a URI).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Dead-lettered at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Dead-lettered before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// Closes dead letters that nobody will redrive.
#[derive(Clone, Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields)]
pub struct DiscardRequest {
    /// Which; at least one of its fields must be given.
    pub letters: DeadLetterQuery,
    /// Why, for people.
    pub reason: String,
    /// Who.
    #[serde(default)]
    pub by: Option<String>,
}

/// Takes a discard back.
#[derive(Clone, Debug, Default, Object, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[oai(deny_unknown_fields)]
pub struct UndoRequest {
    /// Who.
    pub by: Option<String>,
    /// Why, for people.
    pub reason: Option<String>,
}

/// Dead letters that were discarded together.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Discard {
    /// Its id.
    pub id: String,
    /// Which letters were meant.
    pub letters: DeadLetterQuery,
    /// How many were closed: 10,000 at most, the oldest first.
    pub discarded: u64,
    /// By whom.
    pub by: Option<String>,
    /// Why.
    pub reason: String,
    /// When.
    pub at: String,
    /// Until when it can be taken back.
    pub undo_until: String,
    /// When it was taken back; none: it was not.
    pub undone_at: Option<String>,
    /// By whom.
    pub undone_by: Option<String>,
    /// Why.
    pub undo_reason: Option<String>,
}

/// A page of discards, newest first.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct DiscardPage {
    /// The discards.
    pub items: Vec<Discard>,
    /// Cursor of the next page; none: this is the last.
    pub next: Option<String>,
}
