//! What waits in the queues.

use std::{collections::BTreeMap, time::Duration};

use async_nats::jetstream::ErrorCode;
use kintsugi_core::Timestamp;
use serde::Deserialize;
use serde_json::json;

use crate::{
    Bus, Error,
    names::{self, stream},
};

/// A queue's tasks of one type, as the broker sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueState {
    /// The queue.
    pub queue: String,
    /// The task type.
    pub task_type: String,
    /// Tasks that were never delivered.
    pub pending: u64,
    /// Tasks that were delivered and not acknowledged.
    pub ack_pending: u64,
    /// When the oldest of those that were never delivered was published.
    pub oldest_pending_at: Option<Timestamp>,
    /// Tasks that were delivered more than once and not acknowledged.
    pub redelivered: u64,
    /// How many requests for tasks wait. None at all: probably no worker serves this.
    pub waiting: u64,
    /// Whether any worker ever served this.
    pub has_consumer: bool,
}

/// What workers take the tasks of one queue and type from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskQueue {
    /// The queue.
    pub queue: String,
    /// The task type.
    pub task_type: String,
    /// For how long nothing is given out of it; none: it is open.
    pub paused_for: Option<Duration>,
}

#[derive(Deserialize)]
struct ConsumerInfo {
    #[serde(default)]
    paused: bool,
    /// In nanoseconds.
    #[serde(default)]
    pause_remaining: u64,
    config: ConsumerConfig,
    delivered: Sequences,
    num_ack_pending: u64,
    num_redelivered: u64,
    num_waiting: u64,
    num_pending: u64,
}

#[derive(Deserialize)]
struct ConsumerConfig {
    #[serde(default)]
    filter_subject: String,
}

#[derive(Deserialize)]
struct Sequences {
    stream_seq: u64,
}

#[derive(Deserialize)]
struct Consumers {
    total: usize,
    #[serde(default)]
    consumers: Option<Vec<ConsumerInfo>>,
}

#[derive(Deserialize)]
struct SubjectsInfo {
    #[serde(default)]
    total: usize,
    state: SubjectsState,
}

#[derive(Deserialize)]
struct SubjectsState {
    #[serde(default)]
    subjects: Option<BTreeMap<String, u64>>,
}

const ACTION: &str = "look at the queues";

impl Bus {
    /// How a queue stands; none: no worker ever served it, and nothing waits in it.
    ///
    /// # Errors
    ///
    /// When a name cannot stand in a subject, or the broker does not answer.
    pub async fn queue_state(
        &self,
        queue: &str,
        task_type: &str,
    ) -> Result<Option<QueueState>, Error> {
        let subject = names::tasks(queue, task_type)?;
        let name = names::consumer_name(queue, task_type)?;
        let api = format!("CONSUMER.INFO.{}.{name}", stream::TASKS);
        let missing = ErrorCode::CONSUMER_NOT_FOUND;
        let info = self.api_or_none::<ConsumerInfo>(ACTION, stream::TASKS, api, &(), missing);
        if let Some(info) = info.await? {
            return self.with_consumer(queue, task_type, &info).await.map(Some);
        }
        match self.subjects(&subject).await?.get(&subject) {
            Some(pending) => self.without_consumer(queue, task_type, *pending).await.map(Some),
            None => Ok(None),
        }
    }

    /// How every queue stands that a worker serves or that something waits in.
    ///
    /// # Errors
    ///
    /// When the broker does not answer.
    pub async fn queues(&self) -> Result<Vec<QueueState>, Error> {
        let mut subjects = self.subjects("kintsugi.tasks.*.*").await?;
        let mut states = Vec::new();
        for info in self.task_consumers().await? {
            subjects.remove(&info.config.filter_subject);
            if let Some((queue, task_type)) = parse(&info.config.filter_subject) {
                states.push(self.with_consumer(queue, task_type, &info).await?);
            }
        }
        for (subject, pending) in subjects {
            if let Some((queue, task_type)) = parse(&subject) {
                states.push(self.without_consumer(queue, task_type, pending).await?);
            }
        }
        states.sort_by(|a, b| (&a.queue, &a.task_type).cmp(&(&b.queue, &b.task_type)));
        Ok(states)
    }

