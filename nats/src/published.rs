//! Events that anyone publishes, in each of the forms in which they may come.
//!
//! `nats pub kintsugi.cloudevents.<type> '<data>'` is all that is needed; `CloudEvents` in structured and
//! in binary mode (NATS protocol binding) are read as what they are.

use std::time::Duration;

use async_nats::HeaderMap;
use bytes::Bytes;
use kintsugi_core::{CloudEvent, Timestamp};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::{
    Bus, Error, Headers, Rejected,
    durable::{Acker, Durable, Shape},
    exact,
    intake::IntakeDelivery,
    message::encode,
    names::{INTAKE_EVENT_PREFIX, PUBLISHED_PREFIX, stream},
    publish::Outgoing,
};

/// Media type of an event in structured mode.
const STRUCTURED: &str = "application/cloudevents";

/// Marks an event that the engine published for a run.
const OURS: &str = "Kintsugi-Outbox";

/// What an event comes from whose publisher does not say.
const SOURCE: &str = "/kintsugi/in/event";

/// Takes published events, each at least once.
pub struct PublishedConsumer(Durable);

/// A published event that was delivered.
#[derive(Clone, Debug)]
pub struct PublishedDelivery {
    /// The event, or what came instead.
    pub event: Result<CloudEvent, Rejected>,
    /// Its subject.
    pub subject: String,
    /// Its headers.
    pub headers: Headers,
    /// When the broker took it.
    pub published_at: Timestamp,
    acker: Acker,
}

impl PublishedDelivery {
    /// Whether the engine itself published it, so that the store may still hold it for that.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.headers.get(OURS).is_some()
    }

    /// It is done with.
    ///
    /// # Errors
    ///
    /// When there is no connection; it will be delivered again.
    pub async fn ack(&self) -> Result<(), Error> {
        self.acker.ack().await
    }

    /// Gives it back, to be delivered again after `delay`.
    ///
    /// # Errors
    ///
    /// When there is no connection; it will be delivered again anyway.
    pub async fn nak(&self, delay: Option<Duration>) -> Result<(), Error> {
        self.acker.nak(delay).await
    }
}

impl PublishedConsumer {
    /// Waits for an event, then takes whatever else is there, at most `max`.
    pub async fn next(&mut self, max: usize) -> Vec<PublishedDelivery> {
        let messages = self.0.next(max).await;
        let client = self.0.client();
        let deliveries = messages.into_iter().map(|(message, meta)| {
            let headers = Headers::from_broker(message.headers.as_ref());
            let place = (meta.stream_seq, meta.at);
            PublishedDelivery {
                event: read(&message.subject, &headers, &message.payload, place),
                subject: message.subject.to_string(),
                headers,
                published_at: meta.at,
                acker: Acker::new(client.clone(), &message),
            }
        });
        deliveries.collect()
    }
}

impl Bus {
    /// Takes part in bringing published events to the runs that listen.
    ///
    /// # Errors
    ///
    /// When the consumer cannot be made now.
    pub async fn published(&self) -> Result<PublishedConsumer, Error> {
        let shape = Shape {
            name: "router",
            description: "events for the runs that listen",
            filter: "",
            ack_wait: Duration::from_secs(30),
            max_deliver: -1,
            max_ack_pending: 10_000,
        };
        Ok(PublishedConsumer(Durable::open(self, stream::CLOUDEVENTS, shape).await?))
    }

    /// Publishes events, each under the id that follows from its own, so that a repeat is dropped.
    ///
    /// # Errors
    ///
    /// When not all of them are known to be stored.
    pub async fn publish_events(&self, events: &[CloudEvent]) -> Result<(), Error> {
        let outgoing = events.iter().map(|event| {
            let mut headers = HeaderMap::new();
            headers.insert("Nats-Msg-Id", event_key(event));
            headers.insert("Content-Type", "application/cloudevents+json");
            headers.insert(OURS, "1");
            let payload = Bytes::from(encode(event)?);
            Ok(Outgoing { subject: subject(event.kind()).into(), payload, headers: Some(headers) })
        });
        self.store(stream::CLOUDEVENTS, outgoing.collect::<Result<_, Error>>()?).await
    }
}

impl Bus {
    /// Brings events that came by the intake to the others, in order, each under the id that its
    /// publisher gave it, or one that follows from its place there: a repeat is dropped.
    ///
    /// # Errors
    ///
    /// When not all of them are known to be stored.
    pub async fn forward_events(&self, events: &[&IntakeDelivery]) -> Result<(), Error> {
        let outgoing = events.iter().filter_map(|event| {
            let kind = event.subject.strip_prefix(INTAKE_EVENT_PREFIX)?;
            let mut headers = Headers::default();
            // What else the broker would act on was for the intake.
            for (name, value) in event.headers.iter().filter(|(name, _)| !name.starts_with("Nats-"))
            {
                headers.insert(name, value);
            }
            let place = || format!("{}@{}", event.stream_seq, event.published_at.0);
            headers.insert("Nats-Msg-Id", &event.msg_id.clone().unwrap_or_else(place));
            Some(Outgoing {
                subject: format!("{PUBLISHED_PREFIX}{kind}").into(),
                payload: event.payload.clone(),
                headers: Some(headers.into_broker()),
            })
        });
        self.store(stream::CLOUDEVENTS, outgoing.collect()).await
    }
}

