//! Why the built-in worker could not do its work.

/// Why the built-in worker could not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The worker's runtime failed.
    #[error(transparent)]
    Worker(#[from] kintsugi_worker::Error),
    /// Calls cannot be made.
    #[error(transparent)]
    Calls(#[from] kintsugi_calls::Error),
}
