//! What was measured, and on what.

use std::{
    fs,
    io::Write,
    path::Path,
    process::Command,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use kintsugi_core::Timestamp;
use kintsugi_tests::{Tool, tool};
use serde::{Deserialize, Serialize};

/// How often the disk is asked to keep something.
const SYNCS: usize = 50;

/// What was measured, and on what. What cannot be told is absent.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Meta {
    pub(crate) at: String,
    /// What the engine says of itself.
    pub(crate) kintsugi: Option<String>,
    /// The revision that it was built from; `-dirty` where files were changed.
    pub(crate) revision: Option<String>,
    /// How the benchmark was built, and with it, by `./dev bench`, the engine.
    pub(crate) build: String,
    pub(crate) rustc: Option<String>,
    pub(crate) nats_server: Option<String>,
    pub(crate) postgres: Option<String>,
    pub(crate) cpu: Option<String>,
    pub(crate) cores: Option<usize>,
    pub(crate) memory_mib: Option<u64>,
    pub(crate) kernel: Option<String>,
    /// Milliseconds until 4 KiB that were appended to a file are on the disk, median.
    pub(crate) fsync_ms: Option<f64>,
    /// The options that the benchmark was called with.
    pub(crate) options: Vec<String>,
}

impl Meta {
    /// Looks around. `revision` overrides what the folder says.
    pub(crate) fn now(revision: Option<String>) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let says = |tool: Option<std::path::PathBuf>| says(&tool?, "--version");
        let cores = std::thread::available_parallelism().ok();
        Self {
            at: Timestamp(i64::try_from(since.as_millis()).unwrap()).to_rfc3339(),
            kintsugi: says(tool(Tool::Kintsugi)),
            revision: revision.or_else(self::revision),
            build: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
            rustc: says(Some("rustc".into())),
            nats_server: says(tool(Tool::NatsServer)),
            postgres: None,
            cpu: line("/proc/cpuinfo", "model name"),
            cores: cores.map(usize::from),
            memory_mib: line("/proc/meminfo", "MemTotal").and_then(|text| {
                let kib: u64 = text.split(' ').next()?.parse().ok()?;
                Some(kib / 1024)
            }),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
                .ok()
                .map(|text| format!("Linux {}", text.trim())),
            fsync_ms: fsync_ms(),
            options: std::env::args().skip(1).collect(),
        }
    }

    /// For the head of the table.
    pub(crate) fn lines(&self) -> Vec<String> {
        let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
        let number =
            |value: Option<f64>| value.map_or("unknown".into(), |it| format!("{it:.2} ms"));
        vec![
            format!(
                "{}, revision {}, {} build, {}",
                known(&self.kintsugi),
                known(&self.revision),
                self.build,
                self.at
            ),
            format!(
                "{} cores ({}), {} MiB, {}, fsync {}; everything on this machine",
                self.cores.map_or("unknown".into(), |it| it.to_string()),
                known(&self.cpu),
                self.memory_mib.map_or("unknown".into(), |it| it.to_string()),
                known(&self.kernel),
                number(self.fsync_ms)
            ),
            format!(
                "{}; PostgreSQL {}; {}",
                known(&self.nats_server),
                known(&self.postgres),
                known(&self.rustc)
            ),
        ]
    }
}

/// The first line that a program prints.
fn says(program: &Path, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).current_dir(root()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| text.lines().next().unwrap_or_default().trim().to_owned())
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

fn revision() -> Option<String> {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).current_dir(root()).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success().then_some(text)
    };
    let revision = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = !git(&["status", "--porcelain"])?.is_empty();
    Some(if changed { revision + "-dirty" } else { revision })
}

/// What stands behind the colon in the first line that begins so.
fn line(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.split_once(':'))?;
    Some(line.1.trim().to_owned())
}

/// Where the databases of the benchmark are, too.
fn fsync_ms() -> Option<f64> {
    let mut file = tempfile::tempfile().ok()?;
    let mut taken = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let began = Instant::now();
        file.write_all(&[0x5a; 4_096]).ok()?;
        file.sync_data().ok()?;
        taken.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    Some(crate::row::median(taken).0)
}
