//! The end of an engine, and what its processes said until then.

use std::{process::Command, time::Duration};

use super::Engine;

impl Engine {
    /// The end of each log, for a failing test.
    #[must_use]
    pub fn logs(&self) -> String {
        let mut text = String::new();
        for entry in std::fs::read_dir(self.dir.path()).unwrap().flatten() {
            if entry.path().extension().is_some_and(|ending| ending == "log") {
                let log = std::fs::read_to_string(entry.path()).unwrap_or_default();
                let lines: Vec<&str> = log.lines().rev().take(15).collect();
                let lines: Vec<&str> = lines.into_iter().rev().collect();
                text.push_str(&format!("--- {:?}\n{}\n", entry.file_name(), lines.join("\n")));
            }
        }
        text
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.logs());
        }
        // nats-server last: services that stop in good order still need it.
        let (nats, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.processes).into_iter().partition(|(name, _)| name == "nats");
        for group in [others, nats] {
            for (_, child) in &group {
                // A frozen process takes no other signal until it goes on.
                for name in ["-CONT", "-TERM"] {
                    let _ = Command::new("kill").args([name, &child.id().to_string()]).status();
                }
            }
            for (_, mut child) in group {
                let deadline = std::time::Instant::now() + Duration::from_secs(10);
                while matches!(child.try_wait(), Ok(None)) && std::time::Instant::now() < deadline {
                    std::thread::sleep(Duration::from_millis(20));
                }
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}
