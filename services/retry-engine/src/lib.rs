//! The retry engine: tells runs the time when something of theirs is due, brings what exhausted its
//! policy to the dead-letter stream, and redrives many dead letters when a person asks for it.
//!
//! Retry delays, waits, timeouts and checks all are one column, `runs.wake_at`; the machine knows
//! what is due. So this service holds no state that could be lost: a hint on the bus makes it
//! prompt, and the scan makes it right.

mod config;
mod dead;
mod due;
mod mail;
mod payloads;
mod redrives;
mod retention;
mod undeliverable;

pub use config::{Config, ConfigError};
use kintsugi_runtime::{Deps, Service, Shutdown, Waker, reconcile};
use tokio::task::JoinSet;

/// Why the retry engine stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration contradicts itself.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The bus refused what the service cannot do without.
    #[error("cannot listen on the bus")]
    Bus(#[from] kintsugi_nats::Error),
    /// The store did not do what was asked; the next round tries again.
    #[error("cannot use the store")]
    Store(#[from] kintsugi_entities::Error),
}

/// The service. See the crate documentation.
pub struct RetryEngine {
    config: Config,
    deps: Deps,
}

impl Service for RetryEngine {
    const NAME: &'static str = "retry-engine";
    type Deps = Deps;
    type Config = Config;
    type Error = Error;

    async fn start(config: Config, deps: Deps) -> Result<Self, Error> {
        config.check()?;
        Ok(Self { config, deps })
    }

    async fn run(self, shutdown: Shutdown) -> Result<(), Error> {
        let Self { config, deps } = self;
        let wakers = due::Wakers::default();
        let mut work = JoinSet::new();
        let announce = deps.announce.clone();
        let part = |name| announce.part(Self::NAME, name);
        let letters = dead::Letters::new(deps.clone());
        let (period, wake) = (dead::PERIOD, wakers.letters.clone());
        work.spawn(reconcile(letters, period, wake, part("letters"), shutdown.clone()));
        let old = retention::Old::new(deps.clone(), config.retention);
        let (period, wake) = (retention::PERIOD, Waker::default());
        work.spawn(reconcile(old, period, wake, part("retention"), shutdown.clone()));
        let unowned = payloads::Unowned::new(deps.clone(), config.payloads_grace);
        let (period, wake) = (payloads::PERIOD, Waker::default());
        work.spawn(reconcile(unowned, period, wake, part("payloads"), shutdown.clone()));
        let (mail, period) = (mail::Mail::new(deps.clone()), mail::PERIOD);
        let wake = wakers.mail.clone();
        work.spawn(reconcile(mail, period, wake, part("mail"), shutdown.clone()));
        let (redrives, period) = (redrives::Redrives::new(deps.clone()), redrives::PERIOD);
        let wake = wakers.redrives.clone();
        work.spawn(reconcile(redrives, period, wake, part("redrives"), shutdown.clone()));
        let undeliverable = undeliverable::Undeliverable::new(deps.clone());
        work.spawn(reconcile(
            undeliverable,
            undeliverable::PERIOD,
            Waker::default(),
            part("advisories"),
            shutdown.clone(),
        ));
        work.spawn(due::run(deps, config, wakers, part("scan"), shutdown));
        work.join_all().await;
        Ok(())
    }
}
