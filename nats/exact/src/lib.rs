//! JSON from outside that a parser would refuse with no clear word (depth), or take with a loss
//! (integers beyond 64 bits, numbers beyond a double).

/// How deep JSON may nest. It is the limit of the parser too.
pub const JSON_DEPTH_MAX: usize = 127;

/// Why JSON would not be kept as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Inexact {
    /// It nests too deep.
    #[error("the JSON nests deeper than {JSON_DEPTH_MAX} levels")]
    TooDeep {
        /// Position of the bracket that is too much.
        at: usize,
    },
    /// A number is too large, or has too many digits.
    #[error("the number {number} is beyond 64 bits and would not be kept exactly")]
    Number {
        /// Its first 40 characters.
        number: String,
        /// Where it begins.
        at: usize,
    },
}

/// Looks for both in one pass and without recursion. Whether it is JSON at all, the parser says.
///
/// # Errors
///
/// When the JSON would not be kept as it is.
pub fn exact(bytes: &[u8]) -> Result<(), Inexact> {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(bytes, at),
            b'[' | b'{' => {
                depth += 1;
                if depth > JSON_DEPTH_MAX {
                    return Err(Inexact::TooDeep { at });
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

fn number(text: &[u8], at: usize) -> Result<(), Inexact> {
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
    Err(Inexact::Number { number: text.chars().take(40).collect(), at })
}
