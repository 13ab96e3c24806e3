//! Headers that every answer carries.

use poem::{
    Response,
    http::{HeaderValue, header},
};

/// Nothing but the page's own files: no inline script, no other host, no frame around it.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; font-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

/// Sets what is not set yet.
pub(super) fn secure(response: &mut Response, path: &str) {
    let is_data = path.starts_with("/v1") || path.starts_with("/health") || path == "/metrics";
    let headers = response.headers_mut();
    let mut set = |name: header::HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    if is_data {
        set(header::CACHE_CONTROL, "no-store");
    }
}
