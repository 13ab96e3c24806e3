//! What an output may cost.

use std::io::{self, Write};

use serde_json::Value;

use crate::{Failure, Settings, handler::Outcome, payloads::Payloads};

/// How deep an output may nest. JSON readers stop at 128, and an output is wrapped in messages and
/// states on its way; one that nobody could read again would stop the whole batch that it is in.
const DEPTH_MAX: usize = 64;

/// What travels for an output: itself where it is short enough, else its reference. That is put before anyone is told
/// of it: killed in between, a worker leaves a payload that nobody refers to, which is swept.
pub(crate) async fn settle(output: Value, settings: &Settings, payloads: &Payloads) -> Outcome {
    let Settings { output_max, payload_max, .. } = *settings;
    if payload_max == 0 || fits(&output, output_max) {
        return check(&output, output_max).map(|()| output);
    }
    check(&output, payload_max)?;
    let content = serde_json::to_vec(&output)?;
    drop(output);
    let reference = payloads.put(content.into(), "application/json").await?;
    Ok(serde_json::to_value(reference)?)
}

/// Refuses an output that is longer than `max` bytes as JSON, or nests too deep. U+0000 is allowed.
pub(crate) fn check(output: &Value, max: usize) -> Result<(), Failure> {
    if is_deeper(output, DEPTH_MAX) {
        return Err(Failure::fatal(format!("the output nests deeper than {DEPTH_MAX} levels")));
    }
    if !fits(output, max) {
        return Err(Failure::fatal(format!(
            "the output is longer than {max} bytes as JSON; store it elsewhere and give a reference"
        )));
    }
    Ok(())
}

fn fits(output: &Value, max: usize) -> bool {
    serde_json::to_writer(Room(max), output).is_ok()
}

fn is_deeper(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels == 0 || items.iter().any(|item| is_deeper(item, levels - 1)),
        Value::Object(map) => levels == 0 || map.values().any(|item| is_deeper(item, levels - 1)),
        _ => false,
    }
}

/// Counts down what is written, and keeps nothing.
struct Room(usize);

impl Write for Room {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or_else(|| io::Error::other("too long"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_limit_counts_bytes_of_json() {
        assert!(check(&json!("x".repeat(8)), 10).is_ok());
        assert!(check(&json!("x".repeat(9)), 10).is_err());
        assert!(check(&json!("\0"), 10).is_ok());
    }

    #[test]
    fn what_nests_too_deep_is_refused() {
        let nested = |levels| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        assert!(check(&nested(DEPTH_MAX), 1 << 20).is_ok());
        assert!(check(&nested(DEPTH_MAX + 1), 1 << 20).is_err());
    }
}
