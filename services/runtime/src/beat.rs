//! A service's sign of life, for membership and monitoring.

use std::time::Duration;

use futures::StreamExt;
use kintsugi_nats::{Bus, Ping, ServiceBeat, ServiceInfo, in_step};
use tracing::debug;

use crate::{Links, Service, Shutdown, now};

/// How often it is asked whether it is time to look for the database.
const LOOK: Duration = Duration::from_millis(500);

/// Before the next attempt to listen for those who ask.
const PAUSE: Duration = Duration::from_secs(1);

/// Sends beats for the service until `ended`, and registers it with the NATS services API unless it does
/// so itself. One that was told to stop by `shutdown` says so until its end, and that it is at its end.
pub(crate) async fn beat<S: Service>(deps: S::Deps, ended: Shutdown, shutdown: Shutdown) {
    let name = S::NAME;
    let registered = if S::HAS_API { None } else { register(name, &deps).await };
    // Beside the beats: a database that does not answer must not silence them.
    let (looker, over) = (deps.clone(), ended.clone());
    tokio::spawn(async move {
        while over.run_until_cancelled(tokio::time::sleep(in_step(LOOK))).await.is_some() {
            looker.look().await;
        }
    });
    let asked = asked_as(name, deps.instance());
    tokio::spawn(ended.clone().run_until_cancelled_owned(answer(deps.bus().clone(), asked)));
    let mut pause = Duration::ZERO;
    loop {
        tokio::select! {
            () = ended.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
        }
        pause = in_step(S::BEAT);
        let beat = sign_of_life(name, &deps, shutdown.is_cancelled());
        if let Err(error) = deps.bus().service_beat(&beat).await {
            debug!(service = name, error = &error as &dyn std::error::Error, "beat not sent");
        }
    }
    drop(registered);
    if shutdown.is_cancelled() {
        let last = ServiceBeat { ready: false, ..sign_of_life(name, &deps, true) };
        let _ = deps.bus().service_beat(&last).await;
        // The process may end at once: when the broker answers what came behind the word, it has it.
        let _ = deps.bus().ping().await;
    }
}

/// What a service of this process says of itself now.
#[must_use]
pub fn sign_of_life(service: &str, deps: &impl Links, stopping: bool) -> ServiceBeat {
    let stalled = deps.stalled(service);
    ServiceBeat {
        service: service.to_owned(),
        instance: deps.instance().to_owned(),
        pid: std::process::id(),
        ready: deps.is_well(service),
        stalled: stalled.map(|stalled| stalled.to_string()),
        stalled_since: stalled.map(|stalled| stalled.since),
        at: Some(now()),
        stopping,
        claims: deps.claims(service),
    }
}

/// The name under which a service is asked whether it lives.
#[must_use]
pub fn asked_as(service: &str, instance: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '-' };
    // It stands in a subject, as one token of at most 64 characters.
    let name = format!("{service}-{instance}");
    name.chars().take(64).map(safe).collect()
}

/// Says yes to who asks whether this process lives: one that is silent is asked before anything is taken
/// from it.
async fn answer(bus: Bus, name: String) {
    loop {
        match bus.pings(&name).await {
            Ok(pings) => pings.for_each(Ping::answer).await,
            Err(error) => {
                debug!(error = &error as &dyn std::error::Error, "others cannot ask after {name}");
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
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
