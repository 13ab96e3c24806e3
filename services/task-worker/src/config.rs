//! What can be set for the built-in worker.

use std::{collections::BTreeSet, time::Duration};

use kintsugi_calls::{Allow, HttpConfig, SecretsConfig};
use kintsugi_core::Ability;
use kintsugi_processes::Config as ProcessConfig;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Settings in the table `[worker]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The queue that tasks are taken from. Default: `default`.
    pub queue: String,
    /// How many tasks of each task type are executed at the same time. Default: 64.
    pub concurrency: usize,
    /// The task types to serve. Default: all.
    pub types: Vec<TaskType>,
    /// Whether `simulate` may harm its own process (`crash`, `freeze`) or hold a slot (`hang`).
    /// Without it those modes are fatal failures. Turn it off where others' tasks share the
    /// process. Default: true.
    pub simulate_faults: bool,
    /// How long running tasks may go on after the service was told to stop. Default: `10s`.
    #[serde(with = "humantime_serde")]
    pub grace: Duration,
    /// Bytes of an output as JSON that travels with its result; a longer one is put as a payload. Default: 1 MiB.
    pub output_max: usize,
    /// Bytes of an output as JSON; 0: none may be longer than `output_max`. Default: 64 MiB.
    pub payload_max: usize,
    /// HTTP calls, and calls of what goes over HTTP.
    pub http: HttpConfig,
    /// Secrets of workflows.
    pub secrets: SecretsConfig,
    /// Processes of workflows.
    pub processes: ProcessConfig,
    /// What workflows may start, as `[processes]` says.
    #[serde(skip)]
    pub abilities: BTreeSet<Ability>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            queue: "default".to_owned(),
            concurrency: 64,
            types: TaskType::ALL.to_vec(),
            simulate_faults: true,
            grace: Duration::from_secs(10),
            output_max: 1 << 20,
            payload_max: 64 << 20,
            http: HttpConfig::default(),
            secrets: SecretsConfig::default(),
            processes: ProcessConfig::default(),
            abilities: BTreeSet::new(),
        }
    }
}

/// A task type that the built-in worker knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskType {
    /// `call: http`.
    Http,
    /// `call: openapi`.
    #[serde(rename = "openapi")]
    OpenApi,
    /// `call: asyncapi`.
    #[serde(rename = "asyncapi")]
    AsyncApi,
    /// `call: grpc`.
    Grpc,
    /// `call: a2a`.
    A2a,
    /// `call: mcp`.
    Mcp,
    /// `call: simulate`.
    Simulate,
}

impl TaskType {
    /// Every task type.
    pub const ALL: [Self; 7] = [
        Self::Http,
        Self::OpenApi,
        Self::AsyncApi,
        Self::Grpc,
        Self::A2a,
        Self::Mcp,
        Self::Simulate,
    ];

    /// The name that workflows call it by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::OpenApi => "openapi",
            Self::AsyncApi => "asyncapi",
            Self::Grpc => "grpc",
            Self::A2a => "a2a",
            Self::Mcp => "mcp",
            Self::Simulate => "simulate",
        }
    }
}

/// The settings of a worker that `kintsugi dev` starts as a process of its own, as flags: what is
/// configured, and any address where nothing is said about addresses.
#[must_use]
pub fn dev_settings(config: &Config) -> Vec<(String, String)> {
    let mut config = config.clone();
    config.http.allow.get_or_insert(Allow::Any);
    let mut flags = Vec::new();
    if let Ok(value) = serde_json::to_value(config) {
        flatten("worker", value, &mut flags);
    }
    flags
}

fn flatten(path: &str, value: Value, flags: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                flatten(&format!("{path}.{name}"), value, flags);
            }
        }
        Value::String(text) => flags.push((path.to_owned(), text)),
        Value::Null => {}
        other => flags.push((path.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dev_allows_any_address_unless_told_otherwise() {
        let allow = |config: &Config| {
            let flags = dev_settings(config);
            flags.into_iter().find(|(name, _)| name == "worker.http.allow").unwrap().1
        };
        assert_eq!(allow(&Config::default()), "any");
        let http = HttpConfig { allow: Some(Allow::Public), ..HttpConfig::default() };
        assert_eq!(allow(&Config { http, ..Config::default() }), "public");
        let flags = dev_settings(&Config::default());
        assert!(flags.contains(&(
            "worker.types".into(),
            "[\"http\",\"openapi\",\"asyncapi\",\"grpc\",\"a2a\",\"mcp\",\"simulate\"]".into()
        )));
        assert!(flags.contains(&("worker.grace".into(), "10s".into())));
    }
}
