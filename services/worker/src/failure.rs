//! How a handler says that it failed.

use std::{fmt, time::Duration};

use kintsugi_core::Fault;

/// The longest message in characters; the engine keeps no more.
const MESSAGE_MAX: usize = 8_192;

/// Why a handler failed, and whether trying again can help.
///
/// Any [`std::error::Error`] becomes a retryable failure through `?`, with its chain of causes as
/// the message. For that reason a `Failure` is not an `Error` itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    fault: Fault,
    /// It was not begun, and comes again after this.
    deferred: Option<Duration>,
    /// Somebody holds what it would call.
    by_hand: bool,
}

impl Failure {
    /// Trying again may help: the task's retry policy decides when.
    pub fn retryable(message: impl Into<String>) -> Self {
        let fault = Fault { message: message.into(), ..Fault::default() };
        Self { fault, deferred: None, by_hand: false }
    }

    /// Trying again will not help.
    pub fn fatal(message: impl Into<String>) -> Self {
        let fault = Fault { message: message.into(), fatal: true, ..Fault::default() };
        Self { fault, deferred: None, by_hand: false }
    }

    /// The attempt was not begun: nothing was done, nothing is counted, and the task comes again after
    /// `delay` (100 ms to 10 min, and up to half as long again). An hour of that on end costs an attempt. For a
    /// handler that knows that what it would
    /// call is not to be called now; [`crate::Context::calling`] says so of targets.
    pub fn deferred(delay: Duration, message: impl Into<String>) -> Self {
        Self { deferred: Some(delay), ..Self::retryable(message) }
    }

    /// The same where somebody holds what would be called, which has no end of its own.
    pub(crate) fn held(delay: Duration, message: impl Into<String>) -> Self {
        Self { by_hand: true, ..Self::deferred(delay, message) }
    }

    pub(crate) fn is_by_hand(&self) -> bool {
        self.by_hand
    }

    /// No attempt before `delay` has passed. At most 10 min; the policy's back-off is kept, if it is longer.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.fault.retry_after_ms = Some(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// The error type that a workflow's `catch` sees: a URI, or the last segment of one of the
    /// specification's types (`communication`, `timeout`, `validation` …). Default: `runtime`.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.fault.kind = Some(kind.into());
        self
    }

    /// The error's status, as in HTTP. Default: that of the type.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.fault.status = Some(status);
        self
    }

    /// The same failure in other words.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.fault.message = message.into();
        self
    }

    /// Whether its error type was given as `kind`.
    #[must_use]
    pub fn is_of_kind(&self, kind: &str) -> bool {
        self.fault.kind.as_deref() == Some(kind)
    }

    /// Whether trying again will not help.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        self.fault.fatal
    }

    /// After how long the task may come again, where it was not begun.
    #[must_use]
    pub fn deferred_for(&self) -> Option<Duration> {
        self.deferred
    }

    /// The error's status, where one was given.
    #[must_use]
    pub fn given_status(&self) -> Option<u16> {
        self.fault.status
    }

    /// What went wrong, for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.fault.message
    }

    /// When trying again makes sense, where the handler knows.
    #[must_use]
    pub fn retry_after_ms(&self) -> Option<u64> {
        self.fault.retry_after_ms
    }

    /// The failure as the engine gets it.
    #[must_use]
    pub fn into_fault(mut self) -> Fault {
        if let Some((cut, _)) = self.fault.message.char_indices().nth(MESSAGE_MAX) {
            self.fault.message.truncate(cut);
        }
        self.fault
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fault.message)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        Self::retryable(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_becomes_a_retryable_failure_with_its_causes() {
        let failure = (|| -> Result<(), Failure> {
            Err(crate::Error::System {
                action: "read the order",
                source: std::io::Error::other("disk on fire"),
            })?;
            Ok(())
        })()
        .unwrap_err();
        assert!(!failure.is_fatal());
        assert_eq!(failure.message(), "cannot read the order: disk on fire");
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let fault = Failure::fatal("ü".repeat(10_000)).into_fault();
        assert_eq!(fault.message.chars().count(), MESSAGE_MAX);
    }
}
