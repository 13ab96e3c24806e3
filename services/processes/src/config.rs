//! What can be set for processes.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

/// Settings in the table `[worker.processes]`. What may be started at all is said in `[processes]`,
/// for the gateway as well.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The longest that a process may take; a shorter limit of the task counts first. Default: `1h`.
    #[serde(with = "humantime_serde")]
    pub time_max: Duration,
    /// Bytes of stdout, and of stderr; a process that writes more is killed. Default: 1 MiB.
    pub output_max: usize,
    /// Bytes of memory that a process and its children may hold; with more, they are killed. For a
    /// container it is the engine's limit. Default: 512 MiB.
    pub memory_max: u64,
    /// How long a process may clean up after SIGTERM before it is killed. Default: `3s`.
    #[serde(with = "humantime_serde")]
    pub grace: Duration,
    /// Where each process gets a folder of its own. Default: the system's folder for such things.
    pub directory: Option<PathBuf>,
    /// What runs scripts in JavaScript. Default: `node`.
    pub node: PathBuf,
    /// What runs scripts in Python. Default: `python3`.
    pub python: PathBuf,
    /// The command of the container engine, `docker` or one that is used like it. Default: `docker`.
    pub container_engine: PathBuf,
    /// Where that engine is reached (`DOCKER_HOST`). Default: as it finds out itself.
    pub container_host: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            time_max: Duration::from_secs(3_600),
            output_max: 1 << 20,
            memory_max: 512 << 20,
            grace: Duration::from_secs(3),
            directory: None,
            node: "node".into(),
            python: "python3".into(),
            container_engine: "docker".into(),
            container_host: None,
        }
    }
}
