//! Dead letters.

use poem_openapi::Object;
use serde_json::Value;

use super::RunError;

/// One attempt of a dead-lettered task.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct DeadLetterAttempt {
    /// Its epoch.
    pub epoch: u64,
    /// Who was at it.
    pub worker: Option<String>,
    /// When the worker began.
    pub started_at: Option<String>,
    /// When it was over.
    pub ended_at: String,
    /// Why it failed.
    pub error: Option<RunError>,
    /// Why it was lost.
    pub lost: Option<String>,
}

/// A task that exhausted its policy, or that the broker could not deliver.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct DeadLetter {
    /// `run:number:epoch`.
    pub id: String,
    /// `open`, `redriven` or `discarded`.
    pub status: String,
    /// The run.
    pub run: String,
    /// `run:number`.
    pub task: String,
    /// The last epoch.
    pub epoch: u64,
    /// `namespace/name:version`.
    pub definition: String,
    /// JSON pointer of the task in the definition.
    pub pointer: String,
    /// The task type.
    #[oai(rename = "type")]
    pub kind: String,
    /// The queue.
    pub queue: String,
    /// What the worker got.
    pub input: Value,
    /// The last error.
    pub error: Option<RunError>,
    /// How many attempts failed.
    pub failures: u32,
    /// How many attempts ended with their worker.
    pub crashes: u32,
    /// When it was dead-lettered.
    pub at: String,
    /// When it was redriven.
    pub redriven_at: Option<String>,
    /// What became of the run: `fault` or `park`.
    pub outcome: String,
    /// Its attempts since it was last redriven, oldest first; of many the last 20.
    pub attempts: Vec<DeadLetterAttempt>,
    /// What it has in common with those that died of the same; none: not known yet.
    pub fingerprint: Option<String>,
    /// The discard by which it was closed.
    pub discard: Option<String>,
    /// The trace that shows the run.
    pub trace_id: String,
}

/// A page of dead letters, newest first.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct DeadLetterPage {
    /// The dead letters.
    pub items: Vec<DeadLetter>,
    /// Cursor of the next page; none: this is the last.
    pub next: Option<String>,
}

/// A redrive that was noted.
#[derive(Clone, Debug, Object)]
pub struct Redriven {
    /// The dead letter.
    pub id: String,
    /// The run that it belongs to.
    pub run: String,
    /// `run:number`.
    pub task: String,
    /// Its input was replaced.
    pub edited: bool,
}
