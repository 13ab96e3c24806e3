//! `call: a2a`: an agent, by JSON-RPC over HTTP (the binding of A2A to it).

use kintsugi_worker::Failure;
use reqwest::{
    Method, Url,
    header::{ACCEPT, CONTENT_TYPE, HeaderValue},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    Attempt,
    http::{self, invalid},
    sse::Events,
    web::{Answer, Outgoing},
};

/// Methods whose answer is a stream of events.
const STREAMS: [&str; 2] = ["message/stream", "tasks/resubscribe"];

/// What the worker is given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    server: String,
    method: String,
    #[serde(default)]
    parameters: Value,
}

/// Sends a message to an agent, or asks after its tasks. A stream's events become an array.
pub(crate) async fn call(attempt: &Attempt<'_>, input: Value) -> Result<Value, Failure> {
    let mut values = attempt.arguments(input, &[])?.values;
    let policy = http::policy(attempt, &mut values)?;
    let arguments: Arguments = serde_json::from_value(values)
        .map_err(|error| invalid(format!("the arguments of `call: a2a`: {error}")))?;
    let key = attempt.context.idempotency_key();
    let url = Url::parse(&arguments.server)
        .map_err(|error| invalid(format!("`server` is not a URL: {error}")))?;
    let mut request = Outgoing::get(url);
    request.method = Method::POST;
    request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let streams = STREAMS.contains(&arguments.method.as_str());
    let accept = if streams { "text/event-stream, application/json" } else { "application/json" };
    request.headers.insert(ACCEPT, HeaderValue::from_static(accept));
    let mut call = json!({"jsonrpc": "2.0", "id": key, "method": arguments.method});
    if let Some(parameters) = parameters(arguments.parameters, key)? {
        call["params"] = Value::Object(parameters);
    }
    request.body = call.to_string().into_bytes();
    http::own_headers(&mut request.headers, attempt.context);
    request.until = Some(attempt.context.deadline());
    let sent = attempt.session().send(request, policy.as_ref()).await;
    let mut answer = sent.map_err(runtime)?;
    answer.body = attempt.sensitive.bytes(answer.body);
    http::check(&answer, false).map_err(runtime)?;
    read(&answer, streams)
}

/// Objects, with an id for a message that has none: the same in all attempts.
fn parameters(value: Value, key: &str) -> Result<Option<Map<String, Value>>, Failure> {
    let mut parameters = match value {
        Value::Null => return Ok(None),
        Value::Object(map) => map,
        _ => return Err(invalid("`parameters` must be an object".to_owned())),
    };
    if let Some(Value::Object(message)) = parameters.get_mut("message") {
        message.entry("messageId").or_insert_with(|| key.into());
    }
    Ok(Some(parameters))
}

fn read(answer: &Answer, streams: bool) -> Result<Value, Failure> {
    let kind = answer.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("text/event-stream")) {
        let response = serde_json::from_slice(&answer.body)
            .map_err(|_| Failure::retryable("the agent's answer is not JSON"))?;
        let result = result(response)?;
        return Ok(if streams { json!([result]) } else { result });
    }
    let mut results = Vec::new();
    for event in Events::all(&answer.body) {
        let response = serde_json::from_str(&event)
            .map_err(|_| Failure::retryable("an event of the agent is not JSON"))?;
        results.push(result(response)?);
    }
    Ok(Value::Array(results))
}

/// The result of a JSON-RPC response, or its error.
fn result(mut response: Value) -> Result<Value, Failure> {
    if let Some(error) = response.get("error") {
        let code = error.get("code").and_then(Value::as_i64).unwrap_or_default();
        let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
        let text = format!("the agent answered with error {code}: {message}");
        // The caller's own mistakes (JSON-RPC 2.0, 5.1), and those of the protocol's own range.
        let fatal = matches!(code, -32_700 | -32_602..=-32_600 | -32_099..=-32_001);
        return Err(if fatal { Failure::fatal(text) } else { Failure::retryable(text) });
    }
    match response.as_object_mut().and_then(|map| map.remove("result")) {
        Some(result) => Ok(result),
        None => Err(Failure::retryable("the agent's answer has neither result nor error")),
    }
}

/// The language knows failures of agents, and of servers of MCP, as `runtime` errors.
pub(crate) fn runtime(failure: Failure) -> Failure {
    if failure.is_of_kind("communication") { failure.kind("runtime") } else { failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_a_result_or_an_error() {
        assert_eq!(result(json!({"result": {"x": 1}})).unwrap(), json!({"x": 1}));
        assert!(
            result(json!({"error": {"code": -32_602, "message": "no"}})).unwrap_err().is_fatal()
        );
        assert!(
            !result(json!({"error": {"code": -32_603, "message": "no"}})).unwrap_err().is_fatal()
        );
        assert!(result(json!({})).is_err());
    }

    #[test]
    fn a_message_gets_an_id_that_stays() {
        let made = parameters(json!({"message": {"role": "user"}}), "run:1").unwrap().unwrap();
        assert_eq!(made["message"]["messageId"], "run:1");
        let own = parameters(json!({"message": {"messageId": "mine"}}), "run:1").unwrap().unwrap();
        assert_eq!(own["message"]["messageId"], "mine");
        assert!(parameters(json!("text"), "run:1").is_err());
    }
}
