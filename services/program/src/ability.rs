//! What a deployment may be asked to start.

use serde::{Deserialize, Serialize};

/// What workflows may start on the machines of workers, where the deployment allows it. Nothing of
/// it is allowed by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ability {
    /// `run: shell`.
    Shell,
    /// `run: script`.
    Script,
    /// `run: container`.
    Container,
    /// `run: container` with folders of the machine.
    ContainerVolumes,
    /// `call: mcp` with a server that is started as a process.
    McpStdio,
}

impl Ability {
    /// Every ability.
    pub const ALL: [Self; 5] =
        [Self::Shell, Self::Script, Self::Container, Self::ContainerVolumes, Self::McpStdio];

    /// Its name in settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Shell => "shell",
            Self::Script => "script",
            Self::Container => "container",
            Self::ContainerVolumes => "container_volumes",
            Self::McpStdio => "mcp_stdio",
        }
    }
}
