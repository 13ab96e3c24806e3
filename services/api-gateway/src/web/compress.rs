//! Compression of answers: gzip, of text that is read, never of event streams, which would be held
//! back until a block is full.

use poem::{
    IntoResponse, Request, Response,
    http::{HeaderValue, Method, StatusCode, header},
    web::{Compress, CompressionAlgo, CompressionLevel},
};

/// What a client takes.
pub(super) struct Wanted(bool);

impl Wanted {
    /// What `request` says.
    pub(super) fn of(request: &Request) -> Self {
        let values = request.headers().get_all(header::ACCEPT_ENCODING).iter();
        let mut codings = values.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
        Self(codings.any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
            let is_refused = parts.any(|part| {
                let quality = part.strip_prefix("q=").and_then(|q| q.parse::<f32>().ok());
                quality.is_some_and(|quality| quality <= 0.0)
            });
            is_gzip && !is_refused
        }))
    }

    /// Compresses `response` where that is of use.
    pub(super) fn apply(&self, method: &Method, mut response: Response) -> Response {
        let fits = method == Method::GET
            && response.status() == StatusCode::OK
            && response.headers().get(header::CONTENT_ENCODING).is_none()
            && response.headers().get(header::CONTENT_TYPE).is_some_and(is_text);
        if !fits {
            return response;
        }
        response.headers_mut().append(header::VARY, HeaderValue::from_static("accept-encoding"));
        if !self.0 {
            return response;
        }
        let compress = Compress::new(response, CompressionAlgo::GZIP);
        compress.with_quality(CompressionLevel::Fastest).into_response()
    }
}

fn is_text(kind: &HeaderValue) -> bool {
    let kind = kind.to_str().unwrap_or("");
    let kind = kind.split(';').next().unwrap_or(kind).trim();
    match kind {
        "text/event-stream" => false,
        "application/json" | "application/javascript" | "image/svg+xml" | "application/wasm" => {
            true
        }
        other => other.starts_with("text/"),
    }
}
