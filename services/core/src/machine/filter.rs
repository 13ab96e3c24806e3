//! Whether an event fits what a listen waits for.

use kintsugi_occasion::fit::{self, Judge};
use serde_json::Value;

use super::{Machine, scope::Place};
use crate::{
    Body, CloudEvent, EventFilter, Expr, Hearing, Kind, Listen, Strategy, Template, Until, Work,
};

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
        let place = Place::of(node, number, open.input(), &open.raw_input);
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
        let once = matches!(strategy, Strategy::All(_));
        if matches!(strategy, Strategy::Any { filters, .. } if filters.is_empty()) {
            return Some(0);
        }
        let open =
            strategy.filters().iter().zip(0..).filter(|(_, index)| !once || !met.contains(index));
        for (filter, index) in open {
            if let Some(fixed) = self.passes(filter, event, place, hearing) {
                bound.extend(fixed);
                return Some(index);
            }
        }
        None
    }

    /// The values that `event` fixes by passing a filter; none: it does not pass.
    fn passes(
        &self,
        filter: &EventFilter,
        event: &CloudEvent,
        place: &Place<'_>,
        hearing: &Hearing,
    ) -> Option<Vec<(String, Value)>> {
        let judge = At { machine: self, place };
        if !fit::is_met(&judge, filter, event) {
            return None;
        }
        let values = fit::correlations(&judge, filter, event)?;
        let known = &hearing.correlation;
        fit::agrees(known, &values).then(|| fit::fixed(known, &values))
    }
}

/// Expressions in their place.
struct At<'m, 'p> {
    machine: &'m Machine<'m>,
    place: &'m Place<'p>,
}

impl Judge for At<'_, '_> {
    fn value(&self, expr: Expr, input: &Value) -> Option<Value> {
        self.machine.evaluate(expr, input, self.place).ok()
    }

    fn uri(&self, template: &Template) -> Option<Value> {
        let input = self.place.input.unwrap_or(&Value::Null);
        self.machine.render(template, input, self.place).ok()
    }
}

/// The strategy of `until`, where it is one.
pub(super) fn heard(listen: &Listen) -> Option<&Strategy> {
    match &listen.to {
        Strategy::Any { until: Some(Until::Heard(strategy)), .. } => Some(strategy),
        _ => None,
    }
}
