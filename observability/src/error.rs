//! What can go wrong.

/// Logs or traces cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter for logs is not one.
    #[error("cannot read the log filter `{filter}`")]
    Filter {
        /// As it was given.
        filter: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// This process has a subscriber already.
    #[error("logs are set up already")]
    AlreadySet,
    /// Spans cannot be sent there.
    #[error("`{endpoint}` is not an OTLP endpoint; it has the form http://host:4318")]
    Endpoint {
        /// As it was given.
        endpoint: String,
    },
    /// A queue must have room for something.
    #[error("the queue of spans must have room for at least one")]
    NoQueue,
    /// The exporter cannot be made.
    #[error("cannot make the exporter of spans")]
    Exporter {
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
