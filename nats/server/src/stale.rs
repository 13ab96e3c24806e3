//! One server per folder: who holds its lock owns the folder, and stops what was left behind.

use std::{
    fs::{self, File, TryLockError},
    path::Path,
    process::Stdio,
    time::Duration,
};

use tokio::{
    process::Command,
    time::{Instant, sleep},
};
use tracing::warn;

use super::{ServerError, config, folder};

/// How long a server that was left behind may take to stop.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Takes the folder for as long as the file lives. The kernel lets go of the lock with the process.
pub(super) fn lock(dir: &Path) -> Result<File, ServerError> {
    let path = dir.join("lock");
    let file = File::create(&path).map_err(folder(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ServerError::InUse { path: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(ServerError::Folder { path, source }),
    }
}

/// Stops a server whose parent was killed, and waits until it is gone.
pub(super) async fn stop(dir: &Path) {
    let Some(pid) = left_behind(dir).await else { return };
    warn!(pid, "stopping a nats-server that was left behind");
    let deadline = Instant::now() + STOP_WITHIN;
    signal("TERM", pid).await;
    while left_behind(dir).await == Some(pid) {
        if Instant::now() > deadline {
            signal("KILL", pid).await;
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// The process of the pid file, if it really is a server of this folder.
async fn left_behind(dir: &Path) -> Option<u32> {
    let pid: u32 = fs::read_to_string(config::pid(dir)).ok()?.trim().parse().ok()?;
    let command = command_of(pid).await?;
    command.contains(&*config::file(dir).to_string_lossy()).then_some(pid)
}

async fn command_of(pid: u32) -> Option<String> {
    if Path::new("/proc/self/cmdline").exists() {
        // Empty for a process that has ended and was not waited for.
        return fs::read(format!("/proc/{pid}/cmdline"))
            .ok()
            .map(|text| String::from_utf8_lossy(&text).replace('\0', " "));
    }
    let pid = pid.to_string();
    let asked = Command::new("ps").args(["-o", "command=", "-p", &pid]).output().await.ok()?;
    Some(String::from_utf8_lossy(&asked.stdout).into_owned())
}

async fn signal(name: &str, pid: u32) {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"kill -s "$0" "$1""#, name, &pid.to_string()]).stdin(Stdio::null());
    let _ = shell.stderr(Stdio::null()).status().await;
}
