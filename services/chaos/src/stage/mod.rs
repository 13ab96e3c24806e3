//! An engine of its own, in a scratch folder, whose every process can be struck. It ends with this
//! process.

mod cables;
mod children;
mod process;
mod servers;
mod strikes;
mod warden;

use std::{
    collections::BTreeMap,
    net::TcpListener,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use cables::Cables;
use process::Process as Child;
use servers::{Broker, Database};
use warden::Warden;

use crate::{
    Error, Scope,
    fault::{LEDGERS, Process, Shape},
};

/// How long an engine may take to get ready on a machine that is busy.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// How many bytes the engine's streams may take, and how many the broker's disk quota is: what lies
/// between is what has to be written to fill it.
const STREAMS_BYTES: u64 = 192 << 20;
const QUOTA_BYTES: u64 = 256 << 20;

/// How to set it up.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The shape.
    pub shape: Shape,
    /// The program of the engine.
    pub program: PathBuf,
    /// The nats-server.
    pub nats_server: PathBuf,
    /// A Postgres that runs already, with nothing in it; none: one is started.
    pub database_url: Option<String>,
    /// Flags for every process: settings of the user's own.
    pub flags: Vec<String>,
    /// Leave the folder where it is.
    pub keep: bool,
}

/// The engine. Everything ends with it.
pub struct Stage {
    scope: Scope,
    setup: Setup,
    children: BTreeMap<Process, Child>,
    cables: Cables,
    // Services that stop in good order still need these.
    broker: Broker,
    database: Database,
    http: String,
    /// Processes that ended by themselves, as one does that cannot go on alone, and were started again.
    pub revived: usize,
    /// Who is frozen, with its command line.
    frozen: BTreeMap<Process, (u32, String)>,
    /// Children of who was killed, likewise.
    orphans: Vec<(u32, String)>,
    warden: Warden,
    folder: Folder,
}

/// The scratch folder.
struct Folder {
    path: PathBuf,
    _goes: Option<tempfile::TempDir>,
}

impl Stage {
    /// Starts an engine, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// When a part of it does not start.
    pub async fn start(setup: Setup) -> Result<Self, Error> {
        let folder = Folder::new(setup.keep)?;
        let path = folder.path.clone();
        let warden = Warden::start(&path.join("pids"), (!setup.keep).then_some(&*path))?;
        let owns_database = setup.shape == Shape::Services && setup.database_url.is_none();
        let scope = Scope { shape: setup.shape, owns_database };
        let broker = Broker::start(&setup, &path).await?;
        let database = Database::start(&setup, &path)?;
        let cables = Cables::start(&scope, &broker, &database).await?;
        let http = format!("127.0.0.1:{}", free_port()?);
        let children = BTreeMap::new();
        let mut stage = Self {
            scope,
            setup,
            children,
            cables,
            broker,
            database,
            http,
            revived: 0,
            frozen: BTreeMap::new(),
            orphans: Vec::new(),
            warden,
            folder,
        };
        stage.note_servers()?;
        for name in stage.scope.services() {
            stage.start_one(name)?;
        }
        if stage.scope.shape == Shape::Services {
            for name in ["worker-1", "worker-2"] {
                stage.start_one(name)?;
            }
        }
        stage.ready().await?;
        Ok(stage)
    }

    /// Starts the workers whose executions stand in a ledger.
    ///
    /// # Errors
    ///
    /// When they cannot be started.
    pub fn start_ledgers(&mut self) -> Result<(), Error> {
        LEDGERS.into_iter().try_for_each(|name| self.start_one(name))
    }

    /// What there is to strike.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Base URL of the gateway.
    #[must_use]
    pub fn http(&self) -> String {
        format!("http://{}", self.http)
    }

    /// URL of the broker itself.
    #[must_use]
    pub fn nats(&self) -> String {
        self.broker.url()
    }

    /// URL of the database itself.
    #[must_use]
    pub fn database(&self) -> String {
        self.database.url.clone()
    }

    /// The file of the ledger.
    #[must_use]
    pub fn ledger(&self) -> PathBuf {
        self.path().join("ledger.jsonl")
    }

    /// The scratch folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder.path
    }

    /// Messages that something was done to between processes and the broker.
    #[must_use]
    pub fn harmed(&self) -> usize {
        self.cables.harmed()
    }

    async fn ready(&mut self) -> Result<(), Error> {
        let client = crate::probe::client();
        let url = format!("{}/health/ready", self.http());
        let deadline = Instant::now() + READY_WITHIN;
        while Instant::now() < deadline {
            let asked = client.get(&url).timeout(Duration::from_secs(2)).send().await;
            if asked.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let first = self.scope.services()[0];
        let said = self.children.get(first).map(Child::last_words).unwrap_or_default();
        let (seconds, name) = (READY_WITHIN.as_secs(), first.to_owned());
        Err(Error::NotReady { seconds, name, said })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let mut seen: Vec<(u32, String)> =
            self.children.values().flat_map(|child| process::children(child.pid())).collect();
        seen.extend(std::mem::take(&mut self.frozen).into_values());
        seen.append(&mut self.orphans);
        // What is frozen cannot end, nor can who waits for it.
        seen.iter().for_each(|(pid, _)| process::signal(*pid, "CONT"));
        self.broker.thaw();
        self.database.thaw();
        self.children.values().for_each(Child::stop);
        self.children.values_mut().for_each(Child::stopped);
        process::kill_all(&seen);
    }
}

impl Folder {
    fn new(keep: bool) -> Result<Self, Error> {
        let temporary = std::env::temp_dir();
        let made = tempfile::Builder::new().prefix("kintsugi-chaos-").tempdir();
        let made = made.map_err(Error::file(temporary))?;
        let path = made.path().to_owned();
        // As root, Postgres runs as somebody else, who must get through to its own folder.
        let passable = std::os::unix::fs::PermissionsExt::from_mode(0o711);
        std::fs::set_permissions(&path, passable).map_err(Error::file(&path))?;
        let goes = if keep {
            let _ = made.keep();
            None
        } else {
            Some(made)
        };
        Ok(Self { path, _goes: goes })
    }
}

/// A port that nobody listens at now.
fn free_port() -> Result<u16, Error> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(Error::Between)?;
    Ok(listener.local_addr().map_err(Error::Between)?.port())
}
