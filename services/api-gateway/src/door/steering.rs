//! Steering by hand over NATS: `kintsugi.api.steer.<what>`, with the fields of the HTTP API, the run
//! as `id` and the task as `task`.

use kintsugi_gateway_ops::{self as ops, App, Problem, json, types::HoldRequest};
use kintsugi_gateway_steer::{Order, Task, holds, steer};
use poem_openapi::types::ToJSON;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::payload;

/// Does what the subject says to the run that the payload names.
///
/// # Errors
///
/// 400 and 422 as for any payload, and whatever steering refuses.
pub(super) async fn answer(app: &App, subject: &str, bytes: &[u8]) -> Result<String, Problem> {
    let mut fields: Map<String, Value> = payload::with_id(bytes)?;
    let Some(Value::String(run)) = fields.remove("id") else {
        let title = "the payload must have the run as `id`";
        return Err(Problem::unprocessable("invalid_body", title));
    };
    let what = subject.rsplit('.').next().unwrap_or_default();
    let order = match what {
        "suspend" => Order::Suspend(body(fields)?),
        "resume" => Order::Resume(body(fields)?),
        "terminate" => Order::Terminate(body(fields)?),
        "rerun" => Order::Rerun(body(fields)?),
        "variables" => Order::Variables(body(fields)?),
        "retry" => Order::Retry(task(&mut fields)?, body(fields)?),
        "complete" => Order::Complete(task(&mut fields)?, body(fields)?),
        "fail" => Order::Fail(task(&mut fields)?, body(fields)?),
        "skip" => Order::Skip(task(&mut fields)?, body(fields)?),
        _ => {
            let title = "the subject must be kintsugi.api.steer.<suspend, resume, terminate, rerun, \
                         variables, retry, complete, fail or skip>";
            return Err(Problem::bad_request("malformed_subject", title));
        }
    };
    Ok(steer(app, &ops::run_id(&run)?, order).await?.to_json_string())
}

/// Holds something, or lifts a hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hold {
    kind: String,
    name: String,
    #[serde(default)]
    by: Option<String>,
    #[serde(default)]
    reason: Option<String>,
}

/// Says which holds are listed.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Listed {
    lifted: bool,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// Holds something, or lifts a hold, as the subject says.
///
/// # Errors
///
/// As over HTTP; 400 for another subject.
pub(super) async fn hold(app: &App, subject: &str, bytes: &[u8]) -> Result<String, Problem> {
    let Hold { kind, name, by, reason } = json::from_slice(bytes)?;
    let (what, request) = ((kind.as_str(), name.as_str()), HoldRequest { by, reason });
    match subject.rsplit('.').next() {
        Some("put") => Ok(holds::put(app, what, request).await?.0.to_json_string()),
        Some("lift") => Ok(holds::lift(app, what, request).await?.to_json_string()),
        _ => {
            let title = "the subject must be kintsugi.api.hold.<put or lift>";
            Err(Problem::bad_request("malformed_subject", title))
        }
    }
}

/// A page of holds.
///
/// # Errors
///
/// As over HTTP.
pub(super) async fn holds(app: &App, bytes: &[u8]) -> Result<String, Problem> {
    let Listed { lifted, limit, cursor } = payload::restricting(bytes)?;
    Ok(holds::list(app, lifted, ops::page(limit, cursor)?).await?.to_json_string())
}

fn task(fields: &mut Map<String, Value>) -> Result<Task, Problem> {
    match fields.remove("task") {
        Some(Value::Number(number)) => Task::parse(&number.to_string()),
        Some(Value::String(text)) => Task::parse(&text),
        _ => {
            let title = "the payload must have `task`: a number or a reference";
            Err(Problem::unprocessable("invalid_body", title))
        }
    }
}

fn body<T: DeserializeOwned>(fields: Map<String, Value>) -> Result<T, Problem> {
    json::from_slice(Value::Object(fields).to_string().as_bytes())
}
