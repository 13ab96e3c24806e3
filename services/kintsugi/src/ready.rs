//! The ready file: how scripts learn that everything is ready, and where.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use serde::Serialize;

/// What the file holds.
#[derive(Debug, Serialize)]
pub(crate) struct Ready {
    /// Base URL of the gateway, where this process has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) http: Option<String>,
    /// URL of the broker.
    pub(crate) nats: String,
    /// Process ids by role; one that several processes share is in it several times.
    pub(crate) pids: BTreeMap<String, Vec<u32>>,
    /// The first process id of each role.
    pub(crate) pid: BTreeMap<String, u32>,
    /// Where the dashboard's links to traces go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) otlp: Option<String>,
}

impl Ready {
    pub(crate) fn new(
        http: Option<String>,
        nats: String,
        pids: BTreeMap<String, Vec<u32>>,
        otlp: Option<String>,
    ) -> Self {
        let first = |(role, pids): (&String, &Vec<u32>)| Some((role.clone(), *pids.first()?));
        let pid = pids.iter().filter_map(first).collect();
        Self { http, nats, pids, pid, otlp }
    }

    /// Writes the file whole or not at all.
    pub(crate) fn write(&self, file: &Path) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(self).map_err(io::Error::other)?;
        let mut beside = file.as_os_str().to_owned();
        beside.push(format!(".{}", std::process::id()));
        let beside = PathBuf::from(beside);
        std::fs::write(&beside, text)?;
        std::fs::rename(&beside, file)
    }
}

/// Removes the file at the end, so that nobody takes an old one for a new one.
pub(crate) struct Guard(pub(crate) Option<PathBuf>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(file) = &self.0 {
            let _ = std::fs::remove_file(file);
        }
    }
}
