//! The lifecycle stream: what happens to runs.

use std::time::Duration;

use async_nats::Subject;
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use kintsugi_nats_life::{LIFE_PREFIX, LifeBatch};
use tracing::{debug, warn};

use crate::{
    Bus, Error, LifeEvent, Rejected,
    durable::{Acker, Durable, Shape},
    message::{decode, encode},
    names::{self, stream as streams},
    ordered::Ordered,
    publish::Outgoing,
};

/// Where reading lifecycle events begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LifeFrom {
    /// With the next one.
    New,
    /// With the oldest that is kept.
    All,
    /// At a position.
    Sequence(u64),
}

/// Takes lifecycle events, each at least once.
pub struct LifeConsumer(Durable);

/// A lifecycle event that was delivered.
#[derive(Clone, Debug)]
pub struct LifeDelivery {
    /// The event, or what came instead.
    pub event: Result<LifeEvent, Rejected>,
    /// Its subject.
    pub subject: String,
    /// Its position in the stream.
    pub stream_seq: u64,
    /// How often it was delivered, with this time.
    pub delivered: u64,
    acker: Acker,
}

impl LifeDelivery {
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

/// Reads lifecycle events in order, without taking part in their delivery.
pub struct LifeReader(Ordered);

impl LifeReader {
    /// When the stream was made that is read: in another one, its positions mean nothing.
    #[must_use]
    pub fn stream_created(&self) -> &str {
        self.0.created()
    }

    /// The first and the last position that the stream had when reading began.
    #[must_use]
    pub fn kept(&self) -> (u64, u64) {
        self.0.kept()
    }

    /// Waits for an event, then takes whatever else is there, at most `max`, each with its
    /// position; none when the stream is another one now.
    pub async fn next(&mut self, max: usize) -> Option<Vec<(u64, LifeEvent)>> {
        loop {
            let batch = self.0.next(max).await;
            let batch = batch.map_err(|error| {
                debug!(error = &error as &dyn std::error::Error, "lifecycle events end");
            });
            let events = batch.ok()?.into_iter().filter_map(|(message, meta)| {
                let event = decode::<LifeEvent>(&message.payload);
                let event = event.map_err(|rejected| warn!(%rejected, "odd event")).ok()?;
                Some((meta.stream_seq, event))
            });
            let events: Vec<_> = events.collect();
            if !events.is_empty() {
                return Some(events);
            }
        }
    }

    /// The events one by one, without their positions.
    pub fn events(self) -> impl Stream<Item = LifeEvent> + Send + Unpin + 'static {
        let batches = stream::unfold(self, |mut reader| async move {
            let batch = reader.next(256).await?;
            Some((stream::iter(batch.into_iter().map(|(_, event)| event)), reader))
        });
        Box::pin(batches.flatten())
    }
}

impl LifeConsumer {
    /// Waits for an event, then takes whatever else is there, at most `max`.
    pub async fn next(&mut self, max: usize) -> Vec<LifeDelivery> {
        let messages = self.0.next(max).await;
        let client = self.0.client();
        let deliveries = messages.into_iter().map(|(message, meta)| LifeDelivery {
            event: decode(&message.payload),
            subject: message.subject.to_string(),
            stream_seq: meta.stream_seq,
            delivered: meta.delivered,
            acker: Acker::new(client.clone(), &message),
        });
        deliveries.collect()
    }
}

impl Bus {
    /// Publishes lifecycle events in order.
    ///
    /// # Errors
    ///
    /// When not all of them are known to be stored.
    pub async fn publish_life(&self, events: &[LifeEvent]) -> Result<(), Error> {
        self.store(streams::LIFE, outgoing(events)?).await
    }

    /// The same for many that nobody relies on: waits for the last of them only, so that a lost one
    /// may go unnoticed.
    ///
    /// # Errors
    ///
    /// When the last ones are not known to be stored.
    pub async fn tell_life(&self, batches: Vec<LifeBatch>) -> Result<(), Error> {
        let messages = batches.into_iter().flat_map(LifeBatch::messages);
        let outgoing = messages.filter_map(|(subject, payload)| {
            Some(Outgoing { subject: Subject::from_utf8(subject).ok()?, payload, headers: None })
        });
        self.tell(streams::LIFE, outgoing.collect()).await
    }

    /// Lifecycle events as they come, for someone who looks on: `filter` is a subject with
    /// wildcards, for example `kintsugi.life.shop.*.>`.
    ///
    /// # Errors
    ///
    /// When `filter` is not one of lifecycle events, or they cannot be read now.
    pub async fn life(&self, filter: &str, from: LifeFrom) -> Result<LifeReader, Error> {
        let filter = life_filter(filter)?;
        let seq = match from {
            LifeFrom::All => 1,
            LifeFrom::Sequence(seq) => seq,
            LifeFrom::New => self.stream_info(streams::LIFE).await?.state.last_seq + 1,
        };
        Ok(LifeReader(Ordered::open(self, streams::LIFE, vec![filter], seq).await?))
    }

    /// Takes part in consuming lifecycle events as `durable`, which begins with the oldest kept.
    ///
    /// # Errors
    ///
    /// When `durable` cannot stand in a subject, or the consumer cannot be made now.
    pub async fn life_consumer(&self, durable: &str) -> Result<LifeConsumer, Error> {
        let shape = Shape {
            name: names::token("consumer", durable)?,
            description: "lifecycle events",
            filter: names::LIFE,
            ack_wait: Duration::from_secs(30),
            max_deliver: -1,
            max_ack_pending: 10_000,
        };
        Ok(LifeConsumer(Durable::open(self, streams::LIFE, shape).await?))
    }
}

fn outgoing(events: &[LifeEvent]) -> Result<Vec<Outgoing>, Error> {
    let outgoing = events.iter().map(|event| {
        let subject = event.bus_subject().map_err(|odd| {
            let (what, value) = (odd.what, odd.value);
            Error::Invalid { what, value, rule: "one made by LifeEvent::new" }
        })?;
        let payload = Bytes::from(encode(event)?);
        Ok(Outgoing { subject: subject.into(), payload, headers: None })
    });
    outgoing.collect()
}

fn life_filter(filter: &str) -> Result<String, Error> {
    let rest = filter.strip_prefix(LIFE_PREFIX);
    let fits = rest.is_some_and(|rest| {
        let last = rest.split('.').count() - 1;
        rest.split('.').enumerate().all(|(index, token)| {
            token == "*" || names::is_token(token) || (token == ">" && index == last)
        })
    });
    if fits {
        return Ok(filter.to_owned());
    }
    let value = filter.chars().take(80).collect();
    Err(Error::Invalid { what: "filter", value, rule: "kintsugi.life.<tokens, * or >>" })
}
