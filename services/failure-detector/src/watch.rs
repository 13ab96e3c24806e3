//! Workers that fall silent.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::{StreamExt, future::join_all};
use kintsugi_core::LossCause;
use kintsugi_mending::{Gone, Orphans, Zombie};
use kintsugi_nats::{Liveness, RunInput};
use kintsugi_runtime::{Deps, Reconciler, Shutdown, Waker, now};
use tokio::{sync::mpsc, time::sleep};
use tracing::{info, warn};

use crate::{Config, Error, Fleet, conduct::Conduct, reach::Reach};

/// Who is told of heartbeats.
pub(crate) struct Heard {
    pub(crate) fleet: Fleet,
    pub(crate) conduct: Arc<Mutex<Conduct>>,
    pub(crate) reach: Arc<Mutex<Reach>>,
    pub(crate) audit: Waker,
    pub(crate) zombies: mpsc::Sender<Vec<Zombie>>,
}

/// Notes heartbeats until `shutdown`.
pub(crate) async fn listen(deps: Deps, to: Heard, shutdown: Shutdown) {
    let Heard { fleet, conduct, reach, audit, zombies: refuse } = to;
    while !shutdown.is_cancelled() {
        let Ok(beats) = deps.bus.heartbeats().await else {
            sleep(Duration::from_millis(200)).await;
            continue;
        };
        futures::pin_mut!(beats);
        loop {
            let beat = tokio::select! {
                () = shutdown.cancelled() => return,
                beat = beats.next() => beat,
            };
            let Some(mut beat) = beat else { break };
            let now = Instant::now();
            let time = kintsugi_runtime::now();
            reach.lock().unwrap_or_else(PoisonError::into_inner).heard(&beat, now.into(), time);
            conduct.lock().unwrap_or_else(PoisonError::into_inner).heard(&beat, now.into());
            let (gone, refused) = {
                let mut fleet = fleet.lock().unwrap_or_else(PoisonError::into_inner);
                let refused = fleet.refuse(&mut beat);
                (fleet.heard(beat, now), refused)
            };
            if !refused.is_empty() {
                // Without room now: it says the same again.
                let _ = refuse.try_send(refused);
            }
            if let Some(gone) = gone {
                info!(worker = gone.worker, leases = gone.held.len(), "worker was restarted");
                audit.wake();
                if let Err(error) = report(&deps, &fleet, &gone, LossCause::WorkerDead).await {
                    // It is kept, and published in the next round.
                    warn!(error = &error as &dyn std::error::Error, "takeover not published");
                }
            }
        }
    }
}

/// Asks each silent worker whether it lives, and takes over from those that do not.
///
/// Two signals before a takeover: no heartbeat, and no answer. Where the broker itself says that
/// nobody is there, that is certain and takes no time; silence is given `ping_timeout`.
pub(crate) struct Watch {
    deps: Deps,
    config: Config,
    fleet: Fleet,
    audit: Waker,
    connected: bool,
    /// When what a broken connection took is looked for once more: then all of it can be judged.
    look_again: Option<Instant>,
}

impl Watch {
    pub(crate) fn new(deps: Deps, config: Config, fleet: Fleet, audit: Waker) -> Self {
        Self { deps, config, fleet, audit, connected: true, look_again: None }
    }

    fn suspects(&mut self) -> Vec<String> {
        let (connected, now) = (self.deps.bus.is_connected(), Instant::now());
        let mut fleet = self.fleet.lock().unwrap_or_else(PoisonError::into_inner);
        if !connected || !self.connected {
            if connected {
                // What was on its way to a worker went with the connections.
                self.audit.wake();
                self.look_again = Some(now + Orphans::GROWN);
            }
            self.connected = connected;
            fleet.listen_anew(now);
            return Vec::new();
        }
        if self.look_again.is_some_and(|at| at <= now) {
            self.look_again = None;
            self.audit.wake();
        }
        fleet.suspects(self.config.suspect_after, now)
    }
}

impl Reconciler for Watch {
    type Error = Error;

    async fn activate(&mut self) -> Result<(), Error> {
        let untold = self.fleet.lock().unwrap_or_else(PoisonError::into_inner).untold();
        tell(&self.deps, &self.fleet, untold).await?;
        let suspects = self.suspects();
        if suspects.is_empty() {
            return Ok(());
        }
        let (bus, timeout) = (&self.deps.bus, self.config.ping_timeout);
        let pings = suspects.iter().map(|worker| bus.ping_worker(worker, timeout));
        let answers = join_all(pings).await;
        let mut failed = None;
        for (worker, liveness) in suspects.into_iter().zip(answers) {
            let cause = match liveness {
                // It lives and will be heard of; nothing is taken from it.
                Ok(Liveness::Answered) => continue,
                Ok(Liveness::NoResponders) => LossCause::WorkerDead,
                Ok(Liveness::Silent) => LossCause::WorkerFrozen,
                Err(error) => {
                    failed = Some(error);
                    continue;
                }
            };
            let gone = {
                let mut fleet = self.fleet.lock().unwrap_or_else(PoisonError::into_inner);
                if fleet.is_heard(&worker, self.config.suspect_after, Instant::now()) {
                    continue;
                }
                fleet.bury(&worker, Instant::now())
            };
            if let Some(gone) = gone {
                warn!(worker = gone.worker, ?cause, leases = gone.held.len(), "worker is lost");
                // What it took without having told of it is found by looking at every open run.
                self.audit.wake();
                report(&self.deps, &self.fleet, &gone, cause).await?;
            }
        }
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Nobody is silent for long enough before the first of them could be; who comes meanwhile is so later.
    fn rest(&self) -> Option<Duration> {
        if !self.connected || self.look_again.is_some() {
            return None;
        }
        let (silence, now) = (self.config.suspect_after, Instant::now());
        let fleet = self.fleet.lock().unwrap_or_else(PoisonError::into_inner);
        Some(fleet.quiet_for(silence, now).unwrap_or(silence))
    }
}

/// Tells the runs. Killed before: the audit finds the attempts without a holder. Failing: it is kept.
async fn report(deps: &Deps, fleet: &Fleet, gone: &Gone, cause: LossCause) -> Result<(), Error> {
    tell(deps, fleet, gone.inputs(cause, now())).await
}

/// Tells runs of something, and keeps for the next round what could not be told.
pub(crate) async fn tell(deps: &Deps, fleet: &Fleet, inputs: Vec<RunInput>) -> Result<(), Error> {
    if inputs.is_empty() {
        return Ok(());
    }
    let told = deps.bus.publish_inputs(inputs.clone(), deps.partitions).await;
    if told.is_err() {
        fleet.lock().unwrap_or_else(PoisonError::into_inner).keep(inputs);
    }
    Ok(told?)
}
