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

use std::sync::Arc;

use kintsugi_calls::{Calls, Secrets};
use kintsugi_runtime::{Service, Shutdown, WorkerDeps};
use kintsugi_worker::{Context, Settings, Worker};
use serde_json::Value;

/// The task worker service.
pub struct TaskWorker {
    worker: Worker,
}

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
            // A worker that is started again under its name is known to have lost its leases.
            name: Some(deps.instance),
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
                TaskType::Http => {
                    let calls = calls.clone();
                    worker.task(task_type.name(), move |context: Context, input: Value| {
                        let calls = calls.clone();
                        async move { calls.http(&context, input).await }
                    })
                }
                TaskType::Simulate => {
                    let simulate = Arc::new(simulate::Simulate {
                        bus: bus.clone(),
                        faults: config.simulate_faults,
                        output_max: config.output_max,
                    });
                    worker.task(task_type.name(), move |context: Context, input: Value| {
                        let simulate = Arc::clone(&simulate);
                        async move { simulate.act(&context, input).await }
                    })
                }
            };
        }
        Ok(Self { worker })
    }

    async fn run(self, shutdown: Shutdown) -> Result<(), Error> {
        Ok(self.worker.run_until(shutdown.child_token()).await?)
    }
}
