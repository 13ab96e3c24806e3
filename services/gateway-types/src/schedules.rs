//! Schedules.

use poem_openapi::Object;
use serde_json::Value;

/// When a definition starts runs by itself, and where that stands.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Schedule {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// `namespace/name:version` of the definition that states it: the newest version.
    pub definition: String,
    /// What starts a run: `every`, `cron`, `after`, or with `on` events.
    pub trigger: String,
    /// Of `every` and `after`: how many milliseconds.
    pub interval_ms: Option<u64>,
    /// Of `cron`: the expression.
    pub cron: Option<String>,
    /// Of `cron`: the time zone in which it is read.
    pub time_zone: Option<String>,
    /// What happens while the run before is open: `skip`, `allow`, `buffer` or `cancel`.
    pub overlap: String,
    /// What becomes of missed due times: `once`, `none` or `all`.
    pub catch_up: String,
    /// Up to so many milliseconds are added to a due time.
    pub jitter_ms: u64,
    /// The input of each run; with `on`, that is the events.
    pub input: Value,
    /// It starts nothing until it is resumed.
    pub paused: bool,
    /// Since when it is as this version states it.
    pub created_at: String,
    /// When the next run is started. Past, where that waits for the run before to end; none where it
    /// is paused, has no due time any more, or waits for events.
    pub next_at: Option<String>,
    /// The newest run that it started.
    pub last_run: Option<String>,
    /// The due time of that run; with `on`, when its events were there.
    pub last_due_at: Option<String>,
    /// How many runs it has started.
    pub started: i64,
    /// How many due times have no run; with `on`, how many sets of events.
    pub skipped: i64,
    /// When that was last decided.
    pub last_skipped_at: Option<String>,
    /// Why: `overlap`, since the run before was open, `missed`, since nobody was there, or `given_up`, since too
    /// many sets were open or a newer version waits for other events.
    pub last_skipped: Option<String>,
    /// Of `on`: how many sets of events are not complete.
    pub open_sets: Option<i64>,
}

/// A page of schedules.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct SchedulePage {
    /// The schedules.
    pub items: Vec<Schedule>,
    /// Cursor of the next page; none: this is the last.
    pub next: Option<String>,
}
