//! Who waits for something to happen to a run. One subscription to hints serves all of them, open
//! only while somebody waits, so that a gateway that nobody watches costs nothing.
//!
//! Who is woken reads the store. Hints may be missed; whenever that is known, everybody is woken.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use kintsugi_core::RunId;
use kintsugi_nats::{Bus, Error, RunHint, RunHints};
use kintsugi_runtime::Shutdown;
use tokio::sync::{Notify, futures::OwnedNotified, watch};
use tracing::debug;

/// How long the subscription stays open with nobody there: the next one comes soon, mostly.
pub(crate) const LINGER: Duration = Duration::from_secs(10);

/// How long a waiter waits for the subscription before it looks without.
const OPENING_MAX: Duration = Duration::from_millis(500);

/// Before the next attempt at a subscription that failed.
pub(crate) const PAUSE: Duration = Duration::from_millis(500);

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    /// The end of a run.
    End,
    /// Anything that happens to it.
    Change,
}

/// The door to the subscription.
pub(crate) struct Watches(Arc<Inner>);

struct Inner {
    runs: Mutex<HashMap<RunId, (usize, Arc<Notify>)>>,
    demand: Arc<Demand>,
    live: watch::Sender<bool>,
}

/// How many are there for whom something is kept open.
#[derive(Debug)]
pub(crate) struct Demand(watch::Sender<usize>);

/// One of them.
#[derive(Debug)]
pub(crate) struct Wanted(Arc<Demand>);

/// Waits for one run.
pub(crate) struct RunWatch {
    run: RunId,
    notify: Arc<Notify>,
    inner: Arc<Inner>,
    _wanted: Wanted,
}

impl Watches {
    /// Starts what subscribes, until `shutdown`.
    pub(crate) fn spawn(bus: Bus, what: For, shutdown: Shutdown) -> Self {
        let (runs, live) = (Mutex::default(), watch::channel(false).0);
        let inner = Arc::new(Inner { runs, demand: Demand::new(), live });
        let work = subscribe(bus, what, Arc::clone(&inner));
        tokio::spawn(async move { shutdown.run_until_cancelled(work).await });
        Self(inner)
    }

    /// Watches `run`. What happens from now on wakes it.
    pub(crate) async fn watch(&self, run: &RunId) -> RunWatch {
        let wanted = Demand::more(&self.0.demand);
        let notify = {
            let mut runs = self.0.runs.lock().unwrap_or_else(PoisonError::into_inner);
            let (count, notify) = runs.entry(run.clone()).or_default();
            *count += 1;
            Arc::clone(notify)
        };
        let mut live = self.0.live.subscribe();
        // Not open in time: the caller's own looking again finds what there is.
        let _late = tokio::time::timeout(OPENING_MAX, live.wait_for(|live| *live)).await;
        RunWatch { run: run.clone(), notify, inner: Arc::clone(&self.0), _wanted: wanted }
    }
}

impl RunWatch {
    /// What is ready at the next hint, from now on even before it is awaited. Make it before
    /// reading the store, and await it after: then nothing falls in between.
    pub(crate) fn next(&self) -> OwnedNotified {
        Arc::clone(&self.notify).notified_owned()
    }
}

impl Drop for RunWatch {
    fn drop(&mut self) {
        let mut runs = self.inner.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((count, _)) = runs.get_mut(&self.run) {
            *count -= 1;
            if *count == 0 {
                runs.remove(&self.run);
            }
        }
    }
}

impl Demand {
    /// Nobody yet.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(watch::channel(0).0))
    }

    /// One more, until it is dropped.
    pub(crate) fn more(this: &Arc<Self>) -> Wanted {
        this.0.send_modify(|count| *count += 1);
        Wanted(Arc::clone(this))
    }

    /// Returns when somebody is there.
    pub(crate) async fn some(&self) {
        let mut count = self.0.subscribe();
        // It cannot be closed: the sender is here.
        let _open = count.wait_for(|count| *count > 0).await;
    }

    /// Returns when nobody was there for a while.
    pub(crate) async fn none(&self) {
        let mut count = self.0.subscribe();
        loop {
            // A reading of the count locks it: none may be held while waiting.
            drop(count.wait_for(|count| *count == 0).await);
            let back = tokio::time::timeout(LINGER, count.wait_for(|count| *count > 0)).await;
            if back.is_err() {
                return;
            }
        }
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}

impl Inner {
    fn tell(&self, hint: RunHint) {
        let runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        match hint {
            RunHint::Of(run) => {
                if let Some((_, notify)) = runs.get(&run) {
                    notify.notify_waiters();
                }
            }
            RunHint::Missed => runs.values().for_each(|(_, notify)| notify.notify_waiters()),
        }
    }
}

async fn subscribe(bus: Bus, what: For, inner: Arc<Inner>) {
    loop {
        inner.demand.some().await;
        match open(&bus, what).await {
            Ok(mut hints) => {
                let forward = async {
                    while let Some(hint) = hints.next().await {
                        inner.live.send_if_modified(|live| !std::mem::replace(live, true));
                        inner.tell(hint);
                    }
                };
                tokio::select! {
                    () = forward => {}
                    () = inner.demand.none() => {}
                }
                inner.live.send_replace(false);
            }
            Err(error) => debug!(error = &error as &dyn std::error::Error, "no hints"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn open(bus: &Bus, what: For) -> Result<RunHints, Error> {
    match what {
        For::End => bus.ended_hints().await,
        For::Change => bus.life_hints().await,
    }
}
