//! What a request refers to must be there: nothing is accepted that could never be read.

use std::time::Duration;

use kintsugi_reference::PayloadId;
use kintsugi_runtime::now;
use serde::{Deserialize, Serialize};

use crate::{app::App, problem::Problem};

/// References that are named when their payloads are not there.
const NAMED_MAX: usize = 8;

/// Settings in the table `[payloads]`: for gateways, which take payloads, and the retry engine, which sweeps them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PayloadsConfig {
    /// Size of a payload in bytes. Default: 64 MiB.
    pub bytes_max: u64,
    /// How long a payload is kept that no run refers to, since it was last put or asked for. Default: `24h`.
    #[serde(with = "humantime_serde")]
    pub grace: Duration,
    /// Uploads that are open at once, over all gateways; more are told to come back. Default: 128.
    pub uploads_max: u32,
    /// How long an upload over HTTP may take. Default: `5m`.
    #[serde(with = "humantime_serde")]
    pub upload_timeout: Duration,
}

impl Default for PayloadsConfig {
    fn default() -> Self {
        Self {
            bytes_max: 64 << 20,
            grace: Duration::from_secs(24 * 3600),
            uploads_max: 128,
            upload_timeout: Duration::from_secs(300),
        }
    }
}

impl PayloadsConfig {
    /// What is wrong with the settings, if anything.
    #[must_use]
    pub fn wrong(&self) -> Option<&'static str> {
        if !(1 << 20..=1 << 30).contains(&self.bytes_max) {
            return Some("payloads.bytes_max must be from 1 MiB to 1 GiB");
        }
        if self.uploads_max == 0 {
            return Some("payloads.uploads_max must be at least 1");
        }
        self.upload_timeout.is_zero().then_some("payloads.upload_timeout must not be zero")
    }
}

/// Whether all payloads are there that `json` refers to; keeps those for another grace time. Costs nothing where it
/// refers to none.
///
/// # Errors
///
/// 422 with the names of those that are not there, 503.
pub async fn known(app: &App, json: &[u8]) -> Result<(), Problem> {
    let ids = kintsugi_reference::found(json);
    if ids.is_empty() {
        return Ok(());
    }
    let there = app.store.payloads().touch(&ids, now().0).await;
    let there: Vec<PayloadId> =
        there.map_err(|e| app.store_problem(e))?.into_iter().map(|one| one.id).collect();
    let missing: Vec<String> =
        ids.iter().filter(|id| !there.contains(id)).map(ToString::to_string).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let title = format!(
        "{} of the payloads that are referred to are not there; put them first",
        missing.len()
    );
    let named: Vec<String> = missing.into_iter().take(NAMED_MAX).collect();
    Err(Problem::unprocessable("payload_unknown", title).detail(named.join(", ")))
}
