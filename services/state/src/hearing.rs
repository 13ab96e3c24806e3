//! Progress of an open `listen`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What an open `listen` has heard so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Hearing {
    /// What was kept of each event, in order; with `foreach`, of those that are dealt with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consumed: Vec<Value>,
    /// What `foreach` made of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Value>,
    /// Bytes of both, for the limit on them.
    #[serde(default)]
    pub bytes: u64,
    /// How many events were consumed.
    #[serde(default)]
    pub count: u64,
    /// Filters of `all` that have their event.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub met: BTreeSet<u32>,
    /// Filters of an `all` in `until` that have theirs.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub until_met: BTreeSet<u32>,
    /// The values that tie events together, as they were fixed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub correlation: BTreeMap<String, Value>,
    /// The event that `foreach` is at.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "crate::present")]
    pub item: Option<Value>,
    /// It has heard enough, and ends with what `foreach` is at.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub enough: bool,
    /// It belongs to a faulted run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
}

impl Hearing {
    /// Whether an event may be taken now.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.item.is_none() && !self.enough && !self.interrupted
    }

    /// Whether it may want further events, now or later.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.enough && !self.interrupted
    }
}
