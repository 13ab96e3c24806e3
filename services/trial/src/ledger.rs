//! The workers' own ledger: who writes it, and how it is read and put aside.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use kintsugi_promises::{Execution, Ledger};
use kintsugi_worker::{Context, Failure, Worker};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Error;

/// How long the work takes.
#[derive(Deserialize)]
struct Work {
    #[serde(default)]
    hold_ms: u64,
    /// The first attempt waits until its process was frozen, or cut off, and goes on this long after.
    zombie_ms: Option<u64>,
}

/// A process that slept for so long was frozen.
const FROZEN: Duration = Duration::from_secs(1);

/// Between two looks at the clock, and at the broker.
const LOOK: Duration = Duration::from_millis(20);

/// The whole body of a process that executes the task type `ledger`, `slots` at a time, until it is told
/// to end. Each execution is appended to `file` when it begins and before its result is given, each time
/// in one write without fsync: what a killed process wrote stays, which is all that the ledger is for.
///
/// # Errors
///
/// When the broker cannot be reached, or the worker cannot go on.
pub async fn ledger_worker(nats_url: &str, file: &Path, slots: usize) -> Result<(), Error> {
    let worker = Worker::connect(nats_url).await?.concurrency(slots);
    let file = file.to_owned();
    let handler = move |context: Context, work: Work| execute(file.clone(), context, work);
    Ok(worker.task("ledger", handler).run().await?)
}

async fn execute(file: PathBuf, context: Context, work: Work) -> Result<Value, Failure> {
    let begun = Execution {
        task: context.task().to_owned(),
        epoch: context.epoch(),
        key: context.idempotency_key().to_owned(),
        pid: std::process::id(),
        token: None,
    };
    begun.append(&file)?;
    tokio::time::sleep(Duration::from_millis(work.hold_ms)).await;
    if let Some(zombie_ms) = work.zombie_ms.filter(|_| context.epoch() == 1) {
        context.progress("alive")?;
        was_away(&context).await;
        tokio::time::sleep(Duration::from_millis(zombie_ms)).await;
    }
    let at = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let token = format!("{}/{}/{}/{}", begun.task, begun.epoch, begun.pid, at.as_nanos());
    Execution { token: Some(token.clone()), ..begun }.append(&file)?;
    Ok(json!({ "token": token }))
}

/// Until this process goes on after it was frozen, or reaches the broker after it was cut off.
async fn was_away(context: &Context) {
    let mut cut_off = false;
    loop {
        let before = Instant::now();
        tokio::time::sleep(LOOK).await;
        let is_cut_off = context.is_cut_off();
        if before.elapsed() > FROZEN || (cut_off && !is_cut_off) {
            return;
        }
        cut_off = is_cut_off;
    }
}

/// The file of the ledger, and that of the window before: so what a process adds that was frozen when the
/// window ended is read once more, and both are bounded.
#[derive(Clone, Debug)]
pub(crate) struct Pages {
    file: PathBuf,
}

impl Pages {
    pub(crate) fn new(file: PathBuf) -> Self {
        Self { file }
    }

    fn before(&self) -> PathBuf {
        let mut name = self.file.clone().into_os_string();
        name.push(".before");
        PathBuf::from(name)
    }

    /// The window before, and this one.
    pub(crate) fn read(&self) -> Result<(Ledger, Ledger), Error> {
        Ok((Ledger::read(&self.before())?, Ledger::read(&self.file)?))
    }

    /// Puts this window aside. Whoever appends opens the file by its name, and begins a new one.
    pub(crate) fn turn(&self) -> Result<(), Error> {
        match std::fs::rename(&self.file, self.before()) {
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => Ok(()),
            done => done.map_err(|source| Error::Ledger { file: self.file.clone(), source }),
        }
    }
}
