//! Why a worker could not do its work.

/// Why a worker could not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bus cannot be reached, or refused.
    #[error("cannot {action}")]
    Bus {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: kintsugi_nats::Error,
    },
    /// A setting makes no sense.
    #[error("{what} must be {rule}")]
    Setting {
        /// Which setting.
        what: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// A task type or queue has a name that cannot stand in a subject.
    #[error("{what} `{name}` must be 1 to 64 of `a-z 0-9 _ -`")]
    Name {
        /// What was being named.
        what: &'static str,
        /// The name that was given.
        name: String,
    },
    /// The same task type was given two handlers.
    #[error("task type `{0}` has two handlers")]
    TwoHandlers(String),
    /// There is nothing to do.
    #[error("the worker has no task type")]
    NoTaskType,
    /// The operating system refused something.
    #[error("cannot {action}")]
    System {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The worker's own thread is gone.
    #[error("the worker's thread ended unexpectedly")]
    Crashed,
    /// The program to execute is not there.
    #[error("program `{0}` was not found, or is not executable")]
    NoProgram(String),
}
