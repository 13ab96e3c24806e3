//! Messages that the engine cannot handle.

use bytes::Bytes;

use crate::{Bus, Error, Headers, names::stream, publish::Outgoing};

/// The most of a payload that is kept: larger ones are cut off, so that a message that was too
/// large for its reader is not too large for this stream.
const KEPT_MAX: usize = 512 * 1024;

/// A message that cannot be read. It is never an error of the reader: the next one is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Rejected {
    /// Why, for people.
    pub reason: String,
    /// What came.
    pub raw: Vec<u8>,
}

impl Rejected {
    pub(crate) fn new(reason: impl Into<String>, raw: &[u8]) -> Self {
        Self { reason: reason.into(), raw: raw.to_vec() }
    }
}

impl Bus {
    /// Keeps a message that the engine cannot handle, with the reason, and raises an alarm.
    /// `origin` is one token that says where it came from, for example `events`.
    ///
    /// # Errors
    ///
    /// When it is not stored.
    pub async fn reject(&self, origin: &str, reason: &str, payload: &[u8]) -> Result<(), Error> {
        self.reject_with(origin, reason, payload, &Headers::default()).await
    }

    /// The same, with the headers that the message came with.
    ///
    /// # Errors
    ///
    /// When it is not stored.
    pub async fn reject_with(
        &self,
        origin: &str,
        reason: &str,
        payload: &[u8],
        headers: &Headers,
    ) -> Result<(), Error> {
        self.keep(origin, reason, payload, kept(headers)).await
    }

    /// The same, for a message that several may reject: what comes under the same `id` again is not
    /// kept again.
    ///
    /// # Errors
    ///
    /// When it is not stored.
    pub async fn reject_once(
        &self,
        id: &str,
        origin: &str,
        rejected: &Rejected,
        headers: &Headers,
    ) -> Result<(), Error> {
        let mut kept = kept(headers);
        kept.insert("Nats-Msg-Id", id);
        self.keep(origin, &rejected.reason, &rejected.raw, kept).await
    }

    async fn keep(
        &self,
        origin: &str,
        reason: &str,
        payload: &[u8],
        mut kept: Headers,
    ) -> Result<(), Error> {
        let subject = format!("kintsugi.rejected.{}", crate::names::token("origin", origin)?);
        kept.insert("Kintsugi-Reason", reason);
        kept.insert("Kintsugi-Origin", origin);
        if payload.len() > KEPT_MAX {
            kept.insert("Kintsugi-Size", &payload.len().to_string());
        }
        let payload = Bytes::copy_from_slice(&payload[..payload.len().min(KEPT_MAX)]);
        tracing::error!(origin, reason, size_bytes = payload.len(), "message rejected");
        let out = Outgoing { subject: subject.into(), payload, headers: Some(kept.into_broker()) };
        self.store(stream::REJECTED, vec![out]).await
    }
}

/// Headers as they are kept: the broker would act on its own, for example drop a repeated id.
fn kept(headers: &Headers) -> Headers {
    let mut kept = Headers::default();
    for (name, value) in headers.iter() {
        let name = name.strip_prefix("Nats-").map_or(name.to_owned(), |n| format!("Was-Nats-{n}"));
        kept.insert(&name, value);
    }
    kept
}
