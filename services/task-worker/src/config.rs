//! What can be set for the built-in worker.

use std::time::Duration;

use kintsugi_egress::Allow;
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
    /// The task types to serve. Default: `["http", "simulate"]`.
    pub types: Vec<TaskType>,
    /// Whether `simulate` may harm its own process (`crash`, `freeze`) or hold a slot (`hang`).
    /// Without it those modes are fatal failures. Turn it off where others' tasks share the
    /// process. Default: true.
    pub simulate_faults: bool,
    /// How long running tasks may go on after the service was told to stop. Default: `10s`.
    #[serde(with = "humantime_serde")]
    pub grace: Duration,
    /// Bytes of an output as JSON. Default: 1 MiB.
    pub output_max: usize,
    /// HTTP calls.
    pub http: HttpConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            queue: "default".to_owned(),
            concurrency: 64,
            types: vec![TaskType::Http, TaskType::Simulate],
            simulate_faults: true,
            grace: Duration::from_secs(10),
            output_max: 1 << 20,
            http: HttpConfig::default(),
        }
    }
}

/// A task type that the built-in worker knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskType {
    /// `call: http`.
    Http,
    /// `call: simulate`.
    Simulate,
}

impl TaskType {
    /// The name that workflows call it by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Simulate => "simulate",
        }
    }
}

/// Settings in the table `[worker.http]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Which addresses may be called: `public`, or `any` with loopback, private and link-local
    /// ones. Default: `public`; in `kintsugi dev` `any`, since there the workflows' author owns the
    /// machine.
    pub allow: Option<Allow>,
    /// The longest that one call may take; a shorter limit of the task counts first. Default: `30s`.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// The longest that connecting may take. Default: `5s`.
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// Bytes of a response's body; a longer one is a fatal failure. Default: 1 MiB.
    pub body_max: usize,
    /// How many redirects are followed where a call allows them. Default: 10.
    pub redirects_max: usize,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            allow: None,
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            body_max: 1 << 20,
            redirects_max: 10,
        }
    }
}

impl HttpConfig {
    /// Which addresses may be called.
    #[must_use]
    pub fn allowed(&self) -> Allow {
        self.allow.unwrap_or_default()
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
        assert!(flags.contains(&("worker.types".into(), "[\"http\",\"simulate\"]".into())));
        assert!(flags.contains(&("worker.grace".into(), "10s".into())));
    }
}
