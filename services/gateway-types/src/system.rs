//! Workers, health, recoveries, life events.

use poem_openapi::Object;
use serde_json::Value;

/// What a worker serves.
#[derive(Clone, Debug, PartialEq, Eq, Object)]
pub struct WorkerType {
    /// The queue.
    pub queue: String,
    /// The task type.
    #[oai(rename = "type")]
    pub kind: String,
    /// How many attempts it completed since it started.
    pub completed: u64,
    /// How many failed, or took too long.
    pub failed: u64,
    /// How many it may hold at a time, where the failure detector keeps it short.
    #[oai(skip_serializing_if_is_none)]
    pub limit: Option<u32>,
    /// Why.
    #[oai(skip_serializing_if_is_none)]
    pub limit_reason: Option<String>,
}

/// What a worker is at.
#[derive(Clone, Debug, PartialEq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct WorkerLease {
    /// `run:number`.
    pub task: String,
    /// The epoch that it holds.
    pub epoch: u64,
    /// Since when.
    pub since: String,
    /// What it said about its progress.
    pub progress: Option<Value>,
    /// When it said so.
    pub progress_at: Option<String>,
}

/// A worker, by its heartbeats.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Worker {
    /// Its name.
    pub worker: String,
    /// Tells two processes of one name apart.
    pub incarnation: String,
    /// Its process.
    pub pid: u32,
    /// Its machine.
    pub host: String,
    /// The version of its runtime.
    pub version: String,
    /// What it serves.
    pub types: Vec<WorkerType>,
    /// How many tasks it takes at once.
    pub concurrency: u32,
    /// When it started.
    pub started_at: String,
    /// When this gateway last heard of it.
    pub last_seen: String,
    /// It was heard of lately and is not stopping.
    pub alive: bool,
    /// It is finishing what it holds.
    pub stopping: bool,
    /// What it is at.
    pub leases: Vec<WorkerLease>,
}

/// Every worker that this gateway has heard of, by name.
#[derive(Clone, Debug, Object)]
pub struct WorkerList {
    /// The workers.
    pub items: Vec<Worker>,
}

/// One entry of the recovery log: a break, and how it was mended.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Recovery {
    /// Its id.
    pub id: String,
    /// When it was noted.
    pub at: String,
    /// What kind of break.
    pub kind: String,
    /// The run, where there is one.
    pub run: Option<String>,
    /// `run:number`, where there is one.
    pub task: Option<String>,
    /// The epoch that broke.
    pub epoch: Option<u64>,
    /// The worker that broke, where known.
    pub worker: Option<String>,
    /// When it was seen.
    pub seen_at: String,
    /// What was decided.
    pub decided: String,
    /// What came of it.
    pub outcome: String,
    /// From break to mend, in milliseconds, where known.
    pub duration_ms: Option<i64>,
    /// Who mended.
    pub by: String,
}

/// A page of the recovery log, newest first.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct RecoveryPage {
    /// The entries.
    pub items: Vec<Recovery>,
    /// Cursor of the next page; none: this is the last.
    pub next: Option<String>,
}

/// How one promise is kept.
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Promise {
    /// `P1` to `P9`.
    pub promise: String,
    /// What it says.
    pub says: String,
    /// How many things were compared with it since the monitoring service started.
    pub checked: u64,
    /// When last.
    pub checked_at: Option<String>,
    /// How often it was broken, as far as the newest 500 breaches in the recovery log tell.
    pub breaches: u64,
    /// How many of them were mended.
    pub mended: u64,
    /// How many stand.
    pub standing: u64,
    /// Since when the oldest stands.
    pub standing_since: Option<String>,
    /// When it was broken last.
    pub breached_at: Option<String>,
    /// How long the slowest mend took, from its being seen, in milliseconds.
    pub slowest_mend_ms: u64,
    /// What stands, the first few.
    #[oai(default)]
    pub what: Vec<String>,
}

/// How the promises are kept, as the monitoring service that keeps the ledger says.
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct PromiseList {
    /// When this was said.
    pub at: String,
    /// Whoever answered keeps the ledger; false: it has just started, or another one does.
    pub keeps: bool,
    /// Why nothing could be looked at the last time.
    pub problem: Option<String>,
    /// P1 to P9.
    pub items: Vec<Promise>,
}

/// A service that this gateway has heard of.
#[derive(Clone, Debug, PartialEq, Eq, Object)]
pub struct ServiceInstance {
    /// The service.
    pub service: String,
    /// Its instance.
    pub instance: String,
    /// Its process.
    pub pid: u32,
    /// When this gateway last heard of it.
    pub last_seen: String,
    /// It was heard of lately, and said that it is ready.
    pub ready: bool,
}

/// One thing that must hold.
#[derive(Clone, Debug, PartialEq, Eq, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Check {
    /// Its name: `store`, `bus`, `orchestrator`.
    pub name: String,
    /// Whether it holds.
    pub ok: bool,
    /// Why not.
    pub detail: Option<String>,
    /// How long the check took, in milliseconds.
    pub took_ms: u64,
}

/// Whether the engine takes work.
#[derive(Clone, Debug, PartialEq, Eq, Object)]
pub struct Health {
    /// `ready` or `unavailable`.
    pub status: String,
    /// Every check.
    pub checks: Vec<Check>,
}

/// A life event, in the form of a `CloudEvent` 1.0.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct LifeEvent {
    /// `1.0`.
    pub specversion: String,
    /// Its id; repeats have the same.
    pub id: String,
    /// Who says so.
    pub source: String,
    /// What happened, e.g. `io.serverlessworkflow.workflow.completed.v1`.
    #[oai(rename = "type")]
    pub kind: String,
    /// When.
    pub time: String,
    /// The run.
    pub subject: Option<String>,
    /// More about it.
    pub data: Option<Value>,
    /// W3C trace context of the run.
    pub traceparent: Option<String>,
    /// Orders the events of a run.
    pub sequence: Option<String>,
    /// The attempt that it is about.
    pub attempt: Option<u64>,
    /// The number of the task in its run: `data.task` is its reference, which iterations share.
    pub tasknumber: Option<u64>,
}
