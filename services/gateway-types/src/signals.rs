//! Events that are sent to a run.

use poem_openapi::Object;
use serde::Deserialize;
use serde_json::{Map, Value};

/// An event for a run: a `CloudEvent`, of which only `type` must be said. Further attributes
/// (lower case letters and digits) are extensions of it.
#[derive(Clone, Debug, Object, Deserialize)]
pub struct SignalRequest {
    /// What kind of event, as the run's `listen` has it.
    #[serde(rename = "type")]
    #[oai(rename = "type")]
    pub kind: String,
    /// What it says, any JSON.
    #[serde(default, deserialize_with = "present")]
    pub data: Option<Value>,
    /// Its id; a repeat with the same source and id changes nothing. Without one the engine gives
    /// one.
    pub id: Option<String>,
    /// Whom it is from. Default: `/kintsugi/signal`.
    pub source: Option<String>,
    /// `1.0`.
    pub specversion: Option<String>,
    /// When it happened. Default: now.
    pub time: Option<String>,
    /// What it is about.
    pub subject: Option<String>,
    /// What kind of data. Default: JSON.
    pub datacontenttype: Option<String>,
    /// Schema of the data.
    pub dataschema: Option<String>,
    /// Extensions.
    #[serde(flatten)]
    #[oai(skip)]
    pub extensions: Map<String, Value>,
}

/// `null` is data like any other: only an absent field is none.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl SignalRequest {
    /// All of it that was given.
    #[must_use]
    pub fn into_fields(self) -> Map<String, Value> {
        let mut fields = self.extensions;
        fields.insert("type".to_owned(), Value::String(self.kind));
        fields.extend(self.data.map(|data| ("data".to_owned(), data)));
        for (name, text) in [
            ("id", self.id),
            ("source", self.source),
            ("specversion", self.specversion),
            ("time", self.time),
            ("subject", self.subject),
            ("datacontenttype", self.datacontenttype),
            ("dataschema", self.dataschema),
        ] {
            fields.extend(text.map(|text| (name.to_owned(), Value::String(text))));
        }
        fields
    }
}

/// What became of an event: it is kept for the run, which takes it when it listens for it.
#[derive(Clone, Debug, Object)]
pub struct Signalled {
    /// The run.
    pub run: String,
    /// The event.
    pub id: String,
    /// It was sent before; nothing was done now.
    pub repeated: bool,
}
