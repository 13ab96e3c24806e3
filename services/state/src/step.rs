//! What a history is made of.

use serde::{Deserialize, Serialize};

use crate::{Event, Input, Timestamp};

/// One accepted input and what followed from it: a run's history is a gapless sequence of these,
/// and feeding the inputs to a new machine gives the same events again (promise P7).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// When it was decided.
    pub at: Timestamp,
    /// What was told.
    pub input: Input,
    /// What followed.
    pub events: Vec<Event>,
}
