//! What can be set.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use kintsugi_core::Ability;
use kintsugi_egress::{Allow, Rules};
use serde::{Deserialize, Serialize};

use crate::payloads::PayloadsConfig;

/// Settings in the table `[gateway]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where HTTP is served. Port 0 picks a free one. Default: `127.0.0.1:3000`.
    pub http: SocketAddr,
    /// A second address for the same. Default: none.
    pub also_http: Option<SocketAddr>,
    /// Who sends it as `Authorization: Bearer` may do everything; nobody else anything. Needed for
    /// an address that is not loopback. Default: none.
    pub token: Option<kintsugi_runtime::Secret>,
    /// Serve an address that is not loopback to everyone who reaches it. Only where something in
    /// front of it keeps others out. Default: false.
    pub allow_unauthenticated_network: bool,
    /// Names under which the gateway is reached, besides `localhost` and addresses. A browser that
    /// was led here by another name is refused (DNS rebinding). Not asked for with a token.
    pub allowed_hosts: Vec<String>,
    /// Origins of pages that may use the API besides the gateway's own, e.g.
    /// `http://localhost:5173`. Default: none.
    pub allowed_origins: Vec<String>,
    /// Size of a run's input in bytes. Default: 1 MiB.
    pub input_bytes_max: usize,
    /// Size of a definition's document in bytes. Default: 1 MiB.
    pub definition_bytes_max: usize,
    /// What definitions refer to, fetched when they are registered.
    pub resources: ResourcesConfig,
    /// How long a request may take, waiting for a result apart. Default: `30s`.
    #[serde(with = "humantime_serde")]
    pub request_timeout: Duration,
    /// How long a request may wait for a result. Default: `1m`.
    #[serde(with = "humantime_serde")]
    pub wait_max: Duration,
    /// Requests in work at once, waiting ones included; more are told to come back. Default: 8192.
    pub requests_max: usize,
    /// Event streams open at once. Default: 256.
    pub streams_max: usize,
    /// How often an event stream shows that it is open while nothing happens. That a client is gone is
    /// noticed only when something is written to it, so a place is taken for up to twice this time.
    /// Default: `5s`.
    #[serde(with = "humantime_serde")]
    pub streams_keep_alive: Duration,
    /// Starts that one statement brings into the database. Default: 512.
    pub batch_max: usize,
    /// Orchestrators accept starts whose id the gateway makes, together with the first step. Default:
    /// true.
    pub owners_accept: bool,
    /// Starts that may wait for it; more are told to come back. Default: 8192.
    pub queue_max: usize,
    /// What workflows may start, as `[processes]` says.
    #[serde(skip)]
    pub abilities: BTreeSet<Ability>,
    /// Trials, as `[chaos]` says; none: they are off.
    #[serde(skip)]
    pub chaos: Option<ChaosConfig>,
    /// Payloads, as `[payloads]` says.
    #[serde(skip)]
    pub payloads: PayloadsConfig,
    /// How long discarded dead letters can be taken back. Default: `10m`.
    #[serde(with = "humantime_serde")]
    pub undo_window: Duration,
    /// Where people look at traces, e.g. `http://127.0.0.1:16686`; the dashboard links there.
    pub traces_url: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            http: SocketAddr::from((Ipv4Addr::LOCALHOST, 3000)),
            also_http: None,
            token: None,
            allow_unauthenticated_network: false,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            input_bytes_max: 1 << 20,
            definition_bytes_max: 1 << 20,
            resources: ResourcesConfig::default(),
            request_timeout: Duration::from_secs(30),
            wait_max: Duration::from_secs(60),
            requests_max: 8192,
            streams_max: 256,
            streams_keep_alive: Duration::from_secs(5),
            batch_max: 512,
            owners_accept: true,
            queue_max: 8192,
            abilities: BTreeSet::new(),
            chaos: None,
            payloads: PayloadsConfig::default(),
            undo_window: Duration::from_secs(600),
            traces_url: None,
        }
    }
}

/// What trials need of engines that are broken on purpose.
#[derive(Clone, Debug)]
pub struct ChaosConfig {
    /// The program that has the command `chaos`.
    pub program: PathBuf,
    /// Flags that it is given: settings of this engine that hold for one under trial, too.
    pub flags: Vec<String>,
    /// Where trials are kept.
    pub folder: PathBuf,
    /// How long one may last.
    pub for_max: Duration,
}

/// Settings in the table `[gateway.resources]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResourcesConfig {
    /// Which addresses may be asked: `public`, or `any` with loopback, private and link-local ones.
    /// Default: `public`; in `kintsugi dev` `any`, since there the documents' author owns the
    /// machine.
    pub allow: Option<Allow>,
    /// How long getting all of one definition's may take. Default: `10s`.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// Bytes of one resource. Default: 1 MiB.
    pub bytes_max: usize,
    /// Bytes of all of one definition's, which are stored with it. Default: 4 MiB.
    pub total_bytes_max: usize,
}

impl Default for ResourcesConfig {
    fn default() -> Self {
        let Rules { timeout, bytes_max, total_bytes_max, .. } = Rules::default();
        Self { allow: None, timeout, bytes_max, total_bytes_max }
    }
}

impl ResourcesConfig {
    /// What the fetcher keeps to.
    pub(crate) fn rules(&self) -> Rules {
        Rules {
            allow: self.allow.unwrap_or_default(),
            files: false,
            timeout: self.timeout,
            bytes_max: self.bytes_max,
            total_bytes_max: self.total_bytes_max,
        }
    }
}
