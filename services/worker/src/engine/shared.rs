//! What the parts of a worker's engine share.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use kintsugi_core::{Input, Timestamp};
use kintsugi_nats::{Bus, Limit, Width};
use tokio::{
    runtime::Handle,
    sync::{Notify, Semaphore, mpsc},
};

use super::{limit::Limited, link::Link, pace::Pace, report::Report};
use crate::{
    Settings,
    attempt::{Attempt, now},
    budget::Budget,
    handler::Handler,
    leases::Leases,
    payloads::Payloads,
    settings::{host_name, worker_name},
    targets::Targets,
};

/// Results that may wait to be sent, over those of the slots. When as many wait, nothing more is
/// pulled: a worker that cannot report must not go on taking work.
const UNSENT_MAX: usize = 1_024;

/// What a worker is to do.
pub(crate) struct Plan {
    pub(crate) settings: Settings,
    pub(crate) handlers: Vec<(String, Handler)>,
    /// Where handlers run.
    pub(crate) user: Handle,
}

/// One task type that the worker serves.
pub(crate) struct TaskType {
    pub(crate) name: String,
    pub(crate) handler: Handler,
    /// How many of its tasks may be executed at the same time.
    pub(crate) slots: Arc<Semaphore>,
    /// How many of its results may be unsent.
    pub(crate) room: Arc<Semaphore>,
    /// Attempts that it completed.
    pub(crate) completed: AtomicU64,
    /// Attempts that failed, or took too long.
    pub(crate) failed: AtomicU64,
    /// Those that failed for good, or say nothing about other tasks.
    pub(crate) refused: AtomicU64,
    /// The others, as far as their task had not failed before.
    pub(crate) fresh: AtomicU64,
    /// How many tasks may be held.
    pub(crate) limit: Limited,
    /// How long its tasks take.
    pub(crate) pace: Pace,
    /// How many of its tasks may be such that failed before.
    pub(crate) retries: Option<Budget>,
}

/// What the parts of a worker's engine share.
pub(crate) struct Shared {
    pub(crate) bus: Bus,
    pub(crate) settings: Settings,
    pub(crate) user: Handle,
    pub(crate) types: Vec<Arc<TaskType>>,
    pub(crate) leases: Leases,
    /// The worker's name.
    pub(crate) name: String,
    pub(crate) host: String,
    /// Tells this start of the worker from an earlier one under the same name.
    pub(crate) incarnation: String,
    pub(crate) started_at: Timestamp,
    /// Whether the broker is reached.
    pub(crate) link: Arc<Link>,
    /// What tasks call.
    pub(crate) targets: Arc<Targets>,
    /// What they refer to.
    pub(crate) payloads: Arc<Payloads>,
    /// It holds something again, after it held nothing.
    pub(super) busy: Notify,
    /// It takes no more work.
    pub(crate) stopping: AtomicBool,
    reports: mpsc::UnboundedSender<Report>,
}

impl Shared {
    pub(crate) fn new(bus: Bus, plan: Plan, reports: mpsc::UnboundedSender<Report>) -> Self {
        let (concurrency, retries) = (plan.settings.concurrency, plan.settings.type_retries);
        let types = plan.handlers.into_iter().map(|(name, handler)| {
            let slots = Arc::new(Semaphore::new(concurrency));
            let room = Arc::new(Semaphore::new(concurrency + UNSENT_MAX));
            Arc::new(TaskType {
                name,
                handler,
                slots,
                room,
                completed: AtomicU64::new(0),
                failed: AtomicU64::new(0),
                refused: AtomicU64::new(0),
                retries: retries.map(Budget::new),
                fresh: AtomicU64::new(0),
                limit: Limited::default(),
                pace: Pace::default(),
            })
        });
        let host = host_name();
        Self {
            name: worker_name(plan.settings.name.as_deref(), &host),
            types: types.collect(),
            user: plan.user,
            leases: Leases::default(),
            incarnation: uuid::Uuid::new_v4().simple().to_string(),
            started_at: now(),
            link: Arc::default(),
            targets: Arc::new(Targets::new(plan.settings.retries)),
            payloads: Arc::new(Payloads::new(bus.clone())),
            busy: Notify::new(),
            stopping: AtomicBool::new(false),
            settings: plan.settings,
            bus,
            host,
            reports,
        }
    }

    pub(crate) fn type_names(&self) -> Vec<&str> {
        self.types.iter().map(|one| one.name.as_str()).collect()
    }

    /// How many tasks are executed at the same time at most, over all types.
    pub(crate) fn slots(&self) -> u32 {
        u32::try_from(self.settings.concurrency * self.types.len()).unwrap_or(u32::MAX)
    }

    /// Counts a result of a type, which the next heartbeat tells.
    pub(super) fn count(&self, attempt: &Attempt, result: &Input) {
        let name = &attempt.message.task_type;
        let Some(kind) = self.types.iter().find(|kind| kind.name == *name) else { return };
        if let Input::Failed { fault, .. } = result {
            kind.failed.fetch_add(1, Ordering::Relaxed);
            let refused = fault.fatal || !self.settings.circuits;
            let fresh = !refused && attempt.message.failures == 0;
            kind.refused.fetch_add(u64::from(refused), Ordering::Relaxed);
            kind.fresh.fetch_add(u64::from(fresh), Ordering::Relaxed);
        } else if let Input::Completed { .. } = result {
            kind.completed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many tasks are wanted in one message.
    pub(super) fn widths(&self) -> Vec<Width> {
        let slots = self.settings.concurrency;
        let wish = |kind: &Arc<TaskType>| {
            let (queue, task_type) = (self.settings.queue.clone(), kind.name.clone());
            kind.pace.wish(slots).map(|tasks| Width { queue, task_type, tasks })
        };
        self.types.iter().filter_map(wish).collect()
    }

    /// Takes in how much may be held of each type.
    pub(super) fn limit(&self, limit: &Limit) {
        self.targets.limit(limit);
        for kind in &self.types {
            let said = limit.types.iter().find(|said| said.task_type == kind.name);
            match said {
                Some(said) if limit.for_ms > 0 => {
                    kind.limit.told(said, limit.for_ms);
                }
                _ => kind.limit.lift(),
            }
        }
    }

    /// Hands a report to the sender. Unbounded, for there is at most one per held attempt and
    /// those are bounded by their type's `room`.
    pub(crate) fn report(&self, report: Report) {
        // The sender ends after everyone who reports.
        let _ = self.reports.send(report);
    }

    /// Reports how an attempt ended, unless that was done already.
    pub(crate) fn end(&self, attempt: &Arc<Attempt>, input: impl FnOnce() -> Input) {
        if attempt.claim_end() {
            let input = input();
            self.count(attempt, &input);
            self.report(Report::last(Arc::clone(attempt), input));
        }
    }
}
