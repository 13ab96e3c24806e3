//! A service's sign of life, for membership and monitoring.

use std::time::Duration;

use kintsugi_nats::{ServiceBeat, ServiceInfo};
use tracing::debug;

use crate::{Links, Service, Shutdown};

/// How often it is asked whether it is time to look for the database.
const LOOK: Duration = Duration::from_secs(1);

/// Sends beats for the service until `shutdown`, and registers it with the NATS services API unless
/// it does so itself.
pub async fn beat<S: Service>(deps: S::Deps, shutdown: Shutdown) {
    let name = S::NAME;
    let registered = if S::HAS_API { None } else { register(name, &deps).await };
    // Beside the beats: a database that does not answer must not silence them.
    let (looker, ended) = (deps.clone(), shutdown.clone());
    tokio::spawn(async move {
        while ended.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
            looker.look().await;
        }
    });
    let mut ticks = tokio::time::interval(S::BEAT);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            _ = ticks.tick() => {}
        }
        let beat = ServiceBeat {
            service: name.to_owned(),
            instance: deps.instance().to_owned(),
            pid: std::process::id(),
            ready: deps.is_well(name),
        };
        if let Err(error) = deps.bus().service_beat(&beat).await {
            debug!(service = name, error = &error as &dyn std::error::Error, "beat not sent");
        }
    }
    drop(registered);
}

async fn register(name: &'static str, deps: &impl Links) -> Option<kintsugi_nats::ApiService> {
    let info = ServiceInfo {
        name: format!("kintsugi-{name}"),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        description: format!("Kintsugi {name}"),
    };
    let known = deps.clone();
    match deps.bus().serve_health(&info, move || known.is_well(name)).await {
        Ok(service) => Some(service),
        Err(error) => {
            debug!(service = name, error = &error as &dyn std::error::Error, "not registered");
            None
        }
    }
}
