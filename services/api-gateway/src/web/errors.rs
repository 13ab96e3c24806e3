//! Errors that the framework raises, as problems.

use kintsugi_gateway_ops::{Problem, problem::PROBLEM_JSON};
use poem::{
    Error, Response,
    error::{MethodNotAllowedError, NotFoundError},
    http::{StatusCode, header},
};
use poem_openapi::error::{ContentTypeError, ParseParamError, ParsePathError};

/// What `error` tells a client.
pub(super) fn problem(error: &Error, path: &str) -> Problem {
    if let Some(problem) = error.downcast_ref::<Problem>() {
        return problem.clone();
    }
    if let Some(wrong) = error.downcast_ref::<ParseParamError>() {
        let title = format!("the parameter `{}` is malformed or missing", wrong.name);
        return Problem::bad_request("invalid_parameter", title).detail(wrong.reason.clone());
    }
    if let Some(wrong) = error.downcast_ref::<ParsePathError>() {
        let title = format!("the path's `{}` is malformed", wrong.name);
        return Problem::bad_request("invalid_parameter", title).detail(wrong.reason.clone());
    }
    if error.is::<NotFoundError>() {
        return by_status(StatusCode::NOT_FOUND, path);
    }
    if error.is::<MethodNotAllowedError>() {
        return by_status(StatusCode::METHOD_NOT_ALLOWED, path);
    }
    if error.is::<ContentTypeError>() {
        return by_status(StatusCode::UNSUPPORTED_MEDIA_TYPE, path);
    }
    let status = error.status();
    if status.is_server_error() {
        tracing::error!(error = error as &dyn std::error::Error, "a request failed");
        return Problem::internal();
    }
    by_status(status, path).detail(error.to_string())
}

/// An answer that is an error without being a problem becomes one; others go as they are.
pub(super) fn response(response: Response, path: &str) -> Result<Response, Problem> {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_ours =
        kind.is_some_and(|kind| kind == PROBLEM_JSON || kind.starts_with("application/json"));
    if is_error && !is_ours { Err(by_status(status, path)) } else { Ok(response) }
}

fn by_status(status: StatusCode, path: &str) -> Problem {
    let path: String = path.chars().take(200).collect();
    match status {
        StatusCode::NOT_FOUND => Problem::not_found("not_found", format!("nothing is at {path}")),
        StatusCode::METHOD_NOT_ALLOWED => {
            Problem::new(status, "method_not_allowed", format!("{path} has no such method"))
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Problem::new(status, "unsupported_media_type", "the content type is not taken here")
        }
        status if status.is_server_error() => Problem::internal(),
        status => Problem::new(status, "bad_request", "the request is malformed"),
    }
}
