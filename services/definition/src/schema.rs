//! JSON Schema, without references to anything outside the schema.

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

/// How many violations are told.
const VIOLATIONS_MAX: usize = 5;

/// A checker for `schema` (2020-12 unless it names another draft).
pub(crate) fn build(schema: &Value) -> Result<Validator, String> {
    if !matches!(schema, Value::Object(_) | Value::Bool(_)) {
        return Err("a JSON Schema is an object or a boolean".to_owned());
    }
    // The engine that backtracks can take exponential time.
    let patterns = PatternOptions::regex().size_limit(1 << 20).dfa_size_limit(1 << 20);
    let options = jsonschema::options()
        .with_draft(Draft::Draft202012)
        .offline()
        .with_pattern_options(patterns);
    options.build(schema).map_err(|err| {
        format!("this is not a JSON Schema: {err} (at {:?})", err.instance_path().as_str())
    })
}

/// Checks `value`; the detail has pointers, and no data.
pub(crate) fn validate(validator: &Validator, value: &Value) -> Result<(), String> {
    if validator.is_valid(value) {
        return Ok(());
    }
    let violations: Vec<_> = validator
        .iter_errors(value)
        .take(VIOLATIONS_MAX)
        .map(|err| format!("{:?}: {}", err.instance_path().as_str(), err.masked()))
        .collect();
    Err(format!("does not match its schema: {}", violations.join("; ")))
}
