//! What becomes of schedules whose time has come, and for how long one is left alone that waits.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use kintsugi_core::{Input, RunState, Schedule, Status, Timestamp, partition_of};
use kintsugi_entities::{NewRun, ScheduleRow, ScheduleStep};
use kintsugi_nats::RunInput;
use kintsugi_schedule::{Last, Plan, decide, run_id, start_at};

/// How soon it is looked at again whether the run before has ended: at first, and at last.
const WAIT: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// How long a schedule that cannot be read or started is left alone.
const ASIDE: Duration = Duration::from_secs(60);

/// What becomes of a due time.
#[derive(Debug)]
pub enum Due {
    /// It waits for the run before, which may be told to end.
    Wait(Option<RunInput>),
    /// The schedule moves on.
    Step(ScheduleStep),
}

/// Says what becomes of a schedule whose time has come. `last` is where its newest run stands, and when
/// that ended; its runs go to one of so many `partitions`.
///
/// # Errors
///
/// When what is stored of the schedule cannot be read.
pub fn due(
    row: &ScheduleRow,
    last: Option<(Status, Option<i64>)>,
    time: Timestamp,
    partitions: u16,
) -> Result<Due, serde_json::Error> {
    let schedule = serde_json::from_slice::<Schedule>(&row.schedule)?;
    let last = match last {
        None => Last::None,
        Some((status, ended_at)) if status.is_terminal() => {
            Last::Ended(Timestamp(ended_at.unwrap_or(time.0)))
        }
        Some(_) => Last::Open,
    };
    let due = Timestamp(row.due_at.unwrap_or(time.0));
    Ok(match decide(&schedule, due, last, time) {
        Plan::Wait { cancel } => Due::Wait(row.last_run.clone().filter(|_| cancel).map(|run| {
            let reason = Some("the next run of its schedule is due".to_owned());
            RunInput { run, input: Input::Cancel { reason } }
        })),
        Plan::Go { starts, skipped, why, next } => {
            let run = |due: &Timestamp| (new_run(row, &schedule, *due, (time, partitions)), due.0);
            Due::Step(ScheduleStep {
                id: row.id.clone(),
                revision: row.revision,
                due_at: next.map(|at| at.0),
                next_at: next.map(|at| start_at(&row.id, &schedule, at).0),
                runs: starts.iter().map(run).collect(),
                skipped: i64::try_from(skipped).unwrap_or(i64::MAX),
                skipped_why: why.map(|why| (why.as_str().to_owned(), time.0)),
            })
        }
    })
}

fn new_run(
    row: &ScheduleRow,
    schedule: &Schedule,
    due: Timestamp,
    (time, partitions): (Timestamp, u16),
) -> NewRun {
    let id = run_id(&row.id, due);
    let state = RunState::new(schedule.input.clone(), time);
    NewRun {
        definition: row.definition.clone(),
        partition: partition_of(&id, partitions),
        id,
        state: serde_json::to_vec(&state).unwrap_or_default(),
        created_at: time.0,
        parent: None,
        start_key: None,
        request_digest: "schedule".to_owned(),
        trace_parent: None,
    }
}

/// A due time that waits for the run before, or for better times.
#[derive(Debug)]
struct Waiting {
    due: Option<i64>,
    since: Instant,
    look: Instant,
}

/// Schedules that wait, and when each is looked at again.
#[derive(Debug, Default)]
pub struct Waits(HashMap<String, Waiting>);

impl Waits {
    /// How many do.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none does.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of the schedules that are due that are to be looked at now. What is not due, or waits for
    /// another due time, is forgotten.
    pub fn look(&mut self, due: &[ScheduleRow], now: Instant) -> Vec<ScheduleRow> {
        let now_due: HashMap<&str, _> = due.iter().map(|row| (&*row.id, row.due_at)).collect();
        self.0.retain(|id, one| now_due.get(&**id) == Some(&one.due));
        let look = |row: &&ScheduleRow| self.0.get(&row.id).is_none_or(|one| one.look <= now);
        due.iter().filter(look).cloned().collect()
    }

    /// How long none of them is looked at; none: none waits.
    #[must_use]
    pub fn pause(&self, now: Instant) -> Option<Duration> {
        self.0.values().map(|one| one.look.saturating_duration_since(now)).min()
    }

    /// One moves on.
    pub fn end(&mut self, id: &str) {
        self.0.remove(id);
    }

    /// Looks again soon at first, and ever less often the longer it takes.
    pub fn wait(&mut self, row: &ScheduleRow, now: Instant) {
        let (first, last) = WAIT;
        let one = self.0.entry(row.id.clone());
        let one = one.or_insert(Waiting { due: row.due_at, since: now, look: now });
        one.look = now + (now.duration_since(one.since) / 8).clamp(first, last);
    }

    /// Leaves one alone.
    pub fn aside(&mut self, row: &ScheduleRow, now: Instant) {
        let one = Waiting { due: row.due_at, since: now, look: now + ASIDE };
        self.0.insert(row.id.clone(), one);
    }
}
