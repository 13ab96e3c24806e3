//! Why an engine could not be put to the test.

use std::{io, path::PathBuf};

/// Why chaos ends before its time. That a promise is broken is no error: it is what the report says.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was asked for cannot be had here.
    #[error("{0}")]
    Refused(String),
    /// A file or folder cannot be used.
    #[error("cannot use {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A process cannot be started.
    #[error("cannot start {name}")]
    Start {
        /// Which.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The loopback has no free port.
    #[error("cannot stand between a process and a server")]
    Between(#[source] io::Error),
    /// The engine does not get ready.
    #[error("the engine is not ready after {seconds} s; {name} said: {said}")]
    NotReady {
        /// How long it was waited for.
        seconds: u64,
        /// The process that said something last.
        name: String,
        /// What it said.
        said: String,
    },
    /// The broker cannot be started or asked.
    #[error("the broker")]
    Server(#[from] kintsugi_nats::ServerError),
    /// The broker does not do what it was asked.
    #[error("the broker does not {what}: {said}")]
    Broker {
        /// What.
        what: &'static str,
        /// What it said.
        said: String,
    },
    /// The connection to the broker.
    #[error("the broker cannot be reached")]
    Bus(#[from] kintsugi_nats::Error),
    /// The database cannot be started.
    #[error("the database")]
    Postgres(#[from] kintsugi_postgres::Error),
    /// The database cannot be looked at.
    #[error("the database cannot be looked at")]
    Store(#[from] kintsugi_entities::Error),
    /// The load, or the check.
    #[error("the trial")]
    Trial(#[from] kintsugi_trial::Error),
}

impl Error {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
