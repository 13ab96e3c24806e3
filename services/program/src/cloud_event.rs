//! Events of the world outside, in the JSON format of `CloudEvents` 1.0.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{DEPTH_MAX, is_too_deep};

/// The most bytes of JSON that one event may have.
pub const EVENT_BYTES_MAX: usize = 1 << 20;

/// The most attributes that one event may have: what filters look at is bounded.
const ATTRIBUTES_MAX: usize = 64;

/// The most characters of an attribute that names something.
const NAME_MAX: usize = 1_024;

/// The most characters of a type: it becomes part of a subject, where one may take twelve bytes.
const TYPE_MAX: usize = 256;

/// What is said by attributes whose form the specification fixes.
const TEXTS: [&str; 7] =
    ["specversion", "id", "source", "type", "subject", "datacontenttype", "dataschema"];

/// An event that was published, or is to be: its attributes, and its data.
///
/// Not to be taken for an [`crate::Event`], which is a fact in a run's history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct CloudEvent(Map<String, Value>);

/// Why something is no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CloudEventError(String);

impl CloudEvent {
    /// Takes attributes and data as an event.
    ///
    /// # Errors
    ///
    /// When they are none: something is missing, of another kind, too long or too much.
    pub fn new(fields: Map<String, Value>) -> Result<Self, CloudEventError> {
        let refused = |text: String| Err(CloudEventError(text));
        if fields.get("specversion").and_then(Value::as_str) != Some("1.0") {
            return refused("`specversion` of an event must be \"1.0\"".to_owned());
        }
        for name in ["id", "source", "type"] {
            if !fields.contains_key(name) {
                return refused(format!("an event needs `{name}`"));
            }
        }
        if fields.len() > ATTRIBUTES_MAX {
            return refused(format!("an event has at most {ATTRIBUTES_MAX} attributes"));
        }
        for (name, value) in &fields {
            if let Some(problem) = problem(name, value) {
                return refused(problem);
            }
        }
        if fields.contains_key("data") && fields.contains_key("data_base64") {
            return refused("an event has `data` or `data_base64`, not both".to_owned());
        }
        if fields.get("data").is_some_and(is_too_deep) {
            return refused(format!("the data of an event nests at most {DEPTH_MAX} levels"));
        }
        Ok(Self(fields))
    }

    /// Its attributes and data, as JSON.
    #[must_use]
    pub fn fields(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Whom it is from and which of theirs: with both the same it is the same event.
    #[must_use]
    pub fn identity(&self) -> (&str, &str) {
        (self.text("source"), self.text("id"))
    }

    /// A short name for its identity, the same for the same (FNV-1a, 64 bits).
    #[must_use]
    pub fn mark(&self) -> u64 {
        let (source, id) = self.identity();
        let bytes = source.bytes().chain([0]).chain(id.bytes());
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }

    /// What kind of event it is.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.text("type")
    }

    fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

impl TryFrom<Value> for CloudEvent {
    type Error = CloudEventError;

