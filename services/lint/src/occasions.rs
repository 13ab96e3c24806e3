//! Definitions that are started by what they emit.

use kintsugi_core::{
    EventFilter, EventTemplate, Kind, Matcher, Node, Schedule, Strategy, Template, Trigger,
};

use crate::{Lint, Place};

impl Lint<'_> {
    /// Looks at one task, if it is an `emit` and events start the definition.
    pub(crate) fn occasion(&mut self, node: &Node, place: &Place, schedule: Option<&Schedule>) {
        let Kind::Emit(event) = &node.kind else { return };
        let Some(Trigger::On(on)) = schedule.map(|schedule| &schedule.trigger) else { return };
        let starts = match &on.to {
            Strategy::Any { filters, .. } if filters.is_empty() => true,
            Strategy::One(filter) => fits(event, filter),
            Strategy::Any { filters, .. } => filters.iter().any(|filter| fits(event, filter)),
            Strategy::All(filters) => matches!(&filters[..], [only] if fits(event, only)),
        };
        if starts {
            let message = format!(
                "the event of the task `{}` starts a run of this definition again",
                node.name
            );
            let hint =
                "no limit ends this: emit another type, or see that the task is skipped in the end";
            self.warn("starts-itself", place, message, hint);
        }
    }
}

/// Whether an event fits for certain: constants meet constants, and nothing else is asked for.
fn fits(event: &EventTemplate, filter: &EventFilter) -> bool {
    let literal = |name: &str| {
        let found = event.with.iter().find(|(own, _)| own == name);
        found.and_then(|(_, template)| match template {
            Template::Literal(value) => Some(value),
            _ => None,
        })
    };
    filter.correlate.is_empty()
        && filter.with.iter().all(|(name, matcher)| match matcher {
            Matcher::Equal(wanted) => literal(name) == Some(wanted),
            _ => false,
        })
}
