//! Schedules, as rows that are moved on together with the runs that they start.

use kintsugi_core::{RunId, Status};
use kintsugi_entities::{ScheduleRow, ScheduleStep};

use super::Store;
use crate::off::Protection;

impl Store {
    /// Those that are looked at next, the first first.
    pub fn schedules_next(&self) -> Vec<ScheduleRow> {
        let is_planned = |row: &&ScheduleRow| !row.paused && row.next_at.is_some();
        let mut rows: Vec<ScheduleRow> =
            self.schedules.values().filter(is_planned).cloned().collect();
        rows.sort_by_key(|row| row.next_at);
        rows
    }

    /// Where a run stands, and when it ended.
    pub fn standing(&self, run: &RunId) -> Option<(Status, Option<i64>)> {
        self.runs.get(run).map(|run| (run.row.status, run.row.ended_at))
    }

    /// Starts runs of a schedule and moves it on, unless it has changed since; whether it did.
    pub fn schedule_step(&mut self, step: &ScheduleStep) -> bool {
        let Some(row) = self.schedules.get_mut(&step.id) else { return false };
        let is_same = row.revision == step.revision || self.off.has(Protection::Revision);
        if !is_same || row.paused {
            return false;
        }
        row.revision += 1;
        (row.due_at, row.next_at) = (step.due_at, step.next_at);
        row.started += i64::try_from(step.runs.len()).unwrap_or(i64::MAX);
        row.skipped += step.skipped;
        if let Some((run, due)) = step.runs.last() {
            (row.last_run, row.last_due_at) = (Some(run.id.clone()), Some(*due));
        }
        for (run, _) in &step.runs {
            self.create(run.clone());
        }
        true
    }

    /// Stops a schedule as it stands, unless it has changed since; whether it did.
    pub fn schedule_pause(&mut self, id: &str, revision: i64) -> bool {
        let Some(row) = self.schedules.get_mut(id) else { return false };
        let is_same = row.revision == revision;
        if is_same {
            (row.paused, row.revision) = (true, revision + 1);
        }
        is_same
    }
}
