//! Runs and tasks.

use kintsugi_core::{Body, Cancelling, ChildPhase, Ending, Status, Timestamp, Work};

use crate::{
    Cause, Code, Explanation, Kind, State, Subject,
    chain::{Chain, explanation},
    engine::OVERDUE_MS,
    facts::{Engine, Run},
    leaf,
    parts::{Part, parts},
    say,
};

/// How long mail may lie before it is worth a word, in milliseconds: who brought it tells the run.
const MAIL_MS: u64 = 1_000;

/// Why a run does not move.
#[must_use]
pub fn run(run: &Run, engine: &Engine) -> Explanation {
    let (lines, more) = lines(run, engine);
    explanation(Subject::new(Kind::Run, run.id.as_str()), engine, lines, more)
}

/// Why a task that is open does not move; none: there is no such open task in the run.
#[must_use]
pub fn task(run: &Run, engine: &Engine, number: u64) -> Option<Explanation> {
    let frame = run.state.frames.get(&number)?;
    let Body::Task(open) = &frame.body else { return None };
    let subject = Subject::new(Kind::Task, run.key(number));
    let (found, count) = parts(&run.state, Some(number));
    let mut lines: Vec<_> = Vec::new();
    if run.state.status.is_terminal() && !found.iter().any(leaf::is_dead) {
        lines.push((subject.clone(), ended(run, engine)));
    }
    lines.extend(found.iter().map(|part| line(run, engine, part)));
    if lines.is_empty() {
        let part = Part { number, frame, open };
        let what = format!("{} is between two steps", run.named(&part));
        let chain = Chain::moving(Cause::new(Code::BetweenSteps, what).since(run.updated_at));
        lines.push((subject.clone(), engine.behind(run, chain)));
    }
    let more = count.saturating_sub(found.len() as u64);
    Some(explanation(subject, engine, lines, more))
}

/// How a task is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With an output.
    Completed,
    /// With an error that the workflow dealt with.
    Failed,
    /// It was no longer wanted.
    Cancelled,
}

/// Why a task does not move that is not open any more; with what went wrong, for people.
#[must_use]
pub fn closed(
    key: &str,
    end: End,
    (why, at): (Option<&str>, Option<Timestamp>),
    engine: &Engine,
) -> Explanation {
    let (code, how) = match end {
        End::Completed => (Code::TaskCompleted, "is completed"),
        End::Failed => (Code::TaskFailed, "failed, and the workflow dealt with it"),
        End::Cancelled => (Code::TaskCancelled, "was cancelled"),
    };
    let why = why.map_or_else(String::new, |why| format!(" ({})", say::quoted(why)));
    let subject = Subject::new(Kind::Task, key);
    let cause = Cause::new(code, format!("task {key} {how}{why}")).since(at).of(Kind::Task, key);
    explanation(subject.clone(), engine, vec![(subject, Chain::ended(cause))], 0)
}

/// What is told first of a run: where a chain goes on that leads here.
pub(crate) fn first(run: &Run, engine: &Engine) -> Chain {
    let mut lines = lines(run, engine).0;
    lines.sort_by_key(|(_, chain)| chain.state);
    let between = || {
        let what = format!("run {} is between two steps", run.id);
        Chain::moving(Cause::new(Code::BetweenSteps, what).since(run.updated_at))
    };
    lines.into_iter().next().map_or_else(between, |(_, chain)| chain)
}

/// Everything that a run hangs on.
fn lines(run: &Run, engine: &Engine) -> (Vec<(Subject, Chain)>, u64) {
    let own = || Subject::new(Kind::Run, run.id.as_str());
    if run.state.status.is_terminal() {
        return (vec![(own(), ended(run, engine))], 0);
    }
    let mut lines = Vec::new();
    if let Some(of) = &run.state.cancelling {
        lines.push((own(), engine.behind(run, cancelling(run, of))));
    } else if let Some(at) = run.requests.get(&format!("cancel:{}", run.id)) {
        let what = format!("the cancellation of run {} is kept, and the run is told of it", run.id);
        let cause = Cause::new(Code::CancelAsked, what).since(*at).of(Kind::Run, run.id.as_str());
        let cause = cause.next("the run is told again if it was not", at.plus(OVERDUE_MS));
        lines.push((own(), engine.behind(run, Chain::moving(cause).by_time())));
    }
    if run.state.status == Status::Suspended {
        // Nothing of it goes on meanwhile, whatever is open.
        lines.push((own(), engine.behind(run, suspended(run))));
        return (lines, parts(&run.state, run.focus).1);
    }
    let waits = match run.state.status {
        Status::Pending => Some(not_started(run, engine)),
        _ if !run.state.pending.is_empty() => {
            let what = format!("run {} made as many steps as one input may, and goes on", run.id);
            let cause = Cause::new(Code::StepsLeft, what).since(run.updated_at);
            Some(Chain::moving(cause.next("the rest follows with the next input", None)).by_time())
        }
        _ => mail(run, engine),
    };
    lines.extend(waits.map(|chain| (own(), engine.behind(run, chain))));
    let (found, count) = parts(&run.state, run.focus);
    lines.extend(found.iter().map(|part| line(run, engine, part)));
    if lines.is_empty() {
        let what = format!("run {} is between two steps", run.id);
        let chain = Chain::moving(Cause::new(Code::BetweenSteps, what).since(run.updated_at));
        lines.push((own(), engine.behind(run, chain.by_time())));
    }
    (lines, count.saturating_sub(found.len() as u64))
}

