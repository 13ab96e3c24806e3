//! Whether an event fits what a listen waits for.

use serde_json::Value;

use super::{Machine, scope::Place};
use crate::{Body, CloudEvent, EventFilter, Hearing, Kind, Listen, Matcher, Strategy, Until, Work};

/// What an event is to a listen.
#[derive(Debug, Default)]
pub(super) struct Fit {
    /// Position of the filter that it fits; none: it only ends the listen.
    pub(super) filter: Option<u32>,
    /// Position of the filter of `until` that it fits.
    pub(super) until: Option<u32>,
    /// Values that it fixes.
    pub(super) bound: Vec<(String, Value)>,
}

impl Machine<'_> {
    /// What `event` is to the open listen `number`; none: nothing.
    pub(super) fn fit(&self, number: u64, event: &CloudEvent) -> Option<Fit> {
        let Some(Body::Task(open)) = self.body(number) else { return None };
        let node = self.program.node(open.node)?;
        let (Kind::Listen(listen), Work::Listen(hearing)) = (&node.kind, &open.work) else {
            return None;
        };
        let place = Place {
            node: Some(node),
            frame: Some(number),
            input: Some(open.input()),
            raw_input: Some(&open.raw_input),
            ..Place::default()
        };
        let mut fit = Fit::default();
        fit.filter =
            self.first(&listen.to, event, &place, (&**hearing, &hearing.met), &mut fit.bound);
        if let Some(until) = heard(listen) {
            let met = (&**hearing, &hearing.until_met);
            fit.until = self.first(until, event, &place, met, &mut fit.bound);
        }
        (fit.filter.is_some() || fit.until.is_some()).then_some(fit)
    }

    /// The first filter that `event` fits, of those that still want one.
    fn first(
        &self,
        strategy: &Strategy,
        event: &CloudEvent,
        place: &Place<'_>,
        (hearing, met): (&Hearing, &std::collections::BTreeSet<u32>),
        bound: &mut Vec<(String, Value)>,
    ) -> Option<u32> {
        let (filters, once) = match strategy {
            Strategy::One(filter) => (std::slice::from_ref(filter), false),
            Strategy::Any { filters, .. } if filters.is_empty() => return Some(0),
            Strategy::Any { filters, .. } => (filters.as_slice(), false),
            Strategy::All(filters) => (filters.as_slice(), true),
        };
        let open = filters.iter().zip(0..).filter(|(_, index)| !once || !met.contains(index));
        for (filter, index) in open {
            if let Some(fixed) = self.passes(filter, event, place, hearing) {
                bound.extend(fixed);
                return Some(index);
            }
        }
        None
    }

    /// The values that `event` fixes by passing a filter; none: it does not pass. An expression
    /// that fails is one that does not hold: an event of another form is no error of the run.
    fn passes(
        &self,
        filter: &EventFilter,
        event: &CloudEvent,
        place: &Place<'_>,
        hearing: &Hearing,
    ) -> Option<Vec<(String, Value)>> {
        let fields = event.fields();
        for (name, matcher) in &filter.with {
            let value = match name.as_str() {
                "data" => Some(data(event)),
                name => fields.get(name),
            };
            if !self.is_met(matcher, value.unwrap_or(&Value::Null), place) {
                return None;
            }
        }
        let mut fixed = Vec::new();
        if filter.correlate.is_empty() {
            return Some(fixed);
        }
        let whole = Value::from(event.clone());
        for correlation in &filter.correlate {
            let value = self.evaluate(correlation.from, &whole, place).ok()?;
            match hearing.correlation.get(&correlation.name) {
                _ if value.is_null() => return None,
                Some(expected) if !is_same(expected, &value) => return None,
                Some(_) => {}
                None => fixed.push((correlation.name.clone(), value)),
            }
        }
        Some(fixed)
    }

    fn is_met(&self, matcher: &Matcher, value: &Value, place: &Place<'_>) -> bool {
        match matcher {
            Matcher::Equal(wanted) => is_equal(wanted, value),
            Matcher::Expr(expr) => match self.evaluate(*expr, value, place) {
                Ok(Value::Bool(holds)) => holds,
                Ok(Value::Null) | Err(_) => false,
                Ok(wanted) => is_equal(&wanted, value),
            },
            Matcher::Uri(template) => {
                let input = place.input.unwrap_or(&Value::Null);
                self.render(template, input, place).is_ok_and(|wanted| wanted == *value)
            }
            Matcher::Object(fields) => value.as_object().is_some_and(|values| {
                fields.iter().all(|(key, matcher)| {
                    self.is_met(matcher, values.get(key).unwrap_or(&Value::Null), place)
                })
            }),
            Matcher::Array(items) => value.as_array().is_some_and(|values| {
                values.len() == items.len()
                    && items.iter().zip(values).all(|(item, value)| self.is_met(item, value, place))
            }),
        }
    }
}

/// The strategy of `until`, where it is one.
pub(super) fn heard(listen: &Listen) -> Option<&Strategy> {
    match &listen.to {
        Strategy::Any { until: Some(Until::Heard(strategy)), .. } => Some(strategy),
        _ => None,
    }
}

/// The data of an event; that of binary data is its base64 text.
pub(super) fn data(event: &CloudEvent) -> &Value {
    let fields = event.fields();
    fields.get("data").or_else(|| fields.get("data_base64")).unwrap_or(&Value::Null)
}

/// Equal, numbers by their value.
fn is_equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            // Integers are exact; only one of two kinds is compared as the other.
            a == b || (a.is_f64() != b.is_f64() && a.as_f64() == b.as_f64())
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| is_equal(a, b)))
        }
        _ => a == b,
    }
}

/// Equal; an expected text may also be that of a number or boolean, since `expect` as a constant is
/// always a text.
fn is_same(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::String(text), Value::Number(number)) => number.to_string() == *text,
        (Value::String(text), Value::Bool(flag)) => text == if *flag { "true" } else { "false" },
        _ => is_equal(expected, found),
    }
}
