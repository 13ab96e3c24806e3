//! Subjects and names. Nothing that a user chooses gets into a subject unchecked.

use kintsugi_core::RunId;

use crate::Error;

/// Names of the streams.
pub mod stream {
    /// What the machine is told, by partition.
    pub const EVENTS: &str = "KINTSUGI_EVENTS";
    /// Tasks for workers.
    pub const TASKS: &str = "KINTSUGI_TASKS";
    /// Whatever was published below `kintsugi.in.`: starts, and what turns out to be none.
    pub const INTAKE: &str = "KINTSUGI_INTAKE";
    /// Events that were published, by anyone, for the runs that listen.
    pub const CLOUDEVENTS: &str = "KINTSUGI_CLOUDEVENTS";
    /// What happens to runs, for whoever wants to know.
    pub const LIFE: &str = "KINTSUGI_LIFE";
    /// Tasks that exhausted their policy.
    pub const DEAD: &str = "KINTSUGI_DEAD";
    /// What the broker says about messages that it gave up.
    pub const ADVISORIES: &str = "KINTSUGI_ADVISORIES";
    /// Messages that the engine cannot handle.
    pub const REJECTED: &str = "KINTSUGI_REJECTED";
    /// Empty and in memory: as old as the broker's process.
    pub const BROKER: &str = "KINTSUGI_BROKER";
}

pub(crate) const HEARTBEATS: &str = "kintsugi.worker.heartbeat.*";
pub(crate) const BROKER: &str = "kintsugi.broker";
pub(crate) const CANCEL: &str = "kintsugi.cancel";
pub(crate) const VERIFY: &str = "kintsugi.verify";
pub(crate) const WAKE: &str = "kintsugi.wake";
/// Permits were wanted or given back.
pub(crate) const PERMITS: &str = "kintsugi.permits";
/// Something is held, or a hold was lifted.
pub(crate) const HOLDS: &str = "kintsugi.holds";
/// Runs that have ended, for who waits.
pub(crate) const ENDED: &str = "kintsugi.ended";
/// Starts for the owner of a partition.
pub(crate) const STARTS_PREFIX: &str = "kintsugi.starts.";
pub(crate) const BEAT: &str = "kintsugi.service.beat";
pub(crate) const EVENTS_PREFIX: &str = "kintsugi.events.";
/// Every lifecycle event.
pub(crate) const LIFE: &str = "kintsugi.life.>";
pub(crate) const PUBLISHED_PREFIX: &str = "kintsugi.cloudevents.";
/// Events that come by the intake, in which every subject below `kintsugi.in.` ends up.
pub(crate) const INTAKE_EVENT_PREFIX: &str = "kintsugi.in.event.";

/// Whether `text` may stand in a subject as one token: `[A-Za-z0-9_-]{1,64}`.
#[must_use]
pub fn is_token(text: &str) -> bool {
    RunId::fits(text)
}

pub(crate) fn token<'a>(what: &'static str, text: &'a str) -> Result<&'a str, Error> {
    if is_token(text) {
        return Ok(text);
    }
    let value = text.chars().take(80).collect();
    Err(Error::Invalid { what, value, rule: "[A-Za-z0-9_-]{1,64}" })
}

/// The subject of a partition's events.
#[must_use]
pub fn events(partition: u16) -> String {
    format!("{EVENTS_PREFIX}{partition}")
}

/// The subject of a queue's tasks of one type.
pub(crate) fn tasks(queue: &str, task_type: &str) -> Result<String, Error> {
    Ok(format!("kintsugi.tasks.{}.{}", token("queue", queue)?, token("task type", task_type)?))
}

pub(crate) fn dead(queue: &str, task_type: &str) -> Result<String, Error> {
    Ok(format!("kintsugi.dead.{}.{}", token("queue", queue)?, token("task type", task_type)?))
}

pub(crate) fn heartbeat(worker: &str) -> Result<String, Error> {
    Ok(format!("kintsugi.worker.heartbeat.{}", token("worker", worker)?))
}

pub(crate) fn ping(worker: &str) -> Result<String, Error> {
    Ok(format!("kintsugi.worker.ping.{}", token("worker", worker)?))
}

pub(crate) fn limit(worker: &str) -> Result<String, Error> {
    Ok(format!("kintsugi.worker.limit.{}", token("worker", worker)?))
}

/// The durable consumer of a queue's tasks of one type: `w-<queue>-<type>`.
///
/// A `-` within the queue is written twice, so that queue `a` with type `b-c` and queue `a-b` with
/// type `c` do not share a consumer. For the same reason a queue may not end with `-`, nor a type
/// begin with it.
///
/// # Errors
///
/// When a name cannot stand in a subject.
pub fn consumer_name(queue: &str, task_type: &str) -> Result<String, Error> {
    let (queue, task_type) = (token("queue", queue)?, token("task type", task_type)?);
    let refuse =
        |what, value: &str, rule| Err(Error::Invalid { what, value: value.to_owned(), rule });
    if queue.ends_with('-') {
        return refuse("queue", queue, "[A-Za-z0-9_-]{1,64} without `-` at the end");
    }
    if task_type.starts_with('-') {
        return refuse("task type", task_type, "[A-Za-z0-9_-]{1,64} without `-` at the beginning");
    }
    Ok(format!("w-{}-{task_type}", queue.replace('-', "--")))
}

#[cfg(test)]
#[path = "../tests/unit/names.rs"]
mod tests;
