//! Workers.

use crate::{
    Cause, Code, Explanation, Kind, Line, State, Subject,
    chain::{Chain, explanation},
    executing,
    facts::{Engine, Worker},
    say, serving,
};

/// How long a worker may be silent before it is certain that it was taken over from, in milliseconds:
/// it is asked after half a second, and has a second to answer.
const IN_DOUBT_MS: u64 = 4_000;

/// How many tasks of a worker are listed.
const LISTED: usize = 20;

/// Why a worker does not work; none: it was not heard of in the last ten minutes.
#[must_use]
pub fn worker(name: &str, engine: &Engine) -> Option<Explanation> {
    let worker = engine.worker(name)?;
    let subject = Subject::new(Kind::Worker, name);
    let lines = vec![(subject.clone(), chain(worker, engine))];
    let mut told = explanation(subject, engine, lines, 0);
    if worker.alive {
        let tasks = worker.leases.iter().take(LISTED).map(|lease| Line {
            subject: Subject::new(Kind::Task, &lease.task),
            state: State::Moving,
            causes: vec![at_it(worker, lease, engine)],
        });
        told.others = tasks.collect();
        told.more = worker.leases.len().saturating_sub(LISTED) as u64;
    }
    Some(told)
}

fn at_it(worker: &Worker, lease: &crate::Lease, engine: &Engine) -> Cause {
    let said = match &lease.progress {
        Some(progress) => format!(", and says `{}`", say::payload(progress)),
        None => String::new(),
    };
    let what = format!(
        "worker {} has been at attempt {} of task {} for {}{said}",
        worker.name,
        lease.epoch,
        lease.task,
        say::span(engine.now.since(lease.since)),
    );
    Cause::new(Code::Executing, what).since(lease.since).of(Kind::Task, &lease.task)
}

fn chain(worker: &Worker, engine: &Engine) -> Chain {
    if !engine.bus {
        let gone = engine.without_orchestrator();
        let what = format!("nothing can be said of worker {} now", worker.name);
        return Chain::stuck(Cause::new(Code::FleetUnknown, what)).and(gone);
    }
    if !worker.alive {
        return gone(worker, engine);
    }
    if worker.stopping {
        return Chain::moving(executing::stopping(worker));
    }
    // Of a type that it may take freely it is free.
    if worker.types.iter().all(|served| worker.limits.contains_key(served))
        && let Some(kept) = worker.types.iter().find_map(|served| serving::drained(worker, served))
    {
        return Chain::waiting(kept);
    }
    let (held, slots) = (worker.leases.len() as u64, u64::from(worker.concurrency));
    let name = &worker.name;
    let tasks = say::count(held, "task", "tasks");
    if held >= slots && held > 0 {
        let what = format!("worker {name} is at {tasks}, and takes {slots} at once");
        let cause = Cause::new(Code::WorkerBusy, what).of(Kind::Worker, name);
        return Chain::moving(cause.unblocked_by("the end of one of its tasks, for more to come"));
    }
    if held > 0 {
        let what = format!("worker {name} is at {tasks}, and takes up to {slots} at once");
        return Chain::moving(Cause::new(Code::WorkerWorking, what).of(Kind::Worker, name));
    }
    let types: Vec<String> =
        worker.types.iter().map(|(queue, kind)| format!("{queue}/{kind}")).collect();
    let what = format!("worker {name} serves {}, and nothing waits for it", say::list(&types, 5));
    let cause = Cause::new(Code::WorkerIdle, what).of(Kind::Worker, name);
    Chain::new(State::Idle, cause.unblocked_by("a task of what it serves"))
}

fn gone(worker: &Worker, engine: &Engine) -> Chain {
    let lost = executing::gone(worker, engine.now);
    if worker.stopping {
        return Chain::ended(lost);
    }
    let silent = engine.now.since(worker.heard_at);
    let tasks = say::count(worker.leases.len() as u64, "task", "tasks");
    if silent < IN_DOUBT_MS {
        let what = format!(
            "worker {} is silent since {}: frozen, dead or cut off; it had {tasks}",
            worker.name,
            say::span(silent)
        );
        let cause = Cause::new(Code::WorkerSilent, what)
            .since(worker.heard_at)
            .of(Kind::Worker, &worker.name)
            .unblocked_by("a sign of life")
            .next(
                "the failure detector asks it, and gives what it had to others",
                worker.heard_at.plus(IN_DOUBT_MS),
            );
        return Chain::waiting(cause);
    }
    let lost = lost.unblocked_by("its being started again, or thawed; what it had went to others");
    Chain::stuck(lost)
}
