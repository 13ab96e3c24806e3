//! `AsyncAPI` 2 and 3: where messages of one operation or channel go, or come from.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Refusal,
    reference::{follow, items, text},
};

/// What is called of a document.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'w> {
    /// The operation, by its name (3) or its `operationId` (2).
    pub operation: Option<&'w str>,
    /// The channel.
    pub channel: Option<&'w str>,
    /// The server, by its name.
    pub server: Option<&'w str>,
    /// The protocol that the server must speak.
    pub protocol: Option<&'w str>,
}

/// A channel on a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// What the server speaks.
    pub protocol: Protocol,
    /// The server's URL, with `{name}` for each of its variables.
    pub server: String,
    /// The variables' defaults.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub variables: std::collections::BTreeMap<String, String>,
    /// The channel's address: a subject, or a path.
    pub address: String,
    /// With HTTP: the method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Where messages have their correlation id: `$message.header#/…` or `$message.payload#/…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation: Option<String>,
}

/// What a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// NATS.
    Nats,
    /// HTTP, in clear or over TLS.
    Http,
}

impl Protocol {
    fn of(name: &str) -> Option<Self> {
        match name {
            "nats" => Some(Self::Nats),
            "http" | "https" => Some(Self::Http),
            _ => None,
        }
    }
}

/// Finds what is wanted in `document`.
///
/// # Errors
///
/// When it is not there, or speaks another protocol.
pub fn channel(document: &Value, wanted: Wanted<'_>) -> Result<Channel, Refusal> {
    let old = match text(document, "asyncapi") {
        Some(version) if version.starts_with("2.") => true,
        Some(version) if version.starts_with("3.") => false,
        Some(other) => return Err(Refusal::Unsupported(format!("AsyncAPI {other}"))),
        None => {
            return Err(Refusal::invalid("this is no AsyncAPI document: it has no `asyncapi`"));
        }
    };
    let found = if old { in_two(document, wanted) } else { in_three(document, wanted) }?;
    let server = server(document, &found, wanted)?;
    let protocol = text(server, "protocol").unwrap_or_default();
    let Some(protocol) = Protocol::of(protocol) else {
        return Err(Refusal::Unsupported(format!("the protocol `{protocol}`")));
    };
    let (server, variables) = location(document, server, old)?;
    let address = address(document, &found)?;
    let bindings = found.operation.and_then(|one| one.get("bindings"));
    let bindings = bindings.map(|one| follow(document, one)).transpose()?;
    let method = bindings.and_then(|one| text(one.get("http")?, "method")).map(str::to_owned);
    let correlation = correlation(document, &found)?;
    Ok(Channel { protocol, server, variables, address, method, correlation })
}

/// What was found of a channel.
struct Found<'d> {
    address: &'d str,
    channel: &'d Value,
    operation: Option<&'d Value>,
    /// Names of the servers that it is on; none: all.
    servers: Vec<&'d str>,
    messages: Vec<&'d Value>,
}

fn in_two<'d>(document: &'d Value, wanted: Wanted<'_>) -> Result<Found<'d>, Refusal> {
    let channels = document.get("channels").and_then(Value::as_object);
    for (address, channel) in channels.into_iter().flatten() {
        let channel = follow(document, channel)?;
        let operations: Vec<&Value> =
            ["publish", "subscribe"].into_iter().filter_map(|key| channel.get(key)).collect();
        let operation = match (wanted.operation, wanted.channel) {
            (Some(id), _) => operations.iter().find(|one| text(one, "operationId") == Some(id)),
            (None, Some(name)) if same_channel(name, address) => operations.first(),
            _ => None,
        };
        let by_name = wanted.operation.is_none()
            && wanted.channel.is_some_and(|name| same_channel(name, address));
        if operation.is_some() || by_name {
            let operation = operation.copied();
            let servers = items(channel, "servers").iter().filter_map(Value::as_str).collect();
            let messages = operation.and_then(|one| one.get("message")).into_iter();
            let messages = messages.collect();
            return Ok(Found { address, channel, operation, servers, messages });
        }
    }
    Err(missing(wanted))
}

