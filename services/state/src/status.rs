//! Where a run stands.

use serde::{Deserialize, Serialize};

/// Status of a run, as in the Open Workflow specification ("Status Phases").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Accepted, not begun.
    #[default]
    Pending,
    /// Work is under way.
    Running,
    /// Only timers, listens or parked dead letters are open.
    Waiting,
    /// Held by a person.
    Suspended,
    /// Ended on request.
    Cancelled,
    /// Ended with an error; a redrive may take it up again.
    Faulted,
    /// Ended with an output.
    Completed,
}

impl Status {
    /// Whether nothing more happens by itself.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Cancelled | Self::Faulted | Self::Completed)
    }

    /// The name as the specification writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Suspended => "suspended",
            Self::Cancelled => "cancelled",
            Self::Faulted => "faulted",
            Self::Completed => "completed",
        }
    }

    /// Reads a name as [`Status::as_str`] writes it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Pending,
            Self::Running,
            Self::Waiting,
            Self::Suspended,
            Self::Cancelled,
            Self::Faulted,
            Self::Completed,
        ]
        .into_iter()
        .find(|status| status.as_str() == text)
    }
}
