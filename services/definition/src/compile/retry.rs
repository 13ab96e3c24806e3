//! Retry policies of the language.

use kintsugi_core::{Backoff, Expr, RetryPolicy, RetrySpans, Span, TryRetry};

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
        let delay = fields.at("delay").and_then(|(tree, at)| self.span(tree, &at, "`delay`"));
        let backoff = fields.at("backoff").map(|(tree, at)| self.backoff(tree, &at));
        let (backoff, cap) = backoff.unwrap_or((Backoff::Constant, None));
        let limit = fields.at("limit").and_then(|(tree, at)| self.limit(tree, &at));
        let jitter = fields.at("jitter").and_then(|(tree, at)| self.jitter(tree, &at));
        let Limit { count, attempt, total } = limit.unwrap_or_default();
        let maximum_attempts = match (count, total) {
            (Some(retries), _) => retries.saturating_add(1),
            (None, Some(_)) => u32::MAX,
            (None, None) => UNLIMITED_ATTEMPTS,
        };
        let policy = RetryPolicy {
            initial_interval_ms: delay.and_then(fixed).unwrap_or(1_000),
            backoff,
            maximum_interval_ms: cap.and_then(fixed).unwrap_or(NO_CAP_MS),
            maximum_attempts,
            total_ms: total.and_then(fixed),
            jitter: 0.0,
            jitter_ms: jitter.and_then(|(from, to)| fixed(from).zip(fixed(to))),
        };
        let spans = RetrySpans {
            delay: delay.and_then(unknown),
            maximum: cap.and_then(unknown),
            total: total.and_then(unknown),
            jitter: jitter.filter(|_| policy.jitter_ms.is_none()),
        };
        let when = fields.at("when").and_then(|(tree, at)| self.condition(tree, &at, "`when`"));
        let except_when = fields
            .at("exceptWhen")
            .and_then(|(tree, at)| self.condition(tree, &at, "`exceptWhen`"));
        Some(TryRetry { policy, spans, when, except_when, attempt })
    }

    /// One of the three strategies, and the longest delay.
    fn backoff(&mut self, tree: &'a Tree, pointer: &str) -> (Backoff, Option<Span>) {
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
        let cap = own.at("maxDelay").and_then(|(tree, at)| self.span(tree, &at, "`maxDelay`"));
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
        let total =
            fields.at("duration").and_then(|(tree, at)| self.span(tree, &at, "`limit.duration`"));
        let attempt = fields.at("attempt").and_then(|(tree, at)| {
            self.fields(tree, &at, "`limit.attempt`", &["count", "duration"])
        });
        let Some(attempt) = attempt else { return Some(Limit { total, ..Limit::default() }) };
        let count = attempt.at("count").and_then(|(tree, at)| {
            self.integer(tree, &at, "`count`", (0, u64::from(u32::MAX - 1)))
        });
        // It begins with the attempt, before there is an error.
        let error = self.scope.pop();
        let duration = attempt
            .at("duration")
            .and_then(|(tree, at)| self.span(tree, &at, "`limit.attempt.duration`"));
        self.scope.extend(error);
        let count = count.and_then(|count| u32::try_from(count).ok());
        Some(Limit { count, attempt: duration, total })
    }

    fn jitter(&mut self, tree: &'a Tree, pointer: &str) -> Option<(Span, Span)> {
        let fields = self.fields(tree, pointer, "`jitter`", &["from", "to"])?;
        let from = self.required(&fields, "from", "`jitter`");
        let to = self.required(&fields, "to", "`jitter`");
        let (from, to) = (from?, to?);
        let from = self.span(from.0, &from.1, "`from`")?;
        let to_span = self.span(to.0, &to.1, "`to`")?;
        if fixed(from).zip(fixed(to_span)).is_some_and(|(from, to)| from > to) {
            let message = "`jitter.from` is longer than `jitter.to`";
            self.problem(Problem::new("out-of-range", to.0.mark, message).at(to.1));
        }
        Some((from, to_span))
    }
}

/// Milliseconds that are known when compiled.
fn fixed(span: Span) -> Option<u64> {
    match span {
        Span::Millis(millis) => Some(millis),
        Span::Expr(_) => None,
    }
}

fn unknown(span: Span) -> Option<Expr> {
    match span {
        Span::Millis(_) => None,
        Span::Expr(expr) => Some(expr),
    }
}

/// `retry.limit`.
#[derive(Default)]
struct Limit {
    /// How many retries.
    count: Option<u32>,
    attempt: Option<Span>,
    total: Option<Span>,
}
