//! Opens what services share: logs, traces, store, bus.

use std::time::{Duration, Instant};

use kintsugi_entities::Store;
use kintsugi_nats::Bus;
use kintsugi_observability::{LogFormat, LogOptions, TraceOptions, Tracer};
use kintsugi_runtime::{Announce, Deps, WorkerDeps};

use tracing::warn;

use crate::{Failure, settings::Settings};

/// How long a service that is started before its database waits for it; as long as for the broker.
const DATABASE_WAIT: Duration = Duration::from_secs(10);

/// Between two attempts to reach it.
const DATABASE_PAUSE: Duration = Duration::from_millis(100);

/// Starts logging; the first thing that a process does.
pub(crate) fn logs(settings: &Settings) -> Result<(), Failure> {
    let format = if settings.log.json { LogFormat::Json } else { LogFormat::Text };
    kintsugi_observability::init(&LogOptions { format, filter: settings.log.filter.clone() })
        .map_err(|error| Failure::because("cannot start logging", error))
}

/// Sets the clock of this process, where that is allowed.
pub(crate) fn clock(settings: &Settings) -> Result<(), Failure> {
    let seconds = settings.chaos.clock_offset_seconds;
    if seconds != 0 && !settings.chaos.enabled {
        return Err(Failure::plain(
            "chaos.clock_offset_seconds moves the clock of a process on purpose, so it is refused \
             unless chaos.enabled = true",
        ));
    }
    kintsugi_runtime::move_clock(seconds);
    Ok(())
}

/// A name for this process that no other has.
pub(crate) fn instance(settings: &Settings) -> String {
    let own = || {
        let random = uuid::Uuid::new_v4().simple().to_string();
        format!("{}-{}", std::process::id(), &random[..8])
    };
    settings.engine.instance.clone().unwrap_or_else(own)
}

pub(crate) fn tracer(settings: &Settings) -> Result<Tracer, Failure> {
    Tracer::new(&TraceOptions {
        otlp_endpoint: settings.trace.otlp_endpoint.clone(),
        ..TraceOptions::default()
    })
    .map_err(|error| Failure::because("cannot set up tracing", error))
}

pub(crate) async fn bus(settings: &Settings, name: &str) -> Result<Bus, Failure> {
    Bus::connect(&settings.nats.options(name))
        .await
        .map_err(|error| Failure::because("cannot connect to the broker", error))
}

pub(crate) async fn store(settings: &Settings) -> Result<Store, Failure> {
    let Some(url) = &settings.database.url else {
        return Err(Failure::plain(
            "no database is named: give --database-url postgres://… (or sqlite://…), or set \
             KINTSUGI_DATABASE__URL",
        ));
    };
    let mut options = kintsugi_entities::Options::default();
    if let Some(max) = settings.database.connections_max {
        options.pool_max = max;
    }
    let since = Instant::now();
    // A file that cannot be opened will not come by itself.
    let may_come = url.expose().starts_with("postgres");
    loop {
        match Store::connect(url.expose(), &options).await {
            Ok(store) => return Ok(store),
            Err(error) if may_come && error.is_transient() && since.elapsed() < DATABASE_WAIT => {
                warn!(error = &error as &dyn std::error::Error, "the database is not there yet");
                tokio::time::sleep(DATABASE_PAUSE).await;
            }
            Err(error) => return Err(Failure::because("cannot open the database", error)),
        }
    }
}

/// Opens everything, and sees to it that the streams are there.
pub(crate) async fn deps(settings: &Settings, alone: bool) -> Result<Deps, Failure> {
    let instance = instance(settings);
    let (store, bus) = (store(settings).await?, bus(settings, &instance).await?);
    let stream_limits = settings.nats.limits(settings.engine.partitions);
    bus.ensure_streams(&stream_limits)
        .await
        .map_err(|error| Failure::because("cannot make the streams", error))?;
    Ok(Deps {
        store,
        bus,
        tracer: tracer(settings)?,
        instance,
        partitions: settings.engine.partitions,
        alone,
        stream_limits,
        announce: Announce::default(),
    })
}

pub(crate) async fn worker_deps(settings: &Settings) -> Result<WorkerDeps, Failure> {
    let instance = instance(settings);
    let bus = bus(settings, &instance).await?;
    let secrets = kintsugi_runtime::secret_variables();
    Ok(WorkerDeps { bus, tracer: tracer(settings)?, instance, secrets })
}