/// Addresses are written with and without a slash at their beginning.
fn same_channel(wanted: &str, address: &str) -> bool {
    wanted.trim_start_matches('/') == address.trim_start_matches('/')
}

fn in_three<'d>(document: &'d Value, wanted: Wanted<'_>) -> Result<Found<'d>, Refusal> {
    let get = |part: &str, name: &str| document.get(part)?.get(name);
    let (operation, channel) = match (wanted.operation, wanted.channel) {
        (Some(name), _) => {
            let operation = get("operations", name).ok_or_else(|| missing(wanted))?;
            let operation = follow(document, operation)?;
            let channel = operation.get("channel").ok_or_else(|| missing(wanted))?;
            (Some(operation), follow(document, channel)?)
        }
        (None, Some(name)) => {
            let channels = document.get("channels").and_then(Value::as_object);
            let mut all = channels.into_iter().flatten();
            let found = all.find(|(key, channel)| {
                *key == name || text(channel, "address").is_some_and(|at| same_channel(name, at))
            });
            let (_, channel) = found.ok_or_else(|| missing(wanted))?;
            (None, follow(document, channel)?)
        }
        (None, None) => return Err(missing(wanted)),
    };
    let address = text(channel, "address")
        .ok_or_else(|| Refusal::invalid("the channel has no address that is known beforehand"))?;
    let references = items(channel, "servers").iter().filter_map(|one| text(one, "$ref"));
    let servers = references.filter_map(|one| one.strip_prefix("#/servers/")).collect();
    let messages = channel.get("messages").and_then(Value::as_object);
    let messages = messages.into_iter().flat_map(|map| map.values()).collect();
    Ok(Found { address, channel, operation, servers, messages })
}

fn missing(wanted: Wanted<'_>) -> Refusal {
    let what = match (wanted.operation, wanted.channel) {
        (Some(name), _) => format!("operation `{name}`"),
        (None, Some(name)) => format!("channel `{name}`"),
        (None, None) => "operation or channel that was named".to_owned(),
    };
    Refusal::invalid(format!("the document has no {what}"))
}

/// The server that is named, or the first that speaks what is wanted and can be spoken here.
fn server<'d>(
    document: &'d Value,
    found: &Found<'d>,
    wanted: Wanted<'_>,
) -> Result<&'d Value, Refusal> {
    let servers = document.get("servers").and_then(Value::as_object);
    let mut other = None;
    for (name, server) in servers.into_iter().flatten() {
        let named = wanted.server.is_none_or(|one| one == name);
        let of_channel = found.servers.is_empty() || found.servers.contains(&name.as_str());
        if !named || !of_channel {
            continue;
        }
        let server = follow(document, server)?;
        let protocol = text(server, "protocol").unwrap_or_default();
        let fits = wanted
            .protocol
            .is_none_or(|one| one == protocol || (one == "http" && protocol == "https"));
        if fits && (Protocol::of(protocol).is_some() || wanted.server.is_some()) {
            return Ok(server);
        }
        other = Some(protocol);
    }
    match (wanted.server, other) {
        (Some(name), None) => {
            Err(Refusal::invalid(format!("the channel is on no server `{name}`")))
        }
        (_, Some(protocol)) if wanted.protocol.is_none_or(|one| one == protocol) => {
            Err(Refusal::Unsupported(format!("the protocol `{protocol}`")))
        }
        _ => Err(Refusal::invalid("the channel is on no server that speaks the protocol")),
    }
}

/// The URL of a server, and its variables' defaults.
fn location(
    document: &Value,
    server: &Value,
    old: bool,
) -> Result<(String, std::collections::BTreeMap<String, String>), Refusal> {
    let protocol = text(server, "protocol").unwrap_or_default();
    let place = if old { text(server, "url") } else { text(server, "host") };
    let place = place.ok_or_else(|| Refusal::invalid("the server does not say where it is"))?;
    let path = if old { "" } else { text(server, "pathname").unwrap_or_default() };
    let url = if place.contains("://") {
        format!("{place}{path}")
    } else {
        format!("{protocol}://{place}{path}")
    };
    let mut defaults = std::collections::BTreeMap::new();
    let variables = server.get("variables").and_then(Value::as_object);
    for (name, variable) in variables.into_iter().flatten() {
        if let Some(default) = text(follow(document, variable)?, "default") {
            defaults.insert(name.clone(), default.to_owned());
        }
    }
    Ok((url, defaults))
}

