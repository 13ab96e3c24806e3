//! Durable consumers that make themselves anew, and acknowledging what they deliver.

use std::time::Duration;

use async_nats::{Client, Message, Subject};
use kintsugi_nats_server::Pauses;
use serde_json::{Value, json};
use tracing::warn;

use crate::{
    Bus, Error,
    pull::{Lost, Meta, Pull, Rhythm},
    streams::nanos,
};

/// The broker keeps a request for messages a short time, since a process that was frozen stays
/// connected, and whatever is sent to it is held up until someone notices. That takes longer than this, so
/// that one that is known to be frozen gets nothing more.
const RHYTHM: Rhythm = Rhythm { expires: Duration::from_secs(1), heartbeat: None };

/// A durable consumer. Deleted, or with its stream, it is made again as soon as that is possible.
pub(crate) struct Durable {
    bus: Bus,
    stream: &'static str,
    name: String,
    config: Value,
    pull: Option<Pull>,
    pauses: Pauses,
}

/// What is special about a consumer.
pub(crate) struct Shape<'a> {
    pub(crate) name: &'a str,
    pub(crate) description: &'a str,
    pub(crate) filter: &'a str,
    pub(crate) ack_wait: Duration,
    pub(crate) max_deliver: i64,
    pub(crate) max_ack_pending: i64,
}

impl Durable {
    /// Makes the consumer, or takes the one that is there.
    pub(crate) async fn open(
        bus: &Bus,
        stream: &'static str,
        shape: Shape<'_>,
    ) -> Result<Self, Error> {
        let config = json!({
            "durable_name": shape.name,
            "name": shape.name,
            "description": shape.description,
            "filter_subject": shape.filter,
            "deliver_policy": "all",
            "ack_policy": "explicit",
            "replay_policy": "instant",
            "ack_wait": nanos(shape.ack_wait),
            "max_deliver": shape.max_deliver,
            "max_ack_pending": shape.max_ack_pending,
        });
        let mut durable = Self {
            bus: bus.clone(),
            stream,
            name: shape.name.to_owned(),
            config,
            pull: None,
            pauses: Pauses::default(),
        };
        durable.pull = Some(durable.make().await?);
        Ok(durable)
    }

    /// Waits for a message, then takes whatever else is there, at most `max` in all. Never asks
    /// the broker for more than that.
    pub(crate) async fn next(&mut self, max: usize) -> Vec<(Message, Meta)> {
        let max = max.max(1);
        loop {
            let Some(pull) = &mut self.pull else {
                self.heal().await;
                continue;
            };
            let mut found = match pull.next(max, max).await {
                Ok(message) => vec![message],
                Err(lost) => {
                    self.lose(&lost);
                    continue;
                }
            };
            while found.len() < max {
                match self.pull.as_mut().and_then(Pull::try_next) {
                    Some(Ok(message)) => found.push(message),
                    Some(Err(lost)) => {
                        self.lose(&lost);
                        break;
                    }
                    None => break,
                }
            }
            self.pauses.reset();
            let found: Vec<_> = found.into_iter().filter_map(with_meta).collect();
            if !found.is_empty() {
                return found;
            }
        }
    }

    /// At most `max` messages that wait, without waiting for any.
    pub(crate) async fn waiting(&mut self, max: usize) -> Result<Vec<(Message, Meta)>, Error> {
        let mut pull = match self.pull.take() {
            Some(pull) => pull,
            None => self.make().await?,
        };
        let found = pull.fetch_waiting(max).await;
        let found =
            found.map_err(|lost| Error::unavailable("take what waits at the broker", lost.0))?;
        self.pull = Some(pull);
        Ok(found.into_iter().filter_map(with_meta).collect())
    }

    pub(crate) fn client(&self) -> Client {
        self.bus.client.clone()
    }

    pub(crate) fn bus(&self) -> &Bus {
        &self.bus
    }

    fn lose(&mut self, lost: &Lost) {
        warn!(stream = self.stream, consumer = self.name, reason = lost.0, "consumer made anew");
        self.pull = None;
    }

    async fn heal(&mut self) {
        match self.make().await {
            Ok(pull) => self.pull = Some(pull),
            Err(error) => {
                warn!(
                    stream = self.stream,
                    consumer = self.name,
                    error = &error as &dyn std::error::Error,
                    "no consumer yet"
                );
                tokio::time::sleep(self.pauses.next_pause()).await;
            }
        }
    }

    async fn make(&self) -> Result<Pull, Error> {
        let (stream, name) = (self.stream, &self.name);
        let subject = format!("CONSUMER.CREATE.{stream}.{name}");
        let request = json!({ "stream_name": stream, "config": self.config });
        let _: Value = self.bus.api("make a consumer", stream, subject, &request).await?;
        Pull::open(&self.bus, stream, name, RHYTHM).await
    }
}

fn with_meta(message: Message) -> Option<(Message, Meta)> {
    let meta = Meta::of(&message)?;
    Some((message, meta))
}

/// Tells the broker what became of a delivery.
#[derive(Clone, Debug)]
pub(crate) struct Acker {
    client: Client,
    reply: Subject,
}

impl Acker {
    pub(crate) fn new(client: Client, message: &Message) -> Self {
        let reply = message.reply.clone().unwrap_or_else(|| Subject::from_static("_"));
        Self { client, reply }
    }

    pub(crate) async fn ack(&self) -> Result<(), Error> {
        self.send("+ACK".to_owned()).await
    }

    /// Waits until the broker has taken note.
    pub(crate) async fn ack_confirmed(&self) -> Result<(), Error> {
        let answer = self.client.request(self.reply.clone(), "+ACK".into()).await;
        answer.map(drop).map_err(|error| Error::unavailable("acknowledge a message", error))
    }

    pub(crate) async fn in_progress(&self) -> Result<(), Error> {
        self.send("+WPI".to_owned()).await
    }

    pub(crate) async fn nak(&self, delay: Option<Duration>) -> Result<(), Error> {
        let text = match delay {
            Some(delay) => format!("-NAK {{\"delay\":{}}}", nanos(delay)),
            None => "-NAK".to_owned(),
        };
        self.send(text).await
    }

    pub(crate) async fn term(&self, reason: &str) -> Result<(), Error> {
        self.send(format!("+TERM {}", reason.replace(['\r', '\n'], " "))).await
    }

    /// Not queued while disconnected: the broker would take a late word for a newer delivery.
    async fn send(&self, text: String) -> Result<(), Error> {
        const ACTION: &str = "acknowledge a message";
        if self.client.connection_state() != async_nats::connection::State::Connected {
            return Err(Error::unavailable(ACTION, "not connected"));
        }
        let sent = self.client.publish(self.reply.clone(), text.into()).await;
        sent.map_err(|error| Error::unavailable(ACTION, error))
    }
}
