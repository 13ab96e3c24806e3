//! Settings of the failure detector.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Settings in the table `[failure_detector]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Silence after which a worker is asked whether it lives: a heartbeat is missing. Asking is
    /// cheap, and a worker that answers is left alone. Default: `400ms`.
    #[serde(with = "humantime_serde")]
    pub suspect_after: Duration,
    /// How long a suspect may take to answer. Nobody there is known at once; this is for one that
    /// is there and does not answer. Default: `1s`.
    #[serde(with = "humantime_serde")]
    pub ping_timeout: Duration,
    /// How often every open run is compared with who holds what. Default: `30s`.
    #[serde(with = "humantime_serde")]
    pub audit_interval: Duration,
    /// How often the broker's streams are looked at when no advisory of the broker tells of one that
    /// was deleted. Default: `3s`.
    #[serde(with = "humantime_serde")]
    pub streams_interval: Duration,
    /// Whether a worker that fails what others complete gets no tasks for a while. Default: `true`.
    pub drain: bool,
    /// Whether tasks of a type that fail on every worker wait in their queue until one of them
    /// succeeds, and tasks whose target does not answer are put off. Default: `true`.
    pub circuits: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            suspect_after: Duration::from_millis(400),
            ping_timeout: Duration::from_secs(1),
            audit_interval: Duration::from_secs(30),
            streams_interval: Duration::from_secs(3),
            drain: true,
            circuits: true,
        }
    }
}

impl Config {
    /// The name of a setting that cannot work.
    pub(crate) fn wrong(&self) -> Option<&'static str> {
        let least = Duration::from_millis(100);
        [
            (self.suspect_after, "suspect_after"),
            (self.ping_timeout, "ping_timeout"),
            (self.audit_interval, "audit_interval"),
            (self.streams_interval, "streams_interval"),
        ]
        .into_iter()
        .find(|(value, _)| *value < least)
        .map(|(_, name)| name)
    }
}
