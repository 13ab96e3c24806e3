//! What the broker's streams hold, read through its own API.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use kintsugi_nats::Bus;
use serde_json::{Value, json};

use crate::Error;

/// How long the broker may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// What the broker says where a stream holds no further message.
const NO_MESSAGE: u64 = 10_037;

/// A message of a stream.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its position.
    pub seq: u64,
    /// Its subject.
    pub subject: String,
    /// Its headers, as they were sent.
    pub headers: String,
    /// Its payload.
    pub payload: Vec<u8>,
}

/// Everything that a stream holds.
///
/// # Errors
///
/// When the broker does not answer, or does not have the stream.
pub async fn messages(bus: &Bus, stream: &str) -> Result<Vec<Message>, Error> {
    let (mut all, mut seq) = (Vec::new(), 1);
    loop {
        let request = json!({ "seq": seq, "next_by_subj": ">" });
        let answer = ask(bus, "STREAM.MSG.GET", stream, &request).await?;
        if answer["error"]["err_code"] == NO_MESSAGE {
            return Ok(all);
        }
        let message = message(&answer["message"]).ok_or_else(|| senseless(stream, &answer))?;
        seq = message.seq + 1;
        all.push(message);
    }
}

fn message(found: &Value) -> Option<Message> {
    let bytes = |name: &str| {
        BASE64_STANDARD.decode(found[name].as_str().unwrap_or_default()).unwrap_or_default()
    };
    Some(Message {
        seq: found["seq"].as_u64()?,
        subject: found["subject"].as_str()?.to_owned(),
        headers: String::from_utf8_lossy(&bytes("hdrs")).into_owned(),
        payload: bytes("data"),
    })
}

/// Up to which position each of a stream's durable consumers was served, by its subject.
///
/// # Errors
///
/// As [`messages`].
pub async fn delivered(bus: &Bus, stream: &str) -> Result<BTreeMap<String, u64>, Error> {
    let answer = ask(bus, "CONSUMER.LIST", stream, &json!({})).await?;
    let consumers = answer["consumers"].as_array().into_iter().flatten();
    let served = |consumer: &Value| {
        let subject = consumer["config"]["filter_subject"].as_str()?;
        Some((subject.to_owned(), consumer["delivered"]["stream_seq"].as_u64()?))
    };
    let all: Option<_> = consumers.map(served).collect();
    all.ok_or_else(|| senseless(stream, &answer))
}

/// Deletes a stream under the running engine; whether there was one.
///
/// # Errors
///
/// When the broker does not answer.
pub async fn delete(bus: &Bus, stream: &str) -> Result<bool, Error> {
    let answer = ask(bus, "STREAM.DELETE", stream, &Value::Null).await?;
    Ok(answer["success"] == true)
}

/// Takes everything out of a stream; whether there was one.
///
/// # Errors
///
/// When the broker does not answer.
pub async fn purge(bus: &Bus, stream: &str) -> Result<bool, Error> {
    let answer = ask(bus, "STREAM.PURGE", stream, &Value::Null).await?;
    Ok(answer["success"] == true)
}

/// Asks the broker's own API about a stream.
///
/// # Errors
///
/// When the broker does not answer, or not with JSON.
pub async fn ask(bus: &Bus, what: &str, stream: &str, request: &Value) -> Result<Value, Error> {
    let body = if request.is_null() { Vec::new() } else { request.to_string().into_bytes() };
    let answer = bus.request(&format!("$JS.API.{what}.{stream}"), body, ANSWER).await?;
    serde_json::from_slice(&answer).map_err(Error::unreadable("an answer of the broker"))
}

fn senseless(stream: &str, answer: &Value) -> Error {
    Error::Answer { stream: stream.to_owned(), answer: answer.to_string() }
}
