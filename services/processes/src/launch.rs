//! One execution of a program.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use kintsugi_worker::{Context, Failure};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
};

use crate::{Config, Group, memory, outcome::Ended};

/// How long its output may stay open after a program's end, held by a process that left its group.
const LINGER: Duration = Duration::from_secs(1);

/// What is to be started.
#[derive(Debug)]
pub struct Launch {
    /// The program: a path, or a name to be found in `PATH`.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// What it reads.
    pub stdin: Option<String>,
    /// Its whole environment.
    pub environment: BTreeMap<String, OsString>,
    /// Where it works.
    pub directory: PathBuf,
    /// Whether its memory is watched from here.
    pub watch_memory: bool,
}

/// A folder for one process. Removed when dropped.
pub(crate) struct Work(TempDir);

impl Work {
    pub(crate) fn new(config: &Config) -> Result<Self, Failure> {
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix("kintsugi-run-");
        let made = match &config.directory {
            Some(directory) => builder.tempdir_in(directory),
            None => builder.tempdir(),
        };
        made.map(Self).map_err(|error| {
            Failure::retryable(format!("no folder can be made for the process: {error}"))
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// What a process finds in its environment: where programs are, where it may write, and which
/// attempt it is; nothing else of the worker's.
#[must_use]
pub fn environment(
    context: &Context,
    directory: &Path,
    own: &BTreeMap<String, String>,
) -> BTreeMap<String, OsString> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    let mut all: BTreeMap<String, OsString> = [
        ("PATH", path),
        ("LANG", "C.UTF-8".into()),
        ("HOME", directory.into()),
        ("TMPDIR", directory.into()),
        ("KINTSUGI_TASK", context.task().into()),
        ("KINTSUGI_RUN", context.run().into()),
        ("KINTSUGI_EPOCH", context.epoch().to_string().into()),
        ("KINTSUGI_IDEMPOTENCY_KEY", context.idempotency_key().into()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if let Some(parent) = context.traceparent() {
        all.insert("TRACEPARENT".to_owned(), parent.into());
    }
    all.extend(own.iter().map(|(name, value)| (name.clone(), value.into())));
    all
}

/// A process that runs.
pub(crate) struct Started {
    child: Child,
    group: Group,
    stdin: Option<String>,
    watch_memory: bool,
}

impl Launch {
    /// Starts it and waits for its end, at most `limit`, or until it is not wanted any more.
    pub(crate) async fn run(
        self,
        config: &Config,
        limit: Duration,
        work: Work,
        unwanted: impl Future<Output = ()>,
    ) -> Result<Ended, Failure> {
        self.start(config)?.finish(config, limit, work, unwanted).await
    }

    pub(crate) fn start(self, _: &Config) -> Result<Started, Failure> {
        let refused = |error| not_started(&self.program, &error);
        let group = Group::new().map_err(refused)?;
        let stdin = if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() };
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            .envs(&self.environment)
            .current_dir(&self.directory)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(group.id())
            .kill_on_drop(true)
            .spawn()
            .map_err(refused)?;
        let (stdin, watch_memory) = (self.stdin, self.watch_memory);
        Ok(Started { child, group, stdin, watch_memory })
    }
}

/// Why a program does not run.
pub(crate) fn not_started(program: &Path, error: &std::io::Error) -> Failure {
    let message = format!("`{}` cannot be started: {error}", program.display());
    match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied => {
            Failure::fatal(message).kind("configuration").status(500)
        }
        _ => Failure::retryable(message),
    }
}

impl Started {
    pub(crate) async fn finish(
        mut self,
        config: &Config,
        limit: Duration,
        work: Work,
        unwanted: impl Future<Output = ()>,
    ) -> Result<Ended, Failure> {
        let group = &self.group;
        let exchange = exchange(&mut self.child, group, self.stdin.take(), config.output_max);
        tokio::pin!(exchange);
        let memory = async {
            if self.watch_memory {
                memory::exceeds(group.id(), config.memory_max).await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        let stopped = tokio::select! {
            ended = &mut exchange => return ended,
            () = memory => {
                let message = format!("it held more than {} bytes of memory", config.memory_max);
                group.kill();
                return Err(Failure::fatal(format!("the process was killed: {message}")));
            }
            () = tokio::time::sleep(limit) => {
                let message = format!("the process took longer than its limit of {limit:?}");
                Failure::retryable(message).kind("timeout").status(408)
            }
            () = unwanted => Failure::retryable("the attempt is no longer wanted"),
        };
        group.terminate();
        let _ = tokio::time::timeout(config.grace, &mut exchange).await;
        drop(work);
        Err(stopped)
    }
}

/// Feeds the process, reads what it writes, and waits for its end.
async fn exchange(
    child: &mut Child,
    group: &Group,
    stdin: Option<String>,
    max: usize,
) -> Result<Ended, Failure> {
    let (pipe, out, err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feed = async move {
        if let (Some(mut pipe), Some(text)) = (pipe, stdin) {
            // A program need not read its input: a closed pipe is no error.
            let _ = pipe.write_all(text.as_bytes()).await;
        }
    };
    let too_long = || {
        group.kill();
        Failure::fatal(format!("the process was killed: it wrote more than {max} bytes"))
    };
    let io = async { tokio::join!(feed, read(out, max), read(err, max)) };
    let end = async {
        let status: std::io::Result<ExitStatus> = child.wait().await;
        // Whatever it left in the background ends with it: nobody owns that any more.
        group.terminate();
        group.kill();
        status
    };
    tokio::pin!(io, end);
    let (status, io) = tokio::select! {
        status = &mut end => (status, tokio::time::timeout(LINGER, &mut io).await.ok()),
        io = &mut io => {
            if io.1.is_none() || io.2.is_none() {
                return Err(too_long());
            }
            (end.await, Some(io))
        }
    };
    let ((), stdout, stderr) = io.unwrap_or(((), Some(Vec::new()), Some(Vec::new())));
    match (stdout, stderr) {
        (Some(stdout), Some(stderr)) => Ok(Ended { status: status?, stdout, stderr }),
        _ => Err(too_long()),
    }
}

/// Reads everything; none: it is longer than `max`.
async fn read(pipe: Option<impl AsyncRead + Unpin>, max: usize) -> Option<Vec<u8>> {
    let Some(pipe) = pipe else { return Some(Vec::new()) };
    let mut bytes = Vec::new();
    let _ = pipe.take(max as u64 + 1).read_to_end(&mut bytes).await;
    (bytes.len() <= max).then_some(bytes)
}
