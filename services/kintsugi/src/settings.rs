//! The whole configuration: one table per service, and what they share.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use kintsugi_core::Ability;
use kintsugi_nats::{Limits, Options};
use kintsugi_runtime::{Secret, Service};
use serde::{Deserialize, Serialize};

/// Everything that can be set. `kintsugi config` prints what is in force.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) engine: Engine,
    pub(crate) database: Database,
    pub(crate) nats: Nats,
    pub(crate) log: Log,
    pub(crate) trace: Trace,
    pub(crate) processes: Processes,
    pub(crate) chaos: Chaos,
    pub(crate) payloads: kintsugi_api_gateway::PayloadsConfig,
    pub(crate) gateway: <kintsugi_api_gateway::ApiGateway as Service>::Config,
    pub(crate) orchestrator: <kintsugi_orchestrator::Orchestrator as Service>::Config,
    pub(crate) worker: <kintsugi_task_worker::TaskWorker as Service>::Config,
    pub(crate) failure_detector: <kintsugi_failure_detector::FailureDetector as Service>::Config,
    pub(crate) retry_engine: <kintsugi_retry_engine::RetryEngine as Service>::Config,
    pub(crate) notification: <kintsugi_notification::Notification as Service>::Config,
    pub(crate) monitoring: <kintsugi_monitoring::Monitoring as Service>::Config,
}

/// Settings in the table `[engine]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Engine {
    /// How many partitions runs are shared out to: the most orchestrators that can work at once.
    /// Fixed for the life of a store. Default: 16.
    pub(crate) partitions: u16,
    /// Worker processes that `kintsugi dev` keeps. Two, so that there is one to take over.
    pub(crate) workers: u16,
    /// Names this process; none: made from the process's id and a random part.
    pub(crate) instance: Option<String>,
}

impl Default for Engine {
    fn default() -> Self {
        Self { partitions: 16, workers: 2, instance: None }
    }
}

/// Settings in the table `[database]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Database {
    /// `postgres://…` or `sqlite://…`; `?sslmode=verify-full&sslrootcert=FILE` encrypts and checks the
    /// server's certificate. It may hold a password, so it is masked.
    pub(crate) url: Option<Secret>,
    /// The most connections; none: 8.
    pub(crate) connections_max: Option<u32>,
}

/// Settings in the table `[nats]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Nats {
    /// `nats://host:port`, several with commas; `tls://host:port` encrypts and checks the server's
    /// certificate. It may hold a password, so it is masked.
    pub(crate) url: Option<Secret>,
    /// User, together with `password`; instead of a login in `url`.
    pub(crate) user: Option<String>,
    /// Password, together with `user`.
    pub(crate) password: Option<Secret>,
    /// A token instead of user and password.
    pub(crate) token: Option<Secret>,
    /// A credentials file (`.creds`: JWT and key) instead.
    pub(crate) credentials: Option<PathBuf>,
    /// A file with the seed of an nkey instead.
    pub(crate) nkey: Option<PathBuf>,
    /// Certificates (PEM) that the server's is checked against; none: those of the system.
    pub(crate) ca: Option<PathBuf>,
    /// Our own certificate (PEM), for servers that ask for one; together with `key`.
    pub(crate) certificate: Option<PathBuf>,
    /// The key of `certificate` (PEM).
    pub(crate) key: Option<PathBuf>,
    /// The nats-server that `kintsugi dev` and `kintsugi chaos` run; none: the one on PATH.
    pub(crate) server_binary: Option<PathBuf>,
    /// How many bytes that nats-server's streams may take on the disk, all together; none: 8 GiB.
    pub(crate) server_bytes_max: Option<u64>,
    /// How many bytes the engine's streams may take, all together; each has a fixed share. Every service
    /// must be told the same. None: 3.7 GiB.
    pub(crate) streams_bytes_max: Option<u64>,
}

impl Nats {
    /// How large the streams may grow.
    pub(crate) fn limits(&self, partitions: u16) -> Limits {
        let limits = Limits { partitions, ..Limits::default() };
        self.streams_bytes_max.map_or(limits.clone(), |bytes| limits.within(bytes))
    }

    /// How to connect as `name`.
    pub(crate) fn options(&self, name: &str) -> Options {
        let secret = |secret: &Option<Secret>| secret.as_ref().map(|it| it.expose().to_owned());
        let defaults = Options::default();
        Options {
            url: secret(&self.url).unwrap_or(defaults.url),
            name: name.to_owned(),
            user: self.user.clone(),
            password: secret(&self.password),
            token: secret(&self.token),
            credentials: self.credentials.clone(),
            nkey: self.nkey.clone(),
            ca: self.ca.clone(),
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            wait: defaults.wait,
        }
    }

    /// The name of a setting that says how to reach a broker that runs already, if any is set.
    pub(crate) fn elsewhere(&self) -> Option<&'static str> {
        let set = [
            ("url", self.url.is_some()),
            ("user", self.user.is_some()),
            ("password", self.password.is_some()),
            ("token", self.token.is_some()),
            ("credentials", self.credentials.is_some()),
            ("nkey", self.nkey.is_some()),
            ("ca", self.ca.is_some()),
            ("certificate", self.certificate.is_some()),
            ("key", self.key.is_some()),
        ];
        set.into_iter().find(|(_, set)| *set).map(|(name, _)| name)
    }
}

/// Settings in the table `[log]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    /// As `RUST_LOG`. Default: `info`.
    pub(crate) filter: String,
    /// JSON lines instead of text.
    pub(crate) json: bool,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            filter: "info,sqlx=warn,async_nats=warn,sea_orm_migration=warn".to_owned(),
            json: false,
        }
    }
}

/// Settings in the table `[processes]`: for the gateway, which refuses definitions that ask for more,
/// and for workers, which start nothing else. Both must be told the same.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Processes {
    /// What workflows may start on the machines of workers: `shell`, `script`, `container`,
    /// `container_volumes`, `mcp_stdio`. Default: nothing.
    pub(crate) allow: BTreeSet<Ability>,
}

/// Settings in the table `[chaos]`: what breaks an engine on purpose. All of it is off.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Chaos {
    /// Whether a gateway starts trials for whoever may call its API (`/v1/chaos`), on its own machine, and whether
    /// this process may be broken on purpose. Without it no other setting here is taken. Default: false.
    pub(crate) enabled: bool,
    /// Where a gateway keeps its trials. Needed for them; in `kintsugi dev` it is `chaos` in its data.
    pub(crate) folder: Option<PathBuf>,
    /// How long a trial that is asked for over the API may last. Default: `1h`.
    #[serde(with = "humantime_serde")]
    pub(crate) for_max: Duration,
    /// How many seconds this process's clock is ahead; below zero: behind. A gateway with such a clock is itself under
    /// trial, and starts none. Default: 0.
    pub(crate) clock_offset_seconds: i64,
}

impl Default for Chaos {
    fn default() -> Self {
        let for_max = Duration::from_secs(3_600);
        Self { enabled: false, folder: None, for_max, clock_offset_seconds: 0 }
    }
}

impl Settings {
    /// Gives services what they share.
    pub(crate) fn share(mut self) -> Self {
        self.gateway.abilities = self.processes.allow.clone();
        self.worker.abilities = self.processes.allow.clone();
        self.gateway.payloads = self.payloads.clone();
        self.retry_engine.payloads_grace = self.payloads.grace;
        self
    }
}

/// Settings in the table `[trace]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Trace {
    /// Where spans go, e.g. `http://127.0.0.1:4318`; none: nowhere.
    pub(crate) otlp_endpoint: Option<String>,
}