/// The address, its parameters at their defaults: the language has no place for their values.
fn address(document: &Value, found: &Found<'_>) -> Result<String, Refusal> {
    let mut address = found.address.to_owned();
    let parameters = found.channel.get("parameters").and_then(Value::as_object);
    for (name, parameter) in parameters.into_iter().flatten() {
        let parameter = follow(document, parameter)?;
        let default = text(parameter, "default")
            .or_else(|| text(parameter.get("schema").unwrap_or(&Value::Null), "default"));
        if let Some(default) = default {
            address = address.replace(&format!("{{{name}}}"), default);
        }
    }
    if address.contains('{') {
        let message = format!("a parameter without default in the address `{address}`");
        return Err(Refusal::Unsupported(message));
    }
    Ok(address)
}

fn correlation(document: &Value, found: &Found<'_>) -> Result<Option<String>, Refusal> {
    for message in &found.messages {
        let message = follow(document, message)?;
        if let Some(id) = message.get("correlationId") {
            return Ok(text(follow(document, id)?, "location").map(str::to_owned));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wanted<'w>(operation: Option<&'w str>, channel: Option<&'w str>) -> Wanted<'w> {
        Wanted { operation, channel, server: None, protocol: None }
    }

    #[test]
    fn an_operation_of_version_3_is_found() {
        let document = json!({
            "asyncapi": "3.0.0",
            "servers": {
                "kafka": {"host": "k:9092", "protocol": "kafka"},
                "staging": {"host": "{host}:4222", "protocol": "nats",
                            "variables": {"host": {"default": "staging"}}},
            },
            "channels": {"pets": {"address": "pets.{kind}", "parameters": {"kind": {"default": "dog"}},
                "messages": {"pet": {"correlationId": {"location": "$message.header#/id"}}}}},
            "operations": {"send": {"action": "send", "channel": {"$ref": "#/channels/pets"}}},
        });
        let found = channel(&document, wanted(Some("send"), None)).unwrap();
        assert_eq!(found.protocol, Protocol::Nats);
        assert_eq!(
            (found.server.as_str(), found.address.as_str()),
            ("nats://{host}:4222", "pets.dog")
        );
        assert_eq!(found.variables["host"], "staging");
        assert_eq!(found.correlation.as_deref(), Some("$message.header#/id"));
        let kafka = Wanted { server: Some("kafka"), ..wanted(Some("send"), None) };
        let refused = channel(&document, kafka).unwrap_err();
        assert_eq!(refused.to_string(), "the protocol `kafka` is not supported");
        let amqp = Wanted { protocol: Some("amqp"), ..wanted(Some("send"), None) };
        assert!(matches!(channel(&document, amqp), Err(Refusal::Invalid(_))));
        assert!(channel(&document, wanted(Some("other"), None)).is_err());
    }

    #[test]
    fn a_channel_or_an_operation_of_version_2_is_found() {
        let document = json!({
            "asyncapi": "2.6.0",
            "servers": {"web": {"url": "https://x/base", "protocol": "https"}},
            "channels": {"/notes": {"publish": {"operationId": "note",
                "bindings": {"http": {"type": "request", "method": "PUT"}}}}},
        });
        for one in [wanted(Some("note"), None), wanted(None, Some("notes"))] {
            let found = channel(&document, one).unwrap();
            assert_eq!((found.protocol, found.address.as_str()), (Protocol::Http, "/notes"));
            assert_eq!(
                (found.server.as_str(), found.method.as_deref()),
                ("https://x/base", Some("PUT"))
            );
        }
        assert!(channel(&document, wanted(None, Some("/other"))).is_err());
        assert!(channel(&json!({"asyncapi": "4.0"}), wanted(None, Some("x"))).is_err());
    }
}
