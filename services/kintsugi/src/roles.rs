//! One service in this process, or all of them.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use kintsugi_runtime::{
    Deps, Links, Service, Shutdown, WorkerDeps, cancel_on_signal, host, supervise,
};
use tokio::{sync::Notify, task::JoinSet};
use tracing::info;

use crate::{
    Failure,
    ready::{Guard, Ready},
    role_of,
    settings::Settings,
    wire,
};

/// Hosts `S` alone. `false` if it failed: the process exits with an error, and whatever runs it
/// (Docker, systemd, Kubernetes) starts it again.
pub(crate) async fn one<S: Service<Deps = Deps>>(
    role: &'static str,
    config: S::Config,
    settings: Settings,
    file: Option<PathBuf>,
) -> Result<bool, Failure> {
    let deps = wire::deps(&settings, false).await?;
    let announce = deps.announce.clone();
    let nats = settings.nats.options("").shown_url();
    let otlp = settings.trace.otlp_endpoint.clone();
    let tracer = deps.tracer.clone();
    let ready = move |file: Option<PathBuf>| {
        let http = announce.all().get("http").map(|address| format!("http://{address}"));
        let pids = BTreeMap::from([(role.to_owned(), vec![std::process::id()])]);
        write(file, &Ready::new(http, nats, pids, otlp));
    };
    let ok = hosted::<S>(config, deps, file, Shutdown::new(), ready).await;
    tracer.shutdown();
    Ok(ok)
}

/// Hosts the worker alone: it gets no way to the store.
pub(crate) async fn worker(
    settings: Settings,
    file: Option<PathBuf>,
    stop_with_stdin: bool,
) -> Result<bool, Failure> {
    let shutdown = Shutdown::new();
    if stop_with_stdin {
        tokio::spawn(cancel_with_stdin(shutdown.clone()));
    }
    let deps: WorkerDeps = wire::worker_deps(&settings).await?;
    let nats = settings.nats.options("").shown_url();
    let ready = move |file: Option<PathBuf>| {
        let pids = BTreeMap::from([("worker".to_owned(), vec![std::process::id()])]);
        write(file, &Ready::new(None, nats, pids, None));
    };
    let config = settings.worker.clone();
    Ok(hosted::<kintsugi_task_worker::TaskWorker>(config, deps, file, shutdown, ready).await)
}

/// Cancels when stdin ends, which it does however the parent ends.
async fn cancel_with_stdin(shutdown: Shutdown) {
    let mut stdin = tokio::io::stdin();
    let _ = tokio::io::copy(&mut stdin, &mut tokio::io::sink()).await;
    shutdown.cancel();
}

async fn hosted<S: Service>(
    config: S::Config,
    deps: S::Deps,
    file: Option<PathBuf>,
    shutdown: Shutdown,
    ready: impl FnOnce(Option<PathBuf>) + Send,
) -> bool {
    let _guard = Guard(file.clone());
    tokio::spawn(cancel_on_signal(shutdown.clone()));
    info!(service = S::NAME, instance = deps.instance(), "starting");
    host::<S>(config, deps, shutdown, || ready(file)).await
}

/// Every service in this process, on a database and a broker that run already.
pub(crate) async fn all(settings: Settings, file: Option<PathBuf>) -> Result<bool, Failure> {
    let _guard = Guard(file.clone());
    let shutdown = Shutdown::new();
    tokio::spawn(cancel_on_signal(shutdown.clone()));
    let deps = wire::deps(&settings, false).await?;
    let worker = wire::worker_deps(&settings).await?;
    let mut services = Together::new(deps.clone(), shutdown.clone());
    services.engine(&settings);
    services.add::<kintsugi_task_worker::TaskWorker>(settings.worker.clone(), worker);
    if services.ready(&shutdown).await {
        let http = deps.announce.all().get("http").map(|address| format!("http://{address}"));
        let nats = settings.nats.options("").shown_url();
        let pids = services.pids();
        let otlp = settings.trace.otlp_endpoint.clone();
        write(file, &Ready::new(http, nats, pids, otlp));
    }
    services.ended().await;
    deps.tracer.shutdown();
    Ok(true)
}

/// Several services in this process, each started again when it fails.
pub(crate) struct Together {
    deps: Deps,
    shutdown: Shutdown,
    work: JoinSet<()>,
    roles: Vec<&'static str>,
    ready: Arc<(AtomicUsize, Notify)>,
}

impl Together {
    pub(crate) fn new(deps: Deps, shutdown: Shutdown) -> Self {
        let (work, roles, ready) = (JoinSet::new(), Vec::new(), Arc::default());
        Self { deps, shutdown, work, roles, ready }
    }

    /// The six services that work on the store.
    pub(crate) fn engine(&mut self, settings: &Settings) {
        let (settings, deps) = (settings.clone(), self.deps.clone());
        self.add::<kintsugi_orchestrator::Orchestrator>(settings.orchestrator, deps.clone());
        self.add::<kintsugi_retry_engine::RetryEngine>(settings.retry_engine, deps.clone());
        self.add::<kintsugi_failure_detector::FailureDetector>(
            settings.failure_detector,
            deps.clone(),
        );
        self.add::<kintsugi_notification::Notification>(settings.notification, deps.clone());
        self.add::<kintsugi_monitoring::Monitoring>(settings.monitoring, deps.clone());
        self.add::<kintsugi_api_gateway::ApiGateway>(settings.gateway, deps);
    }

    pub(crate) fn add<S: Service>(&mut self, config: S::Config, deps: S::Deps) {
        self.roles.push(role_of::<S>());
        let (shared, first) = (Arc::clone(&self.ready), Arc::new(AtomicUsize::new(0)));
        let ready = move || {
            // Only the first start counts: a restart says nothing new.
            if first.swap(1, Ordering::SeqCst) == 0 {
                shared.0.fetch_add(1, Ordering::SeqCst);
                shared.1.notify_one();
            }
        };
        self.work.spawn(supervise::<S>(config, deps, self.shutdown.clone(), ready));
    }

    /// Waits until each has started once; `false` when it is stopped before.
    pub(crate) async fn ready(&self, shutdown: &Shutdown) -> bool {
        while self.ready.0.load(Ordering::SeqCst) < self.roles.len() {
            tokio::select! {
                () = self.ready.1.notified() => {}
                () = shutdown.cancelled() => return false,
            }
        }
        true
    }

    pub(crate) fn pids(&self) -> BTreeMap<String, Vec<u32>> {
        let own = || vec![std::process::id()];
        self.roles.iter().map(|role| ((*role).to_owned(), own())).collect()
    }

    pub(crate) async fn ended(mut self) {
        while self.work.join_next().await.is_some() {}
    }
}

pub(crate) fn write(file: Option<PathBuf>, ready: &Ready) {
    let Some(file) = file else { return };
    if let Err(error) = ready.write(&file) {
        tracing::error!(error = &error as &dyn std::error::Error, "ready file not written");
    }
}
