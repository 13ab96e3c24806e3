//! `run: workflow`.

use serde::{Deserialize, Serialize};

use crate::{DefinitionRef, Template};

/// `run: workflow`, compiled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunWorkflow {
    /// What is run; the version may be `latest`, which is resolved when the child is started.
    pub definition: DefinitionRef,
    /// Its input, evaluated on the task's transformed input.
    pub input: Template,
    /// Whether the task waits for its end.
    pub awaited: bool,
}
