//! The built-in worker: `http` calls what the workflow names, `simulate` shows what the engine does
//! when things go wrong.
//!
//! It is a worker like any user's: it knows the worker's crate and nothing of the engine behind.

mod config;
mod error;
mod simulate;

pub use config::{Config, TaskType, dev_settings};
pub use error::Error;
pub use kintsugi_calls::{Allow, HttpConfig, SecretsConfig};
pub use kintsugi_processes::Config as ProcessConfig;

use std::sync::Arc;

use kintsugi_calls::{Calls, Secrets};
use kintsugi_core::Ability;
use kintsugi_processes::Processes;
use kintsugi_runtime::{Service, Shutdown, WorkerDeps};
use kintsugi_worker::{Context, Failure, Settings, Worker};
use serde_json::Value;

/// Checks what a worker would refuse at its start, for whoever starts workers.
///
/// # Errors
///
/// When a worker with these settings cannot work.
pub fn check(config: &Config) -> Result<(), Error> {
    Calls::new(
        &config.http,
        Secrets::new(std::collections::BTreeMap::new(), config.secrets.clone()),
    )?;
    Ok(())
}

/// The task worker service.
pub struct TaskWorker {
    worker: Worker,
    /// Where containers may be started: who removes them.
    cleaner: Option<Processes>,
}

/// How often containers are looked for whose time has come.
const CLEAN_UP: std::time::Duration = std::time::Duration::from_secs(60);

impl Service for TaskWorker {
    const NAME: &'static str = "task-worker";

    type Deps = WorkerDeps;
    type Config = Config;
    type Error = Error;

    async fn start(config: Config, deps: WorkerDeps) -> Result<Self, Error> {
        let bus = deps.bus;
        let settings = Settings {
            queue: config.queue.clone(),
            concurrency: config.concurrency,
            grace: config.grace,
            output_max: config.output_max,
            payload_max: config.payload_max,
            // A worker that is started again under its name is known to have lost its leases.
            name: Some(deps.instance),
            // Each task calls what its author wants.
            circuits: false,
            // The host listens to signals.
            signals: false,
            ..Settings::default()
        };
        let secrets = deps.secrets.into_iter();
        let secrets = secrets.map(|(name, secret)| (name, secret.expose().to_owned())).collect();
        let secrets = Secrets::new(secrets, config.secrets.clone());
        let calls = Calls::new(&config.http, secrets)?;
        let mut worker = Worker::on(bus.clone()).await?.settings(settings);
        for task_type in &config.types {
            worker = match task_type {
                TaskType::Simulate => {
                    let simulate = Arc::new(simulate::Simulate {
                        bus: bus.clone(),
                        faults: config.simulate_faults,
                        output_max: config.output_max.max(config.payload_max),
                    });
                    worker.task(task_type.name(), move |context: Context, input: Value| {
                        let simulate = Arc::clone(&simulate);
                        async move { simulate.act(&context, input).await }
                    })
                }
                TaskType::Mcp => with_mcp(worker, &config, &calls),
                protocol => {
                    let (calls, protocol) = (calls.clone(), *protocol);
                    worker.task(protocol.name(), move |context: Context, input: Value| {
                        let calls = calls.clone();
                        async move { call(&calls, protocol, &context, input).await }
                    })
                }
            };
        }
        worker = with_processes(worker, &config, &calls);
        let cleans = config.abilities.contains(&Ability::Container);
        let cleaner = cleans.then(|| Processes::new(&config.processes));
        Ok(Self { worker, cleaner })
    }

    async fn run(self, shutdown: Shutdown) -> Result<(), Error> {
        if let Some(processes) = self.cleaner {
            tokio::spawn(clean_up(processes, shutdown.child_token()));
        }
        Ok(self.worker.run_until(shutdown.child_token()).await?)
    }
}

async fn call(
    calls: &Calls,
    protocol: TaskType,
    context: &Context,
    input: Value,
) -> Result<Value, Failure> {
    match protocol {
        TaskType::OpenApi => calls.openapi(context, input).await,
        TaskType::AsyncApi => calls.asyncapi(context, input).await,
        TaskType::Grpc => calls.grpc(context, input).await,
        TaskType::A2a => calls.a2a(context, input).await,
        TaskType::Http | TaskType::Mcp | TaskType::Simulate => calls.http(context, input).await,
    }
}

/// Serves `mcp`, with servers that are started where that is allowed.
fn with_mcp(worker: Worker, config: &Config, calls: &Calls) -> Worker {
    let allowed = config.abilities.contains(&Ability::McpStdio);
    let processes = allowed.then(|| Processes::new(&config.processes));
    let calls = calls.clone();
    worker.task(TaskType::Mcp.name(), move |context: Context, input: Value| {
        let (calls, processes) = (calls.clone(), processes.clone());
        async move { calls.mcp(&context, input, processes.as_ref()).await }
    })
}

/// Serves what workflows may start here, and nothing else of it.
fn with_processes(mut worker: Worker, config: &Config, calls: &Calls) -> Worker {
    let processes = Processes::new(&config.processes);
    for ability in &config.abilities {
        let name = match ability {
            Ability::Shell => "run-shell",
            Ability::Script => "run-script",
            Ability::Container => "run-container",
            Ability::ContainerVolumes | Ability::McpStdio => continue,
        };
        let (processes, calls, ability) = (processes.clone(), calls.clone(), *ability);
        worker = worker.task(name, move |context: Context, input: Value| {
            let (processes, calls) = (processes.clone(), calls.clone());
            async move {
                let (processes, context) = (&processes, &context);
                let start = |input| async move {
                    match ability {
                        Ability::Shell => processes.shell(context, input).await,
                        Ability::Script => processes.script(context, input).await,
                        _ => processes.container(context, input).await,
                    }
                };
                calls.with_secrets(context, input, start).await
            }
        });
    }
    worker
}

/// Removes containers that are to be removed later, until `shutdown`.
async fn clean_up(processes: Processes, shutdown: Shutdown) {
    let mut rounds = tokio::time::interval(CLEAN_UP);
    while shutdown.run_until_cancelled(rounds.tick()).await.is_some() {
        if let Err(failure) = processes.clean_up().await {
            tracing::warn!(failure = failure.message(), "containers were not cleaned up");
        }
    }
}
