//! Life events for whoever waits: one subscription for all of them, open only while somebody does,
//! so that a gateway that nobody watches costs nothing.
//!
//! An event is a hint: who is woken reads the store. Events may be lost, so who waits looks again
//! by itself now and then.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::StreamExt;
use kintsugi_core::RunId;
use kintsugi_nats::{Bus, LifeEvent, LifeFrom};
use kintsugi_runtime::Shutdown;
use tokio::sync::{Notify, broadcast, futures::OwnedNotified, watch};
use tracing::debug;

/// Events that a slow follower may be behind; then it is told that it missed some.
const BEHIND_MAX: usize = 1_024;

/// How long the subscription stays open with nobody there: the next one comes soon, mostly.
const LINGER: Duration = Duration::from_secs(10);

/// How long a waiter waits for the subscription before it looks without.
const OPENING_MAX: Duration = Duration::from_millis(500);

/// Before the next attempt at a subscription that failed.
const PAUSE: Duration = Duration::from_millis(500);

/// The door to the subscription.
pub(crate) struct Life(Arc<Inner>);

struct Inner {
    runs: Mutex<HashMap<RunId, (usize, Arc<Notify>)>>,
    events: broadcast::Sender<Arc<LifeEvent>>,
    demand: watch::Sender<usize>,
    live: watch::Sender<bool>,
}

/// Somebody waits for events; the subscription stays open meanwhile.
struct Demand(Arc<Inner>);

/// Waits for events of one run.
pub(crate) struct RunWatch {
    run: RunId,
    notify: Arc<Notify>,
    demand: Demand,
}

/// Follows all events.
pub(crate) struct Follow {
    events: broadcast::Receiver<Arc<LifeEvent>>,
    _demand: Demand,
}

impl Life {
    /// Starts what subscribes, until `shutdown`.
    pub(crate) fn spawn(bus: Bus, shutdown: Shutdown) -> Self {
        let inner = Arc::new(Inner {
            runs: Mutex::default(),
            events: broadcast::channel(BEHIND_MAX).0,
            demand: watch::channel(0).0,
            live: watch::channel(false).0,
        });
        let work = subscribe(bus, Arc::clone(&inner));
        tokio::spawn(async move { shutdown.run_until_cancelled(work).await });
        Self(inner)
    }

    /// Watches `run`. Events from now on wake it.
    pub(crate) async fn watch(&self, run: &RunId) -> RunWatch {
        let demand = Demand::new(&self.0);
        let notify = {
            let mut runs = self.0.runs.lock().unwrap_or_else(PoisonError::into_inner);
            let (count, notify) = runs.entry(run.clone()).or_default();
            *count += 1;
            Arc::clone(notify)
        };
        self.0.opened().await;
        RunWatch { run: run.clone(), notify, demand }
    }

    /// Follows all runs.
    pub(crate) fn follow(&self) -> Follow {
        Follow { events: self.0.events.subscribe(), _demand: Demand::new(&self.0) }
    }
}

impl RunWatch {
    /// What is ready at the next event, from now on even before it is awaited. Make it before
    /// reading the store, and await it after: then no event falls in between.
    pub(crate) fn next(&self) -> OwnedNotified {
        Arc::clone(&self.notify).notified_owned()
    }
}

impl Follow {
    /// The next event; how many were missed when it was too slow; `None` when the gateway stops.
    pub(crate) async fn next(&mut self) -> Option<Result<Arc<LifeEvent>, u64>> {
        match self.events.recv().await {
            Ok(event) => Some(Ok(event)),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(Err(missed)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

impl Drop for RunWatch {
    fn drop(&mut self) {
        let mut runs = self.demand.0.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((count, _)) = runs.get_mut(&self.run) {
            *count -= 1;
            if *count == 0 {
                runs.remove(&self.run);
            }
        }
    }
}

impl Demand {
    fn new(inner: &Arc<Inner>) -> Self {
        inner.demand.send_modify(|count| *count += 1);
        Self(Arc::clone(inner))
    }
}

impl Drop for Demand {
    fn drop(&mut self) {
        self.0.demand.send_modify(|count| *count -= 1);
    }
}

impl Inner {
    async fn opened(&self) {
        let mut live = self.live.subscribe();
        // Not open in time: the caller's own looking again finds what there is.
        let _late = tokio::time::timeout(OPENING_MAX, live.wait_for(|live| *live)).await;
    }

    fn tell(&self, event: LifeEvent) {
        if let Some(run) = event.run() {
            let runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, notify)) = runs.get(&run) {
                notify.notify_waiters();
            }
        }
        // Nobody follows all runs: then there is nobody to tell.
        let _nobody = self.events.send(Arc::new(event));
    }

    /// Everybody looks: events may have been missed.
    fn wake_all(&self) {
        let runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, notify) in runs.values() {
            notify.notify_waiters();
        }
    }
}

async fn subscribe(bus: Bus, inner: Arc<Inner>) {
    let mut demand = inner.demand.subscribe();
    while demand.wait_for(|count| *count > 0).await.is_ok() {
        match bus.life("kintsugi.life.>", LifeFrom::New).await {
            Ok(events) => {
                inner.live.send_replace(true);
                inner.wake_all();
                forward(&inner, events, demand.clone()).await;
                inner.live.send_replace(false);
            }
            Err(error) => {
                debug!(error = &error as &dyn std::error::Error, "no subscription to life events");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Until the stream ends, or nobody was there for a while.
async fn forward(
    inner: &Inner,
    events: impl futures::Stream<Item = LifeEvent>,
    mut demand: watch::Receiver<usize>,
) {
    let mut events = std::pin::pin!(events);
    let idle = async {
        // A reading of the demand locks it: none may be held while waiting.
        while demand.wait_for(|count| *count == 0).await.is_ok() {
            let back = tokio::time::timeout(LINGER, demand.wait_for(|count| *count > 0)).await;
            if back.is_err() {
                return;
            }
        }
    };
    let mut idle = std::pin::pin!(idle);
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(event) => inner.tell(event),
                None => return,
            },
            () = &mut idle => return,
        }
    }
}