    /// Everything that workers ever took tasks from, and whether it is paused.
    ///
    /// # Errors
    ///
    /// When the broker does not answer.
    pub async fn task_queues(&self) -> Result<Vec<TaskQueue>, Error> {
        let queue = |info: ConsumerInfo| {
            let (queue, task_type) = parse(&info.config.filter_subject)?;
            Some(TaskQueue {
                queue: queue.to_owned(),
                task_type: task_type.to_owned(),
                paused_for: info.paused.then(|| Duration::from_nanos(info.pause_remaining)),
            })
        };
        Ok(self.task_consumers().await?.into_iter().filter_map(queue).collect())
    }

    /// Gives nothing out of a queue until a time; none: goes on with it. What waits keeps its place, and
    /// who asks for tasks is told that there are none. One that is not there (any more) is left.
    ///
    /// # Errors
    ///
    /// When a name cannot stand in a subject, or the broker does not answer.
    pub async fn pause_tasks(
        &self,
        queue: &str,
        task_type: &str,
        until: Option<Timestamp>,
    ) -> Result<(), Error> {
        let name = names::consumer_name(queue, task_type)?;
        let api = format!("CONSUMER.PAUSE.{}.{name}", stream::TASKS);
        let request = match until {
            Some(until) => json!({ "pause_until": until.to_rfc3339() }),
            None => serde_json::Value::Null,
        };
        let missing = ErrorCode::CONSUMER_NOT_FOUND;
        let done: Option<serde_json::Value> =
            self.api_or_none("pause a queue", stream::TASKS, api, &request, missing).await?;
        drop(done);
        Ok(())
    }

    async fn task_consumers(&self) -> Result<Vec<ConsumerInfo>, Error> {
        let mut all = Vec::new();
        loop {
            let api = format!("CONSUMER.LIST.{}", stream::TASKS);
            let request = json!({ "offset": all.len() });
            let page: Consumers = self.api(ACTION, stream::TASKS, api, &request).await?;
            let found = page.consumers.unwrap_or_default();
            if found.is_empty() {
                return Ok(all);
            }
            all.extend(found);
            if all.len() >= page.total {
                return Ok(all);
            }
        }
    }

    /// How many messages each subject has.
    async fn subjects(&self, filter: &str) -> Result<BTreeMap<String, u64>, Error> {
        let mut all = BTreeMap::new();
        loop {
            let api = format!("STREAM.INFO.{}", stream::TASKS);
            let request = json!({ "subjects_filter": filter, "offset": all.len() });
            let page: SubjectsInfo = self.api(ACTION, stream::TASKS, api, &request).await?;
            let found = page.state.subjects.unwrap_or_default();
            if found.is_empty() {
                return Ok(all);
            }
            all.extend(found);
            if all.len() >= page.total {
                return Ok(all);
            }
        }
    }

    async fn with_consumer(
        &self,
        queue: &str,
        task_type: &str,
        info: &ConsumerInfo,
    ) -> Result<QueueState, Error> {
        let oldest_pending_at = if info.num_pending == 0 {
            None
        } else {
            let subject = names::tasks(queue, task_type)?;
            self.first_from(&subject, info.delivered.stream_seq + 1).await?
        };
        Ok(QueueState {
            queue: queue.to_owned(),
            task_type: task_type.to_owned(),
            pending: info.num_pending,
            ack_pending: info.num_ack_pending,
            oldest_pending_at,
            redelivered: info.num_redelivered,
            waiting: info.num_waiting,
            has_consumer: true,
        })
    }

    async fn without_consumer(
        &self,
        queue: &str,
        task_type: &str,
        pending: u64,
    ) -> Result<QueueState, Error> {
        let oldest_pending_at = self.first_from(&names::tasks(queue, task_type)?, 1).await?;
        Ok(QueueState {
            queue: queue.to_owned(),
            task_type: task_type.to_owned(),
            pending,
            ack_pending: 0,
            oldest_pending_at,
            redelivered: 0,
            waiting: 0,
            has_consumer: false,
        })
    }

    async fn first_from(&self, subject: &str, seq: u64) -> Result<Option<Timestamp>, Error> {
        let request = json!({ "seq": seq, "next_by_subj": subject });
        Ok(self.stored(stream::TASKS, &request).await?.map(|stored| stored.at))
    }
}

fn parse(subject: &str) -> Option<(&str, &str)> {
    let (queue, task_type) = subject.strip_prefix("kintsugi.tasks.")?.split_once('.')?;
    (names::is_token(queue) && names::is_token(task_type)).then_some((queue, task_type))
}
