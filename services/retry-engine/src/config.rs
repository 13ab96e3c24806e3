//! Settings of the retry engine.

use std::time::Duration;

use kintsugi_entities::payloads::GRACE_MIN;
use serde::{Deserialize, Serialize};

/// Settings in the table `[retry_engine]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How often due runs are looked for when no hint wakes the service. Hints can be lost; this
    /// cannot, and costs one statement, which finds also what lies where it should not. Default: `5s`.
    #[serde(with = "humantime_serde")]
    pub scan_interval: Duration,
    /// How many due runs one scan takes at most. Default: 500.
    pub batch_max: u32,
    /// How long ended runs are kept with their history. Default: `30days`.
    #[serde(with = "humantime_serde")]
    pub retention: Duration,
    /// How long payloads are kept that no run refers to, as `[payloads]` says.
    #[serde(skip)]
    pub payloads_grace: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            scan_interval: Duration::from_secs(5),
            batch_max: 500,
            retention: Duration::from_secs(30 * 24 * 3600),
            payloads_grace: Duration::from_secs(24 * 3600),
        }
    }
}

/// Settings that cannot work.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A loop without a pause would never rest.
    #[error("retry_engine.scan_interval must be at least 50ms")]
    ScanInterval,
    /// A scan that takes nothing would never end.
    #[error("retry_engine.batch_max must be from 1 to 10000")]
    BatchMax,
    /// What was put could be gone before a run is told of it.
    #[error("payloads.grace must be at least 1h")]
    PayloadsGrace,
}

impl Config {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.scan_interval < Duration::from_millis(50) {
            return Err(ConfigError::ScanInterval);
        }
        if !(1..=10_000).contains(&self.batch_max) {
            return Err(ConfigError::BatchMax);
        }
        if self.payloads_grace.as_millis() < u128::from(GRACE_MIN.unsigned_abs()) {
            return Err(ConfigError::PayloadsGrace);
        }
        Ok(())
    }
}
