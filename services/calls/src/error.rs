//! Why calls cannot be made at all.

use std::path::PathBuf;

/// Why calls cannot be made at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file of authorities is not there, or not what it should be.
    #[error("cannot trust the authorities in {} (`worker.http.ca`): {why}", file.display())]
    Authorities {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// HTTP calls cannot be made.
    #[error("cannot set up HTTP calls")]
    Http(#[source] reqwest::Error),
}
