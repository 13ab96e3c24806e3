//! Values and words of spans.

use kintsugi_core::{Error, Timestamp};
use opentelemetry::Value;

use crate::{SpanEvent, SpanRecord, field};

/// Characters of an error that a span carries.
const ERROR_CHARS_MAX: usize = 512;

pub(super) fn set_error(span: &mut SpanRecord, at: Timestamp, kind: &str, message: &str) {
    let message = short(message);
    span.attributes.push((field::ERROR_TYPE, text(kind)));
    span.events.push(SpanEvent {
        at,
        name: "exception",
        attributes: vec![("exception.type", text(kind)), ("exception.message", text(&message))],
    });
    span.error = Some(message);
}

pub(super) fn text_of(error: &Error) -> String {
    error.detail.as_ref().or(error.title.as_ref()).unwrap_or(&error.kind).clone()
}

/// Types of errors are URIs; their last segment is what differs.
pub(super) fn last_segment(uri: &str) -> &str {
    uri.rsplit('/').next().filter(|segment| !segment.is_empty()).unwrap_or(uri)
}

pub(super) fn short(text: &str) -> String {
    text.chars().take(ERROR_CHARS_MAX).collect()
}

pub(super) fn text(text: &str) -> Value {
    text.to_owned().into()
}

pub(super) fn number(number: u64) -> Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}
