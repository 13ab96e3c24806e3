//! Work of the machine that is still to be done.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Error, Flow, NodeId};

/// An operation that is still to be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Begin a task.
    Enter {
        /// The list or branch that it belongs to.
        parent: u64,
        /// Which.
        node: NodeId,
        /// Its raw input.
        input: Value,
    },
    /// A task is over; tell its list or branch.
    Left {
        /// The list or branch.
        parent: u64,
        /// Its output.
        output: Value,
        /// Where to go.
        flow: Flow,
    },
    /// A list is over; tell what opened it.
    ListDone {
        /// What opened it; none: the run.
        parent: Option<u64>,
        /// Its output.
        output: Value,
    },
    /// An error goes up from below `parent`.
    Raise {
        /// The frame that is asked next; none: the run.
        parent: Option<u64>,
        /// The error.
        error: Error,
    },
}
