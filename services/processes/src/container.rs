//! `run: container`, with the command of a container engine.
//!
//! A container outlives its worker, so it is known by its labels: the next attempt of a task removes
//! what the one before left, and whoever cleans up finds what is due.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    process::Stdio,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use kintsugi_worker::{Context, Failure};
use serde::Deserialize;
use serde_json::Value;
use tokio::process::Command;

use crate::{
    Config,
    launch::{Launch, Work, environment},
    script::{Given, plain},
};

/// Names the task that a container belongs to.
const TASK: &str = "kintsugi.task";

/// Says when a container is to be removed, in seconds since the Unix epoch.
const REMOVE_AT: &str = "kintsugi.remove-at";

/// How long the engine may take for a small command.
const COMMAND_MAX: Duration = Duration::from_secs(20);

/// The engine's own exit code for what went wrong before the container began (docker run(1)).
const ENGINE_FAILED: &str = "the process exited with 125";

/// `run: container`.
#[derive(Debug, Deserialize)]
pub(crate) struct Container {
    image: String,
    name: Option<String>,
    command: Option<String>,
    #[serde(default)]
    ports: BTreeMap<String, Value>,
    #[serde(default)]
    volumes: BTreeMap<String, Value>,
    #[serde(default)]
    pull: Pull,
    #[serde(default)]
    cleanup: Cleanup,
    /// With `cleanup: eventually`.
    #[serde(default)]
    cleanup_after_ms: u64,
    #[serde(flatten)]
    given: Given,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Pull {
    #[default]
    IfNotPresent,
    Always,
    Never,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Cleanup {
    Always,
    #[default]
    Never,
    Eventually,
}

impl Container {
    pub(crate) fn launch(self, config: &Config, context: &Context, work: &Work) -> Launch {
        let mut arguments: Vec<OsString> = Vec::new();
        let mut add = |text: &str| arguments.push(text.into());
        add("run");
        let pull = match self.pull {
            Pull::IfNotPresent => "missing",
            Pull::Always => "always",
            Pull::Never => "never",
        };
        add(&format!("--pull={pull}"));
        add(&format!("--label={TASK}={}", context.task()));
        add(&format!("--memory={}", config.memory_max));
        add("--pids-limit=512");
        add("--security-opt=no-new-privileges");
        match self.cleanup {
            Cleanup::Always => add("--rm"),
            Cleanup::Eventually => {
                let at = now().as_secs() + self.cleanup_after_ms.div_ceil(1_000);
                add(&format!("--label={REMOVE_AT}={at}"));
            }
            Cleanup::Never => {}
        }
        if let Some(name) = &self.name {
            add(&format!("--name={name}"));
        }
        for (host, inside) in &self.ports {
            add(&format!("--publish={host}:{}", plain(inside)));
        }
        for (host, inside) in &self.volumes {
            add(&format!("--volume={host}:{}", plain(inside)));
        }
        // Values go through the environment, where other users of the machine do not see them.
        let own = self.given.environment();
        for name in own.keys() {
            add(&format!("--env={name}"));
        }
        if self.given.stdin.is_some() {
            add("--interactive");
        }
        add("--");
        add(&self.image);
        if let Some(command) = &self.command {
            ["sh", "-c", command, "sh"].into_iter().for_each(&mut add);
        }
        for argument in &self.given.arguments {
            add(&plain(argument));
        }
        let mut environment = environment(context, work.path(), &own);
        environment.extend(reach(config));
        Launch {
            program: config.container_engine.clone(),
            arguments,
            stdin: self.given.stdin(),
            environment,
            directory: work.path().to_owned(),
            watch_memory: false,
        }
    }
}

/// Removes what an earlier attempt of the task left.
pub(crate) async fn clear(config: &Config, context: &Context) -> Result<(), Failure> {
    let filter = format!("label={TASK}={}", context.task());
    let found = ask(config, &["ps", "--all", "--quiet", "--filter", &filter]).await?;
    remove(config, found.split_whitespace()).await
}

/// Removes what is due.
pub(crate) async fn clean_up(config: &Config) -> Result<(), Failure> {
    let (filter, format) =
        (format!("label={REMOVE_AT}"), format!("{{{{.ID}}}} {{{{.Label \"{REMOVE_AT}\"}}}}"));
    let found = ask(config, &["ps", "--all", "--filter", &filter, "--format", &format]).await?;
    let due = found.lines().filter_map(|line| {
        let (id, at) = line.split_once(' ')?;
        (at.trim().parse::<u64>().ok()? <= now().as_secs()).then_some(id)
    });
    remove(config, due).await
}

async fn remove(config: &Config, ids: impl Iterator<Item = &str>) -> Result<(), Failure> {
    let mut arguments = vec!["rm", "--force", "--volumes"];
    arguments.extend(ids);
    if arguments.len() > 3 {
        ask(config, &arguments).await?;
    }
    Ok(())
}

async fn ask(config: &Config, arguments: &[&str]) -> Result<String, Failure> {
    let name = config.container_engine.display();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let asked = Command::new(&config.container_engine)
        .args(arguments)
        .env_clear()
        .env("PATH", path)
        .envs(reach(config))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let answer = match tokio::time::timeout(COMMAND_MAX, asked).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            let message = format!("the container engine `{name}` was not found");
            return Err(Failure::fatal(message).kind("configuration").status(500));
        }
        Ok(Err(error)) => return Err(error.into()),
        Err(_) => return Err(Failure::retryable(format!("`{name}` does not answer"))),
    };
    if !answer.status.success() {
        let said = String::from_utf8_lossy(&answer.stderr).trim().to_owned();
        return Err(Failure::retryable(format!("the container engine: {said}")));
    }
    Ok(String::from_utf8_lossy(&answer.stdout).into_owned())
}

fn reach(config: &Config) -> Option<(String, OsString)> {
    config.container_host.as_ref().map(|host| ("DOCKER_HOST".to_owned(), host.into()))
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// What the engine says about itself is not what the container says.
pub(crate) fn from_engine(failure: Failure) -> Failure {
    if failure.message().starts_with(ENGINE_FAILED) {
        let message = failure.message().replacen("the process", "the container engine", 1);
        return failure.with_message(message);
    }
    failure
}
