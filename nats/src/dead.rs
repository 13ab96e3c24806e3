//! The dead-letter stream.

use async_nats::HeaderMap;
use bytes::Bytes;
use futures::future::try_join_all;
use kintsugi_core::RunId;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use crate::{
    Bus, DeadLetterMessage, Error,
    message::encode,
    names::{self, stream},
    publish::Outgoing,
};

/// Positions that are asked for at the same time.
const ASKED: u64 = 64;

impl Bus {
    /// Publishes a dead letter under its id, so that a repeat is dropped.
    ///
    /// # Errors
    ///
    /// When it is not known to be stored.
    pub async fn publish_dead(&self, letter: &DeadLetterMessage) -> Result<(), Error> {
        self.publish_dead_as(letter, &letter.id).await
    }

    /// Publishes one again that went from the stream. Under its own id the broker would drop it, as
    /// long as it remembers that; `missed` names the time at which it was missed.
    ///
    /// # Errors
    ///
    /// When it is not known to be stored.
    pub async fn publish_dead_again(
        &self,
        letter: &DeadLetterMessage,
        missed: i64,
    ) -> Result<(), Error> {
        self.publish_dead_as(letter, &format!("{}@{missed}", letter.id)).await
    }

    async fn publish_dead_as(&self, letter: &DeadLetterMessage, id: &str) -> Result<(), Error> {
        let subject = names::dead(&letter.queue, &letter.task_type)?;
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", id.replace(['\r', '\n'], " "));
        if let Some(traceparent) = &letter.traceparent {
            headers.insert("traceparent", traceparent.replace(['\r', '\n'], " "));
        }
        let payload = Bytes::from(encode(letter)?);
        self.store(
            stream::DEAD,
            vec![Outgoing { subject: subject.into(), payload, headers: Some(headers) }],
        )
        .await
    }

    /// The ids of the dead letters that the stream holds from position `from` to `to`.
    ///
    /// # Errors
    ///
    /// When the broker does not answer, or has no such stream.
    pub async fn dead_ids(&self, from: u64, to: u64) -> Result<Vec<(u64, String)>, Error> {
        #[derive(Deserialize)]
        struct Named {
            id: String,
        }
        let found = self.held::<Named>(stream::DEAD, from, to).await?;
        Ok(found.into_iter().map(|(seq, named)| (seq, named.id)).collect())
    }

    /// The runs that lifecycle events from position `from` to `to` are about.
    ///
    /// # Errors
    ///
    /// When the broker does not answer, or has no such stream.
    pub async fn life_runs(&self, from: u64, to: u64) -> Result<Vec<RunId>, Error> {
        #[derive(Deserialize)]
        struct About {
            subject: RunId,
        }
        let found = self.held::<About>(stream::LIFE, from, to).await?;
        Ok(found.into_iter().map(|(_, about)| about.subject).collect())
    }

    /// What a stream holds from position `from` to `to` and can be read, by position.
    async fn held<T: DeserializeOwned>(
        &self,
        stream: &'static str,
        from: u64,
        to: u64,
    ) -> Result<Vec<(u64, T)>, Error> {
        let (mut found, mut next) = (Vec::new(), from.max(1));
        while next <= to {
            let last = to.min(next + ASKED - 1);
            let asked = (next..=last).map(|seq| async move {
                let stored = self.stored(stream, &json!({ "seq": seq })).await?;
                let read = stored.and_then(|it| serde_json::from_slice(&it.payload).ok());
                Ok::<_, Error>(read.map(|read| (seq, read)))
            });
            found.extend(try_join_all(asked).await?.into_iter().flatten());
            next = last + 1;
        }
        Ok(found)
    }
}
