//! Reading a stream in order from a position, without acknowledging.
//!
//! The position is the caller's, so nothing waits for a redelivery after a crash. The consumer is
//! a throw-away: when it is gone it is made again behind the last message that was given, unless
//! the stream is no longer the same.

use std::time::Duration;

use async_nats::Message;
use kintsugi_nats_server::Pauses;
use serde_json::{Value, json};
use tracing::{debug, warn};

use crate::{
    Bus, Error,
    pull::{Lost, Meta, Pull, Rhythm},
    streams::nanos,
};

/// Requests for messages are kept long, and the broker says meanwhile that the consumer is there.
const RHYTHM: Rhythm =
    Rhythm { expires: Duration::from_secs(30), heartbeat: Some(Duration::from_secs(1)) };

/// How many messages are asked for ahead. Enough to hide the way to the broker and back, few
/// enough that messages of the largest size do not fill the memory.
const AHEAD: usize = 256;

/// How long the broker keeps a consumer that nobody pulls from.
const KEPT: Duration = Duration::from_secs(15);

/// A reader of some subjects of a stream.
pub(crate) struct Ordered {
    bus: Bus,
    stream: &'static str,
    subjects: Vec<String>,
    created: String,
    kept: (u64, u64),
    next_seq: u64,
    consumer_seq: u64,
    pull: Option<Pull>,
    pauses: Pauses,
}

impl Ordered {
    /// Reads `subjects` from `from_seq` on.
    pub(crate) async fn open(
        bus: &Bus,
        stream: &'static str,
        subjects: Vec<String>,
        from_seq: u64,
    ) -> Result<Self, Error> {
        let info = bus.stream_info(stream).await?;
        let next_seq = from_seq.max(1);
        if next_seq > info.state.last_seq + 1 {
            let last = info.state.last_seq;
            let reason = format!("it ends at {last}, before position {}", next_seq - 1);
            return Err(Error::Reset { stream: stream.to_owned(), reason });
        }
        let (created, kept) = (info.created, (info.state.first_seq, info.state.last_seq));
        let (consumer_seq, pauses) = (0, Pauses::default());
        let bus = bus.clone();
        let mut reader = Self {
            bus,
            stream,
            subjects,
            created,
            kept,
            next_seq,
            consumer_seq,
            pull: None,
            pauses,
        };
        reader.make().await?;
        Ok(reader)
    }

    /// When the stream was made that is read.
    pub(crate) fn created(&self) -> &str {
        &self.created
    }

    /// The first and the last position that the stream had when it was opened.
    pub(crate) fn kept(&self) -> (u64, u64) {
        self.kept
    }

    /// Waits for a message, then takes whatever else is there, at most `max` in all.
    ///
    /// # Errors
    ///
    /// [`Error::Reset`] when the stream is not the one that was read.
    pub(crate) async fn next(&mut self, max: usize) -> Result<Vec<(Message, Meta)>, Error> {
        loop {
            let Some(pull) = &mut self.pull else {
                self.heal().await?;
                continue;
            };
            let first = match pull.next(AHEAD, AHEAD / 2).await {
                Ok(message) => message,
                Err(lost) => {
                    self.lose(&lost);
                    continue;
                }
            };
            self.pauses.reset();
            let mut found = Vec::new();
            let mut message = Some(first);
            while let Some(next) = message.take() {
                if !self.accept(next, &mut found) || found.len() >= max {
                    break;
                }
                message = match self.pull.as_mut().and_then(Pull::try_next) {
                    Some(Ok(message)) => Some(message),
                    Some(Err(lost)) => {
                        self.lose(&lost);
                        None
                    }
                    None => None,
                };
            }
            if !found.is_empty() {
                return Ok(found);
            }
        }
    }

    /// A gap means that a message was lost on its way: it is read again.
    fn accept(&mut self, message: Message, found: &mut Vec<(Message, Meta)>) -> bool {
        let Some(meta) = Meta::of(&message) else { return true };
        if meta.consumer_seq != self.consumer_seq + 1 || meta.stream_seq < self.next_seq {
            self.lose(&Lost("a message was lost on its way".into()));
            return false;
        }
        self.consumer_seq = meta.consumer_seq;
        self.next_seq = meta.stream_seq + 1;
        found.push((message, meta));
        true
    }

    fn lose(&mut self, lost: &Lost) {
        debug!(stream = self.stream, reason = lost.0, "reader made anew");
        self.pull = None;
    }

    async fn heal(&mut self) -> Result<(), Error> {
        match self.check_and_make().await {
            Err(error) if error.is_transient() && !matches!(error, Error::Reset { .. }) => {
                warn!(
                    stream = self.stream,
                    error = &error as &dyn std::error::Error,
                    "cannot read yet"
                );
                tokio::time::sleep(self.pauses.next_pause()).await;
                Ok(())
            }
            other => other,
        }
    }

    async fn check_and_make(&mut self) -> Result<(), Error> {
        let reset = |reason: &str| Error::Reset {
            stream: self.stream.to_owned(),
            reason: reason.to_owned(),
        };
        match self.bus.stream_info(self.stream).await {
            Ok(info) if info.created != self.created => Err(reset("it was made anew")),
            Ok(info) if info.state.last_seq + 1 < self.next_seq => Err(reset("it was set back")),
            Ok(_) => self.make().await,
            Err(Error::StreamMissing { .. }) => Err(reset("it is gone")),
            Err(error) => Err(error),
        }
    }

    async fn make(&mut self) -> Result<(), Error> {
        // The inbox of the client is unique, and so is the consumer's name.
        let inbox = self.bus.client.new_inbox();
        let name = format!("r-{}", inbox.rsplit('.').next().unwrap_or_default());
        let mut config = json!({
            "name": name,
            "description": "reads in order from a stored position",
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": self.next_seq,
            "ack_policy": "none",
            "replay_policy": "instant",
            "mem_storage": true,
            "num_replicas": 1,
            "inactive_threshold": nanos(KEPT),
        });
        match &self.subjects[..] {
            [one] => config["filter_subject"] = json!(one),
            several => config["filter_subjects"] = json!(several),
        }
        let subject = format!("CONSUMER.CREATE.{}.{name}", self.stream);
        let request = json!({ "stream_name": self.stream, "config": config });
        let _: Value = self.bus.api("make a consumer", self.stream, subject, &request).await?;
        self.consumer_seq = 0;
        self.pull = Some(Pull::open(&self.bus, self.stream, &name, RHYTHM).await?);
        Ok(())
    }
}
