//! A nats-server of our own: `kintsugi dev` and tests run one as a child process.
//!
//! It ends with its parent, however that ends: a shell beside it waits for the end of a pipe that
//! only the parent holds open. (The kernel's own way, `PR_SET_PDEATHSIG`, needs unsafe code.)

mod config;
mod pauses;
mod process;
mod stale;

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

pub use pauses::Pauses;
use process::Process;
use tracing::{info, warn};

/// The oldest nats-server whose behaviour this was tested against.
const OLDEST: (u64, u64) = (2, 12);

/// Twice what the engine's streams take at most.
pub const FILE_BYTES_MAX: u64 = 8 << 30;

/// Why a nats-server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// There is no such program, or it is not a nats-server.
    #[error("cannot run {binary}")]
    NotRunnable {
        /// The program.
        binary: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is older than 2.12.
    #[error("{binary} is nats-server {version}; 2.12 or newer is needed")]
    TooOld {
        /// The program.
        binary: PathBuf,
        /// What it says that it is.
        version: String,
    },
    /// Its folder cannot be used.
    #[error("cannot use {path}")]
    Folder {
        /// The folder, or a file within.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process that runs uses the folder.
    #[error("{path} is in use by another process")]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// It ended, or did not get ready in time.
    #[error("nats-server does not start: {reason} (log: {log})")]
    NotReady {
        /// What is known.
        reason: String,
        /// Where its log is.
        log: PathBuf,
    },
}

/// How to run a nats-server.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The program.
    pub binary: PathBuf,
    /// Where it keeps its streams, its configuration and its log.
    pub dir: PathBuf,
    /// Where it listens; port 0: it picks one, and keeps it.
    pub listen: SocketAddr,
    /// How long it may take to get ready. Default: 20 s.
    pub ready_within: Duration,
    /// How many bytes its streams may take on the disk, all together. Default: 8 GiB.
    pub file_bytes_max: u64,
}

impl ServerOptions {
    /// A server in `dir` that listens on the loopback at a port that it picks.
    pub fn new(binary: impl Into<PathBuf>, dir: impl Into<PathBuf>) -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let ready_within = Duration::from_secs(20);
        let (binary, dir, file_bytes_max) = (binary.into(), dir.into(), FILE_BYTES_MAX);
        Self { binary, dir, listen, ready_within, file_bytes_max }
    }

    /// The same, with another disk quota.
    #[must_use]
    pub fn file_bytes_max(mut self, bytes: u64) -> Self {
        self.file_bytes_max = bytes;
        self
    }

    /// The same, listening elsewhere.
    #[must_use]
    pub fn listen(mut self, listen: SocketAddr) -> Self {
        self.listen = listen;
        self
    }
}

/// A nats-server that runs as a child process, until dropped. Cheap to clone.
#[derive(Clone)]
pub struct Server(Arc<Shared>);

struct Shared {
    options: ServerOptions,
    address: SocketAddr,
    process: Mutex<Option<Process>>,
    // Held until the server is dropped, after its process.
    _lock: std::fs::File,
}

impl Server {
    /// Starts a server and waits until it is ready. One that was left behind in the same folder by
    /// a parent that was killed is stopped first.
    ///
    /// # Errors
    ///
    /// When it cannot be run, is too old, or does not get ready.
    pub async fn spawn(mut options: ServerOptions) -> Result<Self, ServerError> {
        process::check_version(&options.binary).await?;
        std::fs::create_dir_all(&options.dir).map_err(folder(&options.dir))?;
        options.dir = options.dir.canonicalize().map_err(folder(&options.dir))?;
        let lock = stale::lock(&options.dir)?;
        stale::stop(&options.dir).await;
        let (process, address) = Process::start(&options, options.listen).await?;
        info!(pid = process.pid(), %address, "nats-server started");
        let process = Mutex::new(Some(process));
        Ok(Self(Arc::new(Shared { options, address, process, _lock: lock })))
    }

    /// Where clients reach it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://{}", self.0.address)
    }

    /// Where it listens; the same after a restart.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// Its process; none: it is down.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.with(|process| process.as_ref().map(Process::pid))
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        config::log(&self.0.options.dir)
    }

    /// Whether its process runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.with(|process| process.as_mut().is_some_and(Process::is_running))
    }

    /// Kills it as a crash would, and waits until it is gone. Nothing restarts it but
    /// [`Server::restart`] or [`Server::run`].
    pub async fn kill9(&self) {
        let process = self.with(Option::take);
        if let Some(process) = process {
            process.kill9().await;
        }
    }

    /// Starts it again at the same address; stops it first in good order where it runs.
    ///
    /// # Errors
    ///
    /// When it does not get ready.
    pub async fn restart(&self) -> Result<(), ServerError> {
        self.stop().await;
        stale::stop(&self.0.options.dir).await;
        let (process, _) = Process::start(&self.0.options, self.0.address).await?;
        info!(pid = process.pid(), "nats-server restarted");
        self.with(|slot| *slot = Some(process));
        Ok(())
    }

    /// Stops it in good order.
    pub async fn stop(&self) {
        let process = self.with(Option::take);
        if let Some(process) = process {
            process.stop().await;
        }
    }

    /// Keeps it running until `shutdown` is done, then stops it in good order.
    pub async fn run(&self, shutdown: impl Future<Output = ()> + Send) {
        let mut pauses = Pauses::default();
        let keep_up = async {
            loop {
                // A child's end gives no signal that can be awaited without owning the child,
                // and others kill and restart it here.
                tokio::time::sleep(Duration::from_millis(100)).await;
                if self.is_running() {
                    continue;
                }
                warn!("nats-server is down; restarting it");
                match self.restart().await {
                    Ok(()) => pauses.reset(),
                    Err(error) => {
                        warn!(error = &error as &dyn std::error::Error, "nats-server stays down");
                        tokio::time::sleep(pauses.next_pause()).await;
                    }
                }
            }
        };
        tokio::select! {
            () = shutdown => {}
            () = keep_up => {}
        }
        self.stop().await;
    }

    fn with<T>(&self, act: impl FnOnce(&mut Option<Process>) -> T) -> T {
        act(&mut self.0.process.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.0.address).finish_non_exhaustive()
    }
}

fn folder(path: &Path) -> impl FnOnce(io::Error) -> ServerError {
    let path = path.to_owned();
    move |source| ServerError::Folder { path, source }
}
