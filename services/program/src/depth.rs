//! How deep a value may nest.
//!
//! A state that cannot be read again stops its run for good, and JSON readers stop at 128 levels.
//! Values are wrapped on their way: by a message, by the frames of a state, by a fork's array.

use serde_json::Value;

/// How many levels a value may have that enters a run from outside or comes from an expression.
pub const DEPTH_MAX: usize = 64;

/// Whether a value nests deeper than [`DEPTH_MAX`].
#[must_use]
pub fn is_too_deep(value: &Value) -> bool {
    is_deeper(value, DEPTH_MAX)
}

fn is_deeper(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels == 0 || items.iter().any(|item| is_deeper(item, levels - 1)),
        Value::Object(map) => levels == 0 || map.values().any(|item| is_deeper(item, levels - 1)),
        _ => false,
    }
}
