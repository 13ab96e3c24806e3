//! Schedules.

use kintsugi_core::RunId;

use crate::entity::schedule::Model;
use crate::{Error, NewRun};

/// When a definition starts runs by itself, to be kept with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSchedule {
    /// JSON of [`kintsugi_core::Schedule`].
    pub schedule: Vec<u8>,
    /// Its first due time; none: there is none.
    pub due_at: Option<i64>,
    /// When that is looked at.
    pub next_at: Option<i64>,
    /// It begins paused.
    pub paused: bool,
    /// Events start its runs.
    pub by_events: bool,
}

/// A schedule, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleRow {
    /// `namespace/name`.
    pub id: String,
    /// `namespace/name:version` of the definition that states it.
    pub definition: String,
    /// JSON of [`kintsugi_core::Schedule`].
    pub schedule: Vec<u8>,
    /// Raised by each change.
    pub revision: i64,
    /// It starts nothing.
    pub paused: bool,
    /// The due time that comes next, or waits for the run before; none: there is none.
    pub due_at: Option<i64>,
    /// When that is looked at.
    pub next_at: Option<i64>,
    /// Since when it is as this definition states it.
    pub created_at: i64,
    /// The newest run.
    pub last_run: Option<RunId>,
    /// The due time of that.
    pub last_due_at: Option<i64>,
    /// How many runs it has started.
    pub started: i64,
    /// How many due times have no run.
    pub skipped: i64,
    /// When that was last decided.
    pub last_skipped_at: Option<i64>,
    /// Why.
    pub last_skipped: Option<String>,
    /// How many sets of events are not complete.
    pub open_sets: i64,
}

/// What events do to a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OccasionStep {
    /// Which schedule.
    pub id: String,
    /// The revision that it rests on.
    pub revision: i64,
    /// The runs that are started, in order; those that are there already are left as they are.
    pub runs: Vec<NewRun>,
    /// What it has of events, to be given to whoever goes on; none: what it had.
    pub state: Option<Vec<u8>>,
    /// How many sets of events are not complete.
    pub open_sets: i64,
    /// How many sets were given up.
    pub given_up: i64,
}

/// What becomes of a schedule's due time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleStep {
    /// Which schedule.
    pub id: String,
    /// The revision that it rests on.
    pub revision: i64,
    /// The next due time; none: there is none.
    pub due_at: Option<i64>,
    /// When that is looked at.
    pub next_at: Option<i64>,
    /// The runs that are started, with their due times, in order.
    pub runs: Vec<(NewRun, i64)>,
    /// How many due times have no run.
    pub skipped: i64,
    /// Why, and when that was decided.
    pub skipped_why: Option<(String, i64)>,
}

impl TryFrom<Model> for ScheduleRow {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self, Error> {
        Ok(Self {
            last_run: row.last_run.as_deref().map(crate::run_id).transpose()?,
            id: row.id,
            definition: row.definition,
            schedule: row.schedule,
            revision: row.revision,
            paused: row.paused != 0,
            due_at: row.due_at,
            next_at: row.next_at,
            created_at: row.created_at,
            last_due_at: row.last_due_at,
            started: row.started,
            skipped: row.skipped,
            last_skipped_at: row.last_skipped_at,
            last_skipped: row.last_skipped,
            open_sets: row.open_sets,
        })
    }
}
