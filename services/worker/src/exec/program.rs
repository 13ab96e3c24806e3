//! One execution of a program.

use std::{
    ffi::OsString,
    path::PathBuf,
    process::Stdio,
    sync::atomic::{AtomicI32, Ordering},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
};

use super::outcome::{Ended, judge};
use crate::{Context, Failure};

/// Bytes at the end of stderr that become the failure's message.
const STDERR_MAX: usize = 4 << 10;

/// How long a program may clean up after SIGTERM before it is killed.
const TERM_GRACE: Duration = Duration::from_secs(3);

/// How long its output may stay open after a program's end, held by a process that left its group.
const LINGER: Duration = Duration::from_secs(1);

/// A program that executes tasks.
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) env: Vec<(OsString, OsString)>,
    pub(super) output_max: usize,
}

impl Program {
    pub(super) async fn execute(&self, context: &Context, input: &Value) -> Result<Value, Failure> {
        let input = serde_json::to_vec(input)
            .map_err(|error| Failure::fatal(format!("the input is not JSON: {error}")))?;
        let mut child = self.spawn(context)?;
        let group = Group::of(&child);
        let mut stdin = child.stdin.take();
        let stdout = read_head(child.stdout.take(), self.output_max);
        let stderr = read_tail(child.stderr.take(), STDERR_MAX);
        let feed = async move {
            if let Some(pipe) = &mut stdin {
                // A program need not read its input: a closed pipe is no error.
                let _ = pipe.write_all(&input).await;
            }
        };
        let end = async {
            let status = child.wait().await;
            // Whatever it left in the background ends with it: nobody owns that any more.
            group.end();
            status
        };
        let work = async {
            let io = async { tokio::join!(feed, stdout, stderr) };
            tokio::pin!(io, end);
            tokio::select! {
                status = &mut end => {
                    let io = tokio::time::timeout(LINGER, &mut io).await.ok();
                    (status, io.map(|((), out, err)| (out, err)))
                }
                ((), out, err) = &mut io => {
                    if out.is_none() {
                        group.signal(Signal::SIGKILL);
                    }
                    (end.await, Some((out, err)))
                }
            }
        };
        tokio::pin!(work);
        let (status, io) = tokio::select! {
            done = &mut work => done,
            () = context.cancelled() => {
                group.signal(Signal::SIGTERM);
                let _ = tokio::time::timeout(TERM_GRACE, &mut work).await;
                return Err(Failure::retryable("the attempt is no longer wanted"));
            }
        };
        let status = status?;
        let (stdout, stderr) = io.unwrap_or((Some(Vec::new()), Vec::new()));
        judge(Ended { status, stdout, stderr, output_max: self.output_max })
    }

    fn spawn(&self, context: &Context) -> Result<Child, Failure> {
        let mut command = Command::new(&self.path);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .env("KINTSUGI_TASK", context.task())
            .env("KINTSUGI_RUN", context.run())
            .env("KINTSUGI_EPOCH", context.epoch().to_string())
            .env("KINTSUGI_IDEMPOTENCY_KEY", context.idempotency_key())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        if let Some(parent) = context.traceparent() {
            command.env("TRACEPARENT", parent);
        }
        let name = self.path.display();
        command
            .spawn()
            .map_err(|error| Failure::retryable(format!("cannot start program {name}: {error}")))
    }
}

/// The process group of a program. Killed when dropped, so that no way out of an attempt (limit,
/// cancellation, end of the worker) leaves a process behind.
struct Group(AtomicI32);

impl Group {
    fn of(child: &Child) -> Self {
        Self(AtomicI32::new(child.id().and_then(|id| i32::try_from(id).ok()).unwrap_or(0)))
    }

    fn signal(&self, signal: Signal) {
        let group = self.0.load(Ordering::Relaxed);
        if group > 0 {
            // It may be gone already.
            let _ = killpg(Pid::from_raw(group), signal);
        }
    }

    /// Kills what is left, and forgets the number: once the program was waited for, the system may
    /// give it to another one.
    fn end(&self) {
        self.signal(Signal::SIGKILL);
        self.0.store(0, Ordering::Relaxed);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

/// Reads everything; none: it is longer than `max`.
async fn read_head(pipe: Option<impl AsyncRead + Unpin>, max: usize) -> Option<Vec<u8>> {
    let Some(pipe) = pipe else { return Some(Vec::new()) };
    let mut bytes = Vec::new();
    // Two more than allowed: a JSON text may be followed by a line end.
    let _ = pipe.take(max as u64 + 2).read_to_end(&mut bytes).await;
    (bytes.len() <= max + 1).then_some(bytes)
}

/// Reads everything and keeps the end.
async fn read_tail(pipe: Option<impl AsyncRead + Unpin>, max: usize) -> Vec<u8> {
    let mut tail = Vec::new();
    let Some(mut pipe) = pipe else { return tail };
    let mut chunk = vec![0; 8 << 10];
    while let Ok(n @ 1..) = pipe.read(&mut chunk).await {
        tail.extend_from_slice(&chunk[..n]);
        if tail.len() > max {
            tail.drain(..tail.len() - max);
        }
    }
    tail
}
