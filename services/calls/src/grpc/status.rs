//! What a status of gRPC means for the task.

use std::time::{Duration, Instant};

use kintsugi_worker::Failure;
use tonic::{Code, Status};

/// Characters of a status's message that stand in the failure.
const EXCERPT_MAX: usize = 512;

/// With this in its metadata, a service says when to try again, or not to (gRFC A6).
const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// Status codes of gRPC as those of HTTP (google.rpc.Code), and whether asking again may help.
pub(super) fn failed(status: &Status, until: Instant) -> Failure {
    let (http, fatal) = match status.code() {
        // Our own limit, which the service was told, or which ended the exchange here.
        Code::DeadlineExceeded => return too_late(),
        Code::Cancelled if Instant::now() >= until => return too_late(),
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => (400, true),
        Code::Unauthenticated => (401, true),
        Code::PermissionDenied => (403, true),
        Code::NotFound => (404, true),
        Code::AlreadyExists => (409, true),
        Code::Unimplemented => (501, true),
        Code::Aborted => (409, false),
        Code::ResourceExhausted => (429, false),
        Code::Cancelled => (499, false),
        Code::Unavailable => (503, false),
        Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss => (500, false),
    };
    let said: String = status.message().chars().take(EXCERPT_MAX).collect();
    let message = format!("the service answered {:?}: {said}", status.code());
    let pushback = status.metadata().get(PUSHBACK).and_then(|value| value.to_str().ok());
    let pushback = pushback.map(|text| text.parse::<u64>().map(Duration::from_millis));
    let failure = match pushback {
        _ if fatal => Failure::fatal(message),
        // Anything that is no number of milliseconds asks not to be tried again.
        Some(Err(_)) => Failure::fatal(message),
        Some(Ok(delay)) => Failure::retryable(message).retry_after(delay),
        None => Failure::retryable(message),
    };
    failure.kind("communication").status(http)
}

/// Whether a failure says that nobody is there who could do what is asked, or that it is too much now:
/// `UNAVAILABLE`, `RESOURCE_EXHAUSTED`, no answer in time, or no connection, which has no status. Any other is
/// an answer of whom was called.
pub(super) fn is_down(failure: &Failure) -> bool {
    match failure.given_status() {
        Some(status) => matches!(status, 408 | 429 | 503),
        None => !failure.is_fatal(),
    }
}

/// There was no answer in time.
pub(super) fn too_late() -> Failure {
    Failure::retryable("the service did not answer in time").kind("timeout").status(408)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: Code, pushback: Option<&'static str>) -> Failure {
        let mut status = Status::new(code, "why");
        if let Some(text) = pushback {
            let value = tonic::metadata::MetadataValue::from_static(text);
            status.metadata_mut().insert(PUSHBACK, value);
        }
        failed(&status, Instant::now() + Duration::from_secs(60))
    }

    #[test]
    fn the_code_says_whether_to_try_again() {
        for (code, fatal) in [
            (Code::NotFound, true),
            (Code::InvalidArgument, true),
            (Code::Unimplemented, true),
            (Code::Unavailable, false),
            (Code::Aborted, false),
            (Code::Internal, false),
        ] {
            let failure = of(code, None);
            assert_eq!((failure.is_fatal(), failure.is_of_kind("communication")), (fatal, true));
        }
        assert!(of(Code::DeadlineExceeded, None).is_of_kind("timeout"));
    }

    #[test]
    fn only_what_says_that_nobody_is_there_counts_against_a_target() {
        for code in [Code::Unavailable, Code::ResourceExhausted, Code::DeadlineExceeded] {
            assert!(is_down(&of(code, None)), "{code:?}");
        }
        // It asks not to be tried again, and is down all the same.
        assert!(is_down(&of(Code::Unavailable, Some("-1"))));
        assert!(is_down(&Failure::retryable("connection refused").kind("communication")));
        for code in [Code::Internal, Code::Unknown, Code::Aborted, Code::NotFound] {
            assert!(!is_down(&of(code, None)), "{code:?}");
        }
    }

    #[test]
    fn a_service_may_push_back() {
        let later = of(Code::Unavailable, Some("1500"));
        assert_eq!((later.is_fatal(), later.retry_after_ms()), (false, Some(1_500)));
        assert!(of(Code::Unavailable, Some("-1")).is_fatal());
        assert!(of(Code::NotFound, Some("5")).is_fatal());
    }
}
