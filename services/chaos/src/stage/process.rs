//! One process of the engine, which is killed and started again.

use std::{
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::Error;

/// A log that is larger is put aside when its process is started again.
const LOG_BYTES_MAX: u64 = 10 << 20;

/// How long a process may take to end in good order.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// How long a process that is killed may take to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(2);

/// How a process is started.
pub(super) struct Process {
    program: PathBuf,
    args: Vec<String>,
    log: PathBuf,
    child: Child,
    /// Seconds that its clock is ahead.
    pub(super) ahead: i64,
}

impl Process {
    pub(super) fn start(program: &Path, args: Vec<String>, log: PathBuf) -> Result<Self, Error> {
        let child = spawn(program, &args, &log, 0)?;
        Ok(Self { program: program.to_owned(), args, log, child, ahead: 0 })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// `kill -9`, and waits until it is gone.
    pub(super) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub(super) fn start_again(&mut self) -> Result<(), Error> {
        self.child = spawn(&self.program, &self.args, &self.log, self.ahead)?;
        Ok(())
    }

    /// Asks it to end.
    pub(super) fn stop(&self) {
        // A frozen process takes no other signal until it goes on.
        for name in ["CONT", "TERM"] {
            signal(self.pid(), name);
        }
    }

    /// Waits until it has ended, and kills it where it does not.
    pub(super) fn stopped(&mut self) {
        let deadline = Instant::now() + STOP_WITHIN;
        while !self.has_ended() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        self.kill();
    }

    /// The end of its log.
    pub(super) fn last_words(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        text.lines().last().unwrap_or("nothing").to_owned()
    }
}

fn spawn(program: &Path, args: &[String], log: &Path, ahead: i64) -> Result<Child, Error> {
    if fs::metadata(log).is_ok_and(|found| found.len() > LOG_BYTES_MAX) {
        let _ = fs::rename(log, log.with_extension("log.old"));
    }
    let out = fs::File::options().create(true).append(true).open(log).map_err(Error::file(log))?;
    let err = out.try_clone().map_err(Error::file(log))?;
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(out).stderr(err);
    if ahead != 0 {
        command.args(["--set", "chaos.enabled=true"]);
        command.args(["--set", &format!("chaos.clock_offset_seconds={ahead}")]);
    }
    // Ctrl-C in a terminal is for the parent, which then ends them in good order.
    let started = command.process_group(0).spawn();
    let name = log.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    started.map_err(|source| Error::Start { name, source })
}

/// Sends a signal, e.g. `STOP`, if the process is still there.
pub(super) fn signal(pid: u32, name: &str) {
    let mut kill = Command::new("kill");
    kill.args([&format!("-{name}"), &pid.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
    let _ = kill.status();
}

/// Children of a process, with their command lines.
pub(super) fn children(pid: u32) -> Vec<(u32, String)> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let pids: Vec<u32> = lists
        .flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|pid| pid.parse().ok())
        .collect();
    pids.into_iter().map(|pid| (pid, command(pid))).collect()
}

/// The command line of a process; empty: it is gone.
pub(super) fn command(pid: u32) -> String {
    let text = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&text).replace('\0', " ")
}

/// Kills processes that are still those that were seen, and waits until they are gone.
pub(super) fn kill_all(seen: &[(u32, String)]) {
    let is_there = |(pid, known): &&(u32, String)| !known.is_empty() && command(*pid) == *known;
    let deadline = Instant::now() + GONE_WITHIN;
    loop {
        let left: Vec<u32> = seen.iter().filter(is_there).map(|(pid, _)| *pid).collect();
        if left.is_empty() || Instant::now() > deadline {
            return;
        }
        left.into_iter().for_each(|pid| signal(pid, "KILL"));
        std::thread::sleep(Duration::from_millis(20));
    }
}
