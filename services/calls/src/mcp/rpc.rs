//! What is said to a server of the Model Context Protocol, and what its answers mean: JSON-RPC 2.0,
//! whatever carries it.

use kintsugi_worker::Failure;
use serde_json::{Value, json};

use super::Arguments;
use crate::http::invalid;

/// Versions of the protocol that are spoken here.
const VERSIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

/// The version that is asked for where the workflow names none: the language's default.
const VERSION: &str = "2025-06-18";

/// Ids of the two requests of a call.
const HELLO: u64 = 1;
const CALL: u64 = 2;

/// The first request.
pub(super) fn hello(arguments: &Arguments) -> Value {
    let (name, version) = match &arguments.client {
        Some(client) => (client.name.as_str(), client.version.as_str()),
        None => ("kintsugi", env!("CARGO_PKG_VERSION")),
    };
    let asked = arguments.protocol_version.as_deref().unwrap_or(VERSION);
    let client = json!({"name": name, "version": version});
    let params = json!({"protocolVersion": asked, "capabilities": {}, "clientInfo": client});
    json!({"jsonrpc": "2.0", "id": HELLO, "method": "initialize", "params": params})
}

/// What follows the answer to it.
pub(super) fn ready() -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/initialized"})
}

/// The call itself.
pub(super) fn call(arguments: &Arguments) -> Result<Value, Failure> {
    let mut call = json!({"jsonrpc": "2.0", "id": CALL, "method": arguments.method});
    match &arguments.parameters {
        Value::Null => {}
        parameters @ Value::Object(_) => call["params"] = parameters.clone(),
        _ => return Err(invalid("`parameters` must be an object".to_owned())),
    }
    Ok(call)
}

/// Whether a message is the call itself: what may have an effect.
pub(super) fn is_call(message: &Value) -> bool {
    message["id"] == CALL
}

/// The version that the server chose.
pub(super) fn version(hello: Value) -> Result<String, Failure> {
    let result = result(hello)?;
    let version = result.get("protocolVersion").and_then(Value::as_str).unwrap_or_default();
    if VERSIONS.contains(&version) {
        return Ok(version.to_owned());
    }
    let known = VERSIONS.join(", ");
    let message = format!("the server speaks version `{version}`, and not one of {known}");
    Err(Failure::fatal(message).kind("communication"))
}

/// What a server says while it is waited for.
pub(super) enum Said {
    /// The answer that is waited for.
    Answer(Value),
    /// A request of its own, with what is to be answered.
    Request(Value),
    /// Something that asks for nothing.
    Nothing,
}

/// What a message means for who waits for the answer to `request`. The old form of many messages in
/// one array (2025-03-26) is taken apart.
pub(super) fn said(message: Value, request: &Value) -> Vec<Said> {
    match message {
        Value::Array(all) => all.into_iter().map(|one| one_said(one, request)).collect(),
        one => vec![one_said(one, request)],
    }
}

fn one_said(message: Value, request: &Value) -> Said {
    let (id, method) = (message.get("id"), message.get("method").and_then(Value::as_str));
    match (id, method) {
        (Some(id), Some("ping")) => {
            Said::Request(json!({"jsonrpc": "2.0", "id": id, "result": {}}))
        }
        (Some(id), Some(method)) => {
            // The client said that it can do nothing of this.
            let error = json!({"code": -32_601, "message": format!("no `{method}` here")});
            Said::Request(json!({"jsonrpc": "2.0", "id": id, "error": error}))
        }
        (id, None) if id == request.get("id") => Said::Answer(message),
        // An error without an id is about what was sent last: it could not even be read.
        (None | Some(Value::Null), None) if message.get("error").is_some() => Said::Answer(message),
        _ => Said::Nothing,
    }
}

/// The result of an answer, or its error, which the language has `runtime` errors for.
pub(super) fn result(mut answer: Value) -> Result<Value, Failure> {
    if let Some(error) = answer.get("error") {
        let code = error.get("code").and_then(Value::as_i64).unwrap_or_default();
        let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
        let text = format!("the server answered with error {code}: {message}");
        // The caller's own mistakes (JSON-RPC 2.0, 5.1), and a resource that is not there.
        let fatal = matches!(code, -32_700 | -32_602..=-32_600 | -32_002);
        let failure = if fatal { Failure::fatal(text) } else { Failure::retryable(text) };
        return Err(failure.kind("runtime"));
    }
    match answer.as_object_mut().and_then(|map| map.remove("result")) {
        Some(result) => Ok(result),
        None => Err(Failure::retryable("the server's answer has neither result nor error")
            .kind("communication")),
    }
}

/// What becomes the task's output. A tool says in its result that it failed.
pub(super) fn output(answer: Value) -> Result<Value, Failure> {
    let result = result(answer)?;
    if result.get("isError") != Some(&Value::Bool(true)) {
        return Ok(result);
    }
    let content = result.get("content").and_then(Value::as_array).into_iter().flatten();
    let texts: Vec<_> = content.filter_map(|one| one.get("text")?.as_str()).collect();
    Err(Failure::retryable(format!("the tool failed: {}", texts.join("; "))).kind("runtime"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_may_ask_while_it_is_waited_for() {
        let call = json!({"id": CALL});
        let all = json!([
            {"id": 7, "method": "ping"},
            {"id": 8, "method": "sampling/createMessage"},
            {"method": "notifications/progress"},
            {"id": CALL, "result": {"a": 1}},
        ]);
        let said = said(all, &call);
        assert!(matches!(&said[0], Said::Request(answer) if answer["result"] == json!({})));
        assert!(matches!(&said[1], Said::Request(answer) if answer["error"]["code"] == -32_601));
        assert!(matches!(said[2], Said::Nothing));
        assert!(matches!(&said[3], Said::Answer(answer) if answer["result"]["a"] == 1));
    }

    #[test]
    fn failures_are_told_from_results() {
        let error = |code: i64| result(json!({"error": {"code": code, "message": "m"}}));
        assert!(error(-32_602).unwrap_err().is_fatal());
        assert!(!error(-32_603).unwrap_err().is_fatal());
        let failed =
            json!({"result": {"isError": true, "content": [{"type": "text", "text": "x"}]}});
        assert_eq!(output(failed).unwrap_err().message(), "the tool failed: x");
        assert_eq!(output(json!({"result": {"tools": []}})).unwrap(), json!({"tools": []}));
        assert!(version(json!({"result": {"protocolVersion": "2030-01-01"}})).is_err());
    }
}
