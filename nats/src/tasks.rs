//! The tasks stream: attempts for workers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_nats::HeaderMap;
use bytes::Bytes;
use kintsugi_core::Timestamp;

use crate::{
    Bus, Error, Rejected, TaskMessage,
    durable::{Acker, Durable, Shape},
    message::{decode_tasks, encode_tasks},
    names::{self, stream},
    publish::Outgoing,
};

/// How long the broker waits for a word about a delivery before it delivers again.
const ACK_WAIT: Duration = Duration::from_secs(30);

/// A backstop: attempts are counted in the database.
const MAX_DELIVER: i64 = 20;

/// Messages that workers of one queue and type may hold together.
const MAX_ACK_PENDING: i64 = 50_000;

/// Attempts that travel in one message, each with how often it was published.
pub type TaskGroup<'a> = Vec<&'a (TaskMessage, u32)>;

/// Takes tasks of one type from a queue.
pub struct TaskConsumer(Durable);

impl TaskConsumer {
    /// Waits for a message, then takes whatever else is there, at most `max`, and gives the tasks in
    /// them. No more than that is asked of the broker, so what is not taken stays for other workers.
    ///
    /// A consumer that was deleted is made again. Dropping the future loses nothing: what comes
    /// late is given by the next call, so dropping the consumer itself is what lets go.
    pub async fn next(&mut self, max: usize) -> Vec<TaskDelivery> {
        let messages = self.0.next(max).await;
        let (client, began) = (self.0.client(), self.0.bus().broker_began_or_ever().await);
        let deliveries = messages.into_iter().flat_map(|(message, meta)| {
            let tasks = decode_tasks(&message.payload);
            let acker = Acker::new(client.clone(), &message);
            let carrier = Arc::new(Carrier { acker, count: tasks.len(), open: tasks.len().into() });
            tasks.into_iter().map(move |message| TaskDelivery {
                message,
                delivered: meta.delivered,
                is_certain: meta.at > began,
                stream_seq: meta.stream_seq,
                published_at: meta.at,
                carrier: Arc::clone(&carrier),
                is_done: Arc::default(),
            })
        });
        deliveries.collect()
    }
}

/// The message that tasks came in. It is done with when all of them are.
#[derive(Debug)]
struct Carrier {
    acker: Acker,
    count: usize,
    open: AtomicUsize,
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
    carrier: Arc<Carrier>,
    is_done: Arc<AtomicBool>,
}

impl TaskDelivery {
    /// It is done with. The broker is told when the others in its message are, too.
    ///
    /// # Errors
    ///
    /// When there is no connection; it will be delivered again.
    pub async fn ack(&self) -> Result<(), Error> {
        if self.is_last() { self.carrier.acker.ack().await } else { Ok(()) }
    }

    /// As [`TaskDelivery::ack`]; waits until the broker has taken note.
    ///
    /// # Errors
    ///
    /// When the broker does not answer; it may be delivered again.
    pub async fn ack_confirmed(&self) -> Result<(), Error> {
        if self.is_last() { self.carrier.acker.ack_confirmed().await } else { Ok(()) }
    }

    /// It is being worked on: the time until its message is delivered again begins anew.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub async fn in_progress(&self) -> Result<(), Error> {
        self.carrier.acker.in_progress().await
    }

    /// Gives its message back, to be delivered again after `delay`, with all tasks in it.
    ///
    /// # Errors
    ///
    /// When there is no connection; it will be delivered again anyway.
    pub async fn nak(&self, delay: Option<Duration>) -> Result<(), Error> {
        self.carrier.acker.nak(delay).await
    }

    /// It is never to be delivered again. If it came alone the broker is told why.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub async fn term(&self, reason: &str) -> Result<(), Error> {
        if self.carrier.count == 1 {
            self.carrier.acker.term(reason).await
        } else {
            self.ack().await
        }
    }

    /// Whether all tasks of the message are done with now that this one is.
    fn is_last(&self) -> bool {
        !self.is_done.swap(true, Ordering::AcqRel)
            && self.carrier.open.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

impl Bus {
    /// Publishes tasks, each with the number of times that this attempt was published, so that a
    /// repair is not taken for a repeat. Those of a group are of one queue and type, and travel in one
    /// message: a group of one as an object, others as an array.
    ///
    /// # Errors
    ///
    /// When not all of them are known to be stored. Publishing the same groups again under the same
    /// numbers is harmless.
    pub async fn publish_tasks(&self, groups: &[TaskGroup<'_>]) -> Result<(), Error> {
        let outgoing = groups.iter().filter(|group| !group.is_empty()).map(|group| {
            let (first, publish) = group[0];
            let subject = names::tasks(&first.queue, &first.task_type)?;
            let payload = Bytes::from(encode_tasks(group)?);
            let mut id = format!("{}:{}:{publish}", first.task, first.epoch);
            let mut headers = HeaderMap::new();
            if group.len() > 1 {
                id = format!("{id}x{}", group.len());
            } else if let Some(traceparent) = &first.traceparent {
                headers.insert("traceparent", traceparent.replace(['\r', '\n'], " "));
            }
            headers.insert("Nats-Msg-Id", id);
            Ok(Outgoing { subject: subject.into(), payload, headers: Some(headers) })
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
