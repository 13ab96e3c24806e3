//! JSON from outside: what is no JSON, too deep, or not exact in our hands is refused with the
//! place at which it stands.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::problem::Problem;

/// How deep JSON may nest. It is the limit of the parser too.
const DEPTH_MAX: usize = 127;

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
    scan(bytes)?;
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

/// Looks for what a parser would refuse with no clear word (depth) or take with a loss (integers
/// beyond 64 bits, numbers beyond a double), in one pass and without recursion.
fn scan(bytes: &[u8]) -> Result<(), Problem> {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(bytes, at),
            b'[' | b'{' => {
                depth += 1;
                if depth > DEPTH_MAX {
                    let title = format!("the JSON nests deeper than {DEPTH_MAX} levels");
                    let problem = Problem::unprocessable("too_deep", title);
                    return Err(problem.detail(format!("at byte {at}")));
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'-' | b'0'..=b'9' => {
                let end = number_end(bytes, at);
                number(&bytes[at..end], at)?;
                at = end - 1;
            }
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

/// Index of the closing quote, or of the last byte.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn number_end(bytes: &[u8], start: usize) -> usize {
    let rest = &bytes[start..];
    let length = rest
        .iter()
        .position(|byte| !matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    start + length.unwrap_or(rest.len())
}

fn number(text: &[u8], at: usize) -> Result<(), Problem> {
    let Ok(text) = std::str::from_utf8(text) else { return Ok(()) };
    let is_integer = !text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'));
    let is_kept = if is_integer {
        // 19 digits or fewer always fit, so that the common case costs no second parse.
        text.len() < 19 || text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok()
    } else {
        text.parse::<f64>().map_or(true, f64::is_finite)
    };
    if is_kept {
        return Ok(());
    }
    let shown: String = text.chars().take(40).collect();
    let title = format!("the number {shown} is beyond 64 bits and would not be kept exactly");
    Err(Problem::unprocessable("number_out_of_range", title).detail(format!("at byte {at}")))
}

#[cfg(test)]
mod tests {
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
