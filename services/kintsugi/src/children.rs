//! Worker processes of `kintsugi dev`, each started again when it dies or is frozen.
//!
//! They are processes of their own because tasks may crash them: that is what the tour shows.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use kintsugi_runtime::Shutdown;
use tokio::process::{Child, Command};
use tracing::{info, warn};

/// The pause before a worker is started again; doubles while it does not last.
const PAUSE_FIRST: Duration = Duration::from_millis(300);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// A worker that is stopped (SIGSTOP) for this many looks, two seconds apart, is replaced.
const FROZEN_LOOKS: u32 = 3;

/// What a worker process is started with.
#[derive(Clone)]
pub(crate) struct Spec {
    pub(crate) nats_url: String,
    pub(crate) config: Option<PathBuf>,
    pub(crate) set: Vec<(String, String)>,
    pub(crate) name: String,
}

/// Process ids of the workers that run.
pub(crate) type Pids = Arc<Mutex<Vec<u32>>>;

/// Keeps one worker running until `shutdown`.
pub(crate) async fn keep(spec: Spec, pids: Pids, shutdown: Shutdown) {
    let mut pause = PAUSE_FIRST;
    while !shutdown.is_cancelled() {
        let started = tokio::time::Instant::now();
        match start(&spec) {
            Ok(child) => {
                let pid = child.id().unwrap_or_default();
                note(&pids, |pids| pids.push(pid));
                watch(child, pid, &shutdown).await;
                note(&pids, |pids| pids.retain(|known| *known != pid));
            }
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "worker not started");
            }
        }
        if started.elapsed() > PAUSE_MAX {
            pause = PAUSE_FIRST;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shutdown.cancelled() => return,
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

fn note(pids: &Pids, change: impl FnOnce(&mut Vec<u32>)) {
    change(&mut pids.lock().unwrap_or_else(PoisonError::into_inner));
}

fn start(spec: &Spec) -> std::io::Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["worker", "--stop-with-stdin", "--nats-url", &spec.nats_url]);
    if let Some(config) = &spec.config {
        command.arg("--config").arg(config);
    }
    for (name, value) in &spec.set {
        command.arg("--set").arg(format!("{name}={value}"));
    }
    command.args(["--set", &format!("engine.instance={}", spec.name)]);
    // The parent's end closes the pipe, and the worker stops when it does: no orphans.
    command.stdin(std::process::Stdio::piped()).kill_on_drop(true).spawn()
}

async fn watch(mut child: Child, pid: u32, shutdown: &Shutdown) {
    // Waiting for a child closes its stdin, which would stop it.
    let stdin = child.stdin.take();
    let (mut looks, mut frozen) = (tokio::time::interval(Duration::from_secs(2)), 0);
    loop {
        tokio::select! {
            ended = child.wait() => {
                match ended {
                    Ok(status) => warn!(pid, %status, "worker ended; starting another"),
                    Err(error) => warn!(error = &error as &dyn std::error::Error, "worker lost"),
                }
                return;
            }
            _ = looks.tick() => {
                frozen = if is_stopped(pid) { frozen + 1 } else { 0 };
                if frozen >= FROZEN_LOOKS {
                    warn!(pid, "worker is frozen; replacing it");
                    let _ = child.kill().await;
                    return;
                }
            }
            () = shutdown.cancelled() => {
                // Closing its stdin asks it to stop; it gets its time to finish.
                drop(stdin);
                if tokio::time::timeout(Duration::from_secs(12), child.wait()).await.is_err() {
                    let _ = child.kill().await;
                }
                info!(pid, "worker stopped");
                return;
            }
        }
    }
}

/// Whether the kernel says that a process is stopped (`T`, proc(5)).
fn is_stopped(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
}
