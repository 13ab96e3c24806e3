//! One event.

use std::borrow::Cow;

use kintsugi_core::{DefinitionRef, RunId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What every subject of a lifecycle event begins with.
pub const LIFE_PREFIX: &str = "kintsugi.life.";

/// An event with something in it that cannot stand in a subject: it was not made by [`LifeEvent::new`],
/// or of an odd name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} cannot stand in a subject: {value}")]
pub struct Unsayable {
    /// What it is.
    pub what: &'static str,
    /// How it begins.
    pub value: String,
}

/// A `CloudEvent` about a run, with the types of the Open Workflow specification where it has one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LifeEvent {
    /// Version of the form: `1.0`.
    pub specversion: Cow<'static, str>,
    /// Names the event; a repeat has the same.
    pub id: String,
    /// `/namespace/name/version` of the definition.
    pub source: String,
    /// For example `io.serverlessworkflow.workflow.completed.v1`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it happened, RFC 3339.
    pub time: String,
    /// The run.
    pub subject: String,
    /// `application/json`.
    pub datacontenttype: Cow<'static, str>,
    /// What there is to say.
    pub data: Value,
    /// W3C trace context of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// Orders the events of a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<String>,
    /// The attempt that it is about: its epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u64>,
    /// The number of the task in its run: `data.task` is its reference, which iterations share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasknumber: Option<u64>,
}

pub(crate) const KIND_PREFIX: &str = "io.serverlessworkflow.";
pub(crate) const KIND_SUFFIX: &str = ".v1";

impl LifeEvent {
    /// An event of `run`; `event` is for example `workflow.completed` or `task.retried`.
    #[must_use]
    pub fn new(
        definition: &DefinitionRef,
        run: &RunId,
        event: &str,
        id: String,
        at: Timestamp,
        data: Value,
    ) -> Self {
        let DefinitionRef { namespace, name, version } = definition;
        Self {
            specversion: Cow::Borrowed("1.0"),
            id,
            source: ["/", namespace, "/", name, "/", version].concat(),
            kind: [KIND_PREFIX, event, KIND_SUFFIX].concat(),
            time: at.to_rfc3339(),
            subject: run.to_string(),
            datacontenttype: Cow::Borrowed("application/json"),
            data,
            traceparent: None,
            sequence: None,
            attempt: None,
            tasknumber: None,
        }
    }

    /// The `sequence` of what follows from the event at `index` of the step at `position` of what is
    /// stored as `version` of the run. As texts they compare as they happened.
    #[must_use]
    pub fn place(version: i64, position: usize, index: usize) -> String {
        format!("{version:010}.{position:04}.{:06}", index + 1)
    }

    /// The `sequence` of the `nth` of what comes behind the first `after` events of such a step, and
    /// of which none of them tells.
    #[must_use]
    pub fn place_between(version: i64, position: usize, after: usize, nth: usize) -> String {
        format!("{version:010}.{position:04}.{after:06}.{nth:06}")
    }

    /// What happened, for example `workflow.completed`.
    #[must_use]
    pub fn event(&self) -> &str {
        let kind = self.kind.strip_prefix(KIND_PREFIX).unwrap_or(&self.kind);
        kind.strip_suffix(KIND_SUFFIX).unwrap_or(kind)
    }

    /// The definition that it is about.
    #[must_use]
    pub fn definition(&self) -> Option<DefinitionRef> {
        let mut parts = self.source.strip_prefix('/')?.splitn(3, '/');
        let (namespace, name, version) = (parts.next()?, parts.next()?, parts.next()?);
        DefinitionRef::parse(&format!("{namespace}/{name}:{version}")).ok()
    }

    /// The run that it is about.
    #[must_use]
    pub fn run(&self) -> Option<RunId> {
        RunId::parse(&self.subject).ok()
    }

    /// `kintsugi.life.<namespace>.<name>.<run>.<event>`, the event with `_` for its dots.
    ///
    /// # Errors
    ///
    /// When something that a subject is made of cannot stand in one.
    pub fn bus_subject(&self) -> Result<String, Unsayable> {
        let token = |what, text| is_token(what, text).map(|()| text);
        let mut source = self.source.strip_prefix('/').unwrap_or_default().splitn(3, '/');
        let namespace = token("event source", source.next().unwrap_or_default())?;
        let name = token("event source", source.next().unwrap_or_default())?;
        let run = token("event subject", &self.subject)?;
        let event = self.event().replace('.', "_");
        is_token("event type", &event)?;
        Ok([LIFE_PREFIX, namespace, ".", name, ".", run, ".", &event].concat())
    }
}

fn is_token(what: &'static str, text: &str) -> Result<(), Unsayable> {
    if RunId::fits(text) {
        return Ok(());
    }
    Err(Unsayable { what, value: text.chars().take(80).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_knows_its_subject() {
        let definition = DefinitionRef::parse("shop/order:1.0.0").unwrap();
        let run = RunId::parse("r-1").unwrap();
        let made =
            |event| LifeEvent::new(&definition, &run, event, "i".into(), Timestamp(0), Value::Null);
        let event = made("workflow.completed");
        assert_eq!(event.kind, "io.serverlessworkflow.workflow.completed.v1");
        assert_eq!(event.bus_subject().unwrap(), "kintsugi.life.shop.order.r-1.workflow_completed");
        assert_eq!(event.definition().unwrap(), definition);
        assert!(made("a.*").bus_subject().is_err());
    }

    #[test]
    fn places_compare_as_texts() {
        let places = [
            LifeEvent::place_between(9, 0, 0, 1),
            LifeEvent::place(9, 0, 0),
            LifeEvent::place_between(9, 0, 1, 2),
            LifeEvent::place_between(9, 0, 1, 10),
            LifeEvent::place(9, 0, 1),
            LifeEvent::place(9, 0, 10),
            LifeEvent::place(9, 10, 0),
            LifeEvent::place(10, 0, 0),
        ];
        assert!(places.is_sorted(), "{places:?}");
    }
}
