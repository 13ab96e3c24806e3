//! Errors as the API gives them: RFC 9457, one type for all of them.

use kintsugi_core::IdError;
use poem::{
    Body, Response,
    error::ResponseError,
    http::{StatusCode, header},
};
use poem_openapi::Object;
use serde::Serialize;

use crate::types::DefinitionProblem;

/// The media type of RFC 9457.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request was not done (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Object, Serialize, thiserror::Error)]
#[error("{title}")]
#[oai(skip_serializing_if_is_none)]
pub struct Problem {
    /// A URI for the kind of problem: `urn:kintsugi:problem:` and the code.
    #[serde(rename = "type")]
    #[oai(rename = "type")]
    pub kind: String,
    /// What could not be done.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What to know about it this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What kind of problem; stable, for programs.
    pub code: String,
    /// The trace of the request; quote it in a report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// Everything that is wrong with a document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problems: Option<Vec<DefinitionProblem>>,
    /// Seconds after which a repeat makes sense; the header `Retry-After` too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
}

impl Problem {
    /// A problem of kind `code`.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, title: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:kintsugi:problem:{code}"),
            title: title.into(),
            status: status.as_u16(),
            detail: None,
            code: code.to_owned(),
            trace_id: None,
            problems: None,
            retry_after: None,
        }
    }

    /// 400: the request does not say what is wanted.
    #[must_use]
    pub fn bad_request(code: &'static str, title: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, title)
    }

    /// 422: the request says it, and it cannot be.
    #[must_use]
    pub fn unprocessable(code: &'static str, title: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, title)
    }

    /// 403.
    #[must_use]
    pub fn forbidden(code: &'static str, title: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, title)
    }

    /// 404.
    #[must_use]
    pub fn not_found(code: &'static str, title: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, title)
    }

    /// 409.
    #[must_use]
    pub fn conflict(code: &'static str, title: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, title)
    }

    /// 413.
    #[must_use]
    pub fn too_large(what: &str, bytes_max: usize) -> Self {
        let title = format!("{what} is larger than {bytes_max} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", title)
    }

    /// 503, with the advice to come back.
    #[must_use]
    pub fn unavailable(code: &'static str, title: impl Into<String>) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, title);
        Self { retry_after: Some(1), ..problem }
    }

    /// 500: a defect of ours. What it was is in the log, by the trace id.
    #[must_use]
    pub fn internal() -> Self {
        let title = "the engine failed at this request";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", title)
    }

    /// The same, with more to know.
    #[must_use]
    pub fn detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// The same, with the id of the request's trace.
    #[must_use]
    pub fn traced(self, trace_id: &str) -> Self {
        Self { trace_id: Some(trace_id.to_owned()), ..self }
    }

    /// As JSON text.
    #[must_use]
    pub fn to_json_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl From<IdError> for Problem {
    fn from(error: IdError) -> Self {
        Self::unprocessable("invalid_id", error.to_string())
    }
}

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn as_response(&self) -> Response {
        let mut response = Response::builder()
            .status(self.status())
            .header(header::CONTENT_TYPE, PROBLEM_JSON)
            .header(header::CACHE_CONTROL, "no-store");
        if let Some(seconds) = self.retry_after {
            response = response.header(header::RETRY_AFTER, seconds.to_string());
        }
        if self.status == 401 {
            // `Basic` lets a browser ask for the token and send it with its event streams too.
            response = response
                .header(header::WWW_AUTHENTICATE, "Bearer realm=\"kintsugi\"")
                .header(header::WWW_AUTHENTICATE, "Basic realm=\"kintsugi\", charset=\"UTF-8\"");
        }
        response.body(Body::from_vec(self.to_json_bytes()))
    }
}
