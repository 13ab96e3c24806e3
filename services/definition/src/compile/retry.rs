//! Retry policies of the language.

use kintsugi_core::{Backoff, RetryPolicy, TryRetry};

use super::Compiler;
use crate::Problem;
use crate::source::{Checks, Fields, Tree};

/// Attempts when a policy states no limit at all: what never ends never reaches a person.
const UNLIMITED_ATTEMPTS: u32 = 10;

/// A year: in effect, no cap on a delay.
const NO_CAP_MS: u64 = 365 * 86_400_000;

impl<'a> Compiler<'a> {
    /// `catch.retry` or an entry of `use.retries`.
    pub(super) fn retry(&mut self, tree: &'a Tree, pointer: &str) -> Option<TryRetry> {
        let known = ["delay", "backoff", "limit", "jitter", "when", "exceptWhen"];
        let fields = self.fields(tree, pointer, "a retry policy", &known)?;
        let delay = fields.at("delay").map(|(tree, at)| self.millis(tree, &at, "`delay`"));
        let backoff = fields.at("backoff").map(|(tree, at)| self.backoff(tree, &at));
        let (backoff, cap) = backoff.unwrap_or((Backoff::Constant, None));
        let limit = fields.at("limit").and_then(|(tree, at)| self.limit(tree, &at));
        let jitter_ms = fields.at("jitter").and_then(|(tree, at)| self.jitter(tree, &at));
        let Limit { count, attempt_ms, total_ms } = limit.unwrap_or_default();
        let maximum_attempts = match (count, total_ms) {
            (Some(retries), _) => retries.saturating_add(1),
            (None, Some(_)) => u32::MAX,
            (None, None) => UNLIMITED_ATTEMPTS,
        };
        let policy = RetryPolicy {
            initial_interval_ms: delay.flatten().unwrap_or(1_000),
            backoff,
            maximum_interval_ms: cap.unwrap_or(NO_CAP_MS),
            maximum_attempts,
            total_ms,
            jitter: 0.0,
            jitter_ms,
        };
        let when = fields.at("when").and_then(|(tree, at)| self.condition(tree, &at, "`when`"));
        let except_when = fields
            .at("exceptWhen")
            .and_then(|(tree, at)| self.condition(tree, &at, "`exceptWhen`"));
        Some(TryRetry { policy, when, except_when, attempt_ms })
    }

    /// One of the three strategies, and the longest delay.
    fn backoff(&mut self, tree: &'a Tree, pointer: &str) -> (Backoff, Option<u64>) {
        let none = (Backoff::Constant, None);
        let known = ["constant", "exponential", "linear"];
        let Some(fields) = self.fields(tree, pointer, "`backoff`", &known) else { return none };
        let [entry] = fields.entries else {
            let message = "`backoff` is one of constant, linear and exponential";
            self.problem(Problem::new("type", tree.mark, message).at(pointer));
            return none;
        };
        let at = fields.path(&entry.key);
        let what = format!("`{}`", entry.key);
        let own: &[&str] =
            if entry.key == "exponential" { &["factor", "maxDelay"] } else { &["maxDelay"] };
        let Some(own) = self.fields(&entry.value, &at, &what, own) else { return none };
        if !own.entries.is_empty() {
            let message = format!("the language leaves open what the parameters of {what} mean");
            self.not_portable(own.mark, &at, message);
        }
        let cap = own.at("maxDelay").and_then(|(tree, at)| self.millis(tree, &at, "`maxDelay`"));
        let backoff = match entry.key.as_str() {
            "linear" => Backoff::Linear,
            "exponential" => Backoff::Exponential { coefficient: self.factor(&own, "factor") },
            _ => Backoff::Constant,
        };
        (backoff, cap)
    }

    /// By what an exponential delay grows.
    pub(super) fn factor(&mut self, fields: &Fields<'a>, key: &str) -> f64 {
        let found = fields
            .at(key)
            .and_then(|(tree, at)| self.number(tree, &at, &format!("`{key}`"), (1.0, 1_000.0)));
        found.unwrap_or(2.0)
    }

    fn limit(&mut self, tree: &'a Tree, pointer: &str) -> Option<Limit> {
        let fields = self.fields(tree, pointer, "`limit`", &["attempt", "duration"])?;
        let total_ms =
            fields.at("duration").and_then(|(tree, at)| self.millis(tree, &at, "`limit.duration`"));
        let attempt = fields.at("attempt").and_then(|(tree, at)| {
            self.fields(tree, &at, "`limit.attempt`", &["count", "duration"])
        });
        let Some(attempt) = attempt else { return Some(Limit { total_ms, ..Limit::default() }) };
        let count = attempt.at("count").and_then(|(tree, at)| {
            self.integer(tree, &at, "`count`", (0, u64::from(u32::MAX - 1)))
        });
        let attempt_ms = attempt
            .at("duration")
            .and_then(|(tree, at)| self.millis(tree, &at, "`limit.attempt.duration`"));
        Some(Limit {
            count: count.and_then(|count| u32::try_from(count).ok()),
            attempt_ms,
            total_ms,
        })
    }

    fn jitter(&mut self, tree: &'a Tree, pointer: &str) -> Option<(u64, u64)> {
        let fields = self.fields(tree, pointer, "`jitter`", &["from", "to"])?;
        let from = self.required(&fields, "from", "`jitter`");
        let to = self.required(&fields, "to", "`jitter`");
        let (from, to) = (from?, to?);
        let from = self.millis(from.0, &from.1, "`from`")?;
        let to_ms = self.millis(to.0, &to.1, "`to`")?;
        if from > to_ms {
            let message = "`jitter.from` is longer than `jitter.to`";
            self.problem(Problem::new("out-of-range", to.0.mark, message).at(to.1));
        }
        Some((from, to_ms))
    }
}

/// `retry.limit`.
#[derive(Default)]
struct Limit {
    /// How many retries.
    count: Option<u32>,
    attempt_ms: Option<u64>,
    total_ms: Option<u64>,
}
