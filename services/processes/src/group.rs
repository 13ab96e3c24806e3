//! A group of processes that ends with its owner.
//!
//! Its head is a guard: a shell that reads from a pipe whose other end this process holds. When the
//! pipe ends, because the owner let go or was itself killed, the guard kills the whole group, itself
//! included. It is started first, so that there is no moment without it; and while it is not waited
//! for, the system gives the group's number to nobody else.

use std::{
    io,
    process::{Child, ChildStdin, Command, Stdio},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

/// What the guard does. It outlives the SIGTERM that its group is sent.
const GUARD: &str = "trap '' TERM INT HUP; read -r _; kill -KILL 0";

/// A group of processes, killed when dropped.
#[derive(Debug)]
pub struct Group {
    guard: Child,
    /// Open as long as the group may live.
    _pipe: Option<ChildStdin>,
    id: i32,
}

impl Group {
    /// A group with nothing but its guard.
    ///
    /// # Errors
    ///
    /// When no process can be started.
    pub fn new() -> io::Result<Self> {
        use std::os::unix::process::CommandExt;
        let mut guard = Command::new("/bin/sh")
            .args(["-c", GUARD])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let id = i32::try_from(guard.id()).map_err(io::Error::other)?;
        let pipe = guard.stdin.take();
        Ok(Self { guard, _pipe: pipe, id })
    }

    /// Its number, for `process_group`.
    #[must_use]
    pub fn id(&self) -> i32 {
        self.id
    }

    /// Asks its processes to stop.
    pub fn terminate(&self) {
        self.signal(Signal::SIGTERM);
    }

    /// Kills its processes, the guard too.
    pub fn kill(&self) {
        self.signal(Signal::SIGKILL);
    }

    fn signal(&self, signal: Signal) {
        // There may be nobody left.
        let _ = killpg(Pid::from_raw(self.id), signal);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
        // It was killed a moment ago, so this does not block for longer than that.
        let _ = self.guard.wait();
    }
}
