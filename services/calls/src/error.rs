//! Why calls cannot be made at all.

/// Why calls cannot be made at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// HTTP calls cannot be made.
    #[error("cannot set up HTTP calls")]
    Http(#[source] reqwest::Error),
}
