//! P6: histories, the table and the stream have the same dead letters, each with its context.

use std::collections::{BTreeMap, BTreeSet};

use kintsugi_core::Event;
use kintsugi_entities::{DeadLetterRow, DeadLetterStatus};
use kintsugi_nats::DeadLetterMessage;

use crate::{Book, Breaches, Record};

pub(super) fn check(book: &Book, breaches: &mut Breaches) {
    // Whether somebody redrove it, by id.
    let told: BTreeMap<String, bool> = book.runs.values().flat_map(of).collect();
    for (id, redriven) in &told {
        let Some(row) = book.letters.get(id) else {
            breaches.note(6, format!("{id} is exhausted, and not in the table"));
            continue;
        };
        let status = if *redriven { DeadLetterStatus::Redriven } else { DeadLetterStatus::Open };
        // Whoever ends a scope by hand, or begins a run anew, settles every letter in it.
        let by_hand = book.runs.get(row.run.as_str()).is_some_and(is_steered);
        // A discard tells no run.
        let discarded = !redriven && row.status == DeadLetterStatus::Discarded;
        breaches.unless(row.status == status || by_hand || discarded, 6, || {
            format!("{id} is {:?} in the table and {status:?} in the history", row.status)
        });
    }
    let streamed: BTreeSet<&str> = book.stream.iter().map(|letter| letter.id.as_str()).collect();
    for id in book.letters.keys() {
        let known = told.contains_key(id);
        breaches.unless(known, 6, || format!("{id} is in the table, and not exhausted"));
        let there = streamed.contains(id.as_str());
        breaches.unless(there, 6, || format!("{id} is in the table, and not in the stream"));
    }
    for letter in &book.stream {
        match book.letters.get(&letter.id) {
            Some(row) => breaches.unless(same(row, letter), 6, || {
                format!("{} reads otherwise in the stream", letter.id)
            }),
            None => breaches.note(6, format!("{} is in the stream, not in the table", letter.id)),
        }
    }
}

fn is_steered(record: &Record) -> bool {
    let mut events = record.steps().flat_map(|step| &step.events);
    events.any(|event| matches!(event, Event::Steered(_)))
}

/// The dead letters of a run, each with whether it was redriven.
pub(super) fn of(record: &Record) -> Vec<(String, bool)> {
    let mut found = Vec::<(u64, String, bool)>::new();
    for event in record.steps().flat_map(|step| &step.events) {
        match event {
            Event::TaskDeadLettered { task, epoch, .. } => {
                found.push((*task, format!("{}:{task}:{epoch}", record.id), false));
            }
            Event::TaskRedriven { task, .. } => {
                if let Some(last) = found.iter_mut().rev().find(|(of, ..)| of == task) {
                    last.2 = true;
                }
            }
            _ => {}
        }
    }
    found.into_iter().map(|(_, id, redriven)| (id, redriven)).collect()
}

fn same(row: &DeadLetterRow, letter: &DeadLetterMessage) -> bool {
    let json = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).ok();
    row.run == letter.run
        && (row.task, row.epoch) == (letter.task, letter.epoch)
        && (row.failures, row.crashes) == (letter.failures, letter.crashes)
        && row.pointer == letter.pointer
        && row.task_type == letter.task_type
        && json(&row.input) == Some(letter.input.clone())
        && json(&row.error) == serde_json::to_value(&letter.error).ok()
        && letter.attempts.last().is_some_and(|attempt| attempt.epoch == letter.epoch)
}
