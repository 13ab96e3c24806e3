//! Tasks that workers execute.

use kintsugi_core::{Deferral, LossCause, Phase, TaskState, Timestamp, WhenExhausted};

use crate::{
    Cause, Code, Kind, State,
    chain::Chain,
    executing::{self, CUT_OFF, attempt},
    facts::{Engine, Queue, Run, Served},
    parts::Part,
    permit::permit,
    say,
    serving::{served_by, unserved},
};

/// What was given out that lately may still be on its way, in milliseconds.
const YOUNG_MS: u64 = 2_000;

/// A message older than the queue's oldest by this much is not in it, in milliseconds; as the failure
/// detector has it.
const SLACK_MS: u64 = 1_000;

/// How often the failure detector looks at every open run, in milliseconds.
const AUDIT_MS: u64 = 30_000;

/// Why a task for workers is where it is.
pub(crate) fn call(run: &Run, engine: &Engine, part: &Part<'_>, task: &TaskState) -> Chain {
    let both = (part, task);
    let held = || engine.holder(&run.key(part.number), task.epoch);
    match &task.phase {
        Phase::Queued { since } => permit(run, engine, part, *since),
        Phase::Dispatched { at, check_at, .. } => match held() {
            Some(holder) => executing::held(run, engine, both, holder, None),
            None => dispatched(run, engine, both, (*at, *check_at)),
        },
        Phase::Started { worker, deadline, .. } => match held() {
            Some(holder) => executing::held(run, engine, both, holder, Some(*deadline)),
            None => executing::started(run, engine, both, worker, *deadline),
        },
        Phase::Backoff { until } => backoff(run, engine, both, *until),
        Phase::DeadLettered => dead(run, both),
        Phase::Interrupted => interrupted(run, part),
    }
}

/// It was given out, and no worker says that it has it.
fn dispatched(
    run: &Run,
    engine: &Engine,
    (part, task): (&Part<'_>, &TaskState),
    (at, check_at): (Timestamp, Timestamp),
) -> Chain {
    let served = (task.queue.clone(), task.task_type.clone());
    let lost = lost_before(run, part, task);
    let in_queue = || waits(run, engine, (part, task), at);
    let chain = match engine.queues.get(&served) {
        Some(known) if engine.bus => match place(engine, &served, known.as_ref(), at) {
            Place::Queued => in_queue(),
            _ if engine.now.since(at) < YOUNG_MS => {
                let (attempt, named) = (attempt(task), run.named(part));
                let what = format!("{attempt} of {named} was given out just now");
                let cause = Cause::new(Code::Dispatched, what).since(at);
                return Chain::moving(cause.of(Kind::Task, run.key(part.number))).and(lost);
            }
            place => missing(run, engine, (part, task), (at, check_at), place),
        },
        _ => in_queue(),
    };
    let is_queued = chain.has(Code::QueueWait);
    let chain = chain.and(lost);
    match engine.knows_fleet() {
        false => chain.and(unknown_fleet(engine)),
        true if is_queued => {
            served_by(engine, &served, chain).and(stale(run, engine, (part, task)))
        }
        // Given out again, it will wait for a worker.
        true if engine.serving(&served).next().is_none() => unserved(engine, &served, chain),
        true => chain,
    }
}

/// Where an attempt is that no worker says it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Queued,
    /// Delivered, and nobody says that he has it.
    Unclaimed,
    Nowhere,
}

/// As the failure detector judges it.
fn place(engine: &Engine, served: &Served, queue: Option<&Queue>, at: Timestamp) -> Place {
    let Some(queue) = queue else { return Place::Nowhere };
    let is_queued =
        queue.pending > 0 && queue.oldest_at.is_none_or(|oldest| oldest <= at.plus(SLACK_MS));
    if is_queued {
        return Place::Queued;
    }
    let serves = |worker: &&crate::Worker| worker.types.contains(served) && worker.alive;
    let held: usize = engine.workers.iter().filter(serves).map(|one| one.leases.len()).sum();
    if queue.ack_pending > held as u64 { Place::Unclaimed } else { Place::Nowhere }
}

