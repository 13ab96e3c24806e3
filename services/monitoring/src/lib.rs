//! The monitoring service: what the engine is doing, in figures.
//!
//! It answers three requests on the bus, `kintsugi.api.system` (a [`Summary`] as JSON),
//! `kintsugi.api.metrics` (Prometheus text) and `kintsugi.api.promises` ([`Promises`] as JSON), and the
//! gateway passes the answers on. For the first two it looks at the store and the broker only when
//! someone asks, and at most once in a while, so that an idle engine stays quiet; signs of life of
//! services and workers come by themselves. The promises it looks after all the time ([`ledger`]).

mod collect;
mod config;
mod count;
mod ledger;
mod metrics;
mod recoveries;
mod seen;
mod summary;

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

pub use config::{Config, ConfigError};
use futures::StreamExt;
use kintsugi_lookout::{Heard, Lookout};
use kintsugi_nats::{ApiError, ApiRequest, ApiService, Bus, Endpoint, ServiceInfo};
use kintsugi_runtime::{Deps, Service, Shutdown, Waker, now, reconcile};
pub use ledger::{PromiseView, Promises};
pub use summary::{
    PartitionView, QueueView, RecoveryView, ServiceView, StreamView, Summary, WorkerView,
};
use tracing::debug;

use crate::{
    collect::Collector,
    ledger::{Ledger, Said},
    seen::Seen,
};

/// The services that this one looks out for.
const DETECTOR: &str = "failure-detector";

/// The pause before signs of life are listened to again.
const PAUSE: Duration = Duration::from_secs(1);

/// Why the monitoring service stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The bus refused what the service cannot do without.
    #[error("cannot serve on the bus")]
    Bus(#[from] kintsugi_nats::Error),
    /// The metrics contradict each other.
    #[error("cannot make the metrics")]
    Metrics(#[from] prometheus::Error),
}

/// The service. See the crate documentation.
pub struct Monitoring {
    deps: Deps,
    seen: Arc<Seen>,
    ledger: Ledger,
    period: Duration,
    // Serves until dropped.
    _api: ApiService,
}

impl Service for Monitoring {
    const NAME: &'static str = "monitoring";
    const HAS_API: bool = true;
    type Deps = Deps;
    type Config = Config;
    type Error = Error;

    async fn start(config: Config, deps: Deps) -> Result<Self, Error> {
        config.check()?;
        let seen = Arc::new(Seen::default());
        let (period, said) = (config.ledger_interval, Said::default());
        let ledger =
            Ledger::new(deps.clone(), config.clone(), Arc::clone(&seen), Arc::clone(&said));
        let collector = Collector::new(deps.clone(), config, Arc::clone(&seen))?;
        let api = serve(&deps.bus, Arc::new(collector), said).await?;
        Ok(Self { deps, seen, ledger, period, _api: api })
    }

    async fn run(self, shutdown: Shutdown) -> Result<(), Error> {
        let waker = self.ledger.waker();
        let part = self.deps.announce.part(Self::NAME, "ledger");
        tokio::spawn(reconcile(self.ledger, self.period, waker, part, shutdown.clone()));
        // A failure detector looks out for all others; nobody but this for the only one of its kind.
        let detectors = Heard::only(DETECTOR);
        let lookout = Lookout::new(self.deps.clone(), detectors.clone(), Self::NAME);
        let part = self.deps.announce.part(Self::NAME, "detectors");
        let (period, waker) = (kintsugi_lookout::PERIOD, Waker::default());
        tokio::spawn(reconcile(lookout, period, waker, part, shutdown.clone()));
        while !shutdown.is_cancelled() {
            let heard = tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                heard = listen(&self.deps.bus, &self.seen, &detectors) => heard,
            };
            if let Err(error) = heard {
                debug!(error = &error as &dyn std::error::Error, "cannot listen; trying again");
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
        Ok(())
    }
}

async fn serve(bus: &Bus, collector: Arc<Collector>, said: Said) -> Result<ApiService, Error> {
    let info = ServiceInfo {
        name: "kintsugi-monitoring".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        description: "Kintsugi monitoring: metrics and a summary of the system".to_owned(),
    };
    let endpoints = vec![
        Endpoint::new("metrics", "kintsugi.api.metrics").metadata("format", "Prometheus text"),
        Endpoint::new("system", "kintsugi.api.system").metadata("format", "JSON"),
        Endpoint::new("promises", "kintsugi.api.promises").metadata("format", "JSON"),
    ];
    let handler = move |request: ApiRequest| {
        let (collector, said) = (Arc::clone(&collector), Arc::clone(&said));
        async move { answer(&collector, &said, &request).await }
    };
    Ok(bus.serve_api(&info, endpoints, handler).await?)
}

async fn answer(
    collector: &Collector,
    said: &Said,
    request: &ApiRequest,
) -> Result<Vec<u8>, ApiError> {
    let failed = |_| ApiError::new(500, "the figures cannot be written");
    let promises = said.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if request.endpoint == "promises" {
        let text = serde_json::to_vec(&promises);
        return text.map_err(|_| ApiError::new(500, "the promises cannot be written"));
    }
    let snapshot = collector.snapshot().await;
    if request.endpoint == "metrics" {
        return collector.text(&snapshot, &promises).await.map(String::into_bytes).map_err(failed);
    }
    serde_json::to_vec(&*snapshot).map_err(|_| ApiError::new(500, "the summary cannot be written"))
}

/// Takes signs of life in; ends when the bus no longer gives any.
async fn listen(bus: &Bus, seen: &Seen, detectors: &Heard) -> Result<(), kintsugi_nats::Error> {
    let (services, workers) = (bus.service_beats().await?, bus.heartbeats().await?);
    futures::pin_mut!(services, workers);
    loop {
        tokio::select! {
            beat = services.next() => match beat {
                Some(beat) => {
                    detectors.service(&beat);
                    seen.service(&beat, now());
                }
                None => return Ok(()),
            },
            beat = workers.next() => match beat {
                Some(beat) => seen.worker(beat, now()),
                None => return Ok(()),
            },
        }
    }
}
