//! What the end of a program means.

use std::{os::unix::process::ExitStatusExt, process::ExitStatus};

use serde_json::Value;

use crate::Failure;

/// Exit codes that say that trying again will not help, by their names in BSD's `sysexits.h`:
/// `EX_USAGE`, `EX_DATAERR`, `EX_NOINPUT`, `EX_CONFIG`.
const FATAL_CODES: [i32; 4] = [64, 65, 66, 78];

/// How a program ended, and what it said.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    /// None: longer than `output_max`.
    pub(super) stdout: Option<Vec<u8>>,
    pub(super) stderr: Vec<u8>,
    pub(super) output_max: usize,
}

/// Says what became of the task.
pub(super) fn judge(ended: Ended) -> Result<Value, Failure> {
    let Some(stdout) = ended.stdout else {
        let max = ended.output_max;
        return Err(Failure::fatal(format!("the program wrote more than {max} bytes to stdout")));
    };
    if ended.status.success() {
        return output(stdout);
    }
    let stderr = String::from_utf8_lossy(&ended.stderr);
    let said = match stderr.trim() {
        "" => String::new(),
        text => format!(": {text}"),
    };
    match (ended.status.code(), ended.status.signal()) {
        (Some(code), _) if FATAL_CODES.contains(&code) => {
            Err(Failure::fatal(format!("the program exited with {code}{said}")))
        }
        (Some(code), _) => Err(Failure::retryable(format!("the program exited with {code}{said}"))),
        (None, signal) => {
            let signal = signal.unwrap_or_default();
            Err(Failure::retryable(format!("the program was killed by signal {signal}{said}")))
        }
    }
}

/// JSON if it is JSON; nothing is null; any other text is a string.
fn output(stdout: Vec<u8>) -> Result<Value, Failure> {
    if let Ok(value) = serde_json::from_slice(&stdout) {
        return Ok(value);
    }
    let text = String::from_utf8(stdout)
        .map_err(|_| Failure::fatal("the program's stdout is neither JSON nor UTF-8 text"))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    Ok(if text.is_empty() { Value::Null } else { Value::String(text.to_owned()) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ended(status: ExitStatus, stdout: &str, stderr: &str) -> Result<Value, Failure> {
        let (stdout, stderr) = (Some(stdout.into()), stderr.into());
        judge(Ended { status, stdout, stderr, output_max: 100 })
    }

    fn exited(code: i32) -> ExitStatus {
        ExitStatus::from_raw(code << 8)
    }

    #[test]
    fn stdout_is_json_or_text_or_nothing() {
        assert_eq!(ended(exited(0), "{\"a\": 1}\n", "").unwrap(), json!({"a": 1}));
        assert_eq!(ended(exited(0), "done\n", "").unwrap(), json!("done"));
        assert_eq!(ended(exited(0), "", "").unwrap(), Value::Null);
    }

    #[test]
    fn the_exit_code_says_whether_to_try_again() {
        for code in 1..=255 {
            let failure = ended(exited(code), "", "bad card\n").unwrap_err();
            assert_eq!(failure.is_fatal(), FATAL_CODES.contains(&code), "{code}");
            assert_eq!(failure.message(), format!("the program exited with {code}: bad card"));
        }
        assert!(!ended(ExitStatus::from_raw(9), "", "").unwrap_err().is_fatal());
    }
}
