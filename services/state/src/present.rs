//! Values that may be absent, where null is a value.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Reads a value that is there, null included: by itself, `Option` reads null as absent.
pub(crate) fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}
