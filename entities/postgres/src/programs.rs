//! Where Postgres' programs are, and as whom they run.

use std::{
    fs,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
};

use crate::Error;

/// The folder of Postgres' programs: `POSTGRES_BIN_DIR`, else the newest of Debian's, else that of the
/// one on `PATH`.
#[must_use]
pub fn programs() -> Option<PathBuf> {
    let has =
        |folder: &PathBuf| folder.join("initdb").is_file() && folder.join("postgres").is_file();
    if let Some(folder) = variable("POSTGRES_BIN_DIR") {
        return Some(PathBuf::from(folder)).filter(has);
    }
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .filter(has)
        .collect();
    versions.sort();
    versions.pop().or_else(|| {
        let path = variable("PATH")?;
        std::env::split_paths(&path).find(has)
    })
}

#[expect(clippy::disallowed_methods, reason = "where a program lies is no setting of the engine")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Postgres refuses to run as root: then it runs as the user `postgres`.
pub(crate) fn user() -> Result<Option<(u32, u32)>, Error> {
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !is_root {
        return Ok(None);
    }
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let line = ["postgres:", "nobody:"]
        .iter()
        .find_map(|name| passwd.lines().find(|line| line.starts_with(name)));
    let mut numbers = line
        .into_iter()
        .flat_map(|it| it.split(':').skip(2))
        .filter_map(|field| field.parse().ok());
    match (numbers.next(), numbers.next()) {
        (Some(uid), Some(gid)) => Ok(Some((uid, gid))),
        _ => Err(Error::NoUser),
    }
}

pub(crate) fn command(program: &Path) -> Result<Command, Error> {
    let mut command = Command::new(program);
    if let Some((uid, gid)) = user()? {
        command.uid(uid).gid(gid);
    }
    // Its locale would otherwise be whatever the developer has.
    command.env_clear().env("LC_ALL", "C").env("TZ", "UTC").current_dir("/");
    Ok(command)
}
