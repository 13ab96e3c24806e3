//! Dead letters over NATS: `kintsugi.api.dead-letters.<list or groups>`,
//! `kintsugi.api.discard.<put, undo or list>` and `kintsugi.api.redrives.<put, get, list, pause, resume or
//! cancel>`, with the fields of the HTTP API.

use kintsugi_gateway_letters::{self as letters, Wanted};
use kintsugi_gateway_ops::{self as ops, App, Problem, json, types::DeadLetterQuery};
use poem_openapi::types::ToJSON;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::payload;

/// Says which discard is taken back, or which redrive is changed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    id: String,
    #[serde(default)]
    by: Option<String>,
    #[serde(default)]
    reason: Option<String>,
}

/// A page of dead letters, or of groups of them.
///
/// # Errors
///
/// As over HTTP; 400 for another subject.
pub(super) async fn listed(app: &App, subject: &str, bytes: &[u8]) -> Result<String, Problem> {
    let mut fields: Map<String, Value> = payload::restricting(bytes)?;
    let mut paging = Map::new();
    for name in ["limit", "cursor"] {
        paging.extend(fields.remove(name).map(|value| (name.to_owned(), value)));
    }
    let payload::Paging { limit, cursor } = read(paging)?;
    let page = ops::page(limit, cursor)?;
    match subject.rsplit('.').next() {
        Some("groups") => {
            let query: DeadLetterQuery = read(fields)?;
            Ok(letters::groups(app, &query, page).await?.to_json_string())
        }
        Some("list") => {
            let status = match fields.remove("status") {
                None => None,
                Some(Value::String(status)) => Some(status),
                Some(_) => {
                    let title = "`status` must be a text";
                    return Err(Problem::unprocessable("invalid_body", title));
                }
            };
            let (status, query) = (status.as_deref(), read(fields)?);
            Ok(ops::dead_letters::list(app, status, &query, page).await?.to_json_string())
        }
        _ => Err(malformed("kintsugi.api.dead-letters.<list or groups>")),
    }
}

/// Discards letters, takes that back, or lists what was discarded.
///
/// # Errors
///
/// As over HTTP; 400 for another subject.
pub(super) async fn discard(app: &App, subject: &str, bytes: &[u8]) -> Result<String, Problem> {
    match subject.rsplit('.').next() {
        Some("put") => Ok(letters::discard(app, json::from_slice(bytes)?).await?.to_json_string()),
        Some("undo") => {
            let Order { id, by, reason } = payload::with_id(bytes)?;
            let asked = ops::types::UndoRequest { by, reason };
            Ok(letters::undo(app, &id, asked).await?.to_json_string())
        }
        Some("list") => {
            let payload::Paging { limit, cursor } = payload::restricting(bytes)?;
            Ok(letters::discards(app, ops::page(limit, cursor)?).await?.to_json_string())
        }
        _ => Err(malformed("kintsugi.api.discard.<put, undo or list>")),
    }
}

/// Redrives letters together, shows such redrives, or pauses, resumes or cancels one.
///
/// # Errors
///
/// As over HTTP; 400 for another subject.
pub(super) async fn redrives(app: &App, subject: &str, bytes: &[u8]) -> Result<String, Problem> {
    let order = match subject.rsplit('.').next() {
        Some("put") => {
            let wanted = letters::redrive(app, json::from_slice(bytes)?).await?;
            return Ok(match wanted {
                Wanted::Preview(preview) => preview.to_json_string(),
                Wanted::Kept(job) => job.to_json_string(),
            });
        }
        Some("get") => {
            let payload::Named { id } = payload::with_id(bytes)?;
            return Ok(letters::redrive_get(app, &id).await?.to_json_string());
        }
        Some("list") => {
            let payload::Paging { limit, cursor } = payload::restricting(bytes)?;
            return Ok(letters::redrives(app, ops::page(limit, cursor)?).await?.to_json_string());
        }
        Some("pause") => letters::Order::Pause,
        Some("resume") => letters::Order::Resume,
        Some("cancel") => letters::Order::Cancel,
        _ => {
            let subject = "kintsugi.api.redrives.<put, get, list, pause, resume or cancel>";
            return Err(malformed(subject));
        }
    };
    let Order { id, by, reason } = payload::with_id(bytes)?;
    let asked = ops::types::RedriveOrder { by, reason };
    Ok(letters::redrive_order(app, &id, order, asked).await?.to_json_string())
}

fn read<T: serde::de::DeserializeOwned>(fields: Map<String, Value>) -> Result<T, Problem> {
    json::from_slice(Value::Object(fields).to_string().as_bytes())
}

fn malformed(subject: &str) -> Problem {
    Problem::bad_request("malformed_subject", format!("the subject must be {subject}"))
}
