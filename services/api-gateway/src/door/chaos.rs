//! Trials over NATS: `kintsugi.api.chaos.<put, get, list or stop>`, with the fields of the HTTP API.

use std::sync::Arc;

use kintsugi_gateway_chaos::Chaos;
use kintsugi_gateway_ops::{self as ops, App, Problem, json};
use poem_openapi::types::ToJSON;

use super::payload;

/// Starts a trial, shows one, lists them, or stops one.
///
/// # Errors
///
/// As over HTTP; 400 for another subject.
pub(super) async fn answer(
    app: &App,
    chaos: &Arc<Chaos>,
    subject: &str,
    bytes: &[u8],
) -> Result<String, Problem> {
    let named = || payload::with_id(bytes).map(|payload::Named { id }| id);
    Ok(match subject.rsplit('.').next() {
        Some("put") => chaos.start(app, json::from_slice(bytes)?).await?.to_json_string(),
        Some("get") => chaos.get(&named()?).await?.to_json_string(),
        Some("stop") => chaos.stop(&named()?).await?.to_json_string(),
        Some("list") => {
            let payload::Paging { limit, cursor } = payload::restricting(bytes)?;
            chaos.list(ops::page(limit, cursor)?).await?.to_json_string()
        }
        _ => {
            let title = "the subject must be kintsugi.api.chaos.<put, get, list or stop>";
            return Err(Problem::bad_request("malformed_subject", title));
        }
    })
}
