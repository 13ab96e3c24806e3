//! Many rows as a few bound parameters, so that a statement has one text whatever the batch and is
//! prepared once.
//!
//! Postgres gets an array for each column (`UNNEST`). SQLite gets one JSON array of rows
//! (`json_each`) and, since JSON has no bytes, all payloads end to end in one blob, with offset and
//! length in the row.

use sea_orm::Value;
use sea_orm::sea_query::ArrayType;

/// A `TEXT[]`.
pub fn texts<T: Into<String>>(values: impl IntoIterator<Item = T>) -> Value {
    array(ArrayType::String, values.into_iter().map(|v| Value::String(Some(v.into()))))
}

/// A `TEXT[]` in which an empty text stands for none: the driver has no arrays with holes.
pub fn optional_texts<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> Value {
    texts(values.into_iter().map(Option::unwrap_or_default))
}

/// A `BIGINT[]`.
pub fn numbers(values: impl IntoIterator<Item = i64>) -> Value {
    array(ArrayType::BigInt, values.into_iter().map(|v| Value::BigInt(Some(v))))
}

/// Stands for no number in a `BIGINT[]`.
pub const NO_NUMBER: i64 = i64::MIN;

/// A `BIGINT[]` in which [`NO_NUMBER`] stands for none.
pub fn optional_numbers(values: impl IntoIterator<Item = Option<i64>>) -> Value {
    numbers(values.into_iter().map(|value| value.unwrap_or(NO_NUMBER)))
}

/// A `BYTEA[]`.
pub fn bytes<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Value {
    array(ArrayType::Bytes, values.into_iter().map(|v| Value::Bytes(Some(v.to_vec()))))
}

fn array(kind: ArrayType, values: impl Iterator<Item = Value>) -> Value {
    Value::Array(kind, Some(Box::new(values.collect())))
}

/// Rows for SQLite.
#[derive(Debug, Default)]
pub struct Rows {
    rows: Vec<serde_json::Value>,
    payloads: Vec<u8>,
}

impl Rows {
    /// Adds a row. Its columns are followed by offset (from 1, as `substr` counts) and length of
    /// its payload.
    pub fn push<const N: usize>(&mut self, columns: [serde_json::Value; N], payload: &[u8]) {
        let mut row = Vec::with_capacity(N + 2);
        row.extend(columns);
        row.push((self.payloads.len() + 1).into());
        row.push(payload.len().into());
        self.payloads.extend_from_slice(payload);
        self.rows.push(row.into());
    }

    /// The JSON and the blob.
    #[must_use]
    pub fn into_values(self) -> [Value; 2] {
        [json(self.rows), Value::Bytes(Some(self.payloads))]
    }
}

/// One JSON array as a parameter.
pub fn json(values: impl IntoIterator<Item = impl Into<serde_json::Value>>) -> Value {
    let array: serde_json::Value = values.into_iter().map(Into::into).collect();
    Value::String(Some(array.to_string()))
}