fn waits(
    run: &Run,
    engine: &Engine,
    (part, task): (&Part<'_>, &TaskState),
    at: Timestamp,
) -> Chain {
    let served = (task.queue.clone(), task.task_type.clone());
    let backlog = match engine.queues.get(&served) {
        Some(Some(queue)) => backlog(queue, engine.now),
        _ => String::new(),
    };
    let what = format!(
        "{} of {} waits in queue `{}` for a worker of `{}`{backlog}",
        attempt(task),
        run.named(part),
        task.queue,
        task.task_type,
    );
    Chain::waiting(
        Cause::new(Code::QueueWait, what)
            .since(at)
            .of(Kind::Queue, format!("{}/{}", task.queue, task.task_type))
            .unblocked_by("a worker with room for it")
            .or_earlier(CUT_OFF, part.cut_off(&run.state)),
    )
}

/// How much waits, as a part of a sentence.
fn backlog(queue: &Queue, now: Timestamp) -> String {
    let tasks = say::count(queue.pending, "task waits", "tasks wait");
    let oldest = queue
        .oldest_at
        .map_or_else(String::new, |at| format!(", the oldest for {}", say::span(now.since(at))));
    format!(" ({tasks} there{oldest})")
}

/// Neither a queue nor a worker has it.
fn missing(
    run: &Run,
    engine: &Engine,
    (part, task): (&Part<'_>, &TaskState),
    (at, check_at): (Timestamp, Timestamp),
    place: Place,
) -> Chain {
    let (attempt, named) = (attempt(task), run.named(part));
    let (code, what) = match place {
        Place::Unclaimed => (
            Code::Unclaimed,
            format!(
                "{attempt} of {named} was delivered from queue `{}`, and no worker says that it has it",
                task.queue
            ),
        ),
        _ => (
            Code::MessageLost,
            format!("{attempt} of {named} is in no queue, and no worker says that it has it"),
        ),
    };
    let by = check_at.min(engine.now.plus(AUDIT_MS)).max(engine.now);
    let cause = Cause::new(code, what)
        .since(at)
        .of(Kind::Task, run.key(part.number))
        .unblocked_by("its being noticed, which the engine does by itself")
        .next("the failure detector is asked where it is, and it is given out again", by);
    Chain::waiting(cause).by_time().by_notice()
}

/// A worker that was thought dead is still at an attempt before this one.
fn stale(run: &Run, engine: &Engine, (part, task): (&Part<'_>, &TaskState)) -> Option<Cause> {
    let key = run.key(part.number);
    let is_older = |lease: &&crate::Lease| lease.task == key && lease.epoch < task.epoch;
    let alive = engine.workers.iter().filter(|worker| worker.alive);
    let (worker, lease) =
        alive.filter_map(|worker| Some((worker, worker.leases.iter().find(is_older)?))).next()?;
    let what = format!(
        "worker {} is still at attempt {} of it, whose result will be refused",
        worker.name, lease.epoch
    );
    Some(
        Cause::new(Code::StaleAttempt, what)
            .since(lease.since)
            .of(Kind::Worker, &worker.name)
            .unblocked_by("the end of that attempt or of that worker, or one more worker"),
    )
}

/// The attempt before this one was lost.
fn lost_before(run: &Run, part: &Part<'_>, task: &TaskState) -> Option<Cause> {
    let last = task.attempts.last().filter(|last| last.epoch + 1 == task.epoch)?;
    let lost = last.lost?;
    let how = match lost {
        LossCause::WorkerDead => "its worker died",
        LossCause::WorkerFrozen => "its worker froze",
        LossCause::LeaseDropped => "its worker gave it back",
        LossCause::Redelivered => "it was delivered twice",
        LossCause::Undeliverable => "the broker gave it up",
        LossCause::MessageLost => "its message was gone",
        LossCause::BrokerRestarted => "the broker was restarted",
    };
    let by = last.worker.as_ref().map_or_else(String::new, |worker| format!(" (worker {worker})"));
    let what = format!(
        "attempt {} was lost, since {how}{by}; attempt {} was given out in its place",
        last.epoch, task.epoch
    );
    let cause = Cause::new(Code::AttemptLost, what).since(last.ended_at);
    Some(match &last.worker {
        Some(worker) => cause.of(Kind::Worker, worker),
        None => cause.of(Kind::Task, run.key(part.number)),
    })
}

fn backoff(
    run: &Run,
    engine: &Engine,
    (part, task): (&Part<'_>, &TaskState),
    until: Timestamp,
) -> Chain {
    // What failed since then is the news.
    if let Some(deferral) = task.deferred.as_ref().filter(|row| row.epoch == task.epoch) {
        return put_off(run, engine, part, (deferral, until));
    }
    let last = task.attempts.last();
    let why = match last {
        Some(last) if last.lost.is_some() => {
            format!(
                "{} ended with their worker",
                say::count(task.crashes.into(), "attempt", "attempts")
            )
        }
        _ => match &task.error {
            Some(error) => format!("attempt {} failed ({})", task.epoch, say::error(error)),
            None => format!("attempt {} failed", task.epoch),
        },
    };
    let most = run.call(part).map_or_else(String::new, |call| {
        format!(" of at most {}", call.policy.retry.maximum_attempts)
    });
    let wait = until.since(engine.now);
    let what = format!(
        "{why}; {} waits {} more for the next one, after {}{most}",
        run.named(part),
        say::span(wait),
        say::count(task.failures.into(), "failure", "failures"),
    );
    let cause = Cause::new(Code::RetryBackoff, what)
        .since(last.map(|last| last.ended_at))
        .of(Kind::Task, run.key(part.number))
        .unblocked_by("the end of the pause")
        .next(format!("attempt {} is given out", task.epoch + 1), until)
        .or_earlier(CUT_OFF, part.cut_off(&run.state));
    Chain::waiting(cause).by_time()
}

/// Its attempts are not begun, since what they call is left alone.
fn put_off(
    run: &Run,
    engine: &Engine,
    part: &Part<'_>,
    (deferral, until): (&Deferral, Timestamp),
) -> Chain {
    let what = format!(
        "{} is put off, {} so far and without counting: {}; it comes again in {}",
        run.named(part),
        say::count(deferral.times.into(), "time", "times"),
        deferral.reason,
        say::span(until.since(engine.now)),
    );
    let free = match deferral.costs_from() {
        None => "until the hold ends".to_owned(),
        Some(_) if deferral.canaries_left() == 0 => {
            "and a call that fails costs it an attempt".to_owned()
        }
        Some(from) => format!(
            "for {} more, or {} that fail, until that costs it an attempt",
            say::span(from.since(engine.now)),
            say::count(deferral.canaries_left().into(), "more call", "more calls"),
        ),
    };
    let next = format!("it is given out again, and put off again if nothing has changed, {free}");
    let cause = Cause::new(Code::TargetLeftAlone, what)
        .since(deferral.since)
        .of(Kind::Task, run.key(part.number))
        .unblocked_by("what it calls, once that is back, or the end of the hold")
        .next(next, until)
        .or_earlier(CUT_OFF, part.cut_off(&run.state));
    Chain::waiting(cause).by_time()
}

/// Whether it is kept away from workers, since so many died with it as its policy says. The machine
/// looks at that before it looks whether attempts are left.
fn is_quarantined(run: &Run, part: &Part<'_>, task: &TaskState) -> bool {
    let limit = run.call(part).map_or(0, |call| call.policy.quarantine.workers);
    let last = task.attempts.last().and_then(|last| last.lost);
    let victims = u32::try_from(task.victims()).unwrap_or(u32::MAX);
    limit > 0 && victims >= limit && last.is_some_and(LossCause::is_crash) && run.ended_at.is_none()
}

/// Workers died with it.
fn quarantined(run: &Run, (part, task): (&Part<'_>, &TaskState)) -> Chain {
    let letter = format!("{}:{}", run.key(part.number), task.epoch);
    let workers = say::count(task.victims() as u64, "worker", "workers");
    let what = format!("{} is in quarantine, since {workers} died with it", run.named(part));
    let cause = Cause::new(Code::Quarantined, what)
        .since(task.attempts.last().map(|last| last.ended_at))
        .of(Kind::DeadLetter, &letter)
        .unblocked_by(format!("a redrive of the dead letter {letter}"));
    match task.release_at {
        Some(at) => {
            let cause = cause.next("it is given new attempts by itself", at);
            Chain::waiting(cause.or_earlier(CUT_OFF, part.cut_off(&run.state))).by_time()
        }
        None => Chain::stuck(cause.or_earlier(CUT_OFF, part.cut_off(&run.state))),
    }
}

/// No attempt is left.
fn dead(run: &Run, (part, task): (&Part<'_>, &TaskState)) -> Chain {
    let letter = format!("{}:{}", run.key(part.number), task.epoch);
    if is_quarantined(run, part, task) {
        return redriven(run, &letter, quarantined(run, (part, task)));
    }
    let why =
        task.error.as_ref().map_or_else(String::new, |error| format!(": {}", say::error(error)));
    let what = format!(
        "{} has no attempts left, after {} and {}{why}",
        run.named(part),
        say::count(task.failures.into(), "failure", "failures"),
        say::count(task.crashes.into(), "lost worker", "lost workers"),
    );
    let since = task.attempts.last().map(|last| last.ended_at);
    let is_parked =
        run.call(part).is_none_or(|call| call.policy.when_exhausted == WhenExhausted::Park);
    let cause = Cause::new(Code::DeadLettered, what)
        .since(since)
        .of(Kind::DeadLetter, &letter)
        .unblocked_by(format!("a redrive of the dead letter {letter}"));
    let cause = if is_parked { cause.or_earlier(CUT_OFF, part.cut_off(&run.state)) } else { cause };
    redriven(run, &letter, Chain::stuck(cause))
}

/// A redrive may be kept already.
fn redriven(run: &Run, letter: &str, chain: Chain) -> Chain {
    let Some(asked) = run.requests.get(&format!("redrive:{letter}")) else { return chain };
    let what = format!("a redrive of the dead letter {letter} is kept, and its run is told of it");
    let asked = Cause::new(Code::RedriveAsked, what).since(*asked).of(Kind::DeadLetter, letter);
    let asked = asked.next("the run is told again if it was not", None);
    Chain::moving(asked).follow(chain).being(State::Moving).by_time()
}

fn interrupted(run: &Run, part: &Part<'_>) -> Chain {
    let what = format!("{} was interrupted by its run's fault elsewhere", run.named(part));
    let cause = Cause::new(Code::TaskInterrupted, what)
        .since(run.ended_at)
        .of(Kind::Task, run.key(part.number))
        .unblocked_by("a redrive of what the run faulted with");
    Chain::ended(cause)
}

/// Nobody can be said not to be there yet.
pub(crate) fn unknown_fleet(engine: &Engine) -> Option<Cause> {
    (engine.bus && !engine.knows_fleet()).then(|| {
        let what = "this gateway has listened for too short a time to know who is there";
        let cause = Cause::new(Code::FleetUnknown, what).of(Kind::Service, "api-gateway");
        cause.since(engine.listening_since).next("it knows everyone after three seconds", None)
    })
}
