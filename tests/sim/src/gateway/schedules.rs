//! Schedules that somebody registers, and pauses when nothing breaks any more.

use kintsugi_core::{CatchUp, Overlap, Schedule, Timestamp, Trigger};
use kintsugi_entities::ScheduleRow;
use kintsugi_schedule::{first_due, start_at};
use serde_json::json;

use super::{AGAIN, Asking, ME};
use crate::{
    chance::Chance,
    definitions::{Definitions, End, MANY},
    world::{Do, World},
};

/// A schedule that somebody wants.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) id: String,
    /// The place of its definition.
    pub(crate) definition: usize,
    pub(crate) schedule: Schedule,
    at: u64,
    pub(crate) first: Option<i64>,
    pub(crate) paused: bool,
}

/// The input of its runs.
pub(crate) const N: u64 = 2;

/// One, now and then.
pub(super) fn wanted(chance: &mut Chance, all: &Definitions) -> Vec<Wanted> {
    let simple = |at: &usize| {
        let definition = &all.all()[*at];
        let waits = ["hears", "asks", "listen"].iter().any(|name| definition.id.contains(name));
        !waits && matches!(all.end(*at, N), End::Completed(_))
    };
    let simple: Vec<usize> = (0..MANY).filter(simple).collect();
    let trigger = match chance.below(4) {
        0 => Trigger::After(chance.between(200, 1_000)),
        _ => Trigger::Every(chance.between(700, 3_000)),
    };
    let overlaps = [Overlap::Skip, Overlap::Allow, Overlap::Buffer, Overlap::Cancel];
    let schedule = Schedule {
        trigger,
        time_zone: "UTC".to_owned(),
        overlap: *chance.pick(&overlaps),
        catch_up: *chance.pick(&[CatchUp::Once, CatchUp::None, CatchUp::All]),
        jitter_ms: chance.below(2) * 200,
        paused: false,
        input: json!({ "n": N }),
    };
    let definition = *chance.pick(&simple);
    let (id, at) = ("sim/planned".to_owned(), chance.between(1, 2_000));
    vec![Wanted { id, definition, schedule, at, first: None, paused: false }]
}

impl World {
    pub(super) fn start_schedules(&mut self) {
        for at in 0..self.gateway.wanted.len() {
            let wanted = &self.gateway.wanted[at];
            let when = if wanted.first.is_none() { wanted.at } else { self.faults.until + 700 };
            let delay = when.saturating_sub(self.now).max(1);
            if !wanted.paused {
                self.to(ME, delay, Do::Ask(Asking::Plan(at)));
            }
        }
    }

    /// Registers a schedule; one that is there is paused.
    pub(super) fn plan_schedule(&mut self, at: usize) {
        let wanted = self.gateway.wanted[at].clone();
        if wanted.first.is_some() {
            return self.pause_schedule(at);
        }
        let now = self.clock(ME);
        let due = first_due(&wanted.schedule, now);
        let next = due.map(|due| start_at(&wanted.id, &wanted.schedule, due).0);
        let row = ScheduleRow {
            id: wanted.id.clone(),
            definition: self.definitions.all()[wanted.definition].id.clone(),
            schedule: serde_json::to_vec(&wanted.schedule).unwrap_or_default(),
            revision: 1,
            paused: false,
            due_at: due.map(|due| due.0),
            next_at: next,
            created_at: now.0,
            last_run: None,
            last_due_at: None,
            started: 0,
            skipped: 0,
            last_skipped_at: None,
            last_skipped: None,
            open_sets: 0,
        };
        let (happens, answered) = self.transaction();
        if happens {
            self.store.schedules.entry(wanted.id.clone()).or_insert(row);
        }
        if !answered {
            return self.to(ME, AGAIN, Do::Ask(Asking::Plan(at)));
        }
        let known = &self.store.schedules[&wanted.id];
        // Asked twice, it stands as it was registered first; nothing has moved it on before it was due.
        let first = first_due(&wanted.schedule, Timestamp(known.created_at));
        self.gateway.wanted[at].first = first.map(|at| at.0);
        self.start_schedules();
    }

    fn pause_schedule(&mut self, at: usize) {
        let id = self.gateway.wanted[at].id.clone();
        let known = self.store.schedules.get(&id).map(|row| (row.revision, row.paused));
        let Some((revision, paused)) = known else { return };
        let (happens, answered) = self.transaction();
        let done = paused || (happens && self.store.schedule_pause(&id, revision));
        if !done || !answered {
            return self.to(ME, AGAIN, Do::Ask(Asking::Plan(at)));
        }
        self.gateway.wanted[at].paused = true;
    }
}
