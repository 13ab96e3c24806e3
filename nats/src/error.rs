//! What can go wrong on the bus.

/// A cause from the broker's client.
pub(crate) type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Why the bus could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The broker is not reached, did not answer in time, or failed. Asking again may help.
    #[error("cannot {action}")]
    Unavailable {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: Source,
    },
    /// The broker understood and refused. Asking again does not help.
    #[error("the broker refuses to {action}")]
    Refused {
        /// What was tried.
        action: &'static str,
        /// Why.
        source: Source,
    },
    /// There is no such stream now. Who runs the engine makes it anew.
    #[error("there is no stream {stream}")]
    StreamMissing {
        /// Its name.
        stream: String,
    },
    /// The stream holds as much as it may. It takes more once something is consumed.
    #[error("stream {stream} is full")]
    Full {
        /// Its name.
        stream: String,
    },
    /// What was read is not continued: the stream was deleted, made anew or set back. Read the
    /// stored position and the stream's state, and begin again.
    #[error("reading {stream} must begin again: {reason}")]
    Reset {
        /// Its name.
        stream: String,
        /// What happened to it.
        reason: String,
    },
    /// The message is larger than the broker takes.
    #[error("a message of {size} bytes is larger than the broker takes ({max})")]
    TooLarge {
        /// Bytes of the message.
        size: usize,
        /// Bytes that the broker takes.
        max: usize,
    },
    /// A name cannot stand in a subject.
    #[error("{what} `{value}` must match {rule}")]
    Invalid {
        /// What was being named.
        what: &'static str,
        /// The text that was given, at most 80 characters of it.
        value: String,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// Nobody serves the subject.
    #[error("nobody answers on {subject}")]
    NoResponders {
        /// The subject.
        subject: String,
    },
    /// A service answered with an error.
    #[error("{subject} answered with status {status}")]
    Api {
        /// The subject that was asked.
        subject: String,
        /// As an HTTP status.
        status: u16,
        /// The answer: problem details (RFC 9457) from services of the engine.
        body: Vec<u8>,
    },
}

impl Error {
    /// Whether trying the same again later may help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable { .. }
            | Self::StreamMissing { .. }
            | Self::Full { .. }
            | Self::Reset { .. }
            | Self::NoResponders { .. } => true,
            Self::Api { status, .. } => matches!(status, 408 | 425 | 429 | 500..=599),
            Self::Refused { .. } | Self::TooLarge { .. } | Self::Invalid { .. } => false,
        }
    }

    pub(crate) fn unavailable(action: &'static str, source: impl Into<Source>) -> Self {
        Self::Unavailable { action, source: source.into() }
    }

    pub(crate) fn refused(action: &'static str, source: impl Into<Source>) -> Self {
        Self::Refused { action, source: source.into() }
    }

    /// For calls of the JetStream API: tells a missing stream and a refusal from an outage.
    pub(crate) fn jetstream(
        action: &'static str,
        stream: &str,
        answer: &async_nats::jetstream::Error,
    ) -> Self {
        let stream = stream.to_owned();
        let text = answer.to_string();
        match (answer.code(), answer.error_code()) {
            (_, async_nats::jetstream::ErrorCode::STREAM_NOT_FOUND) => {
                Self::StreamMissing { stream }
            }
            (_, async_nats::jetstream::ErrorCode::STREAM_STORE_FAILED) => Self::Full { stream },
            (400..=499, _) => Self::refused(action, text),
            _ => Self::unavailable(action, text),
        }
    }
}
