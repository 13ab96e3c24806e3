//! What requests on the bus carry: JSON, or where only an id is needed, the id itself, so that
//! `nats request kintsugi.api.get <id>` does.

use kintsugi_gateway_ops::{Problem, json};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// Names one thing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    /// Which.
    pub(super) id: String,
}

/// Cancels a run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cancel {
    /// Which.
    pub(super) id: String,
    /// Why.
    #[serde(default)]
    pub(super) reason: Option<String>,
}

/// Redrives a dead letter.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Redrive {
    /// Which.
    pub(super) id: String,
    /// In place of the task's input.
    #[serde(default, deserialize_with = "present")]
    pub(super) input: Option<Value>,
}

/// Answers a task of a person.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    /// Which.
    pub(super) id: String,
    /// What.
    pub(super) answer: Value,
    /// Who.
    #[serde(default)]
    pub(super) by: Option<String>,
}

/// Says something of a task type.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TaskType {
    /// Which.
    pub(super) id: String,
    /// What.
    pub(super) body: Value,
}

/// Says which page of a list that nothing else restricts.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Paging {
    /// How many at most.
    pub(super) limit: Option<u32>,
    /// `next` of the page before.
    pub(super) cursor: Option<String>,
}

/// Restricts a list of tasks of people.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct HumanTasks {
    /// A status.
    pub(super) status: Option<String>,
    /// A run.
    pub(super) run: Option<String>,
    /// A person or group.
    pub(super) assignee: Option<String>,
    /// How many at most.
    pub(super) limit: Option<u32>,
    /// `next` of the page before.
    pub(super) cursor: Option<String>,
}

/// Sends an event to a run.
#[derive(Debug, Deserialize)]
pub(super) struct Signal {
    /// Which.
    pub(super) run: String,
    /// Attributes and data of the event.
    #[serde(flatten)]
    pub(super) event: Map<String, Value>,
}

/// Restricts a list.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct List {
    /// A status.
    pub(super) status: Option<String>,
    /// A definition.
    pub(super) definition: Option<String>,
    /// A namespace.
    pub(super) namespace: Option<String>,
    /// The run that started them.
    pub(super) parent: Option<String>,
    /// When they were accepted at the earliest.
    pub(super) created_from: Option<String>,
    /// How many at most.
    pub(super) limit: Option<u32>,
    /// `next` of the page before.
    pub(super) cursor: Option<String>,
}

/// What is to be explained.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Explain {
    Run(String),
    Task(String),
    Queue(String, Option<String>),
    Worker(String),
    Schedule(String),
}

/// The same, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Explained {
    run: Option<String>,
    task: Option<String>,
    queue: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    worker: Option<String>,
    schedule: Option<String>,
}

/// Reads what is to be explained: JSON that names one thing, or the id of a run or a task alone.
///
/// # Errors
///
/// 400 when there is none, 422 when it names none or several.
pub(super) fn explain(bytes: &[u8]) -> Result<Explain, Problem> {
    let text = std::str::from_utf8(bytes).unwrap_or_default().trim();
    if !text.starts_with('{') {
        let Named { id } = with_id(bytes)?;
        return Ok(if id.contains(':') { Explain::Task(id) } else { Explain::Run(id) });
    }
    let Explained { run, task, queue, kind, worker, schedule } = json::from_slice(bytes)?;
    let is_of_queue = kind.is_none() || queue.is_some();
    let named = [
        run.map(Explain::Run),
        task.map(Explain::Task),
        queue.map(|queue| Explain::Queue(queue, kind)),
        worker.map(Explain::Worker),
        schedule.map(Explain::Schedule),
    ];
    let mut named = named.into_iter().flatten();
    match (named.next(), named.next()) {
        (Some(one), None) if is_of_queue => Ok(one),
        _ => {
            let title = "name one of `run`, `task`, `queue` (with its `type`, or without), `worker`, `schedule`";
            Err(Problem::unprocessable("invalid_body", title))
        }
    }
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Reads `{"id": …}`, or the id itself.
///
/// # Errors
///
/// 400 when there is none, 422 for another form.
pub(super) fn with_id<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Problem::bad_request("malformed_payload", "the payload is not UTF-8"))?;
    let text = text.trim();
    if text.is_empty() {
        let title = "the payload must be an id, or JSON with an `id`";
        return Err(Problem::bad_request("malformed_payload", title));
    }
    if text.starts_with('{') {
        return json::from_slice(text.as_bytes());
    }
    let id = text.trim_matches('"');
    let named = serde_json::json!({ "id": id }).to_string();
    json::from_slice(named.as_bytes())
}

/// Reads what restricts a list; nothing restricts nothing.
///
/// # Errors
///
/// 400 and 422 as for any JSON.
pub(super) fn restricting<T: DeserializeOwned + Default>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(T::default());
    }
    json::from_slice(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_explained() {
        let read = |text: &str| explain(text.as_bytes());
        let own = str::to_owned;
        for (text, wanted) in [
            ("r-1", Explain::Run(own("r-1"))),
            ("\"r-1\"", Explain::Run(own("r-1"))),
            ("r-1:3", Explain::Task(own("r-1:3"))),
            ("{\"run\":\"r-1\"}", Explain::Run(own("r-1"))),
            ("{\"task\":\"r:3\"}", Explain::Task(own("r:3"))),
            ("{\"queue\":\"q\"}", Explain::Queue(own("q"), None)),
            ("{\"queue\":\"q\",\"type\":\"t\"}", Explain::Queue(own("q"), Some(own("t")))),
            ("{\"worker\":\"w\"}", Explain::Worker(own("w"))),
            ("{\"schedule\":\"a/b\"}", Explain::Schedule(own("a/b"))),
        ] {
            assert_eq!(read(text).unwrap(), wanted, "{text}");
        }
        assert_eq!(read("").unwrap_err().status, 400);
        for bad in [
            "{}",
            "{\"run\":\"r\",\"task\":\"r:1\"}",
            "{\"run\":\"r\",\"type\":\"t\"}",
            "{\"type\":\"t\"}",
            "{\"x\":1}",
        ] {
            assert_eq!(read(bad).unwrap_err().status, 422, "{bad}");
        }
    }

    #[test]
    fn an_id_may_stand_alone() {
        let id = |text: &str| with_id::<Named>(text.as_bytes()).map(|named| named.id);
        for good in ["r-1", " r-1\n", "\"r-1\"", "{\"id\":\"r-1\"}"] {
            assert_eq!(id(good).unwrap(), "r-1", "{good}");
        }
        assert_eq!(id("").unwrap_err().status, 400);
        assert_eq!(id("{\"id\":\"r\",\"x\":1}").unwrap_err().status, 422);
        assert!(with_id::<Named>(b"\xff\xfe").is_err());
    }
}
