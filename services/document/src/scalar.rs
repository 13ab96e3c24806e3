//! Plain scalars of YAML, after the core schema of YAML 1.2.2, section 10.3.2.

use serde_json::Number;

use crate::Node;

/// Why a plain scalar was refused: code and message.
pub(super) type Refusal = (&'static str, String);

/// What a plain scalar stands for.
pub(super) fn resolve(text: &str) -> Result<Node, Refusal> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Node::Null,
        "true" | "True" | "TRUE" => Node::Bool(true),
        "false" | "False" | "FALSE" => Node::Bool(false),
        _ if looks_like_number(text) => return number(text).map(Node::Number),
        _ if is_non_finite(text) => return Err(not_finite(text)),
        _ => Node::String(text.to_owned()),
    })
}

/// A number in the notation of YAML's core schema, which JSON's is a part of.
pub(super) fn number(text: &str) -> Result<Number, Refusal> {
    let too_large = || {
        let message = format!("the integer {} does not fit in 64 bits", short(text));
        Err(("integer-range", message))
    };
    let digits = text.strip_prefix('+').unwrap_or(text);
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = digits.strip_prefix(prefix) {
            return u64::from_str_radix(digits, radix).map(Number::from).or_else(|_| too_large());
        }
    }
    if digits.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
        let signed = digits.parse::<i64>().map(Number::from);
        return signed
            .or_else(|_| digits.parse::<u64>().map(Number::from))
            .or_else(|_| too_large());
    }
    let float = digits.parse::<f64>().ok().and_then(Number::from_f64);
    float.ok_or_else(|| not_finite(text))
}

fn not_finite(text: &str) -> Refusal {
    (
        "number-range",
        format!("the number {} is not finite, and JSON has no such number", short(text)),
    )
}

fn short(text: &str) -> String {
    if text.len() <= 40 { text.to_owned() } else { format!("{}…", &text[..40]) }
}

fn is_non_finite(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN")
}

/// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`, `0o[0-7]+`, `0x[0-9a-fA-F]+`.
fn looks_like_number(text: &str) -> bool {
    let all =
        |text: &str, test: fn(&u8) -> bool| !text.is_empty() && text.as_bytes().iter().all(test);
    if let Some(hex) = text.strip_prefix("0x") {
        return all(hex, u8::is_ascii_hexdigit);
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return all(octal, |b| (b'0'..=b'7').contains(b));
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let exponent_fits = exponent.is_none_or(|exponent| {
        all(exponent.strip_prefix(['+', '-']).unwrap_or(exponent), u8::is_ascii_digit)
    });
    digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty()) && exponent_fits
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{Mark, Tree};

    fn value(text: &str) -> Value {
        Tree { mark: Mark::default(), node: resolve(text).unwrap() }.to_value()
    }

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        for (text, expected) in [
            ("~", json!(null)),
            ("True", json!(true)),
            ("yes", json!("yes")),
            ("on", json!("on")),
            ("9007199254740993", json!(9_007_199_254_740_993_u64)),
            ("18446744073709551615", json!(u64::MAX)),
            ("-9223372036854775808", json!(i64::MIN)),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("+12", json!(12)),
            ("1e3", json!(1000.0)),
            (".5", json!(0.5)),
            ("5.", json!(5.0)),
            ("1.0.3", json!("1.0.3")),
            ("-", json!("-")),
            ("1_000", json!("1_000")),
            ("0b11", json!("0b11")),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
    }

    #[test]
    fn numbers_that_json_lacks_are_refused() {
        for (text, code) in [
            ("18446744073709551616", "integer-range"),
            (".inf", "number-range"),
            ("1e999", "number-range"),
        ] {
            assert_eq!(resolve(text).unwrap_err().0, code, "{text}");
        }
    }
}
