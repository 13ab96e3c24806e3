//! The tasks stream: attempts for workers.

use std::time::Duration;

use async_nats::HeaderMap;
use bytes::Bytes;
use kintsugi_core::Timestamp;

use crate::{
    Bus, Error, Rejected, TaskMessage,
    durable::{Acker, Durable, Shape},
    message::{decode_task, encode},
    names::{self, stream},
    publish::Outgoing,
};

/// How long the broker waits for a word about a delivery before it delivers again.
const ACK_WAIT: Duration = Duration::from_secs(30);

/// A backstop: attempts are counted in the database.
const MAX_DELIVER: i64 = 20;

/// Messages that workers of one queue and type may hold together.
const MAX_ACK_PENDING: i64 = 50_000;

/// Takes tasks of one type from a queue.
pub struct TaskConsumer(Durable);

impl TaskConsumer {
    /// Waits for a task, then takes whatever else is there, at most `max`. No more than that is
    /// asked of the broker, so what is not taken stays for other workers.
    ///
    /// A consumer that was deleted is made again. Dropping the future loses nothing: what comes
    /// late is given by the next call, so dropping the consumer itself is what lets go.
    pub async fn next(&mut self, max: usize) -> Vec<TaskDelivery> {
        let messages = self.0.next(max).await;
        let (client, began) = (self.0.client(), self.0.bus().broker_began_or_ever().await);
        let deliveries = messages.into_iter().map(|(message, meta)| TaskDelivery {
            message: decode_task(&message.payload),
            delivered: meta.delivered,
            is_certain: meta.at > began,
            stream_seq: meta.stream_seq,
            published_at: meta.at,
            acker: Acker::new(client.clone(), &message),
        });
        deliveries.collect()
    }
}

/// A task that was delivered.
#[derive(Clone, Debug)]
pub struct TaskDelivery {
    /// The task, or what came instead.
    pub message: Result<TaskMessage, Rejected>,
    /// How often it was delivered, with this time. Above 1, it must not be executed.
    pub delivered: u64,
    /// Whether that number can be believed. A broker that was killed forgets what it delivered last.
    pub is_certain: bool,
    /// Its position in the stream.
    pub stream_seq: u64,
    /// When the broker took it.
    pub published_at: Timestamp,
    acker: Acker,
}

impl TaskDelivery {
    /// It is done with.
    ///
    /// # Errors
    ///
    /// When there is no connection; it will be delivered again.
    pub async fn ack(&self) -> Result<(), Error> {
        self.acker.ack().await
    }

    /// It is done with; waits until the broker has taken note.
    ///
    /// # Errors
    ///
    /// When the broker does not answer; it may be delivered again.
    pub async fn ack_confirmed(&self) -> Result<(), Error> {
        self.acker.ack_confirmed().await
    }

    /// It is being worked on: the time until redelivery begins anew.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub async fn in_progress(&self) -> Result<(), Error> {
        self.acker.in_progress().await
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
    /// Publishes tasks, each with the number of times that this attempt was published, so that a
    /// repair is not taken for a repeat.
    ///
    /// # Errors
    ///
    /// When not all of them are known to be stored. Publishing them again under the same numbers
    /// is harmless.
    pub async fn publish_tasks(&self, tasks: &[(TaskMessage, u32)]) -> Result<(), Error> {
        let outgoing = tasks.iter().map(|(task, publish)| {
            let subject = names::tasks(&task.queue, &task.task_type)?;
            let payload = Bytes::from(encode(task)?);
            let mut headers = HeaderMap::new();
            headers.insert("Nats-Msg-Id", format!("{}:{}:{publish}", task.task, task.epoch));
            if let Some(traceparent) = &task.traceparent {
                headers.insert("traceparent", traceparent.replace(['\r', '\n'], " "));
            }
            Ok(Outgoing { subject, payload, headers: Some(headers) })
        });
        let outgoing = outgoing.collect::<Result<Vec<_>, Error>>()?;
        self.store(stream::TASKS, outgoing).await
    }

    /// Takes part in the work on `queue`'s tasks of type `task_type`.
    ///
    /// # Errors
    ///
    /// When a name cannot stand in a subject, or the consumer cannot be made now.
    pub async fn task_consumer(&self, queue: &str, task_type: &str) -> Result<TaskConsumer, Error> {
        let shape = Shape {
            name: &names::consumer_name(queue, task_type)?,
            description: "tasks of one queue and type",
            filter: &names::tasks(queue, task_type)?,
            ack_wait: ACK_WAIT,
            max_deliver: MAX_DELIVER,
            max_ack_pending: MAX_ACK_PENDING,
        };
        Ok(TaskConsumer(Durable::open(self, stream::TASKS, shape).await?))
    }
}
