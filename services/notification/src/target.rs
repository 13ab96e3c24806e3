//! Who is told, as the service works with it.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::{Config, ConfigError, EventKind, sign};

/// Every webhook. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Targets(Arc<[Target]>);

/// A webhook. Neither its URL nor its key is ever shown.
pub(crate) struct Target {
    /// Names it in rows: what is left of its URL when that must stay private.
    pub(crate) tag: String,
    pub(crate) url: reqwest::Url,
    pub(crate) key: Vec<u8>,
    events: Vec<EventKind>,
}

impl Targets {
    pub(crate) fn new(config: &Config) -> Result<Self, ConfigError> {
        let targets = config.webhooks.iter().enumerate().map(|(index, webhook)| {
            let url = reqwest::Url::parse(&webhook.url).map_err(|_| ConfigError::Url { index })?;
            let key = sign::key(&webhook.secret).ok_or(ConfigError::Secret { index })?;
            let digest = Sha256::digest(&webhook.url);
            let tag = digest[..6].iter().map(|byte| format!("{byte:02x}")).collect();
            Ok(Target { tag, url, key, events: webhook.events.clone() })
        });
        Ok(Self(targets.collect::<Result<_, ConfigError>>()?))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that want to know of `kind`.
    pub(crate) fn of(&self, kind: EventKind) -> impl Iterator<Item = &Target> {
        self.0.iter().filter(move |target| target.events.contains(&kind))
    }

    pub(crate) fn tagged(&self, tag: &str) -> Option<&Target> {
        self.0.iter().find(|target| target.tag == tag)
    }
}