fn line(run: &Run, engine: &Engine, part: &Part<'_>) -> (Subject, Chain) {
    (Subject::new(Kind::Task, run.key(part.number)), leaf::of(run, engine, part))
}

fn not_started(run: &Run, engine: &Engine) -> Chain {
    let created = run.state.created_at;
    let waited = say::span(engine.now.since(created));
    let what = format!("run {} was accepted {waited} ago, and has not begun", run.id);
    let cause = Cause::new(Code::NotStarted, what)
        .since(created)
        .of(Kind::Run, run.id.as_str())
        .unblocked_by("its orchestrator")
        .next("the retry engine tells it to begin, if it was not told", created.plus(OVERDUE_MS));
    Chain::moving(cause).by_time()
}

fn suspended(run: &Run) -> Chain {
    let suspension = run.state.suspension.as_ref();
    let since = suspension.map_or(run.updated_at, |suspension| suspension.since);
    let is_held = suspension.is_some_and(|suspension| suspension.hold.is_some());
    let (why, by) = match is_held {
        true => {
            (", since its definition is held", "lifting the hold of its definition, or resuming it")
        }
        false => (" by hand", "resuming it"),
    };
    let cause = Cause::new(Code::Suspended, format!("run {} is suspended{why}", run.id));
    Chain::stuck(cause.since(since).of(Kind::Run, run.id.as_str()).unblocked_by(by))
}

fn cancelling(run: &Run, of: &Cancelling) -> Chain {
    let (what, next, at) = match of.phase {
        Ending::Grace { until } => {
            ("attempts that are out may still finish", "what is still out is told to stop", until)
        }
        Ending::Tidying { deadline, .. } => {
            ("it tidies up as its definition says", "the run faults if it is not done", deadline)
        }
    };
    let what = format!("run {} is being cancelled, and {what}", run.id);
    let cause = Cause::new(Code::Cancelling, what).since(of.since).of(Kind::Run, run.id.as_str());
    Chain::moving(cause.unblocked_by("terminating it").next(next, at)).by_time()
}

/// Events that it was not told of.
fn mail(run: &Run, engine: &Engine) -> Option<Chain> {
    let since = run.mail.waiting_since.filter(|at| engine.now.since(*at) >= MAIL_MS)?;
    let what = format!(
        "{} in the inbox of run {} that it has not taken, the oldest for {}",
        say::count(run.mail.waiting, "event lies", "events lie"),
        run.id,
        say::span(engine.now.since(since)),
    );
    let cause = Cause::new(Code::SignalNotTaken, what)
        .since(since)
        .of(Kind::Run, run.id.as_str())
        .unblocked_by("its orchestrator")
        .next("the retry engine tells the run that there is mail", since.plus(OVERDUE_MS));
    Some(Chain::moving(cause).by_time())
}

/// It is over; where it faulted, what a redrive would take up.
fn ended(run: &Run, engine: &Engine) -> Chain {
    let status = run.state.status;
    let at = run.ended_at.map_or_else(String::new, |at| format!(" {}", say::ago(at, engine.now)));
    let cause = |what: String| {
        let cause = Cause::new(leaf::ended(status), what).since(run.ended_at);
        cause.of(Kind::Run, run.id.as_str())
    };
    if status != Status::Faulted {
        let word = if status == Status::Completed { "completed" } else { "was cancelled" };
        return Chain::ended(cause(format!("run {} {word}{at}", run.id)));
    }
    let why = run.state.error.as_ref().map_or_else(String::new, |error| {
        let place = error.instance.as_ref().map_or_else(String::new, |at| format!(" (at {at})"));
        format!(": {}{place}", say::error(error))
    });
    let what = format!("run {} faulted{at}{why}", run.id);
    let (found, _) = parts(&run.state, run.focus);
    if let Some(dead) = found.iter().find(|part| leaf::is_dead(part)) {
        let letter = leaf::alone(run, engine, dead);
        let first = cause(what).unblocked_by("a redrive of its dead letter");
        let state = if letter.state == State::Moving { State::Moving } else { State::Ended };
        return Chain::ended(first).follow(letter).being(state);
    }
    let fallen = |part: &&Part<'_>| {
        matches!(&part.open.work, Work::Child(child)
            if matches!(child.phase, ChildPhase::Faulted { .. }))
    };
    if let Some(part) = found.iter().find(fallen) {
        let below = leaf::alone(run, engine, part);
        let first = cause(what).unblocked_by("a redrive of what the run below faulted with");
        let state = if below.state == State::Moving { State::Moving } else { State::Ended };
        return Chain::ended(first).follow(below).being(state);
    }
    Chain::ended(cause(what).unblocked_by("nothing: it is over; start a new run"))
}
