//! Why the promises could not be checked.

use std::path::PathBuf;

/// Why something could not be read that the checks need.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database did not answer, or refused.
    #[error("cannot read what is stored")]
    Store(#[from] kintsugi_entities::Error),
    /// The broker did not answer, or refused.
    #[error("cannot read what the broker holds")]
    Bus(#[from] kintsugi_nats::Error),
    /// The broker answered something else.
    #[error("the broker's answer about the stream {stream} makes no sense: {answer}")]
    Answer {
        /// The stream.
        stream: String,
        /// What it answered.
        answer: String,
    },
    /// Something is not what the engine writes.
    #[error("cannot make sense of {what}")]
    Unreadable {
        /// What.
        what: String,
        /// Why.
        source: serde_json::Error,
    },
    /// The workers' ledger cannot be read.
    #[error("cannot read the ledger {file}")]
    Ledger {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Error {
    pub(crate) fn unreadable(what: &str) -> impl Fn(serde_json::Error) -> Self {
        let what = what.to_owned();
        move |source| Self::Unreadable { what: what.clone(), source }
    }
}
