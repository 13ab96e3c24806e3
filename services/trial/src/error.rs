//! Why there is no verdict.

use std::{path::PathBuf, time::Duration};

/// Why a trial could not begin, or give a verdict. That a promise was not kept is no error: it is the
/// verdict.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database did not answer, or refused.
    #[error("cannot use the database of the engine under trial")]
    Store(#[from] kintsugi_entities::Error),
    /// The broker did not answer, or refused.
    #[error("cannot use the broker of the engine under trial")]
    Bus(#[from] kintsugi_nats::Error),
    /// What is stored could not be read.
    #[error("cannot read what is to be judged")]
    Book(#[from] kintsugi_promises::Error),
    /// The worker with the ledger ended.
    #[error("the worker with the ledger cannot go on")]
    Worker(#[from] kintsugi_worker::Error),
    /// The ledger cannot be put aside.
    #[error("cannot put the ledger {file} aside")]
    Ledger {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The rate is no number above zero.
    #[error("{rate} starts a second make no load: the rate must be above 0")]
    Rate {
        /// It.
        rate: f64,
    },
    /// The gateway refuses a definition.
    #[error("the gateway refuses a definition with {status}: {answer}")]
    Definition {
        /// The status.
        status: u16,
        /// What it says.
        answer: String,
    },
    /// The gateway did not answer.
    #[error("the gateway {url} did not take a definition within {within:?}")]
    Gateway {
        /// Its URL.
        url: String,
        /// How long it was asked.
        within: Duration,
    },
    /// What was answered did not reach the database.
    #[error("what was answered is not in the database after {within:?}")]
    NotStored {
        /// How long it was looked for.
        within: Duration,
    },
    /// Runs of a window that is over cannot be deleted, so the next one cannot begin.
    #[error("{runs} runs, {letters} dead letters and {intake} starts are left after {within:?}")]
    NotCleared {
        /// Runs in the table.
        runs: u64,
        /// Dead letters that are open.
        letters: u64,
        /// Messages in the intake stream.
        intake: u64,
        /// How long it was tried.
        within: Duration,
    },
}
