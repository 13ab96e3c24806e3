//! Settings of the orchestrator.

use kintsugi_nats::WIDTH_MAX;
use serde::{Deserialize, Deserializer, Serialize, de::Error};

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
    /// How many tasks travel in one message at most, where workers say that they read arrays and that
    /// their tasks take no time. 1 for workers of which some do not. Default: 64, the most.
    #[serde(deserialize_with = "width")]
    pub tasks_per_message_max: usize,
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
            tasks_per_message_max: WIDTH_MAX,
            lifecycle: Lifecycle::Brief,
        }
    }
}

fn width<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    let width = usize::deserialize(from)?;
    if (1..=WIDTH_MAX).contains(&width) {
        return Ok(width);
    }
    Err(D::Error::custom(format!("tasks_per_message_max must be 1 to {WIDTH_MAX}, not {width}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_width_that_no_message_has_is_refused_by_name() {
        let read = |width: usize| {
            let text = format!("{{\"tasks_per_message_max\": {width}}}");
            serde_json::from_str::<Config>(&text).map(|config| config.tasks_per_message_max)
        };
        assert_eq!((read(1).unwrap(), read(64).unwrap()), (1, 64));
        for bad in [0, 65] {
            let error = read(bad).unwrap_err().to_string();
            assert!(error.contains("tasks_per_message_max must be 1 to 64"), "{error}");
        }
    }
}
