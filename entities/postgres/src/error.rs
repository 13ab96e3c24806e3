//! What can go wrong with a Postgres of one's own.

use std::{io, path::PathBuf};

/// Why there is no Postgres, or it did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its programs are not here.
    #[error(
        "no Postgres on this machine: install it (Debian: apt-get install postgresql), or set \
         POSTGRES_BIN_DIR to the folder of initdb and postgres"
    )]
    Missing,
    /// It refuses to run as root, and there is nobody else to run it as.
    #[error("as root, Postgres needs the user `postgres` (or `nobody`)")]
    NoUser,
    /// A program cannot be executed.
    #[error("cannot execute {program}")]
    NotRunnable {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its folder cannot be used.
    #[error("cannot use {path}")]
    Folder {
        /// The folder, or a file within.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A program ended with an error.
    #[error("{what}: {said}")]
    Refused {
        /// What was asked of it.
        what: String,
        /// What it said.
        said: String,
    },
    /// It does not start, or not in time.
    #[error("Postgres does not start: {log}")]
    NotReady {
        /// Its log.
        log: String,
    },
}
