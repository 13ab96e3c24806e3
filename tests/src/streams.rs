//! What the broker's streams hold, read through its own API.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use kintsugi_nats::{Bus, Options};
use serde_json::{Value, json};

use crate::eventually;

/// How long the broker may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

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

/// A connection to the broker at `url`.
pub async fn bus(url: &str) -> Bus {
    let wait = Duration::from_secs(30);
    let options = Options { url: url.to_owned(), wait, ..Options::default() };
    Bus::connect(&options).await.unwrap()
}

/// Everything that a stream holds; none where the broker does not say.
pub async fn try_messages(bus: &Bus, stream: &str) -> Option<Vec<Message>> {
    let (mut all, mut seq) = (Vec::new(), 1);
    loop {
        let request = json!({ "seq": seq, "next_by_subj": ">" });
        let answer = ask(bus, &format!("STREAM.MSG.GET.{stream}"), &request).await?;
        if answer["error"]["err_code"] == 10_037 {
            return Some(all);
        }
        let found = &answer["message"];
        let bytes = |name: &str| {
            BASE64_STANDARD.decode(found[name].as_str().unwrap_or_default()).unwrap_or_default()
        };
        let message = Message {
            seq: found["seq"].as_u64()?,
            subject: found["subject"].as_str()?.to_owned(),
            headers: String::from_utf8_lossy(&bytes("hdrs")).into_owned(),
            payload: bytes("data"),
        };
        seq = message.seq + 1;
        all.push(message);
    }
}

/// Everything that a stream holds.
pub async fn messages(bus: &Bus, stream: &str) -> Vec<Message> {
    try_messages(bus, stream).await.unwrap_or_else(|| panic!("{stream} cannot be read"))
}

/// Up to which position each of a stream's durable consumers was served, by its subject.
pub async fn delivered(bus: &Bus, stream: &str) -> Option<BTreeMap<String, u64>> {
    let answer = ask(bus, &format!("CONSUMER.LIST.{stream}"), &json!({})).await?;
    let mut all = BTreeMap::new();
    for consumer in answer["consumers"].as_array().into_iter().flatten() {
        let subject = consumer["config"]["filter_subject"].as_str()?;
        all.insert(subject.to_owned(), consumer["delivered"]["stream_seq"].as_u64()?);
    }
    Some(all)
}

/// Deletes a stream under the running engine.
pub async fn delete(bus: &Bus, stream: &str) {
    eventually(&format!("{stream} is deleted"), Duration::from_secs(30), || async {
        ask(bus, &format!("STREAM.DELETE.{stream}"), &json!(null)).await?["success"]
            .as_bool()
            .filter(|done| *done)
    })
    .await;
}

async fn ask(bus: &Bus, subject: &str, request: &Value) -> Option<Value> {
    let body = if request.is_null() { Vec::new() } else { request.to_string().into_bytes() };
    let answer = bus.request(&format!("$JS.API.{subject}"), body, ANSWER).await.ok()?;
    serde_json::from_slice(&answer).ok()
}
