//! P7: histories are gapless, in order, end where they should, and replay to what is stored.

use kintsugi_core::{ChildEvent, Done, Event, Program, Step, replay};
use kintsugi_definition::Expressions;

use crate::{Breaches, Record};

pub(super) fn check(
    record: &Record,
    program: &Program,
    expressions: &Expressions,
    breaches: &mut Breaches,
) {
    let id = &record.id;
    for (expected, (seq, steps)) in (1..).zip(&record.rows) {
        breaches.unless(*seq == expected, 7, || {
            format!("the history of {id} has a gap: {seq} stands where {expected} should")
        });
        breaches.unless(!steps.is_empty(), 7, || format!("row {seq} of {id} is empty"));
    }
    let last = record.rows.last().map_or(0, |(seq, _)| *seq);
    breaches.unless(last == record.version, 7, || {
        format!("the history of {id} ends at {last}, the run at {}", record.version)
    });
    in_order(record, breaches);

    let steps: Vec<Step> = record.steps().cloned().collect();
    let fresh = record.state.fresh();
    match replay(id, program, expressions, fresh, &steps) {
        Ok(state) => breaches.unless(state == record.state, 7, || {
            format!("{id} replays to {:?}, and is {:?}", state.status, record.state.status)
        }),
        Err(error) => breaches.note(7, format!("{id}: {error}")),
    }
    breaches.unless(record.status == record.state.status, 7, || {
        format!("{id} is {:?} in its row and {:?} in its state", record.status, record.state.status)
    });
}

/// Time does not go back, and nothing happens behind an end but refusals, a redrive of a fault, here or
/// in a child, and what a person does by hand.
fn in_order(record: &Record, breaches: &mut Breaches) {
    let id = &record.id;
    let mut ended: Option<&Event> = None;
    let mut at = record.state.created_at;
    for step in record.steps() {
        breaches.unless(step.at >= at, 7, || format!("time goes back in {id}: {:?}", step.input));
        at = step.at;
        for event in &step.events {
            match (ended, event) {
                (_, Event::ResultRefused { .. }) | (None, _) => {}
                (_, Event::Steered(said)) => match said.done {
                    Done::Refused { .. } | Done::VariablesChanged => {}
                    _ => ended = None,
                },
                (
                    Some(Event::RunFaulted { .. }),
                    Event::TaskRedriven { .. } | Event::Child(ChildEvent::Resumed { .. }),
                ) => ended = None,
                (Some(end), event) => {
                    breaches.note(7, format!("{id} goes on behind {end:?}: {event:?}"));
                }
            }
            if matches!(
                event,
                Event::RunCompleted | Event::RunFaulted { .. } | Event::RunCancelled { .. }
            ) {
                ended = Some(event);
            }
        }
    }
    breaches.unless(ended.is_some() == record.status.is_terminal(), 7, || {
        format!("{id} is {:?}, and its history ends with {ended:?}", record.status)
    });
}
