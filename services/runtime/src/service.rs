//! The shape of a service, and the loops that host any number of them.

use std::{future::Future, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use tracing::{Instrument, error, info, info_span, warn};

use crate::{Links, Shutdown, beat::beat};

/// The pause before the first restart of a service that failed; doubles up to [`RESTART_MAX`].
const RESTART_FIRST: Duration = Duration::from_millis(200);

/// The longest pause before a restart.
const RESTART_MAX: Duration = Duration::from_secs(10);

/// How long a service that stops may take to say so: there may be no broker.
const LAST_WORD_MAX: Duration = Duration::from_secs(1);

/// How often it is looked whether a service still moves.
const LOOK: Duration = Duration::from_secs(2);

/// One of the seven services, as a library.
///
/// Alone in a process or with the others, it is hosted by the same two calls, so a service cannot
/// tell which of the two it runs in.
pub trait Service: Sized + Send + 'static {
    /// The name in the config file, on the bus and in traces, e.g. `"retry-engine"`.
    const NAME: &'static str;

    /// The service registers endpoints of its own with the NATS services API. For the others the
    /// host registers one that tells their readiness, so that `nats micro ls` shows all seven.
    const HAS_API: bool = false;

    /// How often it says that it is there. Monitoring is content with this; orchestrators take over
    /// from one that is silent for a few, and so beat faster.
    const BEAT: Duration = Duration::from_secs(1);

    /// The handles that it gets: [`crate::Deps`], or [`crate::WorkerDeps`] for one that must not
    /// reach the store.
    type Deps: Links;

    /// What can be set. `Default` must be good for one machine with nothing configured.
    type Config: Clone + Default + Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Why it could not start or had to stop.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Checks the configuration and opens what only this service needs. When it returns, the
    /// service is ready.
    fn start(
        config: Self::Config,
        deps: Self::Deps,
    ) -> impl Future<Output = Result<Self, Self::Error>> + Send;

    /// Works until `shutdown` fires, then finishes what is in flight.
    fn run(self, shutdown: Shutdown) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// Starts and runs `S` once; calls `ready` in between. `false` if it failed.
pub async fn host<S: Service>(
    config: S::Config,
    deps: S::Deps,
    shutdown: Shutdown,
    ready: impl FnOnce() + Send,
) -> bool {
    let work = async {
        let service = S::start(config, deps.clone()).await?;
        info!("ready");
        ready();
        let ended = Shutdown::new();
        let guard = ended.clone().drop_guard();
        let beats = tokio::spawn(beat::<S>(deps.clone(), ended, shutdown.clone()));
        // What it started beside itself ends with this, when it is given up.
        let own = shutdown.child_token();
        let stands_still = stands_still::<S>(&deps);
        let result = tokio::select! {
            result = service.run(own.clone()) => result.map(|()| true),
            () = stands_still => {
                own.cancel();
                Ok(false)
            }
        };
        drop(guard);
        // A process that ends before its last word is out is taken for lost.
        let _ = tokio::time::timeout(LAST_WORD_MAX, beats).await;
        result
    };
    let result = work.instrument(info_span!("service", name = S::NAME)).await;
    if let Err(err) = &result {
        error!(service = S::NAME, error = err as &dyn std::error::Error, "service failed");
    }
    result.unwrap_or(false)
}

/// Until a part of the service has not moved for so long that only a new start may help.
async fn stands_still<S: Service>(deps: &S::Deps) {
    loop {
        tokio::time::sleep(LOOK).await;
        if let Some(stalled) = deps.stalled(S::NAME).filter(|stalled| stalled.is_hopeless) {
            return error!(service = S::NAME, %stalled, "does not move; starting it again");
        }
    }
}

/// Hosts `S` until `shutdown`, and starts it again with back-off whenever it fails or panics.
pub async fn supervise<S: Service>(
    config: S::Config,
    deps: S::Deps,
    shutdown: Shutdown,
    ready: impl Fn() + Clone + Send + 'static,
) {
    let mut pause = RESTART_FIRST;
    loop {
        let started = tokio::time::Instant::now();
        let one = host::<S>(config.clone(), deps.clone(), shutdown.clone(), ready.clone());
        let ended = tokio::spawn(one).await;
        if shutdown.is_cancelled() {
            return;
        }
        if started.elapsed() > 4 * RESTART_MAX {
            pause = RESTART_FIRST;
        }
        warn!(service = S::NAME, panicked = ended.is_err(), ?pause, "service ended; restarting");
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shutdown.cancelled() => return,
        }
        pause = (pause * 2).min(RESTART_MAX);
    }
}
