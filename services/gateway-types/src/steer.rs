//! Steering by hand. A field that is not known is refused.

use poem_openapi::Object;
use serde::Deserialize;
use serde_json::Value;

/// Asks something of a run or task, and nothing besides.
#[derive(Clone, Debug, Default, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields)]
pub struct SteerRequest {
    /// Names the request within its run, `[A-Za-z0-9_-]{1,64}`: the same again is a repeat, and is done
    /// once. Without one the engine gives one.
    #[serde(default)]
    pub request: Option<String>,
    /// Who asks; it stands in the run's history.
    #[serde(default)]
    pub by: Option<String>,
    /// Why, for people; it stands in the run's history.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Completes a task by hand.
#[derive(Clone, Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields)]
pub struct CompleteRequest {
    /// The task's output, any JSON, as a worker would have given it.
    pub output: Value,
    /// Names the request within its run, as for `SteerRequest`.
    #[serde(default)]
    pub request: Option<String>,
    /// Who asks.
    #[serde(default)]
    pub by: Option<String>,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

/// An error that is given to a task.
#[derive(Clone, Debug, Default, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields)]
pub struct GivenError {
    /// URI of its type; a word without `:` is one of the specification's types, e.g. `timeout`.
    /// Default: `runtime`.
    #[serde(default, rename = "type")]
    #[oai(rename = "type")]
    pub kind: Option<String>,
    /// As an HTTP status, 100 to 599. Default: the type's, else 500.
    #[serde(default)]
    pub status: Option<u16>,
    /// A short summary.
    #[serde(default)]
    pub title: Option<String>,
    /// What went wrong.
    #[serde(default)]
    pub detail: Option<String>,
}

/// Fails a task by hand.
#[derive(Clone, Debug, Default, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields)]
pub struct FailRequest {
    /// The error, which the workflow may catch like any other. Default: one of the type `runtime`.
    #[serde(default)]
    pub error: Option<GivenError>,
    /// Names the request within its run, as for `SteerRequest`.
    #[serde(default)]
    pub request: Option<String>,
    /// Who asks.
    #[serde(default)]
    pub by: Option<String>,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Skips a task.
#[derive(Clone, Debug, Default, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields)]
pub struct SkipRequest {
    /// The task's output. Absent: its input.
    #[serde(default, deserialize_with = "present")]
    pub output: Option<Value>,
    /// Names the request within its run, as for `SteerRequest`.
    #[serde(default)]
    pub request: Option<String>,
    /// Who asks.
    #[serde(default)]
    pub by: Option<String>,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Has a run begin anew from one of its tasks.
#[derive(Clone, Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields)]
pub struct RerunRequest {
    /// Reference of a task of the run's own `do`, e.g. `/do/1/charge`.
    pub from: String,
    /// The task's input. Absent: the one that it had, where the engine still knows it.
    #[serde(default, deserialize_with = "present")]
    pub input: Option<Value>,
    /// Names the request within its run, as for `SteerRequest`.
    #[serde(default)]
    pub request: Option<String>,
    /// Who asks.
    #[serde(default)]
    pub by: Option<String>,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Changes a run's `$context`: one of `replace` and `merge`.
#[derive(Clone, Debug, Default, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields)]
pub struct VariablesRequest {
    /// The whole `$context` from now on.
    #[serde(default, deserialize_with = "present")]
    pub replace: Option<Value>,
    /// A patch of it (RFC 7396): `null` removes a key.
    #[serde(default, deserialize_with = "present")]
    pub merge: Option<Value>,
    /// Names the request within its run, as for `SteerRequest`.
    #[serde(default)]
    pub request: Option<String>,
    /// Who asks.
    #[serde(default)]
    pub by: Option<String>,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Ends a run.
#[derive(Clone, Debug, Default, Object, Deserialize)]
#[serde(deny_unknown_fields)]
#[oai(deny_unknown_fields)]
pub struct TerminateRequest {
    /// Whether the runs that it waits for are cancelled, too; else they go on by themselves. Default:
    /// true.
    #[serde(default)]
    pub children: Option<bool>,
    /// Names the request within its run, as for `SteerRequest`.
    #[serde(default)]
    pub request: Option<String>,
    /// Who asks.
    #[serde(default)]
    pub by: Option<String>,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What was asked is kept, and done in a moment; the run's history then says so.
#[derive(Clone, Debug, Object)]
pub struct SteerAccepted {
    /// The run.
    pub run: String,
    /// What was asked, e.g. `suspend`.
    pub steer: String,
    /// Name of the request: a repeat under it does nothing.
    pub request: String,
    /// Number of the task, where it is about one.
    pub task: Option<u64>,
}

/// `null` is a value like any other: only an absent field is none.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
