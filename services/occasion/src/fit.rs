//! Whether an event fits a filter, whoever asks.

use std::collections::BTreeMap;

use serde_json::Value;

use kintsugi_state::{CloudEvent, EventFilter, Expr, Matcher, Read, Template};

/// Evaluates what filters say. An expression that fails is one that does not hold: an event of another
/// form is no error of whoever filters.
pub trait Judge {
    /// The value of an expression applied to `input`; none: it fails.
    fn value(&self, expr: Expr, input: &Value) -> Option<Value>;

    /// What a URI template gives; none: it fails.
    fn uri(&self, template: &Template) -> Option<Value>;
}

/// Whether an event has what `with` says.
pub fn is_met(judge: &impl Judge, filter: &EventFilter, event: &CloudEvent) -> bool {
    let fields = event.fields();
    filter.with.iter().all(|(name, matcher)| {
        let value = match name.as_str() {
            "data" => Some(data(event)),
            name => fields.get(name),
        };
        matches(judge, matcher, value.unwrap_or(&Value::Null))
    })
}

/// The values by which a filter ties an event to others; none: one of them has none.
pub fn correlations<'f>(
    judge: &impl Judge,
    filter: &'f EventFilter,
    event: &CloudEvent,
) -> Option<Vec<(&'f str, Value)>> {
    if filter.correlate.is_empty() {
        return Some(Vec::new());
    }
    let whole = Value::from(event.clone());
    let values = filter.correlate.iter().map(|correlation| {
        let value = judge.value(correlation.from, &whole).filter(|value| !value.is_null())?;
        Some((correlation.name.as_str(), value))
    });
    values.collect()
}

/// Whether an event with these values belongs to those that fixed `known`.
pub fn agrees(known: &BTreeMap<String, Value>, values: &[(&str, Value)]) -> bool {
    values.iter().all(|(name, value)| known.get(*name).is_none_or(|known| is_same(known, value)))
}

/// Those of the values that `known` does not have.
pub fn fixed(known: &BTreeMap<String, Value>, values: &[(&str, Value)]) -> Vec<(String, Value)> {
    let new = values.iter().filter(|(name, _)| !known.contains_key(*name));
    new.map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

/// What is kept of an event.
pub fn read(event: &CloudEvent, read: Read) -> Value {
    match (read, data(event)) {
        (Read::Envelope, _) => Value::from(event.clone()),
        (Read::Data, data) => data.clone(),
        (Read::Raw, Value::String(text)) => Value::String(text.clone()),
        (Read::Raw, data) => Value::String(data.to_string()),
    }
}

fn matches(judge: &impl Judge, matcher: &Matcher, value: &Value) -> bool {
    match matcher {
        Matcher::Equal(wanted) => is_equal(wanted, value),
        Matcher::Expr(expr) => match judge.value(*expr, value) {
            Some(Value::Bool(holds)) => holds,
            Some(Value::Null) | None => false,
            Some(wanted) => is_equal(&wanted, value),
        },
        Matcher::Uri(template) => judge.uri(template).is_some_and(|wanted| wanted == *value),
        Matcher::Object(fields) => value.as_object().is_some_and(|values| {
            fields.iter().all(|(key, matcher)| {
                matches(judge, matcher, values.get(key).unwrap_or(&Value::Null))
            })
        }),
        Matcher::Array(items) => value.as_array().is_some_and(|values| {
            values.len() == items.len()
                && items.iter().zip(values).all(|(item, value)| matches(judge, item, value))
        }),
    }
}

/// The data of an event; that of binary data is its base64 text.
fn data(event: &CloudEvent) -> &Value {
    let fields = event.fields();
    fields.get("data").or_else(|| fields.get("data_base64")).unwrap_or(&Value::Null)
}

/// Equal, numbers by their value.
fn is_equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            // Integers are exact; only one of two kinds is compared as the other.
            a == b || (a.is_f64() != b.is_f64() && a.as_f64() == b.as_f64())
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| is_equal(a, b)))
        }
        _ => a == b,
    }
}

/// Equal; an expected text may also be that of a number or boolean, since `expect` as a constant is
/// always a text.
fn is_same(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::String(text), Value::Number(number)) => number.to_string() == *text,
        (Value::String(text), Value::Bool(flag)) => text == if *flag { "true" } else { "false" },
        _ => is_equal(expected, found),
    }
}
