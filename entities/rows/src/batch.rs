//! What the orchestrator writes, and what others know of it.

use std::collections::BTreeMap;

use kintsugi_core::{RunId, Status};

use super::{
    DeadLetterRow, HistoryRow, HumanTaskEnd, HumanTaskRow, MailBatch, NewRun, PermitWrite,
};
use crate::entity::{partition, recovery};
use crate::{Error, run_id};

/// All that follows from a batch of inputs; it happens as a whole or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Partition, the owner's epoch, and the position up to which its inputs are dealt with.
    pub positions: Vec<(u16, i64, i64)>,
    /// Runs that changed, each once.
    pub runs: Vec<RunWrite>,
    /// Those of `runs` that are accepted with this batch, at version 0: they are written for the first
    /// time. Their `state` is not looked at.
    pub starts: Vec<NewRun>,
    /// Tasks that exhausted their policy.
    pub dead_letters: Vec<DeadLetterRow>,
    /// Ids of dead letters that were redriven.
    pub redriven: Vec<String>,
    /// What was mended.
    pub recoveries: Vec<RecoveryRow>,
    /// What becomes of events.
    pub mail: MailBatch,
    /// Runs that runs of this batch start. One whose id is taken is left as it is: whoever waits
    /// for it finds that it is not its own.
    pub children: Vec<NewRun>,
    /// Tasks that people are asked to do. The same again: in place of the one before.
    pub human_tasks: Vec<HumanTaskRow>,
    /// Permits of tasks, by `run:task`.
    pub permits: BTreeMap<String, PermitWrite>,
    /// Such tasks that are over.
    pub human_ends: Vec<HumanTaskEnd>,
    /// Ids of requests that runs have taken.
    pub requests_taken: Vec<String>,
}

/// A changed run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunWrite {
    /// Its id.
    pub id: RunId,
    /// The version that the decision rests on: with another one stored, nothing is written.
    pub version_before: i64,
    /// The version from now on.
    pub version: i64,
    /// Where it stands.
    pub status: Status,
    /// When it must be told the time at the latest.
    pub wake_at: Option<i64>,
    /// JSON of its state.
    pub state: Vec<u8>,
    /// When it ended; none: it has not, or was taken up again.
    pub ended_at: Option<i64>,
    /// When it changed.
    pub updated_at: i64,
    /// What happened; its `seq` is `version`.
    pub history: HistoryRow,
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committed {
    /// It happened.
    Done,
    /// Nothing happened: someone else owns one of the partitions by now.
    Fenced,
    /// Nothing happened: these runs have another version than was thought, or are gone.
    Conflict(Vec<RunId>),
}

/// A partition of the events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionRow {
    /// Its number.
    pub id: u16,
    /// Who owns it; empty: nobody yet.
    pub owner: String,
    /// How often it changed hands: the fencing token of its owner.
    pub owner_epoch: i64,
    /// Up to where its inputs are dealt with.
    pub position: i64,
    /// Incarnation of the stream that the position counts in; empty: none yet.
    pub stream: String,
}

/// An entry of the recovery log: a break and how it was mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryRow {
    /// Its id. The same id again replaces what was decided and what came of it.
    pub id: String,
    /// When it was mended, or given up.
    pub at: i64,
    /// What kind of break, e.g. `worker_dead`.
    pub kind: String,
    /// The run concerned.
    pub run: Option<RunId>,
    /// Number of the task concerned.
    pub task: Option<u64>,
    /// Epoch of the attempt concerned.
    pub epoch: Option<u64>,
    /// The worker concerned.
    pub worker: Option<String>,
    /// When the break was seen.
    pub seen_at: i64,
    /// What was decided, for people.
    pub decided: String,
    /// What came of it, for people.
    pub outcome: String,
    /// From the break's being seen to its mending.
    pub duration_ms: i64,
    /// Which process decided.
    pub by: String,
}

/// How many there are of what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Runs in each status that any run is in.
    pub runs: BTreeMap<Status, u64>,
    /// Dead letters that nobody redrove.
    pub dead_letters_open: u64,
    /// Discarded dead letters.
    pub dead_letters_discarded: u64,
    /// Dead letters that the stream does not hold yet.
    pub dead_letters_unpublished: u64,
    /// Tasks of people that wait for an answer.
    pub human_tasks_open: u64,
    /// Notifications to be delivered.
    pub notifications_pending: u64,
    /// Notifications that were given up.
    pub notifications_dead: u64,
    /// What was mended since the store was made, by kind; also in runs that are gone.
    pub recoveries: BTreeMap<String, u64>,
    /// Registered definitions.
    pub definitions: u64,
}

impl TryFrom<recovery::Model> for RecoveryRow {
    type Error = Error;

    fn try_from(row: recovery::Model) -> Result<Self, Error> {
        let number = |value: Option<i64>| {
            value
                .map(u64::try_from)
                .transpose()
                .map_err(|problem| Error::corrupt(format!("recovery {}", row.id), problem))
        };
        Ok(Self {
            task: number(row.task)?,
            epoch: number(row.epoch)?,
            run: row.run_id.as_deref().map(run_id).transpose()?,
            id: row.id,
            at: row.at,
            kind: row.kind,
            worker: row.worker,
            seen_at: row.seen_at,
            decided: row.decided,
            outcome: row.outcome,
            duration_ms: row.duration_ms,
            by: row.decided_by,
        })
    }
}

impl TryFrom<partition::Model> for PartitionRow {
    type Error = Error;

    fn try_from(row: partition::Model) -> Result<Self, Error> {
        let id = u16::try_from(row.id)
            .map_err(|problem| Error::corrupt(format!("partition {}", row.id), problem))?;
        Ok(Self {
            id,
            owner: row.owner,
            owner_epoch: row.owner_epoch,
            position: row.position,
            stream: row.stream,
        })
    }
}
