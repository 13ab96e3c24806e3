//! What workflows start on a worker's machine: shells, scripts and containers.
//!
//! Off unless the deployment allows it. A process gets nothing of the worker's: no environment but
//! `PATH`, a folder of its own, and limits on time, output and memory. It is a group of processes
//! with a guard at its head, which kills the group when the worker is gone, however that ended.
//! That is order, not a sandbox: whoever must not trust workflows' authors uses containers.

mod config;
mod container;
mod group;
mod launch;
mod memory;
mod outcome;
mod script;
mod talk;

pub use config::Config;
pub use group::Group;
pub use launch::{Launch, environment};
pub use talk::{Conversation, Program, Talk};

use std::sync::Arc;

use kintsugi_worker::{Context, Failure};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Semaphore;

use launch::Work;
use outcome::Return;

/// Processes that nobody waits for, at most.
const BACKGROUND_MAX: usize = 64;

/// Starts processes. Cheap to clone.
#[derive(Clone)]
pub struct Processes(Arc<Shared>);

struct Shared {
    config: Config,
    background: Arc<Semaphore>,
}

/// What all kinds of `run` share.
#[derive(Debug, Deserialize)]
struct Run<T> {
    /// What is started.
    process: T,
    /// Whether its end is waited for.
    #[serde(rename = "await", default = "yes")]
    wait: bool,
    /// What of it becomes the task's output.
    #[serde(rename = "return", default)]
    gives: Return,
}

fn yes() -> bool {
    true
}

impl Processes {
    /// Processes under these settings.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let background = Arc::new(Semaphore::new(BACKGROUND_MAX));
        Self(Arc::new(Shared { config: config.clone(), background }))
    }

    /// `run: shell`.
    ///
    /// # Errors
    ///
    /// When it cannot be started, exceeds a limit, or does not end well.
    pub async fn shell(&self, context: &Context, input: Value) -> Result<Value, Failure> {
        let run: Run<script::Shell> = read(input)?;
        let work = Work::new(&self.0.config)?;
        let launch = run.process.launch(&self.0.config, context, &work);
        self.execute(context, launch, work, run.wait, run.gives).await
    }

    /// `run: script`.
    ///
    /// # Errors
    ///
    /// When it cannot be started, exceeds a limit, or does not end well.
    pub async fn script(&self, context: &Context, input: Value) -> Result<Value, Failure> {
        let run: Run<script::Script> = read(input)?;
        let work = Work::new(&self.0.config)?;
        let launch = run.process.launch(&self.0.config, context, &work)?;
        self.execute(context, launch, work, run.wait, run.gives).await
    }

    /// `run: container`.
    ///
    /// # Errors
    ///
    /// When it cannot be started, exceeds a limit, or does not end well.
    pub async fn container(&self, context: &Context, input: Value) -> Result<Value, Failure> {
        let run: Run<container::Container> = read(input)?;
        let work = Work::new(&self.0.config)?;
        container::clear(&self.0.config, context).await?;
        let launch = run.process.launch(&self.0.config, context, &work);
        let result = self.execute(context, launch, work, run.wait, run.gives).await;
        if let Err(failure) = &result
            && !outcome::is_exit(failure)
        {
            // It was stopped from here, and the container does not stop with the engine's command.
            container::clear(&self.0.config, context).await?;
        }
        result.map_err(container::from_engine)
    }

    /// Removes containers whose time has come (`cleanup: eventually`).
    ///
    /// # Errors
    ///
    /// When the container engine does not answer.
    pub async fn clean_up(&self) -> Result<(), Failure> {
        container::clean_up(&self.0.config).await
    }

    async fn execute(
        &self,
        context: &Context,
        launch: Launch,
        work: Work,
        wait: bool,
        gives: Return,
    ) -> Result<Value, Failure> {
        if wait {
            let limit = self.0.config.time_max.min(context.remaining());
            let ended = launch.run(&self.0.config, limit, work, context.cancelled()).await?;
            return outcome::judge(ended, gives);
        }
        let permit = Arc::clone(&self.0.background).try_acquire_owned().map_err(|_| {
            Failure::retryable("too many processes that nobody waits for are running here")
        })?;
        let (config, task) = (self.0.config.clone(), context.task().to_owned());
        let started = launch.start(&config)?;
        tokio::spawn(async move {
            let limit = config.time_max;
            let ended = started.finish(&config, limit, work, std::future::pending()).await;
            if let Err(failure) = ended {
                tracing::warn!(
                    task.id = task,
                    failure = failure.message(),
                    "a process ended badly"
                );
            }
            drop(permit);
        });
        Ok(Value::Null)
    }
}

fn read<T: for<'de> Deserialize<'de>>(input: Value) -> Result<Run<T>, Failure> {
    serde_json::from_value(input).map_err(|error| {
        Failure::fatal(format!("the arguments of `run`: {error}")).kind("validation").status(400)
    })
}
