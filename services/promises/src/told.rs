//! P10: whoever wanted to know of a fault, a dead letter or a question to a person was told, at least once, under one id.

use std::collections::BTreeMap;

use kintsugi_core::Event;

use crate::{Book, Breaches};

/// A notification that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its id.
    pub id: String,
    /// Its signature fits.
    pub signed: bool,
    /// What it says.
    pub body: String,
}

/// The ids of the notifications that the histories call for: run, row, step, event.
#[must_use]
pub fn expected(book: &Book) -> Vec<String> {
    let mut all = Vec::new();
    for record in book.runs.values() {
        for (seq, steps) in &record.rows {
            for (position, step) in steps.iter().enumerate() {
                for (index, event) in step.events.iter().enumerate() {
                    if is_told(event) {
                        all.push(format!("{}:{seq}:{position}:{index}", record.id));
                    }
                }
            }
        }
    }
    all
}

/// What a webhook is told of by default.
fn is_told(event: &Event) -> bool {
    matches!(
        event,
        Event::RunFaulted { .. }
            | Event::TaskDeadLettered { .. }
            | Event::HumanTaskAsked { .. }
            | Event::HumanTaskDue { .. }
    )
}

impl Told {
    /// Holds what came against the histories.
    pub fn check(came: &[Self], book: &Book, breaches: &mut Breaches) {
        let mut bodies = BTreeMap::<&str, &str>::new();
        for one in came {
            breaches.unless(one.signed, 10, || format!("{} is not signed", one.id));
            let before = bodies.insert(&one.id, &one.body);
            breaches.unless(before.is_none_or(|before| before == one.body), 10, || {
                format!("{} came twice, with two bodies", one.id)
            });
        }
        for id in expected(book) {
            let there = bodies.remove(id.as_str()).is_some();
            breaches.unless(there, 10, || format!("nobody was told of {id}"));
        }
        for id in bodies.keys() {
            breaches.note(10, format!("somebody was told of {id}, which never happened"));
        }
    }
}
