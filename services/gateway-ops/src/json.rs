//! JSON from outside: what is no JSON, too deep, or not exact in our hands is refused with the
//! place at which it stands.

use kintsugi_nats::{Inexact, exact};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::problem::Problem;

/// Reads `bytes` as a `T`.
///
/// # Errors
///
/// 400 when it is no JSON; 422 when it is, but nests too deep, holds half a surrogate pair or a
/// number that would not be kept exactly, or is no `T`.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Problem::bad_request("malformed_json", "the body is empty; it must be JSON"));
    }
    exact(bytes).map_err(|problem| inexact(&problem))?;
    let wrong = |error: serde_json::Error| {
        let detail = error.to_string();
        match error.classify() {
            serde_json::error::Category::Data => {
                Problem::unprocessable("invalid_body", "the body has another form").detail(detail)
            }
            _ if detail.contains("surrogate") || detail.contains("end of hex escape") => {
                let title = "the JSON has an escape that is half of a surrogate pair";
                Problem::unprocessable("invalid_string", title).detail(detail)
            }
            _ => Problem::bad_request("malformed_json", "the body is no JSON").detail(detail),
        }
    };
    serde_json::from_slice(bytes).map_err(wrong)
}

/// Reads a payload; nothing at all is `null`.
///
/// # Errors
///
/// As [`from_slice`].
pub fn payload(bytes: &[u8]) -> Result<Value, Problem> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    from_slice(bytes)
}

fn inexact(inexact: &Inexact) -> Problem {
    let (code, at) = match inexact {
        Inexact::TooDeep { at } => ("too_deep", at),
        Inexact::Number { at, .. } => ("number_out_of_range", at),
    };
    Problem::unprocessable(code, inexact.to_string()).detail(format!("at byte {at}"))
}

#[cfg(test)]
mod tests {
    use kintsugi_nats::JSON_DEPTH_MAX as DEPTH_MAX;

    use super::*;

    fn code(text: &str) -> (u16, String) {
        let problem = from_slice::<Value>(text.as_bytes()).unwrap_err();
        (problem.status, problem.code)
    }

    #[test]
    fn what_is_no_json_is_told_apart_from_what_we_cannot_keep() {
        for bad in ["", " ", "{", "[1,]", "{\"a\":1,}", "nul", "01", "-", "'a'", "\"\u{1}\"", "1 2"]
        {
            assert_eq!(code(bad), (400, "malformed_json".into()), "{bad:?}");
        }
        for bad in [r#""\ud800""#, r#"["\udc00"]"#, r#""\ud800\ud800""#, r#""\ud800x""#] {
            assert_eq!(code(bad), (422, "invalid_string".into()), "{bad:?}");
        }
        for bad in ["18446744073709551616", "[-9223372036854775809]", "1e999", "{\"a\":-1.0e400}"] {
            assert_eq!(code(bad), (422, "number_out_of_range".into()), "{bad:?}");
        }
    }

    #[test]
    fn depth_is_bounded_and_brackets_in_strings_do_not_count() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(from_slice::<Value>(nested(DEPTH_MAX).as_bytes()).is_ok());
        assert_eq!(code(&nested(DEPTH_MAX + 1)), (422, "too_deep".into()));
        assert_eq!(code(&nested(100_000)), (422, "too_deep".into()));
        let text = format!("\"{}\\\"{}\"", "[".repeat(500), "{".repeat(500));
        assert!(from_slice::<Value>(text.as_bytes()).is_ok());
    }

    #[test]
    fn whole_numbers_of_64_bits_and_nul_characters_are_kept() {
        let text = r#"[9007199254740993,18446744073709551615,-9223372036854775808,"a\u0000b"]"#;
        let value: Value = from_slice(text.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&value).unwrap(), text);
    }
}
