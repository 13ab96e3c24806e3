//! Permits, as they are stored.

use kintsugi_core::{Effect, RunId, TaskKey, Timestamp};
use kintsugi_entities::{Batch, PermitRow, PermitWrite};

/// Notes what an effect does to permits.
pub(crate) fn note(run: &RunId, effect: &Effect, now: Timestamp, batch: &mut Batch) {
    let (task, write) = match effect {
        Effect::Want { task, key, limit, priority } => {
            let row = PermitRow {
                run: run.clone(),
                task: *task,
                key: key.clone(),
                limit: *limit,
                priority: *priority,
                at: now.0,
            };
            (*task, PermitWrite::Want(row))
        }
        Effect::Took { task } => (*task, PermitWrite::Took),
        Effect::Release { task } => (*task, PermitWrite::Release),
        _ => return,
    };
    batch.permits.insert(TaskKey { run: run.clone(), task }.to_string(), write);
}
