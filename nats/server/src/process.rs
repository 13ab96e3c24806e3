//! The child process, and the guard that ends it with its parent.

use std::{
    fs::{self, OpenOptions},
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde::Deserialize;
use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

use super::{OLDEST, ServerError, ServerOptions, config, folder};

/// Waits for the end of its input, which is a pipe that only the parent holds open, then stops the
/// process that it was given.
const GUARD: &str = r#"read -r _; kill -TERM "$0" 2>/dev/null"#;

/// How long a server may take to stop in good order.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// A log larger than this is put aside at the next start.
const LOG_MAX: u64 = 10 << 20;

pub(super) struct Process {
    server: Child,
    guard: Child,
    pid: u32,
}

impl Process {
    pub(super) async fn start(
        options: &ServerOptions,
        listen: SocketAddr,
    ) -> Result<(Self, SocketAddr), ServerError> {
        let dir = &options.dir;
        let file = config::file(dir);
        fs::write(&file, config::text(dir, listen, options.file_bytes_max))
            .map_err(folder(&file))?;
        forget_ports(dir);
        let (out, err) = log(dir)?;
        let not_runnable =
            |source| ServerError::NotRunnable { binary: options.binary.clone(), source };
        let server = Command::new(&options.binary)
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            // Ctrl-C in a terminal is for the parent, which stops its server last.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(not_runnable)?;
        let pid = server.id().ok_or_else(|| not_runnable(io::Error::other("it ended at once")))?;
        let guard = Command::new("sh")
            .args(["-c", GUARD, &pid.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|source| ServerError::NotRunnable { binary: PathBuf::from("sh"), source })?;
        let mut process = Self { server, guard, pid };
        let address = process.ready(options).await?;
        Ok((process, address))
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    pub(super) fn is_running(&mut self) -> bool {
        matches!(self.server.try_wait(), Ok(None))
    }

    pub(super) async fn kill9(mut self) {
        let _ = self.server.kill().await;
        self.dismiss().await;
    }

    pub(super) async fn stop(mut self) {
        drop(self.guard.stdin.take());
        if timeout(STOP_WITHIN, self.server.wait()).await.is_err() {
            let _ = self.server.kill().await;
        }
        self.dismiss().await;
    }

    /// The guard must not outlive its server: another process may get the same id.
    async fn dismiss(&mut self) {
        let _ = self.guard.kill().await;
    }

    async fn ready(&mut self, options: &ServerOptions) -> Result<SocketAddr, ServerError> {
        let binary = options.binary.file_name().map(|name| name.to_string_lossy().into_owned());
        let ports = format!("{}_{}.ports", binary.unwrap_or_default(), self.pid);
        let ports = options.dir.join(ports);
        let log = config::log(&options.dir);
        let deadline = Instant::now() + options.ready_within;
        loop {
            if let Some(address) = listens_at(&ports)
                && greets(address).await
            {
                return Ok(address);
            }
            if !self.is_running() {
                return Err(ServerError::NotReady { reason: last_words(&log), log });
            }
            if Instant::now() > deadline {
                let reason = format!("it is not ready after {:?}", options.ready_within);
                return Err(ServerError::NotReady { reason, log });
            }
            sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Refuses what is no nats-server, or one that is too old.
pub(super) async fn check_version(binary: &Path) -> Result<(), ServerError> {
    let asked = Command::new(binary).arg("--version").stdin(Stdio::null()).output().await;
    let not_runnable = |source| ServerError::NotRunnable { binary: binary.to_owned(), source };
    let said = String::from_utf8_lossy(&asked.map_err(not_runnable)?.stdout).trim().to_owned();
    let Some(version) = said.strip_prefix("nats-server: v") else {
        return Err(not_runnable(io::Error::other("it does not say that it is a nats-server")));
    };
    let mut numbers = version.split(['.', '-']).map_while(|part| part.parse::<u64>().ok());
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if found < OLDEST {
        let (binary, version) = (binary.to_owned(), version.to_owned());
        return Err(ServerError::TooOld { binary, version });
    }
    Ok(())
}

fn log(dir: &Path) -> Result<(fs::File, fs::File), ServerError> {
    let path = config::log(dir);
    if fs::metadata(&path).is_ok_and(|found| found.len() > LOG_MAX) {
        let _ = fs::rename(&path, path.with_extension("log.old"));
    }
    let file = OpenOptions::new().create(true).append(true).open(&path).map_err(folder(&path))?;
    let copy = file.try_clone().map_err(folder(&path))?;
    Ok((file, copy))
}

/// A server that was killed leaves its file behind.
fn forget_ports(dir: &Path) {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        if path.extension().is_some_and(|extension| extension == "ports") {
            let _ = fs::remove_file(path);
        }
    }
}

fn listens_at(ports: &Path) -> Option<SocketAddr> {
    #[derive(Deserialize)]
    struct Ports {
        nats: Vec<String>,
    }
    let ports: Ports = serde_json::from_slice(&fs::read(ports).ok()?).ok()?;
    let address: SocketAddr = ports.nats.first()?.strip_prefix("nats://")?.parse().ok()?;
    let unspecified = address.ip().is_unspecified();
    let loopback = SocketAddr::from(([127, 0, 0, 1], address.port()));
    Some(if unspecified { loopback } else { address })
}

/// Whether a nats-server says hello.
async fn greets(address: SocketAddr) -> bool {
    let hello = async {
        let mut first = [0; 5];
        TcpStream::connect(address).await?.read_exact(&mut first).await?;
        io::Result::Ok(first)
    };
    matches!(timeout(Duration::from_secs(1), hello).await, Ok(Ok(first)) if &first == b"INFO ")
}

fn last_words(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().rev().find(|line| line.contains("[FTL]") || line.contains("rror"));
    line.or_else(|| text.lines().last()).unwrap_or("it said nothing").trim().to_owned()
}
