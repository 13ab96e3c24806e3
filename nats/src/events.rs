//! The events stream: what the machine is told, read in order from a stored position.

use kintsugi_core::Timestamp;
use serde_json::{Value, json};

use crate::{
    Bus, Error, Rejected, RunInput, Width,
    message::decode_inputs,
    names::{self, stream},
    ordered::Ordered,
    width,
};

/// A message of the events stream.
#[derive(Clone, Debug)]
pub struct EventDelivery {
    /// Its partition.
    pub partition: u16,
    /// Its position.
    pub seq: u64,
    /// When the broker took it.
    pub published_at: Timestamp,
    /// The inputs, or the whole message where it cannot be read.
    pub inputs: Result<Vec<RunInput>, Rejected>,
    /// Elements of the message that cannot be read, beside others that can.
    pub rejected: Vec<Rejected>,
    /// How many tasks the worker that sent it wants in one message.
    pub widths: Vec<Width>,
}

/// Reads the events of some partitions in order.
pub struct EventReader(Ordered);

impl EventReader {
    /// Waits for at least one message, then takes whatever else is there, at most `max`.
    ///
    /// Connections and consumers that are lost meanwhile are made anew behind what was given.
    ///
    /// # Errors
    ///
    /// [`Error::Reset`] when the stream is gone, was made anew or set back: begin again from what
    /// is stored.
    pub async fn next_batch(&mut self, max: usize) -> Result<Vec<EventDelivery>, Error> {
        let messages = self.0.next(max.max(1)).await?;
        let read = messages.into_iter().map(|(message, meta)| {
            let (inputs, rejected) = decode_inputs(&message.payload);
            let partition = message.subject.as_str().strip_prefix(names::EVENTS_PREFIX);
            EventDelivery {
                // Only subjects of partitions are asked for.
                partition: partition.and_then(|number| number.parse().ok()).unwrap_or(u16::MAX),
                seq: meta.stream_seq,
                published_at: meta.at,
                inputs,
                rejected,
                widths: width::read(message.headers.as_ref()),
            }
        });
        Ok(read.collect())
    }

    /// When the stream was made that is read, as [`crate::StreamState::created`] says it.
    #[must_use]
    pub fn stream_created(&self) -> &str {
        self.0.created()
    }
}

impl Bus {
    /// Reads the events of `partitions` from position `from_seq` on (at least 1).
    ///
    /// # Errors
    ///
    /// [`Error::StreamMissing`]; [`Error::Reset`] when the stream ends before `from_seq - 1`, so
    /// that it is not the one, or not all of it, that the position was stored for.
    pub async fn read_events(
        &self,
        partitions: &[u16],
        from_seq: u64,
    ) -> Result<EventReader, Error> {
        if partitions.is_empty() {
            let (what, rule) = ("list of partitions", "at least one partition");
            return Err(Error::Invalid { what, value: String::new(), rule });
        }
        let subjects = partitions.iter().map(|partition| names::events(*partition)).collect();
        Ok(EventReader(Ordered::open(self, stream::EVENTS, subjects, from_seq).await?))
    }

    /// Removes everything of a partition up to and with position `up_to_seq`.
    ///
    /// # Errors
    ///
    /// When the broker does not do it.
    pub async fn purge_events(&self, partition: u16, up_to_seq: u64) -> Result<(), Error> {
        let request = json!({ "filter": names::events(partition), "seq": up_to_seq + 1 });
        let subject = format!("STREAM.PURGE.{}", stream::EVENTS);
        let _: Value = self.api("purge events", stream::EVENTS, subject, &request).await?;
        Ok(())
    }
}
