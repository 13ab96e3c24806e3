//! Cards of agents (A2A 0.3 and 1.0, "Agent Card").

use serde_json::Value;

/// Where the card says that the agent speaks JSON-RPC.
#[must_use]
pub fn url(card: &Value) -> Option<String> {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let is_rpc = |name: Option<String>| name.is_none_or(|name| name == "JSONRPC");
    let listed = |key: &str, binding: &str| {
        let all = card.get(key).and_then(Value::as_array).into_iter().flatten();
        let mut fitting = all.filter(|one| is_rpc(text(one, binding)));
        fitting.find_map(|one| text(one, "url"))
    };
    text(card, "url")
        .filter(|_| is_rpc(text(card, "preferredTransport")))
        .or_else(|| listed("additionalInterfaces", "transport"))
        .or_else(|| listed("supportedInterfaces", "protocolBinding"))
}
