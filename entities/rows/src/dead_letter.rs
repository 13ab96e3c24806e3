//! Dead letters.

use kintsugi_core::RunId;

use crate::Error;
use crate::entity::dead_letter::Model;
use crate::run_id;

/// A task that exhausted its policy, with all that a person needs to judge it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterRow {
    /// `run:task:epoch`.
    pub id: String,
    /// The run.
    pub run: RunId,
    /// Number of the task.
    pub task: u64,
    /// Its last epoch.
    pub epoch: u64,
    /// `namespace/name:version` of the run's definition.
    pub definition: String,
    /// JSON pointer of the task.
    pub pointer: String,
    /// The task type.
    pub task_type: String,
    /// The queue.
    pub queue: String,
    /// JSON of what the worker got.
    pub input: Vec<u8>,
    /// JSON of the last error.
    pub error: Vec<u8>,
    /// How many attempts failed.
    pub failures: u32,
    /// How many attempts ended with their worker.
    pub crashes: u32,
    /// What became of the run, e.g. `fault`.
    pub outcome: String,
    /// JSON array of the attempts.
    pub attempts: Vec<u8>,
    /// `traceparent` of the run.
    pub trace_parent: Option<String>,
    /// Whether someone took it up.
    pub status: DeadLetterStatus,
    /// When it was dead-lettered.
    pub created_at: i64,
    /// When it was redriven.
    pub redriven_at: Option<i64>,
    /// When it went to the dead-letter stream; none: it has not yet.
    pub published_at: Option<i64>,
    /// What it has in common with those that died of the same; empty: not known yet.
    pub fingerprint: String,
    /// URI of the last error's type.
    pub error_type: String,
    /// The discard by which it was closed.
    pub discard: Option<String>,
}

/// Whether someone took a dead letter up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeadLetterStatus {
    /// Nobody did.
    Open,
    /// Its task was given new attempts.
    Redriven,
    /// Somebody decided that nobody will.
    Discarded,
}

impl DeadLetterStatus {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Redriven => "redriven",
            Self::Discarded => "discarded",
        }
    }

    /// Reads a name as [`DeadLetterStatus::as_str`] writes it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::Open, Self::Redriven, Self::Discarded];
        all.into_iter().find(|status| status.as_str() == text)
    }
}

/// Which dead letters are wanted. What is none does not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeadLetterFilter {
    /// In this status.
    pub status: Option<DeadLetterStatus>,
    /// Of this run.
    pub run: Option<RunId>,
    /// Of definitions whose `namespace/name:version` begins with this text.
    pub definition: Option<String>,
    /// From this queue.
    pub queue: Option<String>,
    /// Of this task type.
    pub task_type: Option<String>,
    /// Dead-lettered at this time or later.
    pub created_from: Option<i64>,
    /// Dead-lettered before this time.
    pub created_to: Option<i64>,
    /// With this fingerprint.
    pub fingerprint: Option<String>,
    /// Whose last error is of this type.
    pub error_type: Option<String>,
    /// This one.
    pub id: Option<String>,
}

impl TryFrom<Model> for DeadLetterRow {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self, Error> {
        let unreadable =
            |problem: String| Error::corrupt(format!("dead letter {}", row.id), problem);
        let number = |value: i64| u64::try_from(value).map_err(|e| unreadable(e.to_string()));
        let count = |value: i64| u32::try_from(value).map_err(|e| unreadable(e.to_string()));
        Ok(Self {
            run: run_id(&row.run_id)?,
            task: number(row.task)?,
            epoch: number(row.epoch)?,
            failures: count(row.failures)?,
            crashes: count(row.crashes)?,
            status: DeadLetterStatus::parse(&row.status)
                .ok_or_else(|| unreadable(format!("unknown status `{}`", row.status)))?,
            id: row.id,
            definition: row.definition,
            pointer: row.pointer,
            task_type: row.task_type,
            queue: row.queue,
            input: row.input,
            error: row.error,
            outcome: row.outcome,
            attempts: row.attempts,
            trace_parent: row.trace_parent,
            created_at: row.created_at,
            redriven_at: row.redriven_at,
            published_at: row.published_at,
            fingerprint: row.fingerprint,
            error_type: row.error_type,
            discard: row.discard,
        })
    }
}
