//! Settings of the notification service.

use std::time::Duration;

use kintsugi_core::{Backoff, RetryPolicy};
use kintsugi_runtime::Secret;
use serde::{Deserialize, Serialize};

use crate::sign;

/// Settings in the table `[notification]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Who is told. Default: nobody.
    pub webhooks: Vec<Webhook>,
    /// How often the database is searched for what no lifecycle event told of. Default: `30s`.
    #[serde(with = "humantime_serde")]
    pub sweep_interval: Duration,
    /// How long a receiver may take to answer. Default: `10s`.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// How many notifications are under way at once. Default: 16.
    pub concurrency: u32,
    /// When a notification is tried again, and how often.
    pub retry: Retry,
}

/// Someone to tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where notifications are posted to.
    pub url: String,
    /// Signs them: `whsec_` and base64 as in Standard Webhooks, or any text of 16 bytes or more.
    pub secret: Secret,
    /// What it is told of. Default: everything.
    #[serde(default = "EventKind::all")]
    pub events: Vec<EventKind>,
}

/// What one can be told of, by the names of lifecycle events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EventKind {
    /// A run ended with an error.
    #[serde(rename = "workflow.faulted")]
    RunFaulted,
    /// A task exhausted its policy.
    #[serde(rename = "task.dead-lettered")]
    TaskDeadLettered,
    /// A person is asked to do a task.
    #[serde(rename = "human-task.asked")]
    HumanTaskAsked,
    /// Such a task is due.
    #[serde(rename = "human-task.due")]
    HumanTaskDue,
    /// A promise was broken: the ledger found something that should never be.
    #[serde(rename = "promise.breached")]
    PromiseBreached,
}

/// When a notification is tried again. Delays double.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// Before the second attempt. Default: `5s`.
    #[serde(with = "humantime_serde")]
    pub initial_interval: Duration,
    /// No delay is longer. Default: `1h`.
    #[serde(with = "humantime_serde")]
    pub maximum_interval: Duration,
    /// After so many attempts a notification is given up. Default: 16, in about 7 hours.
    pub maximum_attempts: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            webhooks: Vec::new(),
            sweep_interval: Duration::from_secs(30),
            timeout: Duration::from_secs(10),
            concurrency: 16,
            retry: Retry::default(),
        }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            initial_interval: Duration::from_secs(5),
            maximum_interval: Duration::from_secs(3600),
            maximum_attempts: 16,
        }
    }
}

impl Retry {
    pub(crate) fn policy(&self) -> RetryPolicy {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        RetryPolicy {
            initial_interval_ms: millis(self.initial_interval),
            backoff: Backoff::Exponential { coefficient: 2.0 },
            maximum_interval_ms: millis(self.maximum_interval),
            maximum_attempts: self.maximum_attempts,
            ..RetryPolicy::default()
        }
    }
}

impl EventKind {
    /// Every kind.
    #[must_use]
    pub fn all() -> Vec<Self> {
        vec![
            Self::RunFaulted,
            Self::TaskDeadLettered,
            Self::HumanTaskAsked,
            Self::HumanTaskDue,
            Self::PromiseBreached,
        ]
    }

    /// The lifecycle event's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RunFaulted => "workflow.faulted",
            Self::TaskDeadLettered => "task.dead-lettered",
            Self::HumanTaskAsked => "human-task.asked",
            Self::HumanTaskDue => "human-task.due",
            Self::PromiseBreached => "promise.breached",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::all().into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Settings that cannot work. A webhook is named by its place: its URL may hold a token.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not a URL that one can post to.
    #[error("notification.webhooks[{index}].url must be an http or https URL")]
    Url {
        /// Which webhook.
        index: usize,
    },
    /// A secret that does not protect.
    #[error(
        "notification.webhooks[{index}].secret must be `whsec_` and base64 of at least 16 bytes, \
         or a text of at least 16 bytes"
    )]
    Secret {
        /// Which webhook.
        index: usize,
    },
    /// A webhook that is never told anything.
    #[error("notification.webhooks[{index}].events must name at least one event")]
    NoEvents {
        /// Which webhook.
        index: usize,
    },
    /// The same URL twice.
    #[error("notification.webhooks[{index}].url is there already")]
    Twice {
        /// Which webhook.
        index: usize,
    },
    /// A number that makes no sense.
    #[error("notification.{name} must be {rule}")]
    Range {
        /// Which setting.
        name: &'static str,
        /// What it must be.
        rule: &'static str,
    },
}

impl Config {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let second = Duration::from_secs(1);
        let rules = [
            (self.sweep_interval >= second, "sweep_interval", "at least 1s"),
            (self.timeout >= Duration::from_millis(100), "timeout", "at least 100ms"),
            ((1..=256).contains(&self.concurrency), "concurrency", "from 1 to 256"),
            (
                self.retry.initial_interval >= Duration::from_millis(10),
                "retry.initial_interval",
                "at least 10ms",
            ),
            (
                self.retry.maximum_interval >= self.retry.initial_interval,
                "retry.maximum_interval",
                "at least initial_interval",
            ),
            (self.retry.maximum_attempts >= 1, "retry.maximum_attempts", "at least 1"),
        ];
        if let Some((_, name, rule)) = rules.into_iter().find(|(holds, ..)| !holds) {
            return Err(ConfigError::Range { name, rule });
        }
        for (index, webhook) in self.webhooks.iter().enumerate() {
            let url = reqwest::Url::parse(&webhook.url).map_err(|_| ConfigError::Url { index })?;
            if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
                return Err(ConfigError::Url { index });
            }
            if sign::key(&webhook.secret).is_none() {
                return Err(ConfigError::Secret { index });
            }
            if webhook.events.is_empty() {
                return Err(ConfigError::NoEvents { index });
            }
            if self.webhooks[..index].iter().any(|other| other.url == webhook.url) {
                return Err(ConfigError::Twice { index });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(url: &str, secret: &str) -> Config {
        let secret = Secret::new(secret.to_owned());
        let webhook = Webhook { url: url.to_owned(), secret, events: EventKind::all() };
        Config { webhooks: vec![webhook], ..Config::default() }
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let long = "a secret of enough bytes";
        assert!(with("https://example.com/hook?token=t0p", long).check().is_ok());
        for (url, secret) in [
            ("example.com", long),
            ("ftp://example.com", long),
            ("https://example.com", ""),
            ("https://example.com", "short"),
            ("https://example.com", "whsec_c2hvcnQ="),
            ("https://example.com", "whsec_not base64 but long enough"),
        ] {
            let error = with(url, secret).check().unwrap_err().to_string();
            assert!(!error.contains("example.com") && !error.contains("long enough"), "{error}");
        }
        let mut twice = with("https://example.com", long);
        twice.webhooks.extend(twice.webhooks.clone());
        assert!(matches!(twice.check(), Err(ConfigError::Twice { index: 1 })));
    }

    #[test]
    fn a_secret_is_never_shown() {
        let config = with("https://example.com", "a secret of enough bytes");
        assert!(!format!("{config:?}").contains("enough"));
        assert!(!serde_json::to_string(&config).unwrap().contains("enough"));
    }
}
