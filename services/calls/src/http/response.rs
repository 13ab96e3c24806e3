//! What a response means for the task.

use std::time::{Duration, SystemTime};

use base64::{Engine, engine::general_purpose::STANDARD};
use kintsugi_worker::Failure;
use reqwest::{
    StatusCode,
    header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER},
};
use serde_json::{Map, Value, json};

use super::request::Output;
use crate::web::{Answer, Outgoing};

/// Characters of a refusing response's body that stand in the failure.
const EXCERPT_MAX: usize = 512;

/// Headers whose values are nobody's business later.
const SECRETS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "set-cookie"];

/// What was asked, for the output form `response`.
pub(crate) struct Asked {
    method: String,
    uri: String,
    headers: HeaderMap,
}

impl Asked {
    pub(crate) fn of(request: &Outgoing) -> Self {
        Self {
            method: request.method.to_string(),
            uri: request.url.to_string(),
            headers: request.headers.clone(),
        }
    }
}

/// Success is 2xx, and 3xx where the call allows redirects (Open Workflow DSL, "HTTP Call").
pub(crate) fn check(answer: &Answer, redirect: bool) -> Result<(), Failure> {
    if answer.status.is_success() || (redirect && answer.status.is_redirection()) {
        return Ok(());
    }
    let body = String::from_utf8_lossy(&answer.body);
    let excerpt: String = body.trim().chars().take(EXCERPT_MAX).collect();
    let said = if excerpt.is_empty() { excerpt } else { format!(": {excerpt}") };
    let message = format!("the service answered {}{said}", answer.status);
    let failure =
        if is_final(answer.status) { Failure::fatal(message) } else { Failure::retryable(message) };
    let failure = failure.kind("communication").status(answer.status.as_u16());
    Err(match retry_after(answer.status, &answer.headers) {
        Some(delay) => failure.retry_after(delay),
        None => failure,
    })
}

/// `Retry-After` as seconds or as a date (RFC 9110, 10.2.3), with the two codes that it is for.
pub(crate) fn retry_after(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    if !matches!(status.as_u16(), 429 | 503) {
        return None;
    }
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// What becomes the task's output.
pub(crate) fn output(answer: &Answer, form: Output, asked: &Asked) -> Result<Value, Failure> {
    Ok(match form {
        Output::Raw => Value::String(STANDARD.encode(&answer.body)),
        Output::Content => content(answer)?,
        Output::Response => json!({
            "request": {
                "method": asked.method,
                "uri": asked.uri,
                "headers": map(&asked.headers),
            },
            "statusCode": answer.status.as_u16(),
            "headers": map(&answer.headers),
            "content": content(answer)?,
        }),
    })
}

/// The body: JSON as it is, anything else as text.
pub(crate) fn content(answer: &Answer) -> Result<Value, Failure> {
    if answer.body.is_empty() {
        return Ok(Value::Null);
    }
    let media_type = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.map(|text| text.split(';').next().unwrap_or_default().trim());
    let is_json = essence.is_some_and(|essence| {
        essence.eq_ignore_ascii_case("application/json") || essence.ends_with("+json")
    });
    match serde_json::from_slice(&answer.body) {
        Ok(value) if is_json || essence.is_none() => Ok(value),
        Err(error) if is_json => {
            let message = format!("the service answered with JSON that cannot be read: {error}");
            Err(Failure::retryable(message).kind("communication"))
        }
        _ => match std::str::from_utf8(&answer.body) {
            Ok(text) => Ok(Value::String(text.to_owned())),
            Err(_) => {
                let message =
                    "the service answered with bytes that are no UTF-8 text; use `output: raw`";
                Err(Failure::fatal(message).kind("communication"))
            }
        },
    }
}

/// Whether asking again would get the same answer: the caller's own mistakes (but for timing and
/// rate, RFC 9110, RFC 8470 and RFC 6585), and redirects that the call does not allow.
fn is_final(status: StatusCode) -> bool {
    let of_timing = matches!(status.as_u16(), 408 | 425 | 429);
    status.is_redirection() || (status.is_client_error() && !of_timing)
}

/// Headers as a map; several of one name are joined. What identifies a caller is masked, since
/// outputs are kept.
fn map(headers: &HeaderMap) -> Map<String, Value> {
    let mut map = Map::new();
    for name in headers.keys() {
        let values = headers.get_all(name).iter();
        let text: Vec<_> = values.map(|one| String::from_utf8_lossy(one.as_bytes())).collect();
        let text =
            if SECRETS.contains(&name.as_str()) { "***".to_owned() } else { text.join(", ") };
        map.insert(name.to_string(), Value::String(text));
    }
    map
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn response(status: u16, media_type: &'static str, body: &str) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        Answer { status: StatusCode::from_u16(status).unwrap(), headers, body: body.into() }
    }

    #[test]
    fn the_status_says_whether_to_try_again() {
        for (status, fatal) in [
            (400, true),
            (404, true),
            (408, false),
            (425, false),
            (429, false),
            (500, false),
            (301, true),
        ] {
            let failure = check(&response(status, "text/plain", "why"), false).unwrap_err();
            assert_eq!(failure.is_fatal(), fatal, "{status}");
            assert!(failure.message().ends_with(": why"), "{failure}");
        }
        assert!(check(&response(304, "text/plain", ""), true).is_ok());
        assert!(check(&response(204, "text/plain", ""), false).is_ok());
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let after = |status, text: &str| {
            let mut one = response(status, "text/plain", "");
            one.headers.insert(RETRY_AFTER, HeaderValue::from_str(text).unwrap());
            check(&one, false).unwrap_err().retry_after_ms()
        };
        assert_eq!(after(429, "7"), Some(7_000));
        assert_eq!(after(500, "7"), None);
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(60));
        assert!((58_000..=60_000).contains(&after(503, &date).unwrap()));
        assert_eq!(after(503, "soon"), None);
    }

    #[test]
    fn content_is_json_only_if_it_says_so() {
        let content = |media_type, body| super::content(&response(200, media_type, body));
        assert_eq!(content("application/json; charset=utf-8", "[1]").unwrap(), json!([1]));
        assert_eq!(content("application/problem+json", "{}").unwrap(), json!({}));
        assert_eq!(content("text/plain", "[1]").unwrap(), json!("[1]"));
        assert_eq!(content("text/plain", "").unwrap(), Value::Null);
        assert!(content("application/json", "[1").is_err());
        let mut binary = response(200, "application/octet-stream", "");
        binary.body = vec![0xff, 0xfe];
        assert!(super::content(&binary).unwrap_err().is_fatal());
    }
}
