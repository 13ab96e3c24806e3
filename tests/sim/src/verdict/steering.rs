//! What was asked by hand is in the histories: once, and once it is the end nothing follows.

use std::collections::BTreeMap;

use kintsugi_core::{Done, Event};
use kintsugi_promises::{Book, Breach, Record};

use crate::{
    gateway::{Came, Deed, name},
    world::World,
};

/// What came of each request, by the name that it had first.
fn said(record: &Record) -> BTreeMap<&str, Vec<&Done>> {
    let mut all: BTreeMap<&str, Vec<&Done>> = BTreeMap::new();
    for event in record.steps().flat_map(|step| &step.events) {
        if let Event::Steered(said) = event {
            let name = said.request.split('_').next().unwrap_or_default();
            all.entry(name).or_default().push(&said.done);
        }
    }
    all
}

impl World {
    pub(super) fn steered(&mut self, book: &Book) -> Vec<Breach> {
        let mut breaches = Vec::new();
        for (at, errand) in self.gateway.errands.iter().enumerate() {
            let run = &self.gateway.plans[errand.plan].run;
            let Some(record) = book.runs.get(run.as_str()) else { continue };
            let (name, said) = (name(at), said(record));
            let done = said.get(name.as_str()).map_or(&[][..], Vec::as_slice);
            let deed = errand.deed;
            match done {
                [] if errand.came == Some(Came::Taken) => {
                    let what = format!("{deed:?} of {run} was taken and never done ({name})");
                    breaches.push(Breach { promise: 9, what });
                }
                [] | [_] => {}
                many => {
                    let what = format!("{deed:?} of {run} was asked once and is there as {many:?}");
                    breaches.push(Breach { promise: 3, what });
                }
            }
            self.figures.steered += u64::from(!done.is_empty());
            self.figures.steered_refused +=
                done.iter().filter(|done| matches!(done, Done::Refused { .. })).count() as u64;
        }
        for record in book.runs.values() {
            breaches.extend(after_the_end(record));
            breaches.extend(self.tidied(record));
        }
        breaches
    }

    /// A run that was cancelled when it had done something undoes it, once.
    fn tidied(&self, record: &Record) -> Option<Breach> {
        let steered = |deed| {
            self.gateway.errands.iter().any(|errand| {
                let run = &self.gateway.plans[errand.plan].run;
                *run == record.id && errand.deed == deed && errand.asked > 0
            })
        };
        if !record.definition.starts_with("sim/tidy")
            || !record.status.is_terminal()
            || steered(Deed::Terminate)
            || steered(Deed::Rerun)
        {
            return None;
        }
        let cancelled = record.status == kintsugi_core::Status::Cancelled;
        let (mut paid, mut undone, mut told) = (0, 0, 0);
        let mut pointers: BTreeMap<u64, &str> = BTreeMap::new();
        for event in record.steps().flat_map(|step| &step.events) {
            let done = match event {
                Event::TaskDispatched { task, pointer, .. } => {
                    pointers.insert(*task, pointer);
                    continue;
                }
                Event::TaskCompleted { task, .. } => pointers.get(task).copied(),
                Event::Steered(said) => match &said.done {
                    Done::TaskCompleted { pointer, .. } | Done::TaskSkipped { pointer, .. } => {
                        Some(pointer.as_str())
                    }
                    _ => continue,
                },
                _ => continue,
            };
            match done {
                Some("/do/0/pay") => paid += 1,
                Some(text) if text.ends_with("/tell") => told += 1,
                Some(text) if text.contains("/compensate") => undone += 1,
                _ => {}
            }
        }
        let wanted = if cancelled { paid } else { 0 };
        let fits = undone == wanted && (paid == 0 || told == wanted);
        (!fits).then(|| {
            let what = format!(
                "{} is {:?}: it paid {paid} times, undid it {undone} times and told {told} times",
                record.id, record.status
            );
            Breach { promise: 3, what }
        })
    }
}

/// Nothing is given out once a run was terminated, unless it is rerun.
fn after_the_end(record: &Record) -> Option<Breach> {
    let mut is_over = false;
    for event in record.steps().flat_map(|step| &step.events) {
        match event {
            Event::Steered(said) => match said.done {
                Done::RunTerminated => is_over = true,
                Done::RunRerun { .. } => is_over = false,
                _ => {}
            },
            Event::TaskDispatched { task, epoch, .. } if is_over => {
                let id = &record.id;
                let what = format!("{id} was terminated, and gives out {task} under {epoch}");
                return Some(Breach { promise: 9, what });
            }
            _ => {}
        }
    }
    None
}
