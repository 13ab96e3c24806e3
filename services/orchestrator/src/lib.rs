//! The orchestrator: turns messages into committed decisions.
//!
//! It reads the inputs of its partitions in order, from a position that is stored in the same
//! transaction as the runs, so that a new owner goes on where the last commit stands. Per batch:
//! load, decide, one transaction, publish. Killed before the commit, the batch is read again;
//! killed after it, the next owner asks after what the last moments gave out ([`unsaid`]).

mod config;
mod fresh;
mod lane;
mod life;
mod moments;
mod occasions;
mod ownership;
mod people;
mod permits;
mod publish;
mod purge;
mod router;
mod schedules;
mod spans;
mod steer;
mod unsaid;

pub use config::{Config, Lifecycle};
use std::time::Duration;

use kintsugi_runtime::{Deps, Service, Shutdown};

/// The name of the service.
pub(crate) const NAME: &str = "orchestrator";

/// Why the orchestrator stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting cannot work.
    #[error("orchestrator.{0} must be at least 1")]
    Config(&'static str),
    /// The store did not do what was asked.
    #[error("cannot use the store")]
    Store(#[from] kintsugi_entities::Error),
    /// The bus did not do what was asked.
    #[error("cannot use the bus")]
    Bus(#[from] kintsugi_nats::Error),
    /// Definitions that events start change faster than they can be told of them.
    #[error("definitions that events start change all the time")]
    Changing,
}

/// The service. See the crate documentation.
pub struct Orchestrator {
    config: Config,
    deps: Deps,
}

impl Service for Orchestrator {
    const NAME: &'static str = NAME;
    const BEAT: Duration = Duration::from_millis(500);
    type Deps = Deps;
    type Config = Config;
    type Error = Error;

    async fn start(config: Config, deps: Deps) -> Result<Self, Error> {
        for (value, name) in [
            (config.batch_max, "batch_max"),
            (config.cached_runs_max, "cached_runs_max"),
            (config.cached_programs_max, "cached_programs_max"),
        ] {
            if value == 0 {
                return Err(Error::Config(name));
            }
        }
        deps.store.partitions_ensure(deps.partitions).await?;
        Ok(Self { config, deps })
    }

    async fn run(self, shutdown: Shutdown) -> Result<(), Error> {
        let shares = ownership::watch(self.deps.clone(), shutdown.clone());
        let router = router::run(
            self.deps.clone(),
            shares.clone(),
            self.deps.announce.part(NAME, "router"),
            shutdown.clone(),
        );
        let router = tokio::spawn(router);
        let part = self.deps.announce.part(NAME, "schedules");
        let schedules = schedules::run(self.deps.clone(), shares.clone(), part, shutdown.clone());
        let schedules = tokio::spawn(schedules);
        let part = self.deps.announce.part(NAME, "permits");
        let permits = permits::run(self.deps.clone(), shares.clone(), part, shutdown.clone());
        let permits = tokio::spawn(permits);
        // On the heap: it is the largest part of the future that every role's start carries.
        Box::pin(lane::run(self.config, self.deps, shares, shutdown)).await;
        for (what, work) in [("router", router), ("schedules", schedules), ("permits", permits)] {
            if let Err(error) = work.await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, what, "a part ended badly");
            }
        }
        Ok(())
    }
}
