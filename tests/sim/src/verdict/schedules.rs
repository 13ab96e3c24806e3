//! Each due time of a schedule has one run or is counted as skipped; runs overlap where they may.

use kintsugi_core::{CatchUp, Overlap, RunId, Schedule, Timestamp, Trigger};
use kintsugi_entities::{ScheduleRow, ScheduleStep};
use kintsugi_promises::Breach;
use kintsugi_schedule::run_id;

use crate::{definitions::End, gateway::N, world::World};

/// Due times that are looked at.
const DUE_MAX: i64 = 2_000;

impl World {
    /// Runs of a schedule that have not ended.
    pub(crate) fn open_runs_of(&self, row: &ScheduleRow) -> Vec<RunId> {
        let runs = self.store.runs.values().filter(|run| {
            run.row.id.as_str().starts_with("s-")
                && run.row.definition == row.definition
                && !run.row.status.is_terminal()
        });
        runs.map(|run| run.row.id.clone()).collect()
    }

    /// Runs were started while these were open.
    pub(crate) fn look_at_overlap(
        &mut self,
        row: &ScheduleRow,
        open: &[RunId],
        step: &ScheduleStep,
    ) {
        self.figures.due += step.runs.len() as u64;
        let Ok(schedule) = serde_json::from_slice::<Schedule>(&row.schedule) else { return };
        // Who catches up with all due times starts several at once.
        let may = (schedule.overlap == Overlap::Allow || schedule.catch_up == CatchUp::All)
            && !matches!(schedule.trigger, Trigger::After(_));
        if !may && !open.is_empty() && !step.runs.is_empty() {
            let new: Vec<&RunId> = step.runs.iter().map(|(run, _)| &run.id).collect();
            let what = format!("{} starts {new:?} while {open:?} are open", row.id);
            self.breaches.push(Breach { promise: 5, what });
        }
    }

    pub(super) fn scheduled(&mut self) -> Vec<Breach> {
        let mut breaches = Vec::new();
        for wanted in &self.gateway.wanted {
            let (Some(row), Some(first)) = (self.store.schedules.get(&wanted.id), wanted.first)
            else {
                continue;
            };
            let runs = self.store.runs.keys().filter(|run| run.as_str().starts_with("s-"));
            // Their children have names that follow from theirs.
            let runs = runs.filter(|run| !run.as_str().contains("__"));
            let count = i64::try_from(runs.count()).unwrap_or(i64::MAX);
            if count != row.started {
                let what = format!(
                    "{} says that it started {} runs; there are {count}",
                    row.id, row.started
                );
                breaches.push(Breach { promise: 3, what });
            }
            let wanted_end = self.definitions.end(wanted.definition, N);
            let Trigger::Every(every) = wanted.schedule.trigger else { continue };
            let every = i64::try_from(every).unwrap_or(i64::MAX);
            let passed = row.due_at.map_or(0, |due| (due - first) / every);
            if passed != row.started + row.skipped {
                let what = format!(
                    "{}: {passed} due times passed, {} were started and {} skipped",
                    row.id, row.started, row.skipped
                );
                breaches.push(Breach { promise: 1, what });
            }
            for nth in 0..passed.min(DUE_MAX) {
                let run = run_id(&row.id, Timestamp(first + nth * every));
                let Some(state) = self.state(&run) else { continue };
                let cancels = wanted.schedule.overlap == Overlap::Cancel
                    && state.status == kintsugi_core::Status::Cancelled;
                let found = crate::definitions::end(&state);
                if !cancels && found != wanted_end && matches!(wanted_end, End::Completed(_)) {
                    let what = format!("{run}, which was scheduled, ends with {found:?}");
                    breaches.push(Breach { promise: 1, what });
                }
            }
        }
        breaches
    }
}
