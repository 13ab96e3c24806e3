//! What the broker says about tasks that it gave up, and the tasks themselves.

use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use base64::{Engine, prelude::BASE64_STANDARD};
use kintsugi_core::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Bus, Error, Rejected, TaskMessage,
    durable::{Acker, Durable, Shape},
    message::{decode, decode_tasks},
    names::stream,
};

/// The broker gave a task up: after too many deliveries, or because a worker said so.
#[derive(Clone, Debug)]
pub struct Advisory {
    /// The task's position in the tasks stream.
    pub stream_seq: u64,
    /// The consumer that gave it up.
    pub consumer: String,
    /// How often it was delivered.
    pub deliveries: u64,
    /// Why a worker ended it; none: it was delivered too often.
    pub terminated: Option<String>,
    acker: Acker,
}

impl Advisory {
    /// It is dealt with.
    ///
    /// # Errors
    ///
    /// When the broker does not take note; it will come again.
    pub async fn ack(&self) -> Result<(), Error> {
        self.acker.ack_confirmed().await
    }
}

#[derive(Deserialize)]
struct Said {
    timestamp: String,
    consumer: String,
    stream_seq: u64,
    deliveries: u64,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Found {
    message: FoundMessage,
}

#[derive(Deserialize)]
struct FoundMessage {
    #[serde(default)]
    data: String,
    time: String,
}

pub(crate) struct Stored {
    pub(crate) payload: Vec<u8>,
    pub(crate) at: Timestamp,
}

impl Bus {
    /// Advisories that wait, at most `max`; does not wait for any. What is not acknowledged comes
    /// again.
    ///
    /// # Errors
    ///
    /// When the broker does not answer.
    pub async fn advisories(&self, max: usize) -> Result<Vec<Advisory>, Error> {
        let shape = Shape {
            name: "retry-engine",
            description: "tasks that the broker gave up",
            filter: "",
            ack_wait: Duration::from_secs(30),
            max_deliver: -1,
            max_ack_pending: 1_000,
        };
        let mut consumer = Durable::open(self, stream::ADVISORIES, shape).await?;
        let waiting = consumer.waiting(max.max(1)).await?;
        if waiting.is_empty() {
            return Ok(Vec::new());
        }
        let tasks_made = self.stream_info(stream::TASKS).await?.created;
        let tasks_made = at(&tasks_made).unwrap_or_default();
        let mut found = Vec::new();
        for (message, _) in waiting {
            let acker = Acker::new(self.client.clone(), &message);
            match decode::<Said>(&message.payload) {
                // Sequences of a stream that is gone name other messages in the new one.
                Ok(said) if at(&said.timestamp).is_some_and(|at| at < tasks_made) => {
                    acker.ack_confirmed().await?;
                }
                Ok(said) => found.push(Advisory {
                    stream_seq: said.stream_seq,
                    consumer: said.consumer,
                    deliveries: said.deliveries,
                    terminated: said.reason,
                    acker,
                }),
                Err(rejected) => {
                    self.reject("advisories", &rejected.reason, &rejected.raw).await?;
                    acker.ack_confirmed().await?;
                }
            }
        }
        Ok(found)
    }

    /// The tasks in the message at a position of the tasks stream; none: it is not there.
    ///
    /// # Errors
    ///
    /// When the broker does not answer.
    pub async fn message_at(
        &self,
        stream_seq: u64,
    ) -> Result<Option<Vec<Result<TaskMessage, Rejected>>>, Error> {
        let stored = self.stored(stream::TASKS, &json!({ "seq": stream_seq })).await?;
        Ok(stored.map(|stored| decode_tasks(&stored.payload)))
    }

    /// Removes the task at a position of the tasks stream, if it is there.
    ///
    /// # Errors
    ///
    /// When the broker does not answer.
    pub async fn delete_message(&self, stream_seq: u64) -> Result<(), Error> {
        let request = json!({ "seq": stream_seq, "no_erase": true });
        let subject = format!("STREAM.MSG.DELETE.{}", stream::TASKS);
        let deleted: Result<Value, Error> =
            self.api("delete a message", stream::TASKS, subject, &request).await;
        match deleted {
            Ok(_) => Ok(()),
            // The broker has one code for all that can go wrong here.
            Err(error) => match self.message_at(stream_seq).await? {
                None => Ok(()),
                Some(_) => Err(error),
            },
        }
    }

    pub(crate) async fn stored(
        &self,
        stream: &'static str,
        request: &Value,
    ) -> Result<Option<Stored>, Error> {
        const ACTION: &str = "look at a message";
        let subject = format!("STREAM.MSG.GET.{stream}");
        let missing = ErrorCode::NO_MESSAGE_FOUND;
        let found = self.api_or_none::<Found>(ACTION, stream, subject, request, missing).await?;
        let Some(Found { message }) = found else { return Ok(None) };
        let payload = BASE64_STANDARD.decode(&message.data);
        let payload = payload.map_err(|error| Error::unavailable(ACTION, error))?;
        Ok(Some(Stored { payload, at: at(&message.time).unwrap_or_default() }))
    }
}

fn at(text: &str) -> Option<Timestamp> {
    let time = async_nats::datetime::parse_rfc3339(text).ok()?;
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok().map(Timestamp)
}
