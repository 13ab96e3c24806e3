//! What the histories alone tell, counted without the checks of the promises: so one bug cannot hide in
//! both.

use std::collections::BTreeMap;

use kintsugi_core::Event;
use kintsugi_promises::Record;

#[derive(Default)]
struct Task {
    results: usize,
    dead: bool,
    both: bool,
}

/// Of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Results of a task beyond its first.
    pub(crate) results_twice: usize,
    /// Tasks that have a result and a dead letter that nobody redrove.
    pub(crate) both: usize,
    /// Letters that were redriven.
    pub(crate) redriven: usize,
}

/// Counts what a history says.
pub(crate) fn counted(record: &Record) -> Counted {
    let mut tasks = BTreeMap::<u64, Task>::new();
    let mut redriven = 0;
    for event in record.steps().flat_map(|step| &step.events) {
        match event {
            Event::TaskCompleted { task, .. } => tasks.entry(*task).or_default().results += 1,
            Event::TaskDeadLettered { task, .. } => tasks.entry(*task).or_default().dead = true,
            Event::TaskRedriven { task, .. } => {
                redriven += 1;
                tasks.entry(*task).or_default().dead = false;
            }
            _ => continue,
        }
        tasks.values_mut().for_each(|task| task.both |= task.dead && task.results > 0);
    }
    Counted {
        results_twice: tasks.values().map(|task| task.results.saturating_sub(1)).sum(),
        both: tasks.values().filter(|task| task.both).count(),
        redriven,
    }
}
