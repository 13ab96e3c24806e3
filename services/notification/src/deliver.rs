//! Delivers what is due.

use std::time::Duration;

use futures::{StreamExt, stream};
use kintsugi_core::RetryPolicy;
use kintsugi_entities::NotificationRow;
use kintsugi_runtime::{Deps, Reconciler, Waker, now};
use reqwest::{StatusCode, header::RETRY_AFTER, redirect};
use tracing::{debug, error, warn};

use crate::{
    Config, Error,
    note::parts,
    sign::signature,
    target::{Target, Targets},
};

/// How often due notifications are looked for when nothing wakes the service: those of one that died.
pub(crate) const PERIOD: Duration = Duration::from_secs(15);

/// Due notifications that one round takes, for each that may be under way at once.
const ROUNDS: u32 = 4;

/// Delivers due notifications.
pub(crate) struct Due {
    deps: Deps,
    targets: Targets,
    waker: Waker,
    policy: RetryPolicy,
    concurrency: u32,
    timeout: Duration,
    client: Option<reqwest::Client>,
}

/// Why a notification was not taken. Says nothing of the URL, which may hold a token.
enum Refusal {
    /// The receiver wants no more of them.
    Gone,
    /// There is no such webhook any more.
    Unknown,
    /// It may be taken later.
    Later { reason: String, after: Option<Duration> },
}

impl Due {
    pub(crate) fn new(deps: Deps, config: &Config, targets: Targets, waker: Waker) -> Self {
        Self {
            deps,
            targets,
            waker,
            policy: config.retry.policy(),
            concurrency: config.concurrency,
            timeout: config.timeout,
            client: None,
        }
    }

    fn client(&mut self) -> Result<reqwest::Client, Error> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        // An error means that the process has chosen its provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .timeout(self.timeout)
            // A redirect could lead to where nobody meant a notification to go.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("kintsugi/", env!("CARGO_PKG_VERSION")))
            .build()?;
        self.client = Some(client.clone());
        Ok(client)
    }

    async fn one(&self, client: &reqwest::Client, row: &NotificationRow) -> Result<(), Error> {
        match self.post(client, row).await {
            Ok(()) => {
                debug!(notification = row.id, "notification delivered");
                Ok(self.deps.store.notification_done(&row.id).await?)
            }
            Err(refusal) => self.refused(row, refusal).await,
        }
    }

    async fn post(&self, client: &reqwest::Client, row: &NotificationRow) -> Result<(), Refusal> {
        let (id, tag) = parts(&row.id).ok_or(Refusal::Unknown)?;
        let target = self.targets.tagged(tag).ok_or(Refusal::Unknown)?;
        let answer = request(client, target, id, row).send().await.map_err(|error| {
            let reason = error.without_url();
            let kind = if reason.is_timeout() { "no answer in time" } else { "not reached" };
            Refusal::Later { reason: format!("{kind}: {reason}"), after: None }
        })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        if status == StatusCode::GONE {
            return Err(Refusal::Gone);
        }
        let after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let after = after.and_then(|text| text.parse().ok()).map(Duration::from_secs);
        Err(Refusal::Later { reason: format!("answered {status}"), after })
    }

    async fn refused(&self, row: &NotificationRow, refusal: Refusal) -> Result<(), Error> {
        let attempts = row.attempts.saturating_add(1);
        let (reason, after, hopeless) = match refusal {
            Refusal::Gone => ("the receiver wants no more".to_owned(), None, true),
            Refusal::Unknown => ("its webhook is no longer configured".to_owned(), None, true),
            Refusal::Later { reason, after } => (reason, after, false),
        };
        let dead = hopeless || attempts >= self.policy.maximum_attempts;
        let seed = row
            .id
            .bytes()
            .fold(0_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let asked = after.map_or(0, |after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        let delay = self.policy.delay_ms(attempts, seed);
        let delay = delay.max(asked.min(self.policy.maximum_interval_ms));
        let due_at = now().plus(delay).0;
        self.deps.store.notification_failed(&row.id, due_at, attempts, dead).await?;
        if dead {
            error!(notification = row.id, attempts, reason, "notification given up");
            return Ok(());
        }
        warn!(notification = row.id, attempts, reason, delay_ms = delay, "not delivered");
        if Duration::from_millis(delay) < PERIOD {
            let waker = self.waker.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(delay + 1)).await;
                waker.wake();
            });
        }
        Ok(())
    }
}

fn request(
    client: &reqwest::Client,
    target: &Target,
    id: &str,
    row: &NotificationRow,
) -> reqwest::RequestBuilder {
    let seconds = now().0 / 1000;
    let signed = signature(&target.key, id, seconds, &row.payload).unwrap_or_default();
    client
        .post(target.url.clone())
        .header("content-type", "application/cloudevents+json")
        .header("webhook-id", id)
        .header("webhook-timestamp", seconds)
        .header("webhook-signature", signed)
        .body(row.payload.clone())
}

impl Reconciler for Due {
    type Error = Error;

    async fn activate(&mut self) -> Result<(), Error> {
        let limit = self.concurrency.saturating_mul(ROUNDS);
        let due = self.deps.store.notifications_due(now().0, limit).await?;
        if due.is_empty() {
            return Ok(());
        }
        let client = self.client()?;
        let is_full = due.len() >= limit as usize;
        let concurrency = self.concurrency as usize;
        let (this, client) = (&*self, &client);
        let mut done = stream::iter(due)
            .map(|row| async move { this.one(client, &row).await })
            .buffer_unordered(concurrency);
        while let Some(result) = done.next().await {
            result?;
        }
        if is_full {
            self.waker.wake();
        }
        Ok(())
    }
}
