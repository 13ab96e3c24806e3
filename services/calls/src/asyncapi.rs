//! `call: asyncapi`: messages to and from a channel that the compiler took out of its document.

use std::{collections::BTreeMap, time::Duration};

use kintsugi_contracts::asyncapi::{Channel, Protocol};
use kintsugi_nats_foreign::{Connection, Login, Message, Options};
use kintsugi_worker::Failure;
use reqwest::{
    Method, Url,
    header::{CONTENT_TYPE, HeaderValue},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::{
    Attempt,
    arguments::Code,
    auth::Policy,
    http::{self, Output, invalid},
    web::Outgoing,
};

/// Messages of one subscription at most.
const MESSAGES_MAX: usize = 10_000;

/// Where expressions stand that are evaluated for each message.
const FILTER: &str = "/subscription/filter";
const WHILE: &str = "/subscription/while";
const UNTIL: &str = "/subscription/until";

/// What the worker is given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    channel: Channel,
    #[serde(default)]
    variables: Map<String, Value>,
    message: Option<Outbound>,
    subscription: Option<Subscription>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Outbound {
    #[serde(default)]
    payload: Value,
    #[serde(default)]
    headers: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
struct Subscription {
    /// How many messages are wanted.
    amount: Option<usize>,
    /// How long messages are waited for.
    for_ms: Option<u64>,
}

/// Sends a message, or takes messages.
pub(crate) async fn call(attempt: &Attempt<'_>, input: Value) -> Result<Value, Failure> {
    let mut arguments = attempt.arguments(input, &[FILTER, WHILE, UNTIL])?;
    let policy = http::policy(attempt, &mut arguments.values)?;
    let code = arguments.code;
    let arguments: Arguments = serde_json::from_value(arguments.values)
        .map_err(|error| invalid(format!("the arguments of `call: asyncapi`: {error}")))?;
    let server = server(&arguments)?;
    match (arguments.channel.protocol, arguments.message, arguments.subscription) {
        (Protocol::Http, Some(message), None) => {
            post(attempt, &server, &arguments.channel, message, policy.as_ref()).await
        }
        (Protocol::Nats, Some(message), None) => {
            publish(attempt, &server, &arguments.channel.address, message, policy.as_ref()).await
        }
        (Protocol::Nats, None, Some(subscription)) => {
            let taken = Taken {
                channel: &arguments.channel,
                filter: code.get(FILTER),
                goes_on: code.get(WHILE),
                until: code.get(UNTIL),
                subscription,
            };
            taken.subscribe(attempt, &server, policy.as_ref()).await
        }
        (Protocol::Http, None, Some(_)) => {
            Err(invalid("messages cannot be taken from a server of HTTP".to_owned()))
        }
        _ => Err(invalid("either a message or a subscription is needed".to_owned())),
    }
}

/// The server's URL with its variables.
fn server(arguments: &Arguments) -> Result<String, Failure> {
    let mut url = arguments.channel.server.clone();
    for (name, value) in &arguments.variables {
        url = url.replace(&format!("{{{name}}}"), &http::text(name, value)?);
    }
    for (name, value) in &arguments.channel.variables {
        url = url.replace(&format!("{{{name}}}"), value);
    }
    if url.contains('{') {
        return Err(invalid(format!("the server `{url}` has a variable without a value")));
    }
    Ok(url)
}

async fn post(
    attempt: &Attempt<'_>,
    server: &str,
    channel: &Channel,
    message: Outbound,
    policy: Option<&Policy>,
) -> Result<Value, Failure> {
    let url =
        format!("{}/{}", server.trim_end_matches('/'), channel.address.trim_start_matches('/'));
    let url = Url::parse(&url).map_err(|error| invalid(format!("the server's URL: {error}")))?;
    let mut request = Outgoing::get(url);
    let method = channel.method.as_deref().unwrap_or("POST");
    request.method = Method::from_bytes(method.to_ascii_uppercase().as_bytes())
        .map_err(|_| invalid(format!("`{method}` is not an HTTP method")))?;
    request.headers = http::headers(message.headers.iter())?;
    let json = HeaderValue::from_static("application/json");
    request.headers.entry(CONTENT_TYPE).or_insert(json);
    request.body = message.payload.to_string().into_bytes();
    http::exchange(attempt, request, policy, Output::Content, false).await
}

/// A connection to an address that may be called.
async fn connect(
    attempt: &Attempt<'_>,
    server: &str,
    policy: Option<&Policy>,
) -> Result<Connection, Failure> {
    let url = Url::parse(server).map_err(|error| invalid(format!("the server's URL: {error}")))?;
    let config = &attempt.calls.web.config;
    let (host, port) = (url.host_str().unwrap_or_default(), url.port().unwrap_or(4_222));
    let found = kintsugi_egress::addresses(host, port, config.allowed()).await;
    let addresses = found.map_err(crate::web::unreachable)?;
    let login = match policy {
        None => None,
        Some(Policy::Basic(login)) => {
            Some(Login::Password(login.username.clone(), login.password.clone()))
        }
        Some(Policy::Bearer(bearer)) => Some(Login::Token(bearer.token.clone())),
        Some(_) => {
            let message = "NATS takes `basic` and `bearer` authentication";
            return Err(Failure::fatal(message).kind("configuration").status(400));
        }
    };
    let tls = matches!(url.scheme(), "tls" | "nats+tls");
    let options = Options {
        addresses,
        tls: tls.then(|| host.to_owned()),
        login,
        within: config.connect_timeout,
    };
    let calling = attempt.context.calling(&format!("{host}:{port}"))?;
    let connected = Connection::connect(options).await;
    if connected.is_ok() {
        calling.answered();
    } else {
        calling.failed(None);
    }
    connected.map_err(|error| Failure::from(error).kind("communication"))
}

async fn publish(
    attempt: &Attempt<'_>,
    server: &str,
    subject: &str,
    message: Outbound,
    policy: Option<&Policy>,
) -> Result<Value, Failure> {
    let foreign = connect(attempt, server, policy).await?;
    let context = attempt.context;
    let mut headers = BTreeMap::new();
    for (name, value) in &message.headers {
        headers.insert(name.clone(), http::text(name, value)?);
    }
    // A stream that keeps the message drops repeats of it by this.
    headers.entry("Nats-Msg-Id".to_owned()).or_insert(context.idempotency_key().to_owned());
    if let Some(parent) = context.traceparent() {
        headers.entry("traceparent".to_owned()).or_insert(parent.to_owned());
    }
    let payload = message.payload.to_string().into_bytes();
    let limit = attempt.calls.web.config.timeout.min(context.remaining());
    let sent = foreign.publish(subject, &headers, payload, limit).await;
    sent.map_err(|error| Failure::from(error).kind("communication"))?;
    Ok(json!({"payload": message.payload, "headers": message.headers}))
}

/// Messages as they are taken.
struct Taken<'t> {
    channel: &'t Channel,
    filter: Option<&'t Code>,
    goes_on: Option<&'t Code>,
    until: Option<&'t Code>,
    subscription: Subscription,
}

impl Taken<'_> {
    async fn subscribe(
        &self,
        attempt: &Attempt<'_>,
        server: &str,
        policy: Option<&Policy>,
    ) -> Result<Value, Failure> {
        let foreign = connect(attempt, server, policy).await?;
        let limit = attempt.calls.web.config.timeout.min(attempt.context.remaining());
        let subscribed = foreign.subscribe(&self.channel.address, limit).await;
        let mut messages =
            subscribed.map_err(|error| Failure::from(error).kind("communication"))?;
        let end = self.subscription.for_ms.map(|ms| Instant::now() + Duration::from_millis(ms));
        let (mut taken, mut size) = (Value::Array(Vec::new()), 0_usize);
        loop {
            let count = taken.as_array().map_or(0, Vec::len);
            let enough = self.subscription.amount.is_some_and(|amount| count >= amount);
            if enough || self.holds(self.until, &taken)? {
                return Ok(taken);
            }
            let next = async {
                match end {
                    Some(end) => tokio::time::timeout_at(end, messages.next()).await,
                    None => Ok(messages.next().await),
                }
            };
            let Ok(next) = next.await else { return Ok(taken) };
            let Some(message) = next else {
                let message = "the connection to the server ended";
                return Err(Failure::retryable(message).kind("communication"));
            };
            size += message.payload.len();
            let message = self.read(message);
            if let Some(filter) = self.filter
                && !filter.holds(&message)?
            {
                continue;
            }
            let max = attempt.calls.web.config.body_max;
            if size > max || count >= MESSAGES_MAX {
                let message =
                    format!("more than {MESSAGES_MAX} messages or {max} bytes were taken");
                return Err(Failure::fatal(message).kind("communication"));
            }
            if let Some(all) = taken.as_array_mut() {
                all.push(attempt.sensitive.value(message));
            }
            attempt.context.progress(json!({"messages": count + 1}))?;
            if self.goes_on.is_some() && !self.holds(self.goes_on, &taken)? {
                return Ok(taken);
            }
        }
    }

    fn holds(&self, code: Option<&Code>, taken: &Value) -> Result<bool, Failure> {
        code.map_or(Ok(false), |code| code.holds(taken))
    }

    /// Payload, headers and correlation id.
    fn read(&self, message: Message) -> Value {
        let payload = serde_json::from_slice(&message.payload)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&message.payload).into()));
        let mut read = json!({"payload": payload, "headers": message.headers});
        let location = self.channel.correlation.as_deref();
        let location = location.unwrap_or("$message.header#/correlationId");
        let found = match location.split_once('#') {
            Some(("$message.header", pointer)) => read["headers"].pointer(pointer),
            Some(("$message.payload", pointer)) => read["payload"].pointer(pointer),
            _ => None,
        };
        if let Some(id) = found.cloned() {
            read["correlationId"] = id;
        }
        read
    }
}
