//! Who takes tasks of a queue, and why nobody does.

use crate::{
    Cause, Code, Kind, State,
    chain::Chain,
    executing::{self, gone},
    facts::{Engine, Hold, Served, Worker},
    say,
};

/// How many names a sentence has.
const NAMES: usize = 3;

/// Why nobody takes what waits in a queue.
pub(crate) fn served_by(engine: &Engine, served: &Served, chain: Chain) -> Chain {
    if let Some(hold) = engine.holds.get(served) {
        return chain.then(held(hold)).being(State::Stuck);
    }
    let (queue, task_type) = served;
    let serving: Vec<_> = engine.serving(served).collect();
    if serving.is_empty() {
        return unserved(engine, served, chain);
    }
    if let Some((slots, reason)) =
        serving.iter().filter_map(|worker| worker.limits.get(served)).max()
        && serving.iter().all(|worker| worker.limits.contains_key(served))
    {
        return chain.then(open_circuit(served, *slots, reason)).being(State::Waiting);
    }
    let names: Vec<String> = serving.iter().map(|worker| worker.name.clone()).collect();
    let held: usize = serving.iter().map(|worker| worker.leases.len()).sum();
    let looked = engine.queues.get(served).and_then(Option::as_ref);
    if looked.is_some_and(|queue| queue.waiting > 0) {
        let what = format!(
            "{} asks for tasks of `{task_type}` and gets one next",
            say::list(&names, NAMES)
        );
        let cause =
            Cause::new(Code::WorkerFree, what).of(Kind::Queue, format!("{queue}/{task_type}"));
        return chain.then(cause).being(State::Moving);
    }
    let what = format!(
        "{} for `{task_type}` on queue `{queue}`, {}, and none has room: {} held",
        match names.len() {
            1 => "there is 1 worker".to_owned(),
            many => format!("there are {many} workers"),
        },
        say::list(&names, NAMES),
        say::count(held as u64, "task is", "tasks are"),
    );
    let cause = Cause::new(Code::WorkersBusy, what)
        .of(Kind::Queue, format!("{queue}/{task_type}"))
        .unblocked_by("the end of a task that one of them is at, or one more worker")
        .next("whoever has room takes the oldest", None);
    let kept = serving.iter().find_map(|worker| drained(worker, served));
    chain.then(cause).and(kept)
}

/// Half of the workers are never kept short for what they do themselves: if all are, what their tasks
/// call is down.
fn open_circuit((queue, task_type): &Served, slots: u32, reason: &str) -> Cause {
    let (how, next) = match slots {
        0 => ("none is given out", "one is let through within 10 s, to see whether it succeeds"),
        _ => ("few are given out at a time", "ever more are let through as they succeed"),
    };
    let what = format!("tasks of `{task_type}` wait in queue `{queue}`, and {how}: {reason}");
    Cause::new(Code::CircuitOpen, what)
        .of(Kind::Queue, format!("{queue}/{task_type}"))
        .unblocked_by(format!("the return of what tasks of `{task_type}` call"))
        .next(next, None)
}

/// A worker that the failure detector keeps short.
pub(crate) fn drained(worker: &Worker, served: &Served) -> Option<Cause> {
    let (slots, reason) = worker.limits.get(served)?;
    let tasks = match slots {
        0 => "no tasks".to_owned(),
        slots => format!("{} at a time", say::count(u64::from(*slots), "task", "tasks")),
    };
    let what =
        format!("worker {} is given {tasks} for a while ({})", worker.name, say::quoted(reason),);
    Some(
        Cause::new(Code::WorkerDrained, what)
            .of(Kind::Worker, &worker.name)
            .unblocked_by("tasks of that type being completed again")
            .next("the failure detector has it tried with few tasks, then with ever more", None),
    )
}

pub(crate) fn unserved(engine: &Engine, served: &Served, chain: Chain) -> Chain {
    let (queue, task_type) = served;
    let elsewhere = engine.workers.iter().filter(|worker| worker.alive).flat_map(|worker| {
        worker.types.iter().filter(|(_, kind)| kind == task_type).map(|(queue, _)| queue.clone())
    });
    let mut elsewhere: Vec<String> = elsewhere.filter(|other| other != queue).collect();
    elsewhere.sort();
    elsewhere.dedup();
    let hint = match elsewhere.is_empty() {
        true => String::new(),
        false => format!(" (it is served on queue {})", say::list(&elsewhere, NAMES)),
    };
    let last = engine
        .workers
        .iter()
        .filter(|worker| worker.types.contains(served) && (!worker.alive || worker.stopping))
        .max_by_key(|worker| worker.heard_at);
    let what = format!("no worker offers `{task_type}` on queue `{queue}`{hint}");
    let since = last.filter(|worker| !worker.alive).map(|worker| worker.heard_at);
    let cause = Cause::new(Code::NoWorker, what)
        .since(since)
        .of(Kind::Queue, format!("{queue}/{task_type}"))
        .unblocked_by(format!("a worker that serves `{task_type}` on queue `{queue}`"))
        .next("the first one that comes takes what waits, at once", None);
    let last = last.map(|worker| match worker.alive {
        true => executing::stopping(worker),
        false => gone(worker, engine.now),
    });
    chain.then(cause).and(last).being(State::Stuck)
}

/// Nobody may take it, since a person said so.
fn held(hold: &Hold) -> Cause {
    let by = hold.by.as_ref().map_or_else(String::new, |by| format!(" by {}", say::quoted(by)));
    let why =
        hold.reason.as_ref().map_or_else(String::new, |why| format!(": {}", say::quoted(why)));
    let what = format!("the {} is held by hand{by}{why}", say::quoted(&hold.what));
    let cause = Cause::new(Code::Held, what).since(hold.since);
    cause.unblocked_by(format!("lifting the hold of the {}", say::quoted(&hold.what)))
}
