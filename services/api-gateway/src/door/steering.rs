//! Steering by hand over NATS: `kintsugi.api.steer.<what>`, with the fields of the HTTP API, the run
//! as `id` and the task as `task`.

use kintsugi_gateway_ops::{self as ops, App, Problem, json};
use kintsugi_gateway_steer::{Order, Task, steer};
use poem_openapi::types::ToJSON;
use serde::de::DeserializeOwned;
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
