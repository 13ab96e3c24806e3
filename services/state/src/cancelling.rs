//! A run that is asked to end, and does something before.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What a run that is asked to end knows besides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancelling {
    /// When it was asked.
    pub since: Timestamp,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How far it is.
    pub phase: Ending,
}

/// What a run that is asked to end does before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Ending {
    /// Attempts that are out may bring their results.
    Grace {
        /// For so long.
        until: Timestamp,
    },
    /// It tidies up.
    Tidying {
        /// Since then, or since it was taken up again.
        begun_at: Timestamp,
        /// When it must be done.
        deadline: Timestamp,
    },
}

impl Cancelling {
    /// How long attempts that are out may bring their results; none: no longer.
    #[must_use]
    pub fn grace(&self) -> Option<Timestamp> {
        match self.phase {
            Ending::Grace { until } => Some(until),
            Ending::Tidying { .. } => None,
        }
    }

    /// When it must have tidied up; none: it has not begun to.
    #[must_use]
    pub fn limit(&self) -> Option<Timestamp> {
        match self.phase {
            Ending::Tidying { deadline, .. } => Some(deadline),
            Ending::Grace { .. } => None,
        }
    }
}
