//! The notification service: tells systems outside of faulted runs and dead letters, at least once.
//!
//! A notification is a row before it is a request. Lifecycle events bring rows promptly; since that
//! stream may lose messages (promise P8), a sweep over the database adds what is missing, under the
//! same ids. A reconciler delivers what is due until its receiver takes it or the policy is
//! exhausted. Without a webhook the service does nothing at all.

mod config;
mod deliver;
mod find;
mod listen;
mod note;
mod sign;
mod sweep;
mod target;

pub use config::{Config, ConfigError, EventKind, Retry, Webhook};
use kintsugi_runtime::{Deps, Service, Shutdown, Waker, reconcile};
use tokio::task::JoinSet;

use crate::target::Targets;

/// Why the notification service stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The HTTP client cannot be made.
    #[error("cannot set up HTTP")]
    Http(#[from] reqwest::Error),
    /// The bus did not do what was asked; the next round tries again.
    #[error("cannot use the bus")]
    Bus(#[from] kintsugi_nats::Error),
    /// The store did not do what was asked; the next round tries again.
    #[error("cannot use the store")]
    Store(#[from] kintsugi_entities::Error),
}

/// The service. See the crate documentation.
pub struct Notification {
    config: Config,
    deps: Deps,
    targets: Targets,
}

impl Service for Notification {
    const NAME: &'static str = "notification";
    type Deps = Deps;
    type Config = Config;
    type Error = Error;

    async fn start(config: Config, deps: Deps) -> Result<Self, Error> {
        config.check()?;
        let targets = Targets::new(&config)?;
        Ok(Self { config, deps, targets })
    }

    async fn run(self, shutdown: Shutdown) -> Result<(), Error> {
        let Self { config, deps, targets } = self;
        if targets.is_empty() {
            shutdown.cancelled().await;
            return Ok(());
        }
        let waker = Waker::default();
        let mut work = JoinSet::new();
        let part = |name| deps.announce.part(Self::NAME, name);
        let (delivering, sweeping) = (part("deliver"), part("sweep"));
        let deliver = deliver::Due::new(deps.clone(), &config, targets.clone(), waker.clone());
        work.spawn(reconcile(
            deliver,
            deliver::PERIOD,
            waker.clone(),
            delivering,
            shutdown.clone(),
        ));
        let sweep = sweep::Missing::new(deps.clone(), targets.clone(), waker.clone());
        let period = config.sweep_interval;
        work.spawn(reconcile(sweep, period, Waker::default(), sweeping, shutdown.clone()));
        work.spawn(listen::run(deps, targets, waker, shutdown));
        work.join_all().await;
        Ok(())
    }
}
