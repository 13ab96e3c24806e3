//! The arguments of `call: http`, made a request.

use kintsugi_worker::{Context, Failure};
use reqwest::{
    Method, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::web::Outgoing;

/// What a workflow says about a call.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    method: String,
    endpoint: String,
    #[serde(default)]
    headers: Option<Map<String, Value>>,
    #[serde(default)]
    query: Option<Map<String, Value>>,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    pub(super) output: Output,
    #[serde(default)]
    pub(super) redirect: bool,
}

/// What of a response becomes the task's output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Output {
    /// The body, base64.
    Raw,
    /// The body: JSON as it is, anything else as text.
    #[default]
    Content,
    /// Status, headers and body, and what was asked.
    Response,
}

impl Arguments {
    pub(super) fn read(input: Value) -> Result<Self, Failure> {
        serde_json::from_value(input)
            .map_err(|error| invalid(format!("the arguments of `call: http`: {error}")))
    }

    pub(super) fn url(&self) -> Result<Url, Failure> {
        let endpoint = &self.endpoint;
        let mut url = Url::parse(endpoint)
            .map_err(|error| invalid(format!("`{endpoint}` is not a URL: {error}")))?;
        stays(endpoint)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid(format!("`{endpoint}` is neither `http` nor `https`")));
        }
        for (name, value) in self.query.iter().flatten() {
            let values = match value {
                Value::Array(values) => values.as_slice(),
                one => std::slice::from_ref(one),
            };
            for value in values {
                let text = text(name, value)?;
                url.query_pairs_mut().append_pair(name, &text);
            }
        }
        Ok(url)
    }

    pub(super) fn method(&self) -> Result<Method, Failure> {
        Method::from_bytes(self.method.to_ascii_uppercase().as_bytes())
            .map_err(|_| invalid(format!("`{}` is not an HTTP method", self.method)))
    }

    fn headers(&self) -> Result<HeaderMap, Failure> {
        headers(self.headers.iter().flatten())
    }

    /// The request, without what the worker adds itself.
    pub(super) fn request(&self) -> Result<Outgoing, Failure> {
        let mut request = Outgoing::get(self.url()?);
        (request.method, request.headers) = (self.method()?, self.headers()?);
        let media_type = match &self.body {
            None | Some(Value::Null) => return Ok(request),
            Some(Value::String(text)) => {
                request.body = text.clone().into_bytes();
                "text/plain; charset=utf-8"
            }
            Some(other) => {
                request.body = other.to_string().into_bytes();
                "application/json"
            }
        };
        let media_type = HeaderValue::from_static(media_type);
        request.headers.entry(CONTENT_TYPE).or_insert(media_type);
        Ok(request)
    }
}

/// Headers as a workflow has them.
pub(crate) fn headers<'a>(
    fields: impl Iterator<Item = (&'a String, &'a Value)>,
) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let text = text(name, value)?;
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| invalid(format!("`{name}` is not a name of a header")))?;
        let value = HeaderValue::from_str(&text)
            .map_err(|_| invalid(format!("the value of header `{name}` has a bad character")))?;
        headers.insert(name, value);
    }
    Ok(headers)
}

/// The idempotency key and the trace context of the attempt, where the call has none of its own.
pub(crate) fn own_headers(headers: &mut HeaderMap, context: &Context) {
    let own = [
        ("idempotency-key", Some(context.idempotency_key())),
        ("traceparent", context.traceparent()),
    ];
    for (name, value) in own {
        let value = value.and_then(|value| HeaderValue::from_str(value).ok());
        if let Some(value) = value.filter(|_| !headers.contains_key(name)) {
            headers.insert(name, value);
        }
    }
}

/// A scalar as a text.
pub(crate) fn text(name: &str, value: &Value) -> Result<String, Failure> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        _ => Err(invalid(format!("`{name}` must be a text, a number or a boolean"))),
    }
}

/// A `.` or `..` that data put into a path would lead the request elsewhere: no escape keeps a URL
/// from being shortened by it (WHATWG URL, "path state").
pub(crate) fn stays(url: &str) -> Result<(), Failure> {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let is_dots =
        |part: &str| matches!(part.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    if path.split(['/', '\\']).any(is_dots) {
        return Err(invalid(format!("`{url}` has a `.` or `..` in its path")));
    }
    Ok(())
}

/// Arguments that make no sense.
pub(crate) fn invalid(message: String) -> Failure {
    Failure::fatal(message).kind("validation")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn query_values_join_those_of_the_endpoint() {
        let arguments = Arguments::read(json!({
            "method": "get", "endpoint": "http://x/?a=1", "query": {"b": [2, "ü&"], "c": true}
        }));
        let arguments = arguments.unwrap();
        assert_eq!(arguments.url().unwrap().as_str(), "http://x/?a=1&b=2&b=%C3%BC%26&c=true");
        assert_eq!(arguments.method().unwrap(), Method::GET);
    }

    #[test]
    fn bad_arguments_are_fatal() {
        for bad in [
            json!({}),
            json!({"method": "get", "endpoint": "file:///etc/passwd"}),
            json!({"method": "get", "endpoint": "nowhere"}),
            json!({"method": "get", "endpoint": "http://x/pets/../admin"}),
            json!({"method": "get", "endpoint": "http://x/pets/%2E%2e"}),
            json!({"method": "get", "endpoint": "http://x", "oops": 1}),
            json!({"method": "get", "endpoint": "http://x", "query": {"a": {}}}),
        ] {
            let failure = Arguments::read(bad.clone()).and_then(|read| read.url()).unwrap_err();
            assert!(failure.is_fatal(), "{bad}");
        }
    }
}
