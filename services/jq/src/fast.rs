//! Expressions that need no jq: `.`, `.a.b`, `$x.a.b` and literals, evaluated on JSON as it is.

use serde_json::Value;

/// A simple expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Simple {
    /// Always the same.
    Literal(Value),
    /// A property of the input, or of a variable.
    Path {
        /// Its name, without `$`; none: the input.
        variable: Option<String>,
        /// What is looked up in turn.
        keys: Vec<String>,
    },
}

impl Simple {
    /// Takes `code` if it is that simple.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        match code.trim() {
            "true" => return Some(Self::Literal(Value::Bool(true))),
            "false" => return Some(Self::Literal(Value::Bool(false))),
            "null" => return Some(Self::Literal(Value::Null)),
            "." => return Some(Self::Path { variable: None, keys: Vec::new() }),
            _ => {}
        }
        let code = code.trim();
        if let Some(text) = code.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            let plain = !text.contains(['"', '\\']);
            return plain.then(|| Self::Literal(Value::String(text.to_owned())));
        }
        if code.len() <= 18 && code.bytes().all(|b| b.is_ascii_digit()) {
            return code.parse::<i64>().ok().map(|int| Self::Literal(int.into()));
        }
        let (head, rest) = code.split_at(code.find('.')?.min(code.len()));
        let variable = match head.strip_prefix('$') {
            Some(name) if is_word(name) => Some(name.to_owned()),
            None if head.is_empty() => None,
            _ => return None,
        };
        let keys = rest.split('.').skip(1);
        let keys = keys.map(|key| is_word(key).then(|| key.to_owned())).collect::<Option<_>>()?;
        Some(Self::Path { variable, keys })
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The value at `keys`; absent is null, and what has no keys is an error, as in jq.
///
/// # Errors
///
/// When a value has no keys.
pub fn walk<'v>(mut value: &'v Value, keys: &[String]) -> Result<&'v Value, String> {
    for key in keys {
        value = match value {
            Value::Object(map) => map.get(key).unwrap_or(&Value::Null),
            Value::Null => return Ok(&Value::Null),
            Value::Bool(_) => return Err("cannot index a boolean with a string".to_owned()),
            Value::Number(_) => return Err("cannot index a number with a string".to_owned()),
            Value::String(_) => return Err("cannot index a string with a string".to_owned()),
            Value::Array(_) => return Err("cannot index an array with a string".to_owned()),
        };
    }
    Ok(value)
}
