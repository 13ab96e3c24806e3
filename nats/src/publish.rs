//! Publishing to streams: pipelined, and every acknowledgement awaited.

use std::{collections::BTreeMap, time::Duration};

use async_nats::{
    HeaderMap, Subject,
    jetstream::{context::PublishErrorKind, message::PublishMessage},
};
use bytes::Bytes;
use kintsugi_core::partition_of;

use crate::{
    Bus, Error, RunInput, Width,
    names::{self, stream},
    width,
};

/// How many messages are under way before the first acknowledgement is awaited.
const PIPELINE: usize = 1_024;

/// Inputs in one message, at most.
const INPUTS_MAX: usize = 256;

/// Bytes of one message with several inputs, at most.
const BYTES_MAX: usize = 512 * 1024;

/// How long one pipeline may take until everything in it is acknowledged.
const PATIENCE: Duration = Duration::from_secs(8);

/// How long a publish waits for a connection that is just being made anew.
const RECONNECT_PATIENCE: Duration = Duration::from_secs(2);

const ACTION: &str = "store messages";

/// Which acknowledgements are waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Acks {
    All,
    /// That of the last message of each pipeline.
    Last,
}

/// A message on its way to a stream.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) subject: Subject,
    pub(crate) payload: Bytes,
    pub(crate) headers: Option<HeaderMap>,
}

impl Bus {
    /// Publishes inputs, those of a partition in the order given, several to a message.
    ///
    /// # Errors
    ///
    /// When not all of them are known to be stored. Some may be: publish all again, repeats are
    /// harmless to the machine.
    pub async fn publish_inputs(
        &self,
        inputs: Vec<RunInput>,
        partitions: u16,
    ) -> Result<(), Error> {
        let mut by_partition: BTreeMap<u16, Vec<RunInput>> = BTreeMap::new();
        for input in inputs {
            by_partition.entry(partition_of(&input.run, partitions)).or_default().push(input);
        }
        let grouped = by_partition.into_iter();
        let grouped = grouped.map(|(partition, inputs)| (names::events(partition), inputs));
        self.publish_grouped(grouped, None).await
    }

    /// Publishes inputs to the subjects that task messages name for their answers, and says how many
    /// tasks are wanted in one message.
    ///
    /// # Errors
    ///
    /// As for [`Bus::publish_inputs`], and when a subject is not one of a partition.
    pub async fn publish_replies<'a>(
        &self,
        by_reply: impl IntoIterator<Item = (&'a str, Vec<RunInput>)>,
        widths: &[Width],
    ) -> Result<(), Error> {
        let mut grouped = Vec::new();
        for (reply, inputs) in by_reply {
            let partition = reply.strip_prefix(names::EVENTS_PREFIX);
            if partition.is_none_or(|number| number.parse::<u16>().is_err()) {
                let (what, value) = ("reply subject", reply.chars().take(80).collect());
                return Err(Error::Invalid { what, value, rule: "kintsugi.events.<partition>" });
            }
            grouped.push((reply.to_owned(), inputs));
        }
        self.publish_grouped(grouped, width::write(widths)).await
    }

    async fn publish_grouped(
        &self,
        grouped: impl IntoIterator<Item = (String, Vec<RunInput>)>,
        headers: Option<HeaderMap>,
    ) -> Result<(), Error> {
        let mut outgoing = Vec::new();
        for (subject, inputs) in grouped {
            let subject = Subject::from(subject);
            for payload in pack(&inputs)? {
                let payload = Bytes::from(payload);
                let (subject, headers) = (subject.clone(), headers.clone());
                outgoing.push(Outgoing { subject, payload, headers });
            }
        }
        self.store(stream::EVENTS, outgoing).await
    }

    /// Publishes to a stream, in order, and waits until the broker has stored everything.
    pub(crate) async fn store(
        &self,
        stream: &'static str,
        outgoing: Vec<Outgoing>,
    ) -> Result<(), Error> {
        self.in_parts(stream, outgoing, Acks::All).await
    }

