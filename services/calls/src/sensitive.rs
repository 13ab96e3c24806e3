//! Masks: whatever a task used as a secret leaves the worker as `***` only.
//!
//! The engine keeps outputs and errors in its history for long, and a service may send back what it
//! was sent. So everything that leaves goes through here.

use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use kintsugi_worker::Failure;
use serde_json::Value;

/// What stands in a secret's place.
pub(crate) const MASK: &str = "***";

/// Shorter texts are not masked: they stand in other texts by chance, and guard nothing.
const LENGTH_MIN: usize = 6;

/// The texts that one attempt must not let out.
#[derive(Default)]
pub(crate) struct Sensitive(Mutex<Vec<String>>);

impl Sensitive {
    /// Masks `text` from now on, also as it stands in a URL, in JSON, and in base64.
    pub(crate) fn add(&self, text: &str) {
        if text.len() < LENGTH_MIN {
            return;
        }
        let mut texts = self.texts();
        let quoted = Value::String(text.to_owned()).to_string();
        let forms = [
            text.to_owned(),
            percent_encoded(text),
            quoted[1..quoted.len() - 1].to_owned(),
            STANDARD.encode(text),
            URL_SAFE_NO_PAD.encode(text),
        ];
        for form in forms {
            if !texts.contains(&form) {
                texts.push(form);
            }
        }
        // A longer one may have a shorter one in it.
        texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
    }

    /// Masks every text within `value`.
    pub(crate) fn add_all(&self, value: &Value) {
        match value {
            Value::String(text) => self.add(text),
            Value::Array(items) => items.iter().for_each(|item| self.add_all(item)),
            Value::Object(map) => map.values().for_each(|item| self.add_all(item)),
            _ => {}
        }
    }

    /// Whether `text` has one of them in it.
    pub(crate) fn is_in(&self, text: &[u8]) -> bool {
        self.texts().iter().any(|one| find(text, one.as_bytes()).is_some())
    }

    /// `text` with masks.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for one in self.texts().iter() {
            if text.contains(one.as_str()) {
                text = text.replace(one.as_str(), MASK);
            }
        }
        text
    }

    /// Bytes with masks.
    pub(crate) fn bytes(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        for one in self.texts().iter() {
            let mut from = 0;
            while let Some(at) = find(&bytes[from..], one.as_bytes()) {
                let at = from + at;
                bytes.splice(at..at + one.len(), MASK.bytes());
                from = at + MASK.len();
            }
        }
        bytes
    }

    /// A value with masks, its keys included.
    pub(crate) fn value(&self, value: Value) -> Value {
        if self.texts().is_empty() {
            return value;
        }
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(items) => items.into_iter().map(|item| self.value(item)).collect(),
            Value::Object(map) => {
                map.into_iter().map(|(key, item)| (self.text(&key), self.value(item))).collect()
            }
            other => other,
        }
    }

    /// A failure with masks.
    pub(crate) fn failure(&self, failure: Failure) -> Failure {
        let message = self.text(failure.message());
        failure.with_message(message)
    }

    fn texts(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where `wanted` begins.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len().max(1)).position(|window| window == wanted)
}

/// As in a URL: all but unreserved characters are escaped (RFC 3986, 2.3).
pub(crate) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_of_a_secret_is_masked() {
        let sensitive = Sensitive::default();
        sensitive.add_all(&json!({"key": "s3cret \"q\"", "id": "x"}));
        let leak = json!({
            "a": ["Bearer s3cret \"q\""], "s3cret \"q\"": 1, "url": "https://h/?k=s3cret%20%22q%22",
            "json": r#"{"k":"s3cret \"q\""}"#, "base64": "czNjcmV0ICJxIg==", "x": "x",
        });
        let clean = sensitive.value(leak).to_string();
        assert!(!clean.contains("s3cret") && !clean.contains("czNj"), "{clean}");
        assert!(clean.contains(r#""x":"x""#), "short texts stay: {clean}");
        assert_eq!(sensitive.bytes(b"1 s3cret \"q\" 2".to_vec()), b"1 *** 2");
        let failure = sensitive.failure(Failure::fatal("no s3cret \"q\"").status(403));
        assert_eq!((failure.message(), failure.is_fatal()), ("no ***", true));
        assert!(sensitive.is_in(b"xx s3cret \"q\"") && !sensitive.is_in(b"s3cret"));
    }
}
