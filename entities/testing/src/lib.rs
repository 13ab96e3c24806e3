//! A real Postgres of one's own, for tests and benches: a new cluster in a temporary folder, on a
//! free loopback port, gone when it is dropped.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long it may take to start or stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running Postgres, durable as in production (`fsync`, `synchronous_commit` on).
#[derive(Debug)]
pub struct Postgres {
    /// URL of its database `postgres`, as a superuser.
    pub url: String,
    /// Process id of its postmaster.
    pub pid: u32,
    /// Its port on 127.0.0.1.
    pub port: u16,
    child: Child,
    programs: PathBuf,
    settings: Vec<String>,
    folder: TempDir,
}

impl Postgres {
    /// Starts one.
    ///
    /// # Panics
    ///
    /// When there is no Postgres on this machine, or it does not start: the message says why.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with settings such as `fsync=off`.
    ///
    /// # Panics
    ///
    /// As [`Postgres::start`].
    #[must_use]
    pub fn start_with(settings: &[&str]) -> Self {
        let programs = programs().unwrap_or_else(|| panic!("{MISSING}"));
        let folder = tempfile::Builder::new()
            .prefix("kintsugi-pg-")
            .tempdir()
            .expect("a temporary folder can be made");
        let user = user();
        if let Some((uid, gid)) = user {
            chown(folder.path(), Some(uid), Some(gid)).expect("root gives folders away");
        }
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700))
            .expect("our own folder takes permissions");
        let mut initdb = command(&programs.join("initdb"));
        initdb
            .args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8"])
            .args(["--locale=C", "--pgdata"])
            .arg(folder.path().join("data"));
        let output = initdb.output().expect("initdb can be executed");
        assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        let settings: Vec<String> = settings.iter().map(|&it| it.to_owned()).collect();
        let (child, port) = (0..5)
            .find_map(|_| {
                let port = free_port();
                launch(&programs, folder.path(), port, &settings).map(|child| (child, port))
            })
            .unwrap_or_else(|| panic!("Postgres does not start: {}", log(folder.path())));
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        Self { url, pid: child.id(), port, child, programs, settings, folder }
    }

    /// Starts one, or says loudly that there is none on this machine.
    ///
    /// # Panics
    ///
    /// When there is none and the environment has `CI` set: then a skipped test is a failed one.
    #[must_use]
    pub fn start_or_skip() -> Option<Self> {
        if programs().is_some() {
            return Some(Self::start());
        }
        assert!(variable("CI").is_none(), "{MISSING}");
        tracing::warn!("{MISSING}");
        #[expect(clippy::print_stderr, reason = "whoever reads the test's output must see it")]
        {
            eprintln!("SKIPPED: {MISSING}");
        }
        None
    }

    /// URL of another database in it.
    #[must_use]
    pub fn url_of(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes an empty database, and gives its URL.
    ///
    /// # Panics
    ///
    /// When that fails.
    #[must_use]
    pub fn create_database(&self, name: &str) -> String {
        self.psql(&format!("CREATE DATABASE \"{name}\" TEMPLATE template0"));
        self.url_of(name)
    }

    /// Executes a statement with `psql`, and gives what it prints.
    ///
    /// # Panics
    ///
    /// When that fails.
    #[must_use]
    pub fn psql_in(&self, database: &str, sql: &str) -> String {
        let output = command(&self.programs.join("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql])
            .arg(self.url_of(database))
            .output()
            .expect("psql can be executed");
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn psql(&self, sql: &str) {
        drop(self.psql_in("postgres", sql));
    }

    /// Kills it and all its children, as a crash of the machine would: nothing is written any more.
    ///
    /// # Panics
    ///
    /// When it is not gone in time.
    pub fn kill9(&mut self) {
        // The children see the postmaster's death by themselves, but only when they next look.
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.pid));
        for pid in [self.pid.to_string()]
            .into_iter()
            .chain(children.unwrap_or_default().split_whitespace().map(str::to_owned))
        {
            drop(Command::new("kill").args(["-KILL", &pid]).stderr(Stdio::null()).status());
        }
        self.child.wait().expect("our own child can be waited for");
    }

    /// Starts it again, after [`Postgres::kill9`] or while it runs, on the same port and data.
    ///
    /// # Panics
    ///
    /// When it does not start in time.
    pub fn restart(&mut self) {
        self.stop("-INT");
        let since = Instant::now();
        // Children of a killed postmaster may hold the shared memory a moment longer.
        self.child = loop {
            match launch(&self.programs, self.folder.path(), self.port, &self.settings) {
                Some(child) => break child,
                None if since.elapsed() < PATIENCE => pause(),
                None => panic!("Postgres does not start again: {}", log(self.folder.path())),
            }
        };
        self.pid = self.child.id();
    }

    /// `-INT` is a fast shutdown: it disconnects clients and writes everything.
    fn stop(&mut self, signal: &str) {
        if matches!(self.child.try_wait(), Ok(None)) {
            drop(Command::new("kill").args([signal, &self.pid.to_string()]).status());
            drop(self.child.wait());
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // `-QUIT` is an immediate shutdown: the data goes with the folder.
        self.stop("-QUIT");
    }
}

const MISSING: &str = "no Postgres on this machine: install it (Debian: apt-get install \
    postgresql), or set POSTGRES_BIN_DIR to the folder of initdb and postgres";

/// The folder of Postgres' programs.
fn programs() -> Option<PathBuf> {
    let has =
        |folder: &PathBuf| folder.join("initdb").is_file() && folder.join("postgres").is_file();
    if let Some(folder) = variable("POSTGRES_BIN_DIR") {
        return Some(PathBuf::from(folder)).filter(has);
    }
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .filter(has)
        .collect();
    versions.sort();
    versions.pop().or_else(|| {
        let path = variable("PATH")?;
        std::env::split_paths(&path).find(has)
    })
}

#[expect(clippy::disallowed_methods, reason = "only tests come here, and they have no config")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Postgres refuses to run as root: then it runs as the user `postgres`.
fn user() -> Option<(u32, u32)> {
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !is_root {
        return None;
    }
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let line = ["postgres:", "nobody:"]
        .iter()
        .find_map(|name| passwd.lines().find(|line| line.starts_with(name)))
        .expect("as root, Postgres needs the user `postgres`");
    let mut numbers = line.split(':').skip(2).filter_map(|field| field.parse().ok());
    Some((numbers.next()?, numbers.next()?))
}

fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    if let Some((uid, gid)) = user() {
        command.uid(uid).gid(gid);
    }
    // Its locale would otherwise be whatever the developer has.
    command.env_clear().env("LC_ALL", "C").env("TZ", "UTC").current_dir("/");
    command
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// Starts the server, and waits until it takes connections; none: it ended instead.
fn launch(programs: &Path, folder: &Path, port: u16, settings: &[String]) -> Option<Child> {
    let data = folder.join("data");
    let log = fs::File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .expect("our own folder takes files");
    let mut server = command(&programs.join("postgres"));
    server.arg("-D").arg(&data).arg("-k").arg(folder).arg("-p").arg(port.to_string());
    for setting in ["listen_addresses=127.0.0.1", "max_connections=100", "shared_buffers=64MB"] {
        server.args(["-c", setting]);
    }
    for setting in settings {
        server.args(["-c", setting]);
    }
    // A process group of its own: Ctrl-C in a terminal is for the test, which then stops it.
    server.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let mut child = server.spawn().expect("postgres can be executed");
    let since = Instant::now();
    while since.elapsed() < PATIENCE {
        if matches!(child.try_wait(), Ok(Some(_))) {
            return None;
        }
        let status = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
        let lines: Vec<&str> = status.lines().map(str::trim).collect();
        // What a killed server left says `ready` still, but names another process.
        if lines.first() == Some(&child.id().to_string().as_str()) && lines.get(7) == Some(&"ready")
        {
            return Some(child);
        }
        pause();
    }
    drop(child.kill());
    drop(child.wait());
    None
}

fn pause() {
    std::thread::sleep(Duration::from_millis(10));
}

fn log(folder: &Path) -> String {
    fs::read_to_string(folder.join("log")).unwrap_or_default()
}