    /// Publishes to a stream, in order, and waits until the broker has stored the last of them, and
    /// one in 1,024: each acknowledgement is one message more. What is lost of the others is lost.
    pub(crate) async fn tell(
        &self,
        stream: &'static str,
        outgoing: Vec<Outgoing>,
    ) -> Result<(), Error> {
        self.in_parts(stream, outgoing, Acks::Last).await
    }

    async fn in_parts(
        &self,
        stream: &'static str,
        outgoing: Vec<Outgoing>,
        acks: Acks,
    ) -> Result<(), Error> {
        if outgoing.is_empty() {
            return Ok(());
        }
        if !self.connected_within(RECONNECT_PATIENCE).await {
            return Err(Error::unavailable(ACTION, "not connected"));
        }
        let mut outgoing = outgoing.into_iter();
        loop {
            let part: Vec<Outgoing> = outgoing.by_ref().take(PIPELINE).collect();
            if part.is_empty() {
                return Ok(());
            }
            let stored = self.or_lost(ACTION, self.pipeline(stream, part, acks));
            let stored = tokio::time::timeout(PATIENCE, stored).await;
            stored.map_err(|_| Error::unavailable(ACTION, "no acknowledgement in time"))??;
        }
    }

    async fn pipeline(
        &self,
        stream: &'static str,
        part: Vec<Outgoing>,
        acks: Acks,
    ) -> Result<(), Error> {
        let last = part.len() - 1;
        let mut waiting = Vec::with_capacity(if acks == Acks::All { part.len() } else { 1 });
        for (number, Outgoing { subject, payload, headers }) in part.into_iter().enumerate() {
            let size = payload.len();
            if acks == Acks::Last && number < last {
                let sent = match headers {
                    Some(headers) => {
                        self.client.publish_with_headers(subject, headers, payload).await
                    }
                    None => self.client.publish(subject, payload).await,
                };
                sent.map_err(|error| Error::unavailable(ACTION, error))?;
                continue;
            }
            let mut message = PublishMessage::build().payload(payload);
            if let Some(headers) = headers {
                message = message.headers(headers);
            }
            let sent = self.js.send_publish(subject, message).await;
            waiting.push((size, sent.map_err(|error| self.refusal(stream, size, error))?));
        }
        for (size, acknowledged) in waiting {
            acknowledged.await.map_err(|error| self.refusal(stream, size, error))?;
        }
        Ok(())
    }

    fn refusal(
        &self,
        stream: &str,
        size: usize,
        error: async_nats::jetstream::context::PublishError,
    ) -> Error {
        match error.kind() {
            PublishErrorKind::StreamNotFound => Error::StreamMissing { stream: stream.to_owned() },
            PublishErrorKind::MaxPayloadExceeded => {
                Error::TooLarge { size, max: self.client.max_payload() }
            }
            _ => {
                let answer = std::error::Error::source(&error)
                    .and_then(|cause| cause.downcast_ref::<async_nats::jetstream::Error>());
                match answer {
                    Some(answer) => Error::jetstream(ACTION, stream, answer),
                    None => Error::unavailable(ACTION, error),
                }
            }
        }
    }
}

/// Writes inputs as JSON arrays, cut where one gets too long. One that is long by itself stands
/// alone.
fn pack(inputs: &[RunInput]) -> Result<Vec<Vec<u8>>, Error> {
    let (mut packed, mut open, mut count) = (Vec::new(), Vec::new(), 0);
    let mut text = Vec::with_capacity(256);
    for input in inputs {
        text.clear();
        crate::message::encode_into(&mut text, input)?;
        if count > 0 && (count >= INPUTS_MAX || open.len() + text.len() + 2 > BYTES_MAX) {
            open.push(b']');
            packed.push(std::mem::take(&mut open));
            count = 0;
        }
        open.push(if count == 0 { b'[' } else { b',' });
        open.extend_from_slice(&text);
        count += 1;
    }
    if count > 0 {
        open.push(b']');
        packed.push(open);
    }
    Ok(packed)
}

#[cfg(test)]
#[path = "../tests/unit/publish.rs"]
mod tests;
