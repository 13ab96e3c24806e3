//! Words.

use kintsugi_core::{Error, Timestamp};
use serde_json::Value;

use crate::{Cause, Kind, State, Subject};

/// The longest that a text of others is quoted, in characters.
const QUOTED_MAX: usize = 160;

/// A length of time, roughly.
pub(crate) fn span(millis: u64) -> String {
    let seconds = millis / 1_000;
    match seconds {
        0 => format!("{millis} ms"),
        1..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// How long ago something was.
pub(crate) fn ago(at: Timestamp, now: Timestamp) -> String {
    format!("{} ago", span(now.since(at)))
}

/// `1 task`, `2 tasks`.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

/// What others wrote, cut.
pub(crate) fn quoted(text: &str) -> String {
    let cut: String = text.chars().take(QUOTED_MAX).collect();
    let cut: String = cut.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().count() > QUOTED_MAX { cut + "…" } else { cut }
}

/// An error, as a part of a sentence.
pub(crate) fn error(error: &Error) -> String {
    let title = error.title.as_deref().unwrap_or(&error.kind);
    match &error.detail {
        Some(detail) => format!("{}: {}", quoted(title), quoted(detail)),
        None => quoted(title),
    }
}

/// A payload, as a part of a sentence.
pub(crate) fn payload(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        value => quoted(&value.to_string()),
    }
}

/// `a`, `a and b`, `a, b and 3 more`.
pub(crate) fn list(names: &[String], shown: usize) -> String {
    let quoted: Vec<String> = names.iter().take(shown).map(|name| format!("`{name}`")).collect();
    let left = names.len() - quoted.len();
    match (quoted.as_slice(), left) {
        ([], _) => "nobody".to_owned(),
        (all, 0) if all.len() > 1 => {
            format!("{} and {}", all[..all.len() - 1].join(", "), all[all.len() - 1])
        }
        (all, 0) => all.join(", "),
        (all, left) => format!("{} and {left} more", all.join(", ")),
    }
}

/// One sentence: what it is about, whether it moves, the nearest causes and the root.
pub(crate) fn summary(subject: &Subject, state: State, causes: &[Cause], others: u64) -> String {
    let verb = match state {
        State::Stuck => "stands still",
        State::Moving => "moves",
        State::Waiting => "waits",
        State::Idle => "has nothing to do",
        State::Ended => "has ended",
    };
    let kind = match subject.kind {
        Kind::DeadLetter => "dead letter",
        kind => kind.as_str(),
    };
    let mut text = format!("{kind} {} {verb}", subject.id);
    let said: Vec<&str> = causes.iter().map(|cause| cause.what.as_str()).collect();
    match said.as_slice() {
        [] => {}
        [near, .., before, root] if said.len() > 3 => {
            text += &format!(": {near}; …; {before}; {root}");
        }
        all => text += &format!(": {}", all.join("; ")),
    }
    if others > 0 {
        text += &format!(" (and {})", count(others, "other open part", "other open parts"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_rough() {
        let said: Vec<String> =
            [0, 999, 1_000, 119_999, 120_000, 7_200_000, 172_800_000].map(span).to_vec();
        assert_eq!(said, ["0 ms", "999 ms", "1 s", "119 s", "2 min", "2 h", "2 days"]);
    }

    #[test]
    fn lists_are_cut() {
        let names = |count: usize| (0..count).map(|n| format!("n{n}")).collect::<Vec<_>>();
        assert_eq!(list(&names(0), 3), "nobody");
        assert_eq!(list(&names(1), 3), "`n0`");
        assert_eq!(list(&names(3), 3), "`n0`, `n1` and `n2`");
        assert_eq!(list(&names(5), 3), "`n0`, `n1`, `n2` and 2 more");
    }

    #[test]
    fn what_others_wrote_stays_on_its_line() {
        assert_eq!(quoted("a\nb"), "a b");
        assert_eq!(quoted(&"x".repeat(500)).chars().count(), QUOTED_MAX + 1);
    }
}
