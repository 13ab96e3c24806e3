//! `metadata.kintsugi.concurrency`: only so many at a time.

use serde::{Deserialize, Serialize};

use crate::Template;

/// How many tasks with the same key are given out at a time, in all runs together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bound {
    /// What tasks have in common; evaluates to a text, number or boolean. None: the queue and the
    /// task type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Template>,
    /// How many; at least 1.
    pub limit: u32,
    /// Of those that wait, the highest goes first: 0 to 9.
    pub priority: u8,
}
