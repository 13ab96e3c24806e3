//! What the end of a process means for the task.

use std::{os::unix::process::ExitStatusExt, process::ExitStatus};

use kintsugi_worker::Failure;
use serde::Deserialize;
use serde_json::{Value, json};

/// Exit codes that say that trying again will not help, by their names in BSD's `sysexits.h`:
/// `EX_USAGE`, `EX_DATAERR`, `EX_NOINPUT`, `EX_CONFIG`.
const FATAL_CODES: [i32; 4] = [64, 65, 66, 78];

/// Bytes of stderr that stand in an error.
const SHOWN_MAX: usize = 2 << 10;

/// What of a process becomes the task's output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Return {
    /// What it wrote to stdout.
    #[default]
    Stdout,
    /// What it wrote to stderr.
    Stderr,
    /// Its exit code.
    Code,
    /// All three.
    All,
    /// Nothing.
    None,
}

/// How a process ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

/// The task's output, or its error. Where the workflow asks for the exit code, it judges that itself;
/// else a code that is not 0 is an error.
pub(crate) fn judge(ended: Ended, gives: Return) -> Result<Value, Failure> {
    let Some(code) = ended.status.code() else {
        let signal = ended.status.signal().unwrap_or_default();
        let said = said(&ended.stderr);
        return Err(Failure::retryable(format!("the process was killed by signal {signal}{said}")));
    };
    if code != 0 && !matches!(gives, Return::Code | Return::All) {
        let message = format!("the process exited with {code}{}", said(&ended.stderr));
        let fatal = FATAL_CODES.contains(&code);
        return Err(if fatal { Failure::fatal(message) } else { Failure::retryable(message) });
    }
    Ok(match gives {
        Return::Stdout => Value::String(text("stdout", ended.stdout)?),
        Return::Stderr => Value::String(text("stderr", ended.stderr)?),
        Return::Code => json!(code),
        Return::All => json!({
            "code": code,
            "stdout": text("stdout", ended.stdout)?,
            "stderr": text("stderr", ended.stderr)?,
        }),
        Return::None => Value::Null,
    })
}

/// Whether a failure says that the process ended by itself.
pub(crate) fn is_exit(failure: &Failure) -> bool {
    failure.message().starts_with("the process exited with ")
}

/// A text, without the end of its last line.
fn text(what: &str, bytes: Vec<u8>) -> Result<String, Failure> {
    let mut text = String::from_utf8(bytes)
        .map_err(|_| Failure::fatal(format!("what the process wrote to {what} is not UTF-8")))?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

fn said(stderr: &[u8]) -> String {
    let tail = &stderr[stderr.len().saturating_sub(SHOWN_MAX)..];
    match String::from_utf8_lossy(tail).trim() {
        "" => String::new(),
        text => format!(": {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(status: i32, stdout: &str, stderr: &str) -> Ended {
        let status = ExitStatus::from_raw(status);
        Ended { status, stdout: stdout.into(), stderr: stderr.into() }
    }

    #[test]
    fn what_is_returned_is_what_was_asked_for() {
        let give = |gives| judge(ended(0, "out\n", "err\r\n"), gives).unwrap();
        assert_eq!(give(Return::Stdout), json!("out"));
        assert_eq!(give(Return::Stderr), json!("err"));
        assert_eq!(give(Return::Code), json!(0));
        assert_eq!(give(Return::All), json!({"code": 0, "stdout": "out", "stderr": "err"}));
        assert_eq!(give(Return::None), Value::Null);
    }

    #[test]
    fn a_code_that_is_not_0_is_an_error_unless_it_is_asked_for() {
        for gives in [Return::Stdout, Return::Stderr, Return::None] {
            let failure = judge(ended(3 << 8, "", "no\n"), gives).unwrap_err();
            assert_eq!(failure.message(), "the process exited with 3: no");
            assert!(!failure.is_fatal());
        }
        assert!(judge(ended(64 << 8, "", ""), Return::None).unwrap_err().is_fatal());
        assert_eq!(judge(ended(3 << 8, "", ""), Return::Code).unwrap(), json!(3));
        assert_eq!(judge(ended(3 << 8, "", ""), Return::All).unwrap()["code"], json!(3));
        assert!(judge(ended(9, "", ""), Return::All).unwrap_err().message().contains("signal 9"));
        let bytes = Ended { stdout: vec![0xff], ..ended(0, "", "") };
        assert!(judge(bytes, Return::Stdout).unwrap_err().is_fatal());
    }
}
