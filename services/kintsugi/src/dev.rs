//! Everything on one machine: the services in this process, `SQLite`, a nats-server of its own, and
//! workers as processes of their own.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
    time::Duration,
};

use kintsugi_nats::{FILE_BYTES_MAX, Server, ServerOptions};
use kintsugi_runtime::{Secret, Shutdown, cancel_on_signal};
use tokio::task::JoinSet;
use tracing::info;

use crate::{
    Failure,
    children::{Pids, Spec, keep},
    cli::Dev,
    ready::{Guard, Ready},
    roles::{Together, write},
    settings::Settings,
    wire,
};

impl Dev {
    /// What these flags set.
    pub(crate) fn flags(&self) -> Vec<(String, String)> {
        let mut flags = vec![("gateway.http".to_owned(), self.http.to_string())];
        if let Some(also) = self.also_http {
            flags.push(("gateway.also_http".to_owned(), also.to_string()));
        }
        flags
    }
}

/// Runs until a signal; `false` if something that cannot be healed failed.
pub(crate) async fn run(
    dev: Dev,
    mut settings: Settings,
    file: Option<PathBuf>,
) -> Result<bool, Failure> {
    if let Some(name) = settings.nats.elsewhere() {
        return Err(Failure::plain(format!(
            "`kintsugi dev` runs a nats-server of its own, so nats.{name} means nothing to it; \
             `kintsugi all` works on one that runs already"
        )));
    }
    kintsugi_task_worker::check(&settings.worker)
        .map_err(|error| Failure::because("the workers could not start", error))?;
    let data = absolute(&dev.data)?;
    crate::trials::allow(&mut settings, Some(&data))?;
    let _lock = lock(&data)?;
    let _guard = Guard(file.clone());
    let (shutdown, broker_shutdown) = (Shutdown::new(), Shutdown::new());
    tokio::spawn(cancel_on_signal(shutdown.clone()));

    let binary = settings.nats.server_binary.clone().unwrap_or_else(|| "nats-server".into());
    let options = ServerOptions::new(binary, data.join("nats"))
        .listen(dev.nats)
        .file_bytes_max(settings.nats.server_bytes_max.unwrap_or(FILE_BYTES_MAX));
    let server = Server::spawn(options)
        .await
        .map_err(|error| Failure::because("cannot start nats-server", error))?;
    let (url, broker) = (server.url(), server.clone());
    let stop_broker = broker_shutdown.clone();
    let supervised = tokio::spawn(async move { server.run(stop_broker.cancelled_owned()).await });

    settings.nats.url = Some(Secret::new(url.clone()));
    // Who writes documents here owns the machine.
    settings.gateway.resources.allow.get_or_insert(kintsugi_egress::Allow::Any);
    let database = format!("sqlite://{}?mode=rwc", data.join("kintsugi.db").display());
    settings.database.url.get_or_insert_with(|| Secret::new(database));
    let deps = wire::deps(&settings, true).await?;

    let (pids, mut workers) = (Pids::default(), JoinSet::new());
    for number in 1..=settings.engine.workers {
        let spec = Spec {
            nats_url: url.clone(),
            config: None,
            set: worker_settings(&settings),
            name: format!("worker-{number}"),
        };
        workers.spawn(keep(spec, Arc::clone(&pids), shutdown.clone()));
    }
    let mut services = Together::new(deps.clone(), shutdown.clone());
    services.engine(&settings);
    if services.ready(&shutdown).await {
        let http = deps.announce.all().get("http").map(|address| format!("http://{address}"));
        let mut all = services.pids();
        all.insert("worker".to_owned(), wait_for(&pids, settings.engine.workers).await);
        all.insert("nats".to_owned(), broker.pid().into_iter().collect());
        info!(http, nats = url, "ready");
        let otlp = settings.trace.otlp_endpoint.clone();
        write(file, &Ready::new(http, url, all, otlp));
    }
    services.ended().await;
    while workers.join_next().await.is_some() {}
    deps.tracer.shutdown();
    broker_shutdown.cancel();
    let _ = supervised.await;
    Ok(true)
}

/// Workers get their own table and the log's, and neither the database nor other secrets.
fn worker_settings(settings: &Settings) -> Vec<(String, String)> {
    let mut set = vec![("log.filter".to_owned(), settings.log.filter.clone())];
    let allowed = serde_json::to_string(&settings.processes.allow).unwrap_or_default();
    set.push(("processes.allow".to_owned(), allowed));
    set.extend(kintsugi_task_worker::dev_settings(&settings.worker));
    set
}

async fn wait_for(pids: &Pids, count: u16) -> Vec<u32> {
    for _ in 0..100 {
        let known = pids.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if known.len() >= usize::from(count) {
            return known;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    pids.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn absolute(data: &Path) -> Result<PathBuf, Failure> {
    std::fs::create_dir_all(data)
        .and_then(|()| data.canonicalize())
        .map_err(|error| Failure::because(&format!("cannot use {}", data.display()), error))
}

/// One engine to a folder: a second one would write beside the first.
fn lock(data: &Path) -> Result<File, Failure> {
    let path = data.join("lock");
    let file = File::create(&path)
        .map_err(|error| Failure::because(&format!("cannot write {}", path.display()), error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Failure::plain(format!(
            "another kintsugi works in {}; stop it first, or name another folder with --data",
            data.display()
        ))),
        Err(TryLockError::Error(error)) => Err(Failure::because("cannot lock the folder", error)),
    }
}
