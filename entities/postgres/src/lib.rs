//! A real Postgres of one's own: a new cluster in a folder, on a free loopback port, stopped when it
//! is dropped. For tests, benches and `kintsugi chaos`; it knows nothing of tables.

mod error;
mod programs;

use std::{
    fs,
    net::TcpListener,
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

pub use error::Error;
pub use programs::programs;

/// How long it may take to start or stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// Ports that are tried before it is given up: another process may take one first.
const PORTS_TRIED: usize = 5;

/// A running Postgres, durable as in production (`fsync`, `synchronous_commit` on) unless a setting
/// says otherwise.
#[derive(Debug)]
pub struct Postgres {
    port: u16,
    child: Child,
    programs: PathBuf,
    settings: Vec<String>,
    folder: PathBuf,
}

impl Postgres {
    /// Starts one in `folder`, which is made where it is not there, with settings such as `fsync=off`.
    /// As root it runs as the user `postgres`, who must be able to reach the folder.
    ///
    /// # Errors
    ///
    /// When there is no Postgres on this machine, or it does not start.
    pub fn start(folder: &Path, settings: &[&str]) -> Result<Self, Error> {
        let programs = programs().ok_or(Error::Missing)?;
        let unusable = |source| Error::Folder { path: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(unusable)?;
        if let Some((uid, gid)) = programs::user()? {
            chown(folder, Some(uid), Some(gid)).map_err(unusable)?;
        }
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(unusable)?;
        let mut initdb = programs::command(&programs.join("initdb"))?;
        initdb
            .args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8"])
            .args(["--locale=C", "--pgdata"])
            .arg(folder.join("data"));
        answer("initdb", &mut initdb)?;
        let settings: Vec<String> = settings.iter().map(|&it| it.to_owned()).collect();
        for _ in 0..PORTS_TRIED {
            let port = free_port().map_err(unusable)?;
            if let Some(child) = launch(&programs, folder, port, &settings)? {
                return Ok(Self { port, child, programs, settings, folder: folder.to_owned() });
            }
        }
        Err(Error::NotReady { log: log(folder) })
    }

    /// Process id of its postmaster.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its port on 127.0.0.1; the same after a restart.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// URL of a database in it, as a superuser.
    #[must_use]
    pub fn url_of(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Executes a statement with `psql`, and gives what it prints.
    ///
    /// # Errors
    ///
    /// When it is refused.
    pub fn psql(&self, database: &str, sql: &str) -> Result<String, Error> {
        let mut psql = programs::command(&self.programs.join("psql"))?;
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql])
            .arg(self.url_of(database));
        answer(sql, &mut psql)
    }

    /// Process ids of the postmaster and of its children, as far as the kernel tells.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        let pid = self.pid();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.unwrap_or_default();
        let children = children.split_whitespace().filter_map(|pid| pid.parse().ok());
        std::iter::once(pid).chain(children).collect()
    }

    /// Sends a signal, e.g. `STOP`, to the postmaster and all its children.
    pub fn signal(&self, name: &str) {
        for pid in self.pids() {
            let mut kill = Command::new("kill");
            kill.args([&format!("-{name}"), &pid.to_string()]).stderr(Stdio::null());
            drop(kill.status());
        }
    }

    /// Kills it and all its children, as a crash of the machine would: nothing is written any more.
    pub fn kill9(&mut self) {
        // The children see the postmaster's death by themselves, but only when they next look.
        self.signal("KILL");
        drop(self.child.wait());
    }

    /// Starts it again, after [`Postgres::kill9`] or while it runs, on the same port and data.
    ///
    /// # Errors
    ///
    /// When it does not start in time.
    pub fn restart(&mut self) -> Result<(), Error> {
        self.stop("-INT");
        let since = Instant::now();
        // Children of a killed postmaster may hold the shared memory a moment longer.
        self.child = loop {
            match launch(&self.programs, &self.folder, self.port, &self.settings)? {
                Some(child) => break child,
                None if since.elapsed() < PATIENCE => pause(),
                None => return Err(Error::NotReady { log: log(&self.folder) }),
            }
        };
        Ok(())
    }

    /// `-INT` is a fast shutdown: it disconnects clients and writes everything.
    fn stop(&mut self, signal: &str) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // A frozen process takes no other signal until it goes on.
            self.signal("CONT");
            drop(Command::new("kill").args([signal, &self.pid().to_string()]).status());
            drop(self.child.wait());
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // `-QUIT` is an immediate shutdown: what was committed is on the disk.
        self.stop("-QUIT");
    }
}

fn answer(what: &str, command: &mut Command) -> Result<String, Error> {
    let program = PathBuf::from(command.get_program());
    let output = command.output().map_err(|source| Error::NotRunnable { program, source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Refused { what: what.to_owned(), said })
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Starts the server, and waits until it takes connections; none: it ended instead.
fn launch(
    programs: &Path,
    folder: &Path,
    port: u16,
    settings: &[String],
) -> Result<Option<Child>, Error> {
    let (data, path) = (folder.join("data"), folder.join("log"));
    let log = fs::File::options().create(true).append(true).open(&path);
    let log = log.map_err(|source| Error::Folder { path, source })?;
    let program = programs.join("postgres");
    let mut server = programs::command(&program)?;
    server.arg("-D").arg(&data).arg("-k").arg(folder).arg("-p").arg(port.to_string());
    for setting in ["listen_addresses=127.0.0.1", "max_connections=100", "shared_buffers=64MB"] {
        server.args(["-c", setting]);
    }
    for setting in settings {
        server.args(["-c", setting]);
    }
    // A process group of its own: Ctrl-C in a terminal is for the parent, which then stops it.
    server.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let child = server.spawn().map_err(|source| Error::NotRunnable { program, source });
    let mut child = child?;
    let since = Instant::now();
    while since.elapsed() < PATIENCE {
        if matches!(child.try_wait(), Ok(Some(_))) {
            return Ok(None);
        }
        let status = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
        let lines: Vec<&str> = status.lines().map(str::trim).collect();
        // What a killed server left says `ready` still, but names another process.
        if lines.first() == Some(&child.id().to_string().as_str()) && lines.get(7) == Some(&"ready")
        {
            return Ok(Some(child));
        }
        pause();
    }
    drop(child.kill());
    drop(child.wait());
    Ok(None)
}

fn pause() {
    std::thread::sleep(Duration::from_millis(10));
}

fn log(folder: &Path) -> String {
    fs::read_to_string(folder.join("log")).unwrap_or_default()
}
