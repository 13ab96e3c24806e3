//! Ids of traces and spans, and their form on the wire (W3C Trace Context, level 1).

use kintsugi_core::RunId;
use opentelemetry::trace::{SpanId, TraceId};
use sha2::{Digest, Sha256};

/// The caller's place in a trace, from a `traceparent` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace.
    pub trace: TraceId,
    /// The caller's span.
    pub span: SpanId,
    /// Whether the caller records its spans. A run's spans are sent either way: they are few, and
    /// who looks for a broken run needs them.
    pub sampled: bool,
}

impl TraceParent {
    /// Reads a `traceparent` header. `None` when it breaks a rule of the specification: then it
    /// must be taken as if there was none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let dashes = bytes.len() >= 55 && [2, 35, 52].iter().all(|at| bytes[*at] == b'-');
        if !dashes {
            return None;
        }
        let [version, trace, span, flags] =
            [hex(&bytes[..2])?, hex(&bytes[3..35])?, hex(&bytes[36..52])?, hex(&bytes[53..55])?];
        // A later version may append fields after a dash; version ff is forbidden.
        let tail_fits = bytes.len() == 55 || (version != "00" && bytes[55] == b'-');
        if version == "ff" || !tail_fits {
            return None;
        }
        let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
        if trace == TraceId::INVALID || span == SpanId::INVALID {
            return None;
        }
        let sampled = u8::from_str_radix(flags, 16).is_ok_and(|flags| flags & 1 == 1);
        Some(Self { trace, span, sampled })
    }
}

/// Lower-case hexadecimal digits as text.
fn hex(bytes: &[u8]) -> Option<&str> {
    let fits = bytes.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    std::str::from_utf8(bytes).ok().filter(|_| fits)
}

/// The trace of a run: the caller's, if the start carried a valid `traceparent`, else one that
/// follows from the run's id.
#[must_use]
pub fn trace_id(run: &RunId, trace_parent: Option<&str>) -> TraceId {
    match trace_parent.and_then(TraceParent::parse) {
        Some(parent) => parent.trace,
        None => TraceId::from_bytes(digest("trace", run, &[])),
    }
}

/// The span of one attempt of a task.
#[must_use]
pub fn span_id(run: &RunId, task: u64, epoch: u64) -> SpanId {
    derived("attempt", run, &[task, epoch])
}

/// The span of a run as a whole.
#[must_use]
pub fn root_span_id(run: &RunId) -> SpanId {
    derived("run", run, &[])
}

/// The trace of a run, for who writes it more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunTrace {
    trace: TraceId,
    root: SpanId,
}

impl RunTrace {
    /// The caller's trace, if the start carried a valid `traceparent`, else the run's own.
    #[must_use]
    pub fn of(run: &RunId, trace_parent: Option<&str>) -> Self {
        Self { trace: trace_id(run, trace_parent), root: root_span_id(run) }
    }

    /// The `traceparent` of the run as a whole.
    #[must_use]
    pub fn traceparent(&self) -> String {
        written(self.trace, self.root)
    }

    /// The `traceparent` that the message of an attempt of `run` carries: spans of its worker become
    /// children of the attempt's.
    #[must_use]
    pub fn of_task(&self, run: &RunId, task: u64, epoch: u64) -> String {
        written(self.trace, span_id(run, task, epoch))
    }
}

/// The `traceparent` of a run as a whole.
#[must_use]
pub fn traceparent(run: &RunId, trace_parent: Option<&str>) -> String {
    RunTrace::of(run, trace_parent).traceparent()
}

/// The value of a `traceparent` header, sampled.
fn written(trace: TraceId, span: SpanId) -> String {
    let mut text = String::with_capacity(55);
    text.push_str("00-");
    push_hex(&mut text, &trace.to_bytes());
    text.push('-');
    push_hex(&mut text, &span.to_bytes());
    text.push_str("-01");
    text
}

/// Without `fmt`, which takes ten times as long: it is done for each task and each event.
fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 15)]);
    }
}

/// The id of a span of `kind`, which tells it from other spans of the same run and numbers.
pub(crate) fn derived(kind: &str, run: &RunId, numbers: &[u64]) -> SpanId {
    let bytes = digest(kind, run, numbers);
    let mut id = [0; 8];
    id.copy_from_slice(&bytes[..8]);
    SpanId::from_bytes(id)
}

fn digest(kind: &str, run: &RunId, numbers: &[u64]) -> [u8; 16] {
    let mut hash = Sha256::new();
    hash.update(b"kintsugi:");
    hash.update(kind);
    hash.update(b":");
    hash.update(run.as_str());
    for number in numbers {
        hash.update(number.to_be_bytes());
    }
    let mut id = [0; 16];
    id.copy_from_slice(&hash.finalize()[..16]);
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_is_read_and_written_the_same() {
        let parent = TraceParent::parse(GOOD).unwrap();
        assert!(parent.sampled);
        assert_eq!(written(parent.trace, parent.span), GOOD);
        let later = format!("cc-{}-what-comes", &GOOD[3..]);
        assert_eq!(TraceParent::parse(&later).unwrap().trace, parent.trace);
    }

    #[test]
    fn a_traceparent_that_breaks_a_rule_is_none() {
        let zero = "0".repeat(32);
        for bad in [
            String::new(),
            GOOD[..54].to_owned(),
            format!("{GOOD}-x"),
            format!("{GOOD}0"),
            format!("cc{}x", &GOOD[2..]),
            GOOD.to_uppercase(),
            GOOD.replacen("00", "ff", 1),
            GOOD.replacen("00", "+0", 1),
            GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &zero),
            GOOD.replace("00f067aa0ba902b7", &zero[..16]),
            GOOD.replace("4bf9", "4bg9"),
            "ä".repeat(28),
        ] {
            assert_eq!(TraceParent::parse(&bad), None, "{bad}");
        }
    }

    #[test]
    fn ids_follow_from_the_run_and_differ_between_spans() {
        let run = RunId::parse("r-1").unwrap();
        assert_eq!(trace_id(&run, None), trace_id(&run, Some("nonsense")));
        assert_eq!(trace_id(&run, Some(GOOD)).to_string(), &GOOD[3..35]);
        let ids = [
            root_span_id(&run),
            span_id(&run, 1, 1),
            span_id(&run, 1, 2),
            span_id(&run, 2, 1),
            derived("retry", &run, &[1, 1]),
        ];
        let distinct = ids.iter().collect::<std::collections::HashSet<_>>();
        assert_eq!(distinct.len(), ids.len());
    }
}
