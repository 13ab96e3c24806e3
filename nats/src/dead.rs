//! The dead-letter stream.

use async_nats::HeaderMap;
use bytes::Bytes;

use crate::{
    Bus, DeadLetterMessage, Error,
    message::encode,
    names::{self, stream},
    publish::Outgoing,
};

impl Bus {
    /// Publishes a dead letter under its id, so that a repeat is dropped.
    ///
    /// # Errors
    ///
    /// When it is not known to be stored.
    pub async fn publish_dead(&self, letter: &DeadLetterMessage) -> Result<(), Error> {
        let subject = names::dead(&letter.queue, &letter.task_type)?;
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", letter.id.replace(['\r', '\n'], " "));
        if let Some(traceparent) = &letter.traceparent {
            headers.insert("traceparent", traceparent.replace(['\r', '\n'], " "));
        }
        let payload = Bytes::from(encode(letter)?);
        self.store(stream::DEAD, vec![Outgoing { subject, payload, headers: Some(headers) }]).await
    }
}
