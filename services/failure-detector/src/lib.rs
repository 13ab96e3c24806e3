//! The failure detector: sees what broke, and tells the runs that it concerns.
//!
//! It mends nothing itself. What it sees becomes an input ([`kintsugi_core::Input::Lost`]) of the
//! run, and the machine decides; a wrong belief costs an execution, never a result, since the
//! attempt that is taken over is fenced by its epoch. Everything it knows is heard anew within a
//! second of its start, so it has nothing to lose.

mod audit;
#[cfg(test)]
mod beats;
mod charge;
mod circuits;
mod conduct;
mod config;
mod drain;
mod holds;
mod reach;
mod services;
mod streams;
mod verify;
mod watch;
mod zombies;

use std::sync::{Arc, Mutex};

pub use config::Config;
use kintsugi_runtime::{Deps, Service, Shutdown, Waker, reconcile};
use tokio::{sync::mpsc, task::JoinSet};

/// In how many parts of the silence that makes a suspect it is looked for one at most.
const LOOKS: u32 = 8;

/// Why the failure detector stopped, or a round of its work failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting cannot work.
    #[error("failure_detector.{0} must be at least 100ms")]
    Config(&'static str),
    /// The bus did not do what was asked; the next round tries again.
    #[error("cannot use the bus")]
    Bus(#[from] kintsugi_nats::Error),
    /// The store did not do what was asked; the next round tries again.
    #[error("cannot use the store")]
    Store(#[from] kintsugi_entities::Error),
}

/// Who is there and holds what, shared by the parts of this service.
pub(crate) type Fleet = Arc<Mutex<kintsugi_mending::Fleet>>;

/// The service. See the crate documentation.
pub struct FailureDetector {
    config: Config,
    deps: Deps,
}

impl Service for FailureDetector {
    const NAME: &'static str = "failure-detector";
    type Deps = Deps;
    type Config = Config;
    type Error = Error;

    async fn start(config: Config, deps: Deps) -> Result<Self, Error> {
        if let Some(name) = config.wrong() {
            return Err(Error::Config(name));
        }
        Ok(Self { config, deps })
    }

    async fn run(self, shutdown: Shutdown) -> Result<(), Error> {
        let Self { config, deps } = self;
        let fleet = kintsugi_mending::Fleet::new(std::time::Instant::now());
        let fleet: Fleet = Arc::new(Mutex::new(fleet));
        let conduct = Arc::new(Mutex::new(conduct::Conduct::default()));
        let reach = Arc::new(Mutex::new(reach::Reach::default()));
        let charge = charge::Charge::new(deps.instance.clone(), tokio::time::Instant::now());
        let targets = holds::Held::default();
        let audit_now = Waker::default();
        let mut work = JoinSet::new();

        let (zombies, refused) = mpsc::channel(zombies::WAITING_MAX);
        work.spawn(zombies::refuse(deps.clone(), refused, shutdown.clone()));
        let heard = watch::Heard {
            fleet: Arc::clone(&fleet),
            conduct: Arc::clone(&conduct),
            reach: Arc::clone(&reach),
            audit: audit_now.clone(),
            zombies,
        };
        work.spawn(watch::listen(deps.clone(), heard, shutdown.clone()));
        let watch =
            watch::Watch::new(deps.clone(), config.clone(), Arc::clone(&fleet), audit_now.clone());
        let part = |name| deps.announce.part(Self::NAME, name);
        let (beat, wake) = (config.suspect_after / LOOKS, Waker::default());
        work.spawn(reconcile(watch, beat, wake, part("watch"), shutdown.clone()));

        let known = drain::Known { conduct, reach, held: targets.clone() };
        let drain = drain::Drain::new(deps.clone(), config.clone(), known, charge.clone());
        let (period, wake) = (config.suspect_after, Waker::default());
        work.spawn(reconcile(drain, period, wake, part("drain"), shutdown.clone()));

        let audit = audit::Audit::new(deps.clone(), Arc::clone(&fleet));
        let (period, wake) = (config.audit_interval, audit_now.clone());
        work.spawn(reconcile(audit, period, wake, part("audit"), shutdown.clone()));
        let streams = streams::Streams::new(deps.clone(), audit_now);
        let (period, wake) = (config.streams_interval, Waker::default());
        work.spawn(streams::listen(deps.clone(), wake.clone(), shutdown.clone()));
        work.spawn(reconcile(streams, period, wake, part("streams"), shutdown.clone()));
        let (heard, wake) = (kintsugi_lookout::Heard::default(), Waker::default());
        work.spawn(services::listen(
            deps.clone(),
            (heard.clone(), charge.clone()),
            wake.clone(),
            shutdown.clone(),
        ));
        let moving = services::Services::new(deps.clone(), heard, charge);
        let period = kintsugi_lookout::PERIOD;
        work.spawn(reconcile(moving, period, wake, part("services"), shutdown.clone()));
        let (hinted, wake) = (holds::Hinted::default(), Waker::default());
        let held = holds::Holds::new(deps.clone(), Arc::clone(&hinted), targets);
        work.spawn(holds::listen(deps.clone(), hinted, wake.clone(), shutdown.clone()));
        work.spawn(reconcile(held, holds::PERIOD, wake, part("holds"), shutdown.clone()));
        work.spawn(verify::run(deps, fleet, shutdown));
        work.join_all().await;
        Ok(())
    }
}
