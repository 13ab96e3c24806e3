//! A task of a person is completed once, with the answer that was taken.

use std::collections::BTreeMap;

use kintsugi_core::{Event, TaskKey};
use kintsugi_promises::{Book, Breach, Record};

use crate::world::World;

/// Who answered a task, as its run's history has it, and whether it was withdrawn.
fn ended(record: &Record, number: u64) -> (Vec<&str>, bool) {
    let (mut by, mut withdrawn) = (Vec::new(), false);
    for event in record.steps().flat_map(|step| &step.events) {
        match event {
            Event::HumanTaskAnswered { task, by: who, .. } if *task == number => {
                by.push(who.as_deref().unwrap_or_default());
            }
            Event::HumanTaskWithdrawn { task, .. } if *task == number => withdrawn = true,
            _ => {}
        }
    }
    (by, withdrawn)
}

impl World {
    pub(super) fn answered(&mut self, book: &Book) -> Vec<Breach> {
        let mut breaches = Vec::new();
        let mut ends = BTreeMap::new();
        for id in self.store.people.keys() {
            let Ok(TaskKey { run, task }) = TaskKey::parse(id) else { continue };
            let Some(record) = book.runs.get(run.as_str()) else { continue };
            let (by, withdrawn) = ended(record, task);
            self.figures.answered += by.len() as u64;
            if by.len() > 1 {
                let what = format!("{id} is answered {} times: {by:?}", by.len());
                breaches.push(Breach { promise: 3, what });
            }
            if record.status.is_terminal() && self.store.is_asked(id) {
                let what = format!("{id} is asked, and its run is over");
                breaches.push(Breach { promise: 2, what });
            }
            ends.insert(id.clone(), (by, withdrawn));
        }
        for (id, who) in &self.gateway.answered {
            let Some((by, withdrawn)) = ends.get(id) else { continue };
            if !withdrawn && !by.contains(who) {
                let what =
                    format!("the answer of {who} to {id} was taken, and is not there: {by:?}");
                breaches.push(Breach { promise: 9, what });
            }
        }
        breaches
    }
}
