//! What is held by hand: kept so at the broker, and let go when the hold is lifted.
//!
//! A held task type or queue is a paused consumer: its tasks wait in the stream, and no attempt is spent.
//! That must be so whoever made the consumer, and when; so what is paused is compared with what is held,
//! every second while anything is. A held target of calls is told to workers, as an open circuit is. Runs
//! that did not begin since their definition was held go on when nothing holds it any more.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::StreamExt;
use kintsugi_core::{Input, RunId, RunState, Status, Steer, Steering};
use kintsugi_entities::{HoldKind, HoldRow, Page, RunFilter};
use kintsugi_nats::RunInput;
use kintsugi_runtime::{Deps, Reconciler, Shutdown, Waker, now};
use tokio::time::Instant;
use tracing::{debug, info};

use crate::Error;

/// How often it is looked while something is held.
pub(crate) const PERIOD: Duration = Duration::from_secs(1);

/// The same while nothing is, and how often runs are looked at that did not begin: a hint is what makes
/// it prompt.
const REST: Duration = Duration::from_secs(30);

/// How long a queue is paused at a time: longer than nobody renews it.
const PAUSE_MS: u64 = 7 * 24 * 3_600 * 1_000;

/// A pause that ends sooner is renewed.
const RENEW: Duration = Duration::from_secs(6 * 24 * 3_600);

/// Before the next attempt at a subscription that failed.
const AGAIN: Duration = Duration::from_secs(1);

/// Runs that one statement reads.
const PAGE: u32 = 200;

/// Targets of calls that are held by hand, each with why; none: it is not known yet. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held(Arc<Mutex<Option<BTreeMap<String, String>>>>);

impl Held {
    fn known(&self) -> MutexGuard<'_, Option<BTreeMap<String, String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the store was read: before, nothing may be let go.
    pub(crate) fn is_known(&self) -> bool {
        self.known().is_some()
    }

    /// What is held.
    pub(crate) fn targets(&self) -> BTreeMap<String, String> {
        self.known().clone().unwrap_or_default()
    }

    fn set(&self, active: &[HoldRow]) {
        let targets = active.iter().filter(|hold| hold.kind == HoldKind::Target).map(|hold| {
            let by = hold.by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
            let why = hold.reason.as_ref().map_or_else(String::new, |why| format!(": {why}"));
            (hold.name.clone(), format!("it is held{by}{why}"))
        });
        *self.known() = Some(targets.collect());
    }
}

/// Whether somebody said that something changed.
pub(crate) type Hinted = Arc<AtomicBool>;

/// Wakes `looker` when a hold came or went, until `shutdown`. It looks without that as well.
pub(crate) async fn listen(deps: Deps, hinted: Hinted, looker: Waker, shutdown: Shutdown) {
    let work = async {
        loop {
            match deps.bus.hold_hints().await {
                Ok(hints) => {
                    let mut hints = std::pin::pin!(hints);
                    while hints.next().await.is_some() {
                        hinted.store(true, Ordering::Release);
                        looker.wake();
                    }
                }
                Err(error) => debug!(error = &error as &dyn std::error::Error, "no hints"),
            }
            tokio::time::sleep(AGAIN).await;
        }
    };
    shutdown.run_until_cancelled(work).await;
}

/// Compares what is paused with what is held.
pub(crate) struct Holds {
    deps: Deps,
    hinted: Hinted,
    targets: Held,
    held: bool,
    looked_at: Option<Instant>,
}

impl Holds {
    pub(crate) fn new(deps: Deps, hinted: Hinted, targets: Held) -> Self {
        Self { deps, hinted, targets, held: false, looked_at: None }
    }

    async fn queues(&self, active: &[HoldRow]) -> Result<(), Error> {
        for found in self.deps.bus.task_queues().await? {
            let (queue, task_type) = (&found.queue, &found.task_type);
            let is_held = active.iter().any(|hold| hold.holds_task(queue, task_type));
            let until = match (is_held, found.paused_for) {
                (true, Some(left)) if left > RENEW => continue,
                (false, None) => continue,
                (true, _) => Some(now().plus(PAUSE_MS)),
                (false, Some(_)) => None,
            };
            info!(queue, task_type, is_held, "a queue is paused or goes on");
            self.deps.bus.pause_tasks(queue, task_type, until).await?;
        }
        Ok(())
    }

    /// Tells the runs that may begin.
    async fn runs(&self, active: &[HoldRow]) -> Result<(), Error> {
        let filter = RunFilter { status: Some(Status::Suspended), ..RunFilter::default() };
        let mut cursor = None;
        loop {
            let page = Page { limit: PAGE, cursor };
            let found = self.deps.store.runs_list(&filter, page).await?;
            let free = found
                .items
                .iter()
                .filter(|run| !active.iter().any(|hold| hold.holds_definition(&run.definition)));
            let free: Vec<RunId> = free.map(|run| run.id.clone()).collect();
            let rows = self.deps.store.runs_load(&free).await?;
            let told = rows.into_iter().filter_map(|row| {
                let state: RunState = serde_json::from_slice(&row.state).ok()?;
                Some(RunInput { run: row.id, input: resumption(&state)? })
            });
            let told: Vec<RunInput> = told.collect();
            if !told.is_empty() {
                info!(runs = told.len(), "runs begin whose definition is held no longer");
                self.deps.bus.publish_inputs(told, self.deps.partitions).await?;
            }
            cursor = found.next;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }
}

/// What a run is told that did not begin for a hold.
fn resumption(state: &RunState) -> Option<Input> {
    let hold = state.suspension.as_ref()?.hold.as_ref()?;
    Some(Input::Steer(Steer {
        request: format!("lift-{hold}"),
        by: None,
        reason: Some("its definition is held no longer".to_owned()),
        what: Steering::Resume,
    }))
}

impl Reconciler for Holds {
    type Error = Error;

    async fn activate(&mut self) -> Result<(), Error> {
        let is_hinted = self.hinted.swap(false, Ordering::AcqRel);
        let is_due = is_hinted || self.looked_at.is_none_or(|at| at.elapsed() >= REST);
        if !self.deps.bus.is_connected() || !(is_due || self.held) {
            return Ok(());
        }
        if is_due {
            // Should this round fail, the next one is a whole one again.
            self.looked_at = None;
        }
        let active = self.deps.store.holds_active().await?;
        self.targets.set(&active);
        self.queues(&active).await?;
        if is_due {
            self.runs(&active).await?;
            self.looked_at = Some(Instant::now());
        }
        self.held = !active.is_empty();
        Ok(())
    }
}
