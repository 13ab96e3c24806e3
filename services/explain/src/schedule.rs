//! Schedules: why no run is started.

use kintsugi_core::{Overlap, Trigger};

use crate::{
    Cause, Code, Explanation, Kind, State, Subject,
    chain::{Chain, explanation},
    facts::{Engine, Schedule},
    run, say,
};

/// Why a schedule starts no run now.
#[must_use]
pub fn schedule(schedule: &Schedule, engine: &Engine) -> Explanation {
    let subject = Subject::new(Kind::Schedule, &schedule.id);
    let chain = chain(schedule, engine);
    let chain = match engine.without_orchestrator() {
        Some(cause) if !matches!(chain.state, State::Ended | State::Stuck) => {
            chain.then(cause).being(State::Stuck)
        }
        _ => chain,
    };
    explanation(subject.clone(), engine, vec![(subject, chain)], 0)
}

fn chain(schedule: &Schedule, engine: &Engine) -> Chain {
    let id = &schedule.id;
    let cause = |code, what: String| Cause::new(code, what).of(Kind::Schedule, id);
    if schedule.paused {
        let paused = cause(Code::SchedulePaused, format!("schedule {id} is paused"));
        return Chain::stuck(paused.unblocked_by(format!("resuming the schedule {id}")));
    }
    if matches!(schedule.schedule.trigger, Trigger::On(_)) {
        let sets = say::count(schedule.open_sets.unsigned_abs(), "set", "sets");
        let what = format!("schedule {id} starts a run when its events come; {sets} not complete");
        let cause = cause(Code::ScheduleEvents, what).since(schedule.created_at);
        return Chain::waiting(cause.unblocked_by("events that fit what it says in `on`"));
    }
    let Some(next) = schedule.next_at else {
        let what = format!("schedule {id} has no due time any more");
        return Chain::ended(cause(Code::ScheduleOver, what));
    };
    if next > engine.now {
        let what = format!(
            "the next due time of schedule {id} is in {}",
            say::span(next.since(engine.now))
        );
        let due = cause(Code::ScheduleDue, what)
            .unblocked_by("time")
            .next("the run of that due time is started, or what its policies say", next);
        let chain = Chain::waiting(due).and(skipped(schedule));
        return match schedule.schedule.trigger {
            Trigger::After(_) => chain,
            _ => blocked(schedule, engine, chain),
        };
    }
    let waits = matches!(schedule.schedule.overlap, Overlap::Buffer | Overlap::Cancel)
        || matches!(schedule.schedule.trigger, Trigger::After(_));
    let what = format!(
        "a due time of schedule {id} came {}, and its run was not started yet",
        say::ago(next, engine.now)
    );
    let late = cause(Code::ScheduleLate, what).since(next);
    let late = late.next("the orchestrator with the first partition starts it", None);
    let chain = Chain::moving(late);
    if waits && is_open(schedule) {
        return blocked(schedule, engine, chain);
    }
    chain
}

fn is_open(schedule: &Schedule) -> bool {
    matches!(&schedule.last_run, Some((_, Some(status))) if !status.is_terminal())
}

/// The run before is open, and in the way where runs must not overlap.
fn blocked(schedule: &Schedule, engine: &Engine, chain: Chain) -> Chain {
    let Some((last, _)) = schedule.last_run.as_ref().filter(|_| is_open(schedule)) else {
        return chain;
    };
    let policy = match schedule.schedule.overlap {
        Overlap::Allow => return chain,
        Overlap::Skip => "a due time that comes before its end has no run",
        Overlap::Buffer => "the next run begins after its end",
        Overlap::Cancel => "the next run begins after its end, for which it is cancelled",
    };
    let what = format!("run {last}, the one before, is open: {policy}");
    let cause = Cause::new(Code::ScheduleOverlap, what)
        .of(Kind::Run, last.as_str())
        .unblocked_by(format!("the end of run {last}"));
    let chain = chain.then(cause).being(State::Waiting);
    match &schedule.linked {
        Some(linked) => chain.behind(run::first(linked, engine)),
        None => chain,
    }
}

/// Why the last due time without a run has none.
fn skipped(schedule: &Schedule) -> Option<Cause> {
    let (why, at) = schedule.last_skipped.as_ref()?;
    let count = say::count(schedule.skipped.unsigned_abs(), "due time has", "due times have");
    let (code, why) = match why.as_str() {
        "overlap" => (Code::ScheduleOverlap, "since the run before was open"),
        _ => (Code::ScheduleMissed, "since nobody was there when it came"),
    };
    let what = format!("{count} no run, the last of them {why}");
    Some(Cause::new(code, what).since(*at).of(Kind::Schedule, &schedule.id))
}
