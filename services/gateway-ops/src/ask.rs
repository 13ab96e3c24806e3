//! What requests say, in the words of their doors: limits, ids, times.

use std::time::Duration;

use kintsugi_core::{DEPTH_MAX, RunId, Timestamp, is_too_deep};
use kintsugi_entities::Page;
use serde_json::Value;

use crate::problem::Problem;

/// Rows on a page unless asked for otherwise, and at most.
const PAGE: (u32, u32) = (50, 200);

/// The page that a request asks for.
///
/// # Errors
///
/// 400 when the limit is out of range.
pub fn page(wanted: Option<u32>, cursor: Option<String>) -> Result<Page, Problem> {
    let (usual, max) = PAGE;
    Ok(Page { limit: limit(wanted, usual, max)?, cursor })
}

/// How many are wanted.
///
/// # Errors
///
/// 400 when it is 0 or above `max`.
pub fn limit(wanted: Option<u32>, usual: u32, max: u32) -> Result<u32, Problem> {
    let wanted = wanted.unwrap_or(usual);
    if (1..=max).contains(&wanted) {
        return Ok(wanted);
    }
    Err(Problem::bad_request("invalid_parameter", format!("`limit` must be 1 to {max}")))
}

/// Refuses an input that would make a state which nobody could read again.
///
/// # Errors
///
/// 422.
pub fn shallow(input: &Value) -> Result<(), Problem> {
    if is_too_deep(input) {
        let title = format!("the input nests deeper than {DEPTH_MAX} levels");
        return Err(Problem::unprocessable("too_deep", title));
    }
    Ok(())
}

/// The run that a path names. What is no id names no run.
///
/// # Errors
///
/// 404.
pub fn run_id(text: &str) -> Result<RunId, Problem> {
    RunId::parse(text).map_err(|error| no_run(text).detail(error.to_string()))
}

/// There is no such run.
pub fn no_run(id: &str) -> Problem {
    let shown: String = id.chars().take(80).collect();
    Problem::not_found("run_not_found", format!("there is no run {shown}"))
}

/// How long to wait: `30s`, `500ms`, `1m`, or seconds without a unit.
///
/// # Errors
///
/// 400 when the text has another form.
pub fn wait(text: &str) -> Result<Duration, Problem> {
    let refused = || {
        let title = "`wait` must be like `30s`, `500ms` or `1m`";
        Problem::bad_request("invalid_parameter", title)
    };
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u32 = number.parse().map_err(|_| refused())?;
    let millis = match unit {
        "ms" => 1,
        "s" | "" => 1_000,
        "m" => 60_000,
        _ => return Err(refused()),
    };
    Ok(Duration::from_millis(u64::from(number) * millis))
}

/// The time in the parameter `name`, in milliseconds.
///
/// # Errors
///
/// 400 when it is none of RFC 3339 in UTC.
pub fn instant(name: &str, text: &str) -> Result<i64, Problem> {
    let parsed = humantime::parse_rfc3339(text).ok();
    let since = parsed.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    since.and_then(|since| i64::try_from(since.as_millis()).ok()).ok_or_else(|| {
        let title = format!("`{name}` must be a time in UTC like 2026-11-25T15:00:00Z");
        Problem::bad_request("invalid_parameter", title)
    })
}

/// Milliseconds as the API writes a time.
pub(crate) fn time(millis: i64) -> String {
    Timestamp(millis).to_rfc3339()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_has_a_unit_or_is_in_seconds() {
        assert_eq!(wait("30s").unwrap(), Duration::from_secs(30));
        assert_eq!(wait("250ms").unwrap(), Duration::from_millis(250));
        assert_eq!(wait("2").unwrap(), Duration::from_secs(2));
        for bad in ["", "s", "-1s", "1h", "1.5s", "99999999999s", "1 s"] {
            assert_eq!(wait(bad).unwrap_err().status, 400, "{bad}");
        }
    }

    #[test]
    fn a_time_is_in_utc() {
        assert_eq!(instant("at", "1970-01-01T00:00:01.5Z").unwrap(), 1_500);
        for bad in
            ["", "now", "5", "1970-01-01", "1969-12-31T23:59:59Z", "2026-11-25T15:00:00+01:00"]
        {
            assert_eq!(instant("at", bad).unwrap_err().status, 400, "{bad}");
        }
    }

    #[test]
    fn a_limit_is_in_range() {
        assert_eq!(limit(None, 50, 200).unwrap(), 50);
        assert!(limit(Some(0), 50, 200).is_err() && limit(Some(201), 50, 200).is_err());
    }
}
