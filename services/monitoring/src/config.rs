//! Settings of the monitoring service.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Settings in the table `[monitoring]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How old an answer may be: whoever asks sooner gets the same. Default: `1s`.
    #[serde(with = "humantime_serde")]
    pub cache: Duration,
    /// How long the store and the broker may take to give their figures. Default: `2s`.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// A service or worker that is silent for longer counts as gone. Default: `3s`.
    #[serde(with = "humantime_serde")]
    pub silence_max: Duration,
    /// How often the promises are looked after while something happens, and the streams always: the
    /// broker is asked, and the database only when the broker says that something happened. Default: `2s`.
    #[serde(with = "humantime_serde")]
    pub ledger_interval: Duration,
    /// How often the database is looked at when nothing happens. Default: `30s`.
    #[serde(with = "humantime_serde")]
    pub ledger_rest: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            cache: Duration::from_secs(1),
            timeout: Duration::from_secs(2),
            silence_max: Duration::from_secs(3),
            ledger_interval: Duration::from_secs(2),
            ledger_rest: Duration::from_secs(30),
        }
    }
}

/// Settings that cannot work.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Nobody can answer in no time.
    #[error("monitoring.timeout must be at least 100ms")]
    Timeout,
    /// Services send signs of life twice a second.
    #[error("monitoring.silence_max must be at least 1s")]
    Silence,
    /// A look that follows at once on another one never rests.
    #[error("monitoring.ledger_interval must be at least 500ms, and ledger_rest no less")]
    Ledger,
}

impl Config {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.timeout < Duration::from_millis(100) {
            return Err(ConfigError::Timeout);
        }
        if self.silence_max < Duration::from_secs(1) {
            return Err(ConfigError::Silence);
        }
        let least = Duration::from_millis(500);
        if self.ledger_interval < least || self.ledger_rest < self.ledger_interval {
            return Err(ConfigError::Ledger);
        }
        Ok(())
    }
}
