//! Engines that are broken on purpose.

use poem_openapi::Object;
use serde::{Deserialize, Serialize};

/// Starts a trial: an engine of its own is put under load and broken.
#[derive(Clone, Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields)]
pub struct ChaosRequest {
    /// How long there are load and faults, e.g. `2m`, 5s to `chaos.for_max`. Draining and checking come on top.
    #[serde(rename = "for")]
    #[oai(rename = "for")]
    pub lasts: String,
    /// What all choices follow from. Default: a new one.
    #[serde(default)]
    pub seed: Option<u64>,
    /// `dev` (one process, SQLite) or `services` (a process per service, Postgres). Default: `dev`.
    #[serde(default)]
    pub shape: Option<String>,
    /// Only these faults, e.g. `kill`. Default: each that the shape can have.
    #[serde(default)]
    pub faults: Option<Vec<String>>,
    /// Runs that are started per second, above 0, 1,000 at most. Default: 8.
    #[serde(default)]
    pub rate: Option<f64>,
    /// Registered definitions, `namespace/name` or `namespace/name:version`, that are started in place of the
    /// built-in ones; 32 at most, what another one starts before it. Their runs must end by themselves.
    #[serde(default)]
    pub definitions: Option<Vec<String>>,
}

/// A trial.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct ChaosTrial {
    /// Its id.
    pub id: String,
    /// `running`; `completed`: there is a verdict; `failed`: there is none; `stopped`: by request;
    /// `interrupted`: its gateway ended.
    pub status: String,
    /// Why it failed or was interrupted.
    pub why: Option<String>,
    /// How long there are load and faults.
    #[serde(rename = "for")]
    #[oai(rename = "for")]
    pub lasts: String,
    /// What all choices follow from.
    pub seed: u64,
    /// The shape of the engine.
    pub shape: String,
    /// The faults that it may have.
    pub faults: Vec<String>,
    /// Runs that are started per second.
    pub rate: f64,
    /// The definitions that are started; empty: the built-in ones.
    pub definitions: Vec<String>,
    /// Since when.
    pub started_at: String,
    /// Until when.
    pub ended_at: Option<String>,
    /// What it said, line by line: each fault with its second, each window, in the end all figures. The last
    /// 200 lines. Not in lists, nor of one that was interrupted.
    pub said: Option<Vec<String>>,
    /// What came of it.
    pub verdict: Option<ChaosVerdict>,
}

/// What came of a trial.
#[derive(Clone, Debug, PartialEq, Object, Serialize, Deserialize)]
pub struct ChaosVerdict {
    /// Every promise was kept, nothing was lost, and the engine came back after each fault.
    pub kept: bool,
    /// Times under load and faults, each followed by a check of everything.
    pub windows: u64,
    /// Seconds under load and faults.
    pub under_load_seconds: f64,
    /// Runs whose start was answered.
    pub accepted: u64,
    /// Runs that completed.
    pub completed: u64,
    /// Runs that were accepted, and are gone or hang.
    pub lost: u64,
    /// Executions beyond the first under the same epoch.
    pub run_twice: u64,
    /// Results beyond the first.
    pub results_twice: u64,
    /// Attempts that the policy does not allow.
    pub over_policy: u64,
    /// Tasks that are both completed and dead-lettered.
    pub both: u64,
    /// Runs of the built-in definitions that did not end as they must.
    pub wrong: u64,
    /// From a fault to the end of the first run that was started after it, over all faults.
    pub recovery: ChaosRecovery,
    /// The same by fault.
    pub faults: Vec<ChaosFault>,
    /// The promises that were broken.
    pub broken: Vec<ChaosBroken>,
    /// How they were broken, the first 20.
    pub breaches: Vec<ChaosBreach>,
    /// Processes that ended by themselves, and were started again.
    pub revived: u64,
    /// Messages that were lost, doubled or held up on their way.
    pub messages_harmed: u64,
}

/// Times of recovery.
#[derive(Clone, Debug, PartialEq, Eq, Object, Serialize, Deserialize)]
pub struct ChaosRecovery {
    /// Half of them took no longer, in milliseconds.
    pub p50_ms: u64,
    /// 99 of 100 took no longer, in milliseconds.
    pub p99_ms: u64,
    /// The longest, in milliseconds.
    pub max_ms: u64,
    /// Faults after which the next run did not complete in time.
    pub never: u64,
}

/// A fault, and how often it was done.
#[derive(Clone, Debug, PartialEq, Eq, Object, Serialize, Deserialize)]
pub struct ChaosFault {
    /// Which.
    pub fault: String,
    /// How often it was done.
    pub done: u64,
    /// How often it could not be done.
    pub not_done: u64,
    /// How long it took to recover from.
    pub recovery: ChaosRecovery,
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq, Object, Serialize, Deserialize)]
pub struct ChaosBroken {
    /// Its number; 0: an answer or an end that is not as it must be.
    pub promise: u8,
    /// How often.
    pub times: u64,
}

/// How a promise was broken.
#[derive(Clone, Debug, PartialEq, Eq, Object, Serialize, Deserialize)]
pub struct ChaosBreach {
    /// Its number; 0: an answer or an end that is not as it must be.
    pub promise: u8,
    /// What was found.
    pub what: String,
}

/// A page of trials, newest first.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ChaosTrialPage {
    /// The trials.
    pub items: Vec<ChaosTrial>,
    /// Cursor of the next page; none: this is the last.
    pub next: Option<String>,
}
