//! Runs.

use poem_openapi::{Enum, Object};
use serde_json::Value;

use super::Task;

/// Where a run stands; the words are the Open Workflow specification's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum RunStatus {
    /// Accepted, not begun.
    Pending,
    /// Work is under way.
    Running,
    /// Only timers or parked dead letters are open.
    Waiting,
    /// Held by a person.
    Suspended,
    /// Ended on request.
    Cancelled,
    /// Ended with an error; a redrive may take it up again.
    Faulted,
    /// Ended with an output.
    Completed,
}

impl From<kintsugi_core::Status> for RunStatus {
    fn from(status: kintsugi_core::Status) -> Self {
        use kintsugi_core::Status;
        match status {
            Status::Pending => Self::Pending,
            Status::Running => Self::Running,
            Status::Waiting => Self::Waiting,
            Status::Suspended => Self::Suspended,
            Status::Cancelled => Self::Cancelled,
            Status::Faulted => Self::Faulted,
            Status::Completed => Self::Completed,
        }
    }
}

/// An error as the workflow sees it.
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct RunError {
    /// A URI that identifies the type.
    #[oai(rename = "type")]
    pub kind: String,
    /// As an HTTP status.
    pub status: u16,
    /// JSON pointer of the task in which it arose.
    pub instance: Option<String>,
    /// A short summary for people.
    pub title: Option<String>,
    /// What went wrong this time.
    pub detail: Option<String>,
}

impl From<&kintsugi_core::Error> for RunError {
    fn from(error: &kintsugi_core::Error) -> Self {
        Self {
            kind: error.kind.clone(),
            status: error.status,
            instance: error.instance.clone(),
            title: error.title.clone(),
            detail: error.detail.clone(),
        }
    }
}

/// The answer to a start: the run is in the database.
#[derive(Clone, Debug, Object)]
pub struct Started {
    /// The run.
    pub id: String,
    /// Its definition, with the version that was chosen.
    pub definition: String,
    /// Where it stands.
    pub status: RunStatus,
    /// When it was accepted.
    pub created_at: String,
    /// The trace that shows the run.
    pub trace_id: String,
}

/// A run in a list.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct RunSummary {
    /// The run.
    pub id: String,
    /// `namespace/name:version`.
    pub definition: String,
    /// Where it stands.
    pub status: RunStatus,
    /// When it was accepted.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// The run that started it.
    pub parent: Option<String>,
    /// How many of its breaks the engine mended.
    pub mends: u64,
}

/// A page of runs, newest first.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct RunPage {
    /// The runs.
    pub items: Vec<RunSummary>,
    /// Cursor of the next page; none: this is the last.
    pub next: Option<String>,
}

/// A run.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Run {
    /// The run.
    pub id: String,
    /// `namespace/name:version`.
    pub definition: String,
    /// Where it stands.
    pub status: RunStatus,
    /// When it was asked to end; there only while it tidies up before it does.
    pub cancelling_since: Option<String>,
    /// As it was given.
    pub input: Value,
    /// Its output; there only once it completed.
    pub output: Option<Value>,
    /// Its error; there only once it faulted.
    pub error: Option<RunError>,
    /// When it was accepted.
    pub created_at: String,
    /// When it began.
    pub started_at: Option<String>,
    /// When it last changed.
    pub updated_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// When the engine looks at it at the latest; none: it is over, or waits for a person.
    pub wake_at: Option<String>,
    /// How long its history is.
    pub history_length: i64,
    /// The trace that shows the run.
    pub trace_id: String,
    /// The run that started it, and by which task.
    pub parent: Option<ParentRun>,
    /// Runs that it started, the newest first.
    pub children: Vec<RunSummary>,
    /// There are more children than are listed here; `/v1/runs?parent=` has them all.
    pub children_truncated: bool,
    /// The tasks that workers executed, execute or will execute, in the order of dispatch: of many
    /// the newest 200, and those that are open.
    pub tasks: Vec<Task>,
    /// There are more tasks than are listed here; `/v1/runs/{id}/tasks` has them all.
    pub tasks_truncated: bool,
}

/// The task that started a run.
#[derive(Clone, Debug, Object)]
pub struct ParentRun {
    /// Its run.
    pub run: String,
    /// Its number there.
    pub task: u64,
    /// Whether it waits for the end.
    pub awaited: bool,
}

/// How a run ended, or that it has not.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct RunResult {
    /// The run.
    pub id: String,
    /// Where it stands.
    pub status: RunStatus,
    /// Its output; there only once it completed.
    pub output: Option<Value>,
    /// Its error; there only once it faulted.
    pub error: Option<RunError>,
}

/// A request that was noted, and is done in a moment.
#[derive(Clone, Debug, Object)]
pub struct Accepted {
    /// The run.
    pub id: String,
    /// Where the run stood when the request was noted.
    pub status: RunStatus,
}

/// One entry of a run's history: what one batch brought. Entries are gapless by `seq`.
#[derive(Clone, Debug, Object)]
pub struct HistoryEntry {
    /// Position, from 1.
    pub seq: i64,
    /// When it was written.
    pub at: String,
    /// Steps, each `{at, input, events}` with times in milliseconds since 1970: an input that the
    /// run was told (by `kind`) and the facts that followed (by `event`).
    pub steps: Vec<Value>,
}

/// A page of history, oldest first, or newest first where that was asked for.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct HistoryPage {
    /// The entries.
    pub items: Vec<HistoryEntry>,
    /// Give it as `after`, or as `before` where the newest come first, for the next page; none: this
    /// is the last so far.
    pub next: Option<i64>,
}
