//! Bodies of requests. A field that is not known is refused.

use poem_openapi::Object;
use serde::Deserialize;
use serde_json::Value;

/// Starts a run.
#[derive(Clone, Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields)]
pub struct StartRequest {
    /// `namespace/name:version`; without a version, the latest.
    pub definition: String,
    /// The run's input, any JSON. Default: `null`.
    #[serde(default)]
    #[oai(default)]
    pub input: Value,
    /// The run's own id, `[A-Za-z0-9_-]{1,64}`; without one the engine gives one.
    #[serde(default)]
    pub id: Option<String>,
}

/// Cancels a run.
#[derive(Clone, Debug, Default, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields)]
pub struct CancelRequest {
    /// Why, for people; it stands in the run's history.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Gives a dead letter new attempts.
#[derive(Clone, Debug, Default, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields)]
pub struct RedriveRequest {
    /// In place of the task's input; absent: the same input again.
    #[serde(default, deserialize_with = "present")]
    pub input: Option<Value>,
}

/// `null` is an input like any other: only an absent field is none.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
