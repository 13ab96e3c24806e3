//! Redrives of many dead letters.

use poem_openapi::Object;
use serde::Deserialize;
use serde_json::Value;

use super::DeadLetterQuery;

/// Redrives dead letters together, step by step.
#[derive(Clone, Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields)]
pub struct RedrivesRequest {
    /// Which; at least one of its fields must be given.
    pub letters: DeadLetterQuery,
    /// Why, for people. Needed, unless it is a dry run.
    #[serde(default)]
    pub reason: Option<String>,
    /// Who.
    #[serde(default)]
    pub by: Option<String>,
    /// Says only what would be redriven. Default: false.
    #[serde(default)]
    #[oai(default)]
    pub dry_run: bool,
    /// JSON merge patch (RFC 7396), an object, that edits the input of each.
    #[serde(default)]
    pub input: Option<Value>,
    /// Letters a second at most, 1 to 1,000. Default: 50.
    #[serde(default)]
    pub rate: Option<u32>,
    /// One letter first, then ten, then all, each once what was before is decided. Default: true.
    #[serde(default)]
    pub canary: Option<bool>,
    /// Stops when more than this share of those that are decided died again, 0 to 1. Default: 0.2.
    #[serde(default)]
    pub stop_at: Option<f64>,
    /// How many must be decided before the share counts; at the end of a stage it always does. Default: 20.
    #[serde(default)]
    pub stop_after: Option<u64>,
    /// How long the last letters of a stage are waited for, e.g. `90s`, 1s to 24h. Default: `10m`.
    #[serde(default)]
    pub wait: Option<String>,
}

/// Pauses, resumes or cancels a redrive.
#[derive(Clone, Debug, Default, Object, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[oai(deny_unknown_fields)]
pub struct RedriveOrder {
    /// Who.
    pub by: Option<String>,
    /// Why, for people.
    pub reason: Option<String>,
}

/// What a redrive would take.
#[derive(Clone, Debug, Object)]
pub struct RedrivePreview {
    /// How many letters: 10,000 at most, the oldest first.
    pub letters: u64,
    /// Of which definitions and task types, and what they died of: the hundred most frequent.
    pub kinds: Vec<RedriveKind>,
    /// The newest ones, three at most.
    pub examples: Vec<RedriveExample>,
}

/// Letters of one definition that died of the same.
#[derive(Clone, Debug, Object)]
pub struct RedriveKind {
    /// `namespace/name:version`.
    pub definition: String,
    /// The task type.
    #[oai(rename = "type")]
    pub kind: String,
    /// What they died of, and where: the fingerprint of their group.
    pub fingerprint: String,
    /// URI of the last error's type.
    pub error: String,
    /// How many.
    pub letters: u64,
}

/// A letter that would be redriven.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct RedriveExample {
    /// Its id.
    pub letter: String,
    /// What its worker got.
    pub input: Value,
    /// What its worker would get.
    pub edited: Value,
    /// Why that is not what the task type takes.
    pub problem: Option<String>,
}

/// Letters that are redriven together.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct RedriveJob {
    /// Its id.
    pub id: String,
    /// `running`, `paused`, `stopped`, `completed` or `cancelled`.
    pub status: String,
    /// Why it stopped, or was paused or cancelled.
    pub why: Option<String>,
    /// How far it may go now: `one` letter, `ten` more, or `all`.
    pub stage: String,
    /// Which letters were meant.
    pub letters: DeadLetterQuery,
    /// How many it took: 10,000 at most, the oldest first.
    pub total: u64,
    /// How many were asked.
    pub asked: u64,
    /// Of how many the run got past the task.
    pub succeeded: u64,
    /// How many died again.
    pub failed: u64,
    /// How many were asked, and are not decided.
    pub undecided: u64,
    /// How many were discarded, redriven otherwise, or ended with their runs meanwhile.
    pub skipped: u64,
    /// By whom.
    pub by: Option<String>,
    /// Why.
    pub reason: String,
    /// When.
    pub at: String,
    /// The merge patch that edits the inputs.
    pub input: Option<Value>,
    /// Letters a second at most.
    pub rate: u32,
    /// One letter first, then ten, then all.
    pub canary: bool,
    /// Which share of the decided ones may die again.
    pub stop_at: f64,
    /// How many must be decided before the share counts.
    pub stop_after: u64,
    /// How long the last letters of a stage are waited for, in milliseconds.
    pub wait_ms: i64,
    /// What happened to it, the oldest first; of many the first and the last 99.
    pub changes: Vec<RedriveChange>,
}

/// A change of a redrive.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct RedriveChange {
    /// When.
    pub at: String,
    /// To what, e.g. `paused`.
    pub what: String,
    /// By whom; none: by the engine, or nobody said.
    pub by: Option<String>,
    /// Why.
    pub why: Option<String>,
}

/// A page of redrives, newest first.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct RedriveJobPage {
    /// The redrives.
    pub items: Vec<RedriveJob>,
    /// Cursor of the next page; none: this is the last.
    pub next: Option<String>,
}
