//! Starts the runs of schedules, as whoever has the first partition does.

use std::time::Duration;

use kintsugi_core::{Input, Status, Timestamp};
use kintsugi_deciding::{Due, due};
use kintsugi_entities::ScheduleRow;
use kintsugi_nats::RunInput;

use super::{Orchestrating, parts::AGAIN, parts::LOOK};
use crate::world::{Actor, Do, PARTITIONS, World};

/// A schedule whose time has come, and where its newest run stands.
pub(crate) type Looked = (ScheduleRow, Option<(Status, Option<i64>)>);

impl World {
    pub(super) fn schedules_in(&mut self, who: usize, delay: u64) {
        let number = self.lanes[who].parts.schedules.begin(self.now + delay);
        self.to(Actor::Orchestrator(who), delay, Do::Orchestrate(Orchestrating::Schedules(number)));
    }

    /// Looks what is due.
    pub(super) fn schedules(&mut self, who: usize, number: u64) {
        let parts = &self.lanes[who].parts;
        if !parts.first || !parts.schedules.is(number) {
            return;
        }
        if !self.reads() {
            return self.schedules_in(who, AGAIN);
        }
        let (time, instant) = (self.clock(Actor::Orchestrator(who)), self.instant());
        let is_due = |row: &ScheduleRow| row.next_at.is_some_and(|at| at <= time.0);
        let (due, ahead): (Vec<_>, Vec<_>) =
            self.store.schedules_next().into_iter().partition(is_due);
        let waits = &mut self.lanes[who].parts.waits;
        let due = waits.look(&due, instant);
        if due.is_empty() {
            let next = ahead.first().and_then(|row| row.next_at).unwrap_or(i64::MAX);
            let next = Duration::from_millis(Timestamp(next).since(time).clamp(1, LOOK));
            let pause = waits.pause(instant).map_or(next, |pause| pause.min(next));
            let pause = u64::try_from(pause.as_millis()).unwrap_or(LOOK).max(1);
            return self.schedules_in(who, pause);
        }
        let standing = |row: ScheduleRow| {
            let last = row.last_run.as_ref().and_then(|run| self.store.standing(run));
            (row, last)
        };
        let looked = due.into_iter().map(standing).collect();
        self.next(Actor::Orchestrator(who), Do::Orchestrate(Orchestrating::Due(looked)));
    }

    /// Moves the first of these on, or has it wait.
    pub(super) fn schedule_due(&mut self, who: usize, mut looked: Vec<Looked>) {
        let me = Actor::Orchestrator(who);
        let Some((row, last)) = looked.pop() else { return self.schedules_in(who, 1) };
        match due(&row, last, self.clock(me), PARTITIONS) {
            Ok(Due::Wait(cancel)) => {
                let instant = self.instant();
                self.lanes[who].parts.waits.wait(&row, instant);
                if let Some(input) = cancel
                    && !self.publish_inputs(vec![input])
                {
                    return self.schedules_in(who, AGAIN);
                }
            }
            Ok(Due::Step(step)) => {
                self.lanes[who].parts.waits.end(&row.id);
                let open = self.open_runs_of(&row);
                let (happens, answered) = self.transaction();
                if happens && self.store.schedule_step(&step) {
                    self.look_at_overlap(&row, &open, &step);
                }
                if !answered {
                    return self.schedules_in(who, AGAIN);
                }
                let starts = step
                    .runs
                    .into_iter()
                    .map(|(run, _)| RunInput { run: run.id, input: Input::Start });
                let starts: Vec<RunInput> = starts.collect();
                if !starts.is_empty() {
                    self.next(me, Do::Orchestrate(Orchestrating::Start(starts)));
                }
            }
            Err(error) => unreachable!("it is written by the simulation: {error}"),
        }
        self.next(me, Do::Orchestrate(Orchestrating::Due(looked)));
    }
}
