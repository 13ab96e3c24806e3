//! What bounds tasks that workers execute.

use serde::{Deserialize, Serialize};

use crate::RetryPolicy;

/// What bounds a task that a worker executes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskPolicy {
    /// When an attempt that failed is tried again.
    pub retry: RetryPolicy,
    /// The longest that one attempt may take, from its start, in milliseconds.
    pub start_to_close_ms: u64,
    /// How many attempts may end with their worker's death or silence: a failure class of its own,
    /// since the task may not be to blame.
    pub crashes_max: u32,
    /// When a task that kills workers is kept away from them.
    #[serde(default)]
    pub quarantine: Quarantine,
    /// What happens to the run when the task is dead-lettered.
    pub when_exhausted: WhenExhausted,
    /// The longest that an attempt may go on without a word of its progress, in milliseconds; none: as
    /// long as it may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_ms: Option<u64>,
    /// Only so many at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<crate::Bound>,
}

impl Default for TaskPolicy {
    fn default() -> Self {
        Self {
            retry: RetryPolicy::default(),
            start_to_close_ms: 300_000,
            crashes_max: 5,
            quarantine: Quarantine::default(),
            when_exhausted: WhenExhausted::Fault,
            lease_ms: None,
            bound: None,
        }
    }
}

/// When a task that kills workers is kept away from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    /// After so many workers that died of it; 0: never.
    pub workers: u32,
    /// How long after that it is given new attempts by itself, in milliseconds; none: somebody
    /// releases it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_ms: Option<u64>,
}

impl Default for Quarantine {
    fn default() -> Self {
        Self { workers: 3, release_ms: None }
    }
}

/// What happens to the run when a task is dead-lettered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenExhausted {
    /// The run faults; a redrive takes it up again.
    #[default]
    Fault,
    /// The run waits for a redrive, and its other branches go on.
    Park,
}
