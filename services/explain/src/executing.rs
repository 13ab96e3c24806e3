//! Attempts that a worker has.

use kintsugi_core::{TaskState, Timestamp};

use crate::{
    Cause, Code, Kind,
    chain::Chain,
    facts::{Engine, Lease, Run, Worker},
    parts::Part,
    say,
};

/// How soon an attempt is taken from a worker that is not heard of, in milliseconds: it is asked after
/// half a second of silence, and has a second to answer.
const TAKEN_OVER_MS: u64 = 2_500;

/// How soon an attempt that nobody has any more is found, in milliseconds: the failure detector looks
/// at every open run every 30 s, and twice before it judges.
const FOUND_MS: u64 = 32_000;

/// A worker says that it has the attempt.
pub(crate) fn held(
    run: &Run,
    engine: &Engine,
    (part, task): (&Part<'_>, &TaskState),
    (worker, lease): (&Worker, &Lease),
    deadline: Option<Timestamp>,
) -> Chain {
    if !worker.alive && engine.knows_fleet() {
        return silent(run, engine, (part, task), &worker.name, deadline);
    }
    let now = engine.now;
    let named = run.named(part);
    // The run counts from when it hears that the attempt has begun, the worker from its beginning.
    let longest = run.call(part).map(|call| lease.since.plus(call.policy.start_to_close_ms));
    let deadline = deadline.or(longest);
    let attempt = attempt(task);
    let said = match &lease.progress {
        Some(progress) => format!(", and says `{}`", say::payload(progress)),
        None => String::new(),
    };
    let quiet = lease.progress_at.unwrap_or(lease.since);
    let limit = run.call(part).and_then(|call| call.policy.lease_ms);
    let ends = limit.map(|limit| quiet.plus(limit));
    let is_quiet = limit.is_some_and(|limit| now.since(quiet) >= limit / 2);
    let chain = if let (true, Some(ends)) = (is_quiet, ends) {
        let what = format!(
            "{attempt} of {named} is with worker {}, which has said nothing of its progress for {}{}",
            worker.name,
            say::span(now.since(quiet)),
            said.replace(", and says", "; it said last"),
        );
        Chain::waiting(
            Cause::new(Code::NoProgress, what)
                .since(quiet)
                .of(Kind::Worker, &worker.name)
                .unblocked_by("a word of the worker's progress, or its result")
                .next("the attempt is ended as timed out, and tried again by its policy", ends)
                .or_earlier(TIMED_OUT, deadline)
                .or_earlier(CUT_OFF, part.cut_off(&run.state)),
        )
    } else {
        let since = say::span(now.since(lease.since));
        let what =
            format!("worker {} has been at {attempt} of {named} for {since}{said}", worker.name);
        let cause = Cause::new(Code::Executing, what)
            .since(lease.since)
            .of(Kind::Worker, &worker.name)
            .or_earlier("the attempt is ended as timed out, for want of a word of progress", ends)
            .or_earlier(TIMED_OUT, deadline)
            .or_earlier(CUT_OFF, part.cut_off(&run.state));
        Chain::moving(cause)
    };
    let stopping = worker.stopping.then(|| stopping(worker));
    chain.and(stopping)
}

const TIMED_OUT: &str = "the attempt is ended as timed out, and tried again by its policy";
pub(crate) const CUT_OFF: &str = "a time limit around it passes, and it is cancelled";

/// The run knows who has the attempt, and that one's heartbeats do not say so.
pub(crate) fn started(
    run: &Run,
    engine: &Engine,
    (part, task): (&Part<'_>, &TaskState),
    worker: &str,
    deadline: Timestamp,
) -> Chain {
    let (named, attempt) = (run.named(part), attempt(task));
    if !engine.knows_fleet() {
        let what = format!("worker {worker} said that it is at {attempt} of {named}");
        let cause = Cause::new(Code::Executing, what).of(Kind::Worker, worker);
        return Chain::moving(cause.or_earlier(TIMED_OUT, Some(deadline)))
            .and(crate::call::unknown_fleet(engine));
    }
    match engine.worker(worker) {
        Some(known) if known.alive => {
            let what = format!(
                "worker {worker} has let go of {attempt} of {named}, and its result is not here yet"
            );
            let cause = Cause::new(Code::LeaseDropped, what)
                .of(Kind::Worker, worker)
                .unblocked_by("the result, or its being noticed that nobody has the attempt")
                .next("the attempt is given out again", engine.now.plus(FOUND_MS));
            Chain::moving(cause).by_notice()
        }
        _ => silent(run, engine, (part, task), worker, Some(deadline)),
    }
}

/// Its worker is not heard of.
fn silent(
    run: &Run,
    engine: &Engine,
    (part, task): (&Part<'_>, &TaskState),
    worker: &str,
    deadline: Option<Timestamp>,
) -> Chain {
    let heard = engine.worker(worker).map(|worker| worker.heard_at);
    let last = heard.map_or_else(
        || "not heard of".to_owned(),
        |at| format!("silent since its last heartbeat {}", say::ago(at, engine.now)),
    );
    let what = format!(
        "{} of {} is with worker {worker}, which is {last}: frozen, dead or cut off",
        attempt(task),
        run.named(part),
    );
    let taken =
        heard.map_or(engine.now.plus(FOUND_MS), |at| at.plus(TAKEN_OVER_MS).max(engine.now));
    let cause = Cause::new(Code::WorkerSilent, what)
        .since(heard)
        .of(Kind::Worker, worker)
        .unblocked_by("a sign of life of the worker, or the takeover")
        .next("the failure detector asks the worker, and gives the task to another", taken)
        .or_earlier(TIMED_OUT, deadline);
    Chain::waiting(cause).by_notice()
}

/// `attempt 2`.
pub(crate) fn attempt(task: &TaskState) -> String {
    format!("attempt {}", task.epoch)
}

/// A worker that finishes what it has.
pub(crate) fn stopping(worker: &Worker) -> Cause {
    let tasks = say::count(worker.leases.len() as u64, "task", "tasks");
    let what =
        format!("worker {} is stopping: it finishes {tasks} and takes nothing new", worker.name);
    Cause::new(Code::WorkerStopping, what)
        .of(Kind::Worker, &worker.name)
        .next("what it does not finish in its grace is given to others", None)
}

/// A worker that is gone.
pub(crate) fn gone(worker: &Worker, now: Timestamp) -> Cause {
    let ago = say::ago(worker.heard_at, now);
    let cause = if worker.stopping {
        let what = format!("worker {} stopped in good order {ago}", worker.name);
        Cause::new(Code::WorkerStopped, what)
    } else {
        let (host, pid) = (&worker.host, worker.pid);
        let what = format!(
            "worker {} (process {pid} on {host}) was heard of for the last time {ago}",
            worker.name
        );
        Cause::new(Code::WorkerLost, what)
    };
    cause.since(worker.heard_at).of(Kind::Worker, &worker.name)
}
