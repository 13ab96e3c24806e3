//! Settings of the orchestrator.

use serde::{Deserialize, Serialize};

/// Which lifecycle events are published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lifecycle {
    /// Of runs, and of the tasks of workers, people and other runs: what somebody may wait for.
    #[default]
    Brief,
    /// All that the specification names, of every task, with each change of status.
    Full,
}

/// Settings in the table `[orchestrator]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The most messages that one transaction takes in. It takes what waits and never waits for
    /// more. Default: 512, from where on the database gains little (measured).
    pub batch_max: u32,
    /// How many runs are kept in memory between their inputs. Default: 10,000.
    pub cached_runs_max: u32,
    /// How many compiled definitions are kept. Default: 500.
    pub cached_programs_max: u32,
    /// How deep runs that start runs may nest: a definition may run itself, but not for ever.
    /// Default: 32.
    pub depth_max: u32,
    /// How many runs one run may start, whether it waits for them or not. Default: 10,000.
    pub children_max: u32,
    /// Which lifecycle events are published: `brief`, or `full` for all of the specification's, also
    /// of tasks that the engine does by itself. What `full` costs is in docs/operations. Default:
    /// `brief`.
    pub lifecycle: Lifecycle,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            batch_max: 512,
            cached_runs_max: 10_000,
            cached_programs_max: 500,
            depth_max: 32,
            children_max: 10_000,
            lifecycle: Lifecycle::Brief,
        }
    }
}
