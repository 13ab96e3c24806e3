//! When a definition starts runs by itself.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Read, Strategy};

/// `schedule`, compiled, with what `document.metadata.kintsugi.schedule` says about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// What starts a run.
    pub trigger: Trigger,
    /// IANA name of the time zone in which a cron expression is read.
    pub time_zone: String,
    /// What happens at a due time while the run before is open.
    pub overlap: Overlap,
    /// What becomes of due times that passed while nobody was there.
    pub catch_up: CatchUp,
    /// Up to so many milliseconds are added to a due time, so that not all start at once.
    pub jitter_ms: u64,
    /// It begins paused.
    pub paused: bool,
    /// The input of each run; of those that events start, these are.
    pub input: Value,
}

/// What starts a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// Each interval, in milliseconds.
    Every(u64),
    /// Each time that a cron expression of five fields matches.
    Cron(String),
    /// At once, and then again so many milliseconds after each run's end.
    After(u64),
    /// Events.
    On(Box<On>),
}

/// Which events start a run. Whole in itself, since it is looked at without the program: another version
/// of the compiler may number the expressions of that in another way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct On {
    /// Which events, without `until`; each time that it is met, a run is started.
    pub to: Strategy,
    /// What a run gets of each.
    pub read: Read,
    /// Source of each expression in it, without `${ }`: its own, not the program's. None names a
    /// variable, since there is no run yet.
    pub expressions: Vec<String>,
}

/// What happens at a due time while the run before is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// No run is started.
    #[default]
    Skip,
    /// A run is started all the same.
    Allow,
    /// One run is started when the other has ended.
    Buffer,
    /// The other is cancelled, and one run is started when it has ended.
    Cancel,
}

/// What becomes of due times that passed while nobody was there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// One run, for the last of them.
    #[default]
    Once,
    /// No run.
    None,
    /// A run for each, up to a limit.
    All,
}
