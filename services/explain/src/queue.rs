//! Queues.

use crate::{
    Cause, Code, Explanation, Kind, State, Subject,
    call::unknown_fleet,
    chain::{Chain, explanation},
    facts::{Engine, Queue, Served},
    say,
    serving::served_by,
};

/// How many names a sentence has.
const NAMES: usize = 3;

/// Why a queue's tasks of one type do not move; none: the broker has nothing of it, and no worker serves
/// or served it.
#[must_use]
pub fn queue(served: &Served, engine: &Engine) -> Option<Explanation> {
    let subject = subject(served);
    let chain = chain(served, engine)?;
    Some(explanation(subject.clone(), engine, vec![(subject, chain)], 0))
}

/// The same of all types of a queue that are known, at most as many as given, and how many more there
/// are; none: none is known.
#[must_use]
pub fn queues(name: &str, types: &[Served], more: u64, engine: &Engine) -> Option<Explanation> {
    let line = |served: &Served| Some((subject(served), chain(served, engine)?));
    let lines: Vec<_> = types.iter().filter_map(line).collect();
    if lines.is_empty() {
        return None;
    }
    Some(explanation(Subject::new(Kind::Queue, name), engine, lines, more))
}

fn subject((queue, task_type): &Served) -> Subject {
    Subject::new(Kind::Queue, format!("{queue}/{task_type}"))
}

fn chain(served: &Served, engine: &Engine) -> Option<Chain> {
    let (name, task_type) = served;
    if !engine.bus {
        return engine.without_orchestrator().map(Chain::stuck);
    }
    let looked = engine.queues.get(served)?;
    let is_served = engine.workers.iter().any(|worker| worker.types.contains(served));
    if looked.is_none() && !is_served {
        return None;
    }
    let queue = looked.clone().unwrap_or_default();
    let id = format!("{name}/{task_type}");
    if queue.pending > 0 {
        let cause = backlog(served, &queue, engine).of(Kind::Queue, &id);
        let chain = Chain::waiting(cause);
        return Some(match unknown_fleet(engine) {
            Some(unknown) => chain.then(unknown),
            None => served_by(engine, served, chain),
        });
    }
    if queue.ack_pending > 0 {
        let again = match queue.redelivered {
            0 => String::new(),
            count => format!(", {count} of them delivered more than once"),
        };
        let what = format!(
            "{} of `{task_type}` on queue `{name}` being executed{again}, and none waits",
            say::count(queue.ack_pending, "task is", "tasks are"),
        );
        return Some(Chain::moving(Cause::new(Code::QueueWorking, what).of(Kind::Queue, id)));
    }
    Some(Chain::new(State::Idle, empty(served, engine).of(Kind::Queue, id)))
}

fn backlog((name, task_type): &Served, queue: &Queue, engine: &Engine) -> Cause {
    let oldest = queue.oldest_at.map_or_else(String::new, |at| {
        format!(", the oldest for {}", say::span(engine.now.since(at)))
    });
    let others = match queue.ack_pending {
        0 => String::new(),
        count => format!("; {} being executed", say::count(count, "other is", "others are")),
    };
    let what = format!(
        "{} of `{task_type}` {} in queue `{name}`{oldest}{others}",
        say::count(queue.pending, "task", "tasks"),
        if queue.pending == 1 { "waits" } else { "wait" },
    );
    let cause = Cause::new(Code::QueueBacklog, what).since(queue.oldest_at);
    cause.unblocked_by("workers with room")
}

fn empty(served: &Served, engine: &Engine) -> Cause {
    let (name, task_type) = served;
    let names: Vec<String> = engine.serving(served).map(|worker| worker.name.clone()).collect();
    let slots: u64 = engine.serving(served).map(|worker| u64::from(worker.concurrency)).sum();
    let by = match names.as_slice() {
        [] => "no worker serves it now".to_owned(),
        [one] => format!("`{one}` waits with {}", say::count(slots, "slot", "slots")),
        all => {
            format!("{} wait with {}", say::list(all, NAMES), say::count(slots, "slot", "slots"))
        }
    };
    let what = format!("no task of `{task_type}` is in queue `{name}`; {by}");
    Cause::new(Code::QueueEmpty, what).unblocked_by("a run that gives out such a task")
}