    fn try_from(value: Value) -> Result<Self, CloudEventError> {
        match value {
            Value::Object(fields) => Self::new(fields),
            _ => Err(CloudEventError("an event is a JSON object".to_owned())),
        }
    }
}

impl From<CloudEvent> for Value {
    fn from(event: CloudEvent) -> Self {
        Self::Object(event.0)
    }
}

/// Whether `name` may name an attribute (`CloudEvents` 1.0.2, "Attribute Naming Convention"): lower
/// case letters and digits. The limit of 20 is a recommendation there; ours leaves room.
#[must_use]
pub fn is_event_attribute(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

fn characters_max(name: &str) -> usize {
    if name == "type" { TYPE_MAX } else { NAME_MAX }
}

/// What is wrong with an attribute.
fn problem(name: &str, value: &Value) -> Option<String> {
    if ["data", "data_base64"].contains(&name) {
        let fits = name == "data" || value.is_string();
        return (!fits).then(|| "`data_base64` of an event must be a text".to_owned());
    }
    if !is_event_attribute(name) {
        let shown: String = name.chars().take(80).collect();
        return Some(format!("`{shown}` is no name of an attribute: those have `a-z 0-9` only"));
    }
    match value {
        Value::String(text) if TEXTS.contains(&name) && text.is_empty() => {
            Some(format!("`{name}` of an event must not be empty"))
        }
        Value::String(text) if text.chars().any(char::is_control) => {
            Some(format!("`{name}` of an event has a control character in it"))
        }
        Value::String(text) if text.chars().count() > characters_max(name) => {
            Some(format!("`{name}` of an event has at most {} characters", characters_max(name)))
        }
        Value::String(text) if name == "time" && !is_event_time(text) => {
            Some("`time` of an event must be as RFC 3339 has it".to_owned())
        }
        Value::String(_) => None,
        Value::Bool(_) | Value::Number(_) if !TEXTS.contains(&name) && name != "time" => None,
        _ if TEXTS.contains(&name) || name == "time" => {
            Some(format!("`{name}` of an event must be a text"))
        }
        _ => Some(format!("`{name}` of an event must be a text, a number or a boolean")),
    }
}

/// The form of RFC 3339, `2026-01-31T12:00:00.5Z`; whether there is such a day is not asked.
#[must_use]
pub fn is_event_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let form = b"0000-00-00T00:00:00";
    if bytes.len() < form.len() + 1 || bytes.len() > 40 {
        return false;
    }
    let date = form.iter().zip(bytes).all(|(form, byte)| match form {
        b'0' => byte.is_ascii_digit(),
        b'T' => b"Tt ".contains(byte),
        other => other == byte,
    });
    let mut rest = &bytes[form.len()..];
    if let Some(after) = rest.strip_prefix(b".") {
        let digits = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return false;
        }
        rest = &after[digits..];
    }
    let zone = match rest {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', a, b, b':', c, d] => [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()),
        _ => false,
    };
    date && zone
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(more: Value) -> Result<CloudEvent, CloudEventError> {
        let mut event = json!({"specversion": "1.0", "id": "1", "source": "/s", "type": "t"});
        for (key, value) in more.as_object().unwrap() {
            event[key] = value.clone();
        }
        CloudEvent::try_from(event)
    }

    #[test]
    fn what_the_specification_asks_for_is_checked() {
        for good in [
            json!({}),
            json!({"data": null}),
            json!({"data": {"n": 1}, "time": "2026-01-31T12:00:00Z", "roomid": 7, "urgent": true}),
            json!({"data_base64": "AA==", "time": "2026-01-31T12:00:00.125+01:00"}),
        ] {
            assert!(with(good.clone()).is_ok(), "{good}");
        }
        for bad in [
            json!({"specversion": "0.3"}),
            json!({"id": ""}),
            json!({"id": 7}),
            json!({"type": null}),
            json!({"time": "yesterday"}),
            json!({"Room-Id": "1"}),
            json!({"ext": {"deep": 1}}),
            json!({"data": 1, "data_base64": "AA=="}),
            json!({"source": "x".repeat(1_025)}),
            json!({"subject": "a\u{0}b"}),
        ] {
            assert!(with(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn data_that_a_state_could_not_hold_is_refused() {
        let nested = |levels| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        assert!(with(json!({ "data": nested(DEPTH_MAX) })).is_ok());
        assert!(with(json!({ "data": nested(DEPTH_MAX + 1) })).is_err());
    }

    #[test]
    fn an_event_is_known_by_source_and_id() {
        let one = with(json!({"data": 1})).unwrap();
        assert_eq!(one.mark(), with(json!({"data": 2})).unwrap().mark());
        assert_ne!(one.mark(), with(json!({"id": "2"})).unwrap().mark());
    }
}
