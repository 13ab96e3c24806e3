//! The state of the system at one time, for people and for metrics.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The state of the system. Additions are free; readers must not mind fields they do not know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// When it was looked at.
    pub at: String,
    /// The engine's version.
    pub version: String,
    /// `sqlite` or `postgres`.
    pub database: String,
    /// What could not be looked at, and why. What it would have told is missing below.
    pub problems: Vec<String>,
    /// When the runs and the other rows below were counted; of a large store that may be some seconds
    /// before `at`. Empty: they were not.
    #[serde(default)]
    pub counted_at: String,
    /// Runs by status.
    pub runs: BTreeMap<String, u64>,
    /// Open runs that should have been told the time more than 5 s ago, and were not.
    pub runs_overdue: Option<u64>,
    /// Registered definitions.
    pub definitions: u64,
    /// Dead letters that nobody redrove.
    pub dead_letters_open: u64,
    /// Dead letters that were discarded.
    pub dead_letters_discarded: u64,
    /// Dead letters that the stream does not hold yet.
    pub dead_letters_unpublished: u64,
    /// Tasks of people that wait for an answer.
    pub human_tasks_open: u64,
    /// Notifications to be delivered.
    pub notifications_pending: u64,
    /// Notifications that were given up.
    pub notifications_dead: u64,
    /// Services that gave a sign of life lately.
    pub services: Vec<ServiceView>,
    /// Workers that gave a sign of life lately.
    pub workers: Vec<WorkerView>,
    /// Every stream.
    pub streams: Vec<StreamView>,
    /// Every queue and task type that has tasks or had workers.
    pub queues: Vec<QueueView>,
    /// The partitions of the events.
    pub partitions: Vec<PartitionView>,
    /// What was mended, by kind.
    pub recoveries: Vec<RecoveryView>,
}

/// A service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceView {
    /// The service.
    pub service: String,
    /// Names the process among its kind.
    pub instance: String,
    /// Its process.
    pub pid: u32,
    /// It was heard of lately, and said that it is ready.
    pub ready: bool,
    /// When it was heard of last.
    pub last_seen: String,
}

/// A worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerView {
    /// Its name.
    pub worker: String,
    /// Its machine.
    pub host: String,
    /// Its process.
    pub pid: u32,
    /// Its program's version.
    pub version: String,
    /// What it serves, each `queue/type`.
    pub types: Vec<String>,
    /// How many tasks it executes at the same time at most.
    pub concurrency: u32,
    /// How many it executes.
    pub leases: usize,
    /// It was heard of lately.
    pub alive: bool,
    /// It takes no more work.
    pub stopping: bool,
    /// When it was heard of last.
    pub last_seen: String,
}

/// A stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamView {
    /// Its name.
    pub stream: String,
    /// It is there.
    pub exists: bool,
    /// How many messages it holds.
    pub messages: u64,
    /// How many bytes they take.
    pub bytes: u64,
    /// How many they may take.
    pub bytes_max: u64,
    /// The first sequence that it holds.
    pub first_seq: u64,
    /// The last sequence that it gave out.
    pub last_seq: u64,
}

/// A queue and task type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueView {
    /// The queue.
    pub queue: String,
    /// The task type.
    pub task_type: String,
    /// Tasks that no worker was given.
    pub pending: u64,
    /// Tasks that a worker was given, and that are not done.
    pub ack_pending: u64,
    /// Age of the oldest that no worker was given.
    pub oldest_age_ms: Option<u64>,
    /// Tasks that were delivered more than once, and are not done.
    pub redelivered: u64,
    /// Requests for tasks that wait: none at all means, most likely, no worker.
    pub waiting: u64,
}

/// A partition of the events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionView {
    /// Its number.
    pub partition: u16,
    /// The orchestrator that owns it.
    pub owner: String,
    /// How often it changed hands.
    pub owner_epoch: i64,
    /// Up to where its events are dealt with.
    pub position: i64,
    /// At most so many events wait to be dealt with, of all partitions of its owner.
    pub lag: u64,
}

/// What was mended of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryView {
    /// What broke.
    pub kind: String,
    /// How often, since the store was made.
    pub count: u64,
}
