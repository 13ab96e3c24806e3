//! `$ref` within a document.

use serde_json::Value;

use crate::Refusal;

/// How many references may lead from one to the next.
const CHAIN_MAX: usize = 16;

/// What stands at `value`, or where it refers to within `document`.
pub(crate) fn follow<'d>(document: &'d Value, value: &'d Value) -> Result<&'d Value, Refusal> {
    let mut at = value;
    for _ in 0..CHAIN_MAX {
        let Some(reference) = at.get("$ref").and_then(Value::as_str) else { return Ok(at) };
        let Some(pointer) = reference.strip_prefix('#') else {
            return Err(Refusal::Unsupported(format!(
                "the reference `{reference}` out of the document"
            )));
        };
        at = document.pointer(&decoded(pointer)).ok_or_else(|| {
            Refusal::invalid(format!("the document has nothing at `{reference}`"))
        })?;
    }
    Err(Refusal::invalid("the document's references go in a circle"))
}

/// A pointer in a URI's fragment is percent-encoded (RFC 6901, section 6).
fn decoded(pointer: &str) -> String {
    let bytes = pointer.as_bytes();
    let (mut text, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let hex = pointer.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match hex {
            Some(byte) if bytes[at] == b'%' => {
                text.push(byte);
                at += 3;
            }
            _ => {
                text.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// A text in an object.
pub(crate) fn text<'d>(value: &'d Value, key: &str) -> Option<&'d str> {
    value.get(key).and_then(Value::as_str)
}

/// The items of an array in an object; none is like an empty one.
pub(crate) fn items<'d>(value: &'d Value, key: &str) -> &'d [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_followed_and_circles_are_not() {
        let document = json!({"a/b": {"x y": 1}, "r": {"$ref": "#/s"}, "s": {"$ref": "#/r"}});
        let there = json!({"$ref": "#/a~1b/x%20y"});
        assert_eq!(follow(&document, &there).unwrap(), &json!(1));
        assert!(follow(&document, &document["r"]).is_err());
        assert!(follow(&document, &json!({"$ref": "#/none"})).is_err());
        let out = json!({"$ref": "other.json#/x"});
        assert!(matches!(follow(&document, &out), Err(Refusal::Unsupported(_))));
    }
}
