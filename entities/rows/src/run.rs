//! Runs and their history.

use kintsugi_core::{RunId, Status};

use crate::Error;
use crate::entity::run::Model;

/// A run to accept. It is stored pending, with version 0, and due at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRun {
    /// Its id.
    pub id: RunId,
    /// `namespace/name:version` of its definition; the version is exact.
    pub definition: String,
    /// The partition that its inputs go to.
    pub partition: u16,
    /// JSON of [`kintsugi_core::RunState::new`].
    pub state: Vec<u8>,
    /// When it was accepted.
    pub created_at: i64,
    /// The run that started it.
    pub parent: Option<RunId>,
    /// Idempotency key of the request, unique in the definition's namespace.
    pub start_key: Option<String>,
    /// Digest of what was asked for (definition and input), by which a repeat of the request is
    /// told from another request with the same id or key.
    pub request_digest: String,
    /// `traceparent` of the request.
    pub trace_parent: Option<String>,
}

/// What became of a [`NewRun`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is accepted.
    New,
    /// A run with its id or its key was accepted before, and nothing was changed.
    Exists {
        /// That run: not the one asked for when the key is what they share.
        id: RunId,
        /// Whether that one came from the same request, by its digest.
        same: bool,
    },
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// Its id.
    pub id: RunId,
    /// `namespace/name:version` of its definition.
    pub definition: String,
    /// The partition that its inputs go to.
    pub partition: u16,
    /// How many batches have changed it: `seq` of its last history row.
    pub version: i64,
    /// Where it stands.
    pub status: Status,
    /// When it must be told the time at the latest; none: it waits for nothing.
    pub wake_at: Option<i64>,
    /// JSON of [`kintsugi_core::RunState`].
    pub state: Vec<u8>,
    /// When it was accepted.
    pub created_at: i64,
    /// When it changed last.
    pub updated_at: i64,
    /// When it ended; none: it has not.
    pub ended_at: Option<i64>,
    /// The run that started it.
    pub parent: Option<RunId>,
    /// `traceparent` of the request that started it.
    pub trace_parent: Option<String>,
}

/// A run, without its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSummary {
    /// Its id.
    pub id: RunId,
    /// `namespace/name:version` of its definition.
    pub definition: String,
    /// How many batches have changed it.
    pub version: i64,
    /// Where it stands.
    pub status: Status,
    /// When it must be told the time at the latest.
    pub wake_at: Option<i64>,
    /// When it was accepted.
    pub created_at: i64,
    /// When it changed last.
    pub updated_at: i64,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// The run that started it.
    pub parent: Option<RunId>,
}

/// Which runs are wanted. What is none does not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// In this status.
    pub status: Option<Status>,
    /// Of definitions whose `namespace/name:version` begins with this text; with a version in it,
    /// of exactly that definition.
    pub definition: Option<String>,
    /// Of definitions in this namespace.
    pub namespace: Option<String>,
    /// Started by this run.
    pub parent: Option<RunId>,
    /// Ended at this time or later.
    pub ended_from: Option<i64>,
    /// Accepted at this time or later.
    pub created_from: Option<i64>,
}

/// What one batch did to a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRow {
    /// 1, 2, 3… within the run.
    pub seq: i64,
    /// When it was decided.
    pub at: i64,
    /// JSON array of [`kintsugi_core::Step`].
    pub steps: Vec<u8>,
}

impl TryFrom<Model> for RunRow {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self, Error> {
        Ok(Self {
            status: status(&row.id, &row.status)?,
            partition: u16::try_from(row.partition)
                .map_err(|problem| Error::corrupt(format!("run {}", row.id), problem))?,
            id: run_id(&row.id)?,
            parent: row.parent.as_deref().map(run_id).transpose()?,
            definition: row.definition,
            version: row.version,
            wake_at: row.wake_at,
            state: row.state,
            created_at: row.created_at,
            updated_at: row.updated_at,
            ended_at: row.ended_at,
            trace_parent: row.trace_parent,
        })
    }
}

/// Reads a run's id.
///
/// # Errors
///
/// When it is none.
pub fn run_id(text: &str) -> Result<RunId, Error> {
    RunId::parse(text).map_err(|problem| Error::corrupt(format!("run {text}"), problem))
}

/// Reads the status of the run `run`.
///
/// # Errors
///
/// When it is none.
pub fn status(run: &str, text: &str) -> Result<Status, Error> {
    Status::parse(text)
        .ok_or_else(|| Error::corrupt(format!("run {run}"), format!("unknown status `{text}`")))
}
