//! The intake stream: what was published below `kintsugi.in.` rather than requested, also while no
//! engine ran.

use std::time::Duration;

use bytes::Bytes;
use kintsugi_core::Timestamp;

use crate::{
    Bus, Error, Headers,
    durable::{Acker, Durable, Shape},
    names::{INTAKE_EVENT_PREFIX, stream},
};

/// Takes what was published to the intake stream.
pub struct IntakeConsumer(Durable);

impl IntakeConsumer {
    /// Waits for a message, then takes whatever else is there, at most `max`.
    pub async fn next(&mut self, max: usize) -> Vec<IntakeDelivery> {
        let messages = self.0.next(max).await;
        let client = self.0.client();
        let deliveries = messages.into_iter().map(|(message, meta)| {
            let subject = message.subject.to_string();
            let headers = Headers::from_broker(message.headers.as_ref());
            IntakeDelivery {
                tokens: subject.split('.').skip(2).map(str::to_owned).collect(),
                msg_id: headers.get("Nats-Msg-Id").map(str::to_owned),
                headers,
                acker: Acker::new(client.clone(), &message),
                payload: message.payload,
                delivered: meta.delivered,
                stream_seq: meta.stream_seq,
                published_at: meta.at,
                subject,
            }
        });
        deliveries.collect()
    }
}

/// A message of the intake stream.
#[derive(Clone, Debug)]
pub struct IntakeDelivery {
    /// Its subject.
    pub subject: String,
    /// What follows `kintsugi.in.` in it, for example `start`, namespace and name.
    pub tokens: Vec<String>,
    /// What came.
    pub payload: Bytes,
    /// Its headers.
    pub headers: Headers,
    /// The id that its publisher gave it.
    pub msg_id: Option<String>,
    /// How often it was delivered, with this time.
    pub delivered: u64,
    /// Its position in the stream.
    pub stream_seq: u64,
    /// When the broker took it.
    pub published_at: Timestamp,
    acker: Acker,
}

impl IntakeDelivery {
    /// Whether it is an event, to be brought to the others.
    #[must_use]
    pub fn is_event(&self) -> bool {
        self.subject.starts_with(INTAKE_EVENT_PREFIX)
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

    /// It is never to be delivered again.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub async fn term(&self, reason: &str) -> Result<(), Error> {
        self.acker.term(reason).await
    }
}

impl Bus {
    /// Takes part in taking up what was published to the intake stream.
    ///
    /// # Errors
    ///
    /// When the consumer cannot be made now.
    pub async fn intake(&self) -> Result<IntakeConsumer, Error> {
        let shape = Shape {
            name: "intake",
            description: "what was published below kintsugi.in",
            filter: "",
            ack_wait: Duration::from_secs(30),
            max_deliver: -1,
            max_ack_pending: 10_000,
        };
        Ok(IntakeConsumer(Durable::open(self, stream::INTAKE, shape).await?))
    }
}
