//! Tasks that a compiler makes by itself.

use crate::{Flow, Kind, Node};

impl Node {
    /// A task that is nothing but what it does: its input and output pass as they are.
    #[must_use]
    pub fn bare(name: String, pointer: String, kind: Kind) -> Self {
        Self {
            name,
            pointer,
            condition: None,
            input_schema: None,
            input_from: None,
            output_as: None,
            output_schema: None,
            export: None,
            timeout: None,
            then: Flow::Continue,
            undo: None,
            kind,
        }
    }
}
