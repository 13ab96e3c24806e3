//! Runs that are accepted with a batch.

use std::collections::HashMap;

use crate::{Batch, Error, NewRun, RunWrite};

/// The runs that are written for the first time, and those that only change.
pub(super) fn split(batch: &Batch) -> (Vec<(&NewRun, &RunWrite)>, Vec<&RunWrite>) {
    if batch.starts.is_empty() {
        return (Vec::new(), batch.runs.iter().collect());
    }
    let new: HashMap<_, _> = batch.starts.iter().map(|run| (&run.id, run)).collect();
    let (mut starts, mut changed) = (Vec::with_capacity(new.len()), Vec::new());
    for write in &batch.runs {
        match new.get(&write.id) {
            Some(run) => starts.push((*run, write)),
            None => changed.push(write),
        }
    }
    (starts, changed)
}

/// Each must have its first version in the batch, and nothing that only other ways of accepting see to.
pub(super) fn check(batch: &Batch) -> Result<(), Error> {
    crate::runs_create::check(&batch.starts)?;
    let (starts, _) = split(batch);
    let is_plain = |run: &NewRun| run.parent.is_none() && run.start_key.is_none();
    let fit = starts.iter().all(|(run, write)| write.version_before == 0 && is_plain(run));
    if starts.len() != batch.starts.len() || !fit {
        return Err(Error::invalid("a start without its first version, or with a parent or a key"));
    }
    Ok(())
}