/// Names an event wherever it is kept: the same for the same source and id, and for no others.
#[must_use]
pub fn event_key(event: &CloudEvent) -> String {
    let (source, id) = event.identity();
    let mut digest = Sha256::new();
    digest.update(source.as_bytes());
    digest.update([0]);
    digest.update(id.as_bytes());
    digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// The subject of events of a type: the type as it is where its parts can be parts of a subject, and
/// with everything else escaped as in a URI.
fn subject(kind: &str) -> String {
    let whole = kind.split('.').all(|part| !part.is_empty()) && kind.split('.').count() <= 32;
    let mut subject = PUBLISHED_PREFIX.to_owned();
    for byte in kind.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-_/:@+=,~".contains(&byte);
        if plain || (byte == b'.' && whole) {
            subject.push(char::from(byte));
        } else {
            subject.push_str(&format!("%{byte:02X}"));
        }
    }
    subject
}

/// Undoes the escapes of [`subject`], and of headers.
fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        if *byte != b'%' {
            bytes.push(*byte);
            rest = after;
            continue;
        }
        let code = std::str::from_utf8(after.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        rest = &after[2..];
    }
    String::from_utf8(bytes).ok()
}

fn read(
    subject: &str,
    headers: &Headers,
    payload: &[u8],
    place: (u64, Timestamp),
) -> Result<CloudEvent, Rejected> {
    let refused = |reason: String| Rejected::new(reason, payload);
    let content = headers.get("Content-Type").or_else(|| headers.get("ce-datacontenttype"));
    let content = content.map(str::trim);
    if content.is_some_and(|kind| kind.starts_with("application/cloudevents-batch")) {
        return Err(refused("several events in one message; publish each by itself".to_owned()));
    }
    let said = content.is_some_and(|kind| kind.starts_with(STRUCTURED));
    if said || (content.is_none() && has_version(payload)) {
        let fields = json(payload).map_err(refused)?;
        return CloudEvent::try_from(fields).map_err(|error| refused(error.to_string()));
    }
    let mut fields = plain(subject, headers, place).map_err(refused)?;
    for (name, value) in headers.iter() {
        let name = name.to_ascii_lowercase();
        let Some(name) = name.strip_prefix("ce-") else { continue };
        let value = unescape(value).unwrap_or_else(|| value.to_owned());
        fields.insert(name.to_owned(), Value::String(value));
    }
    data(payload, content, &mut fields).map_err(refused)?;
    CloudEvent::new(fields).map_err(|error| refused(error.to_string()))
}

/// The attributes of an event of which only the data was published.
fn plain(
    subject: &str,
    headers: &Headers,
    (seq, at): (u64, Timestamp),
) -> Result<Map<String, Value>, String> {
    // A stream that is older than its subjects holds events under those that it had before.
    let kind = subject.strip_prefix(PUBLISHED_PREFIX);
    let kind = kind.or_else(|| subject.strip_prefix(INTAKE_EVENT_PREFIX)).and_then(unescape);
    let kind = kind.ok_or("the subject must be kintsugi.cloudevents.<type>")?;
    // Without an id, an event published twice is two, but one delivered twice is one.
    let id = headers.get("Nats-Msg-Id").map_or_else(|| format!("{seq}@{}", at.0), str::to_owned);
    let texts = [
        ("specversion", "1.0".to_owned()),
        ("id", id),
        ("source", SOURCE.to_owned()),
        ("type", kind),
        ("time", at.to_rfc3339()),
    ];
    Ok(texts.into_iter().map(|(name, text)| (name.to_owned(), Value::String(text))).collect())
}

/// The payload as data: JSON where it is or is said to be; else a text, or bytes in base64.
fn data(
    payload: &[u8],
    content: Option<&str>,
    fields: &mut Map<String, Value>,
) -> Result<(), String> {
    use base64::Engine as _;
    if payload.is_empty() {
        return Ok(());
    }
    let is_json = |kind: &str| kind.split(';').next().is_some_and(|kind| kind.ends_with("json"));
    if let Some(kind) = content {
        fields.insert("datacontenttype".to_owned(), Value::String(kind.to_owned()));
    }
    let looks_like = payload.trim_ascii_start().first().is_some_and(|byte| b"{[".contains(byte));
    if content.map_or(looks_like, is_json) {
        fields.insert("data".to_owned(), json(payload)?);
        return Ok(());
    }
    if content.is_none()
        && let Ok(value) = json(payload)
    {
        fields.insert("data".to_owned(), value);
        return Ok(());
    }
    match std::str::from_utf8(payload) {
        Ok(text) => {
            let kind = Value::String("text/plain".to_owned());
            fields.entry("datacontenttype").or_insert(kind);
            fields.insert("data".to_owned(), Value::String(text.to_owned()));
        }
        Err(_) => {
            let text = base64::engine::general_purpose::STANDARD.encode(payload);
            fields.insert("data_base64".to_owned(), Value::String(text));
        }
    }
    Ok(())
}

fn json(payload: &[u8]) -> Result<Value, String> {
    exact(payload).map_err(|error| error.to_string())?;
    serde_json::from_slice(payload).map_err(|error| error.to_string())
}

fn has_version(payload: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Versioned {
        #[serde(rename = "specversion")]
        _specversion: Value,
    }
    payload.trim_ascii_start().starts_with(b"{")
        && serde_json::from_slice::<Versioned>(payload).is_ok()
}

#[cfg(test)]
#[path = "../tests/unit/published.rs"]
mod tests;
