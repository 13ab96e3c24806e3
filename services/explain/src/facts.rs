//! What is known, as whoever asks gathered it.

use std::collections::BTreeMap;

use kintsugi_core::{Program, RunId, RunState, Status, Timestamp};
use serde_json::Value;

/// A queue and a task type.
pub type Served = (String, String);

/// How long signs of life must have been listened to before silence says anything, in milliseconds:
/// three heartbeats of workers, four of services, and a margin.
const LISTENED_MS: u64 = 2_500;

/// What is known of the engine, whatever was asked about.
#[derive(Clone, Debug, Default)]
pub struct Engine {
    /// When the facts were gathered.
    pub now: Timestamp,
    /// Whether the gateway has a connection to the broker.
    pub bus: bool,
    /// Since when signs of life are listened to without a break; none: they are not.
    pub listening_since: Option<Timestamp>,
    /// Services that were heard of lately.
    pub services: Vec<Service>,
    /// Services that were heard of in the last minutes, and not lately.
    pub gone: Vec<Gone>,
    /// Workers that were heard of in the last minutes.
    pub workers: Vec<Worker>,
    /// Queues that were looked at, by queue and task type; none: the broker has nothing of it. What is
    /// missing was not looked at.
    pub queues: BTreeMap<Served, Option<Queue>>,
    /// What is held by hand, of the queues that were looked at.
    pub holds: BTreeMap<Served, Hold>,
    /// Who owns which partition; empty: nobody.
    pub partitions: BTreeMap<u16, String>,
}

/// A hold by hand on a queue or a task type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// What is held, e.g. `queue default`.
    pub what: String,
    /// Who holds it.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Since when.
    pub since: Timestamp,
}

/// An instance of a service that was heard of lately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The service, e.g. `orchestrator`.
    pub service: String,
    /// Names the process.
    pub instance: String,
    /// It says that it does its work.
    pub ready: bool,
}

/// An instance of a service that is not heard of any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// The service, e.g. `orchestrator`.
    pub service: String,
    /// Names the process.
    pub instance: String,
    /// When it was heard of last.
    pub heard_at: Timestamp,
    /// It said that it stops; otherwise it was lost.
    pub stopped: bool,
}

/// A worker, by its heartbeats.
#[derive(Clone, Debug, PartialEq)]
pub struct Worker {
    /// Its name.
    pub name: String,
    /// Its machine.
    pub host: String,
    /// Its process.
    pub pid: u32,
    /// It was heard of within the last heartbeats.
    pub alive: bool,
    /// It said that it takes no more work.
    pub stopping: bool,
    /// Where the failure detector keeps it short: how many tasks of a type it may take at a time, and why.
    pub limits: BTreeMap<Served, (u32, String)>,
    /// When it was heard of last.
    pub heard_at: Timestamp,
    /// What it serves.
    pub types: Vec<Served>,
    /// How many tasks it executes at once.
    pub concurrency: u32,
    /// What it is at.
    pub leases: Vec<Lease>,
}

/// An attempt that a worker says it has.
#[derive(Clone, Debug, PartialEq)]
pub struct Lease {
    /// `run:number`.
    pub task: String,
    /// The epoch of the attempt.
    pub epoch: u64,
    /// Since when.
    pub since: Timestamp,
    /// What it said of its progress.
    pub progress: Option<Value>,
    /// When it said so, if it tells.
    pub progress_at: Option<Timestamp>,
}

/// Tasks of a queue and type, as the broker sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// Tasks that were never delivered.
    pub pending: u64,
    /// Tasks that were delivered and not acknowledged.
    pub ack_pending: u64,
    /// When the oldest of those that were never delivered was published.
    pub oldest_at: Option<Timestamp>,
    /// Tasks that were delivered more than once and not acknowledged.
    pub redelivered: u64,
    /// How many requests for tasks wait.
    pub waiting: u64,
}

/// A run, and what it hangs on.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Its partition.
    pub partition: u16,
    /// When it changed last.
    pub updated_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Its state.
    pub state: RunState,
    /// What its definition compiles to; none: it does not any more.
    pub program: Option<Program>,
    /// The one frame that is asked about, and what stands below it; none: all of the run.
    pub focus: Option<u64>,
    /// Events that lie in its inbox.
    pub mail: Mail,
    /// What was asked of it and is not done, by the id of the request, with the time.
    pub requests: BTreeMap<String, Timestamp>,
    /// Permits that its tasks wait for, by the task's number.
    pub permits: BTreeMap<u64, Permit>,
    /// Other runs that it hangs on; none: there is no such run. What is missing was not looked at.
    pub linked: BTreeMap<RunId, Option<Box<Run>>>,
}

/// Events in an inbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// How many the run has not been told of.
    pub waiting: u64,
    /// When the oldest of those came.
    pub waiting_since: Option<Timestamp>,
    /// How many wait for a listen that takes them.
    pub parked: u64,
}

/// A permit that a task waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    /// What the tasks have in common.
    pub key: String,
    /// How many may have one at a time.
    pub limit: u32,
    /// When it was granted.
    pub granted_at: Option<Timestamp>,
    /// How many are before it in the line.
    pub before: u64,
    /// How many wait, this one among them.
    pub waiting: u64,
    /// How many are granted.
    pub held: u64,
    /// Some who have one, the longest first.
    pub holders: Vec<Holder>,
}

/// A task that has a permit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its run.
    pub run: RunId,
    /// Its number there.
    pub task: u64,
    /// Since when.
    pub since: Timestamp,
}

/// A schedule.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// `namespace/name`.
    pub id: String,
    /// The newest version's definition.
    pub definition: String,
    /// How it starts runs.
    pub schedule: kintsugi_core::Schedule,
    /// It starts nothing.
    pub paused: bool,
    /// Since when it is as it is.
    pub created_at: Timestamp,
    /// When it is looked at next; none: there is no due time.
    pub next_at: Option<Timestamp>,
    /// The newest run, and where it stands; none of the latter: it is gone.
    pub last_run: Option<(RunId, Option<Status>)>,
    /// How many due times have no run.
    pub skipped: i64,
    /// Why the last of those has none, and when that was decided.
    pub last_skipped: Option<(String, Timestamp)>,
    /// How many sets of events are not complete.
    pub open_sets: i64,
    /// The newest run itself, where it is open and in the way.
    pub linked: Option<Run>,
}

impl Engine {
    /// Whether it was listened for long enough to say that somebody is not there.
    #[must_use]
    pub fn knows_fleet(&self) -> bool {
        self.bus && self.listening_since.is_some_and(|at| self.now.since(at) >= LISTENED_MS)
    }

    /// Who takes tasks of a queue and type.
    pub(crate) fn serving<'a>(&'a self, served: &'a Served) -> impl Iterator<Item = &'a Worker> {
        let serves = |worker: &&Worker| worker.types.contains(served);
        self.workers.iter().filter(|worker| worker.alive && !worker.stopping).filter(serves)
    }

    /// Who has an attempt.
    pub(crate) fn holder(&self, task: &str, epoch: u64) -> Option<(&Worker, &Lease)> {
        let is_it = |lease: &&Lease| lease.epoch == epoch && lease.task == task;
        let with = |worker: &'_ Worker| worker.leases.iter().position(|lease| is_it(&lease));
        let worker = self.workers.iter().find(|worker| with(worker).is_some())?;
        worker.leases.iter().find(is_it).map(|lease| (worker, lease))
    }

    pub(crate) fn worker(&self, name: &str) -> Option<&Worker> {
        self.workers.iter().find(|worker| worker.name == name)
    }
}
