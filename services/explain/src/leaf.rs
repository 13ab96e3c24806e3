//! Open parts other than tasks for workers: timers, events, people, other runs.

use kintsugi_core::{
    Asking, ChildPhase, Hearing, Kind as NodeKind, Phase, RunId, Status, Timestamp, Work,
};

use crate::{
    Cause, Code, Kind, State,
    call::call,
    chain::Chain,
    engine::OVERDUE_MS,
    executing::CUT_OFF,
    facts::{Engine, Run},
    parts::Part,
    run, say,
};

/// How many names a sentence has.
const NAMES: usize = 3;

/// Why an open part is where it is.
pub(crate) fn of(it: &Run, engine: &Engine, part: &Part<'_>) -> Chain {
    engine.behind(it, alone(it, engine, part))
}

/// The same, whether or not the engine is there to go on with it.
pub(crate) fn alone(it: &Run, engine: &Engine, part: &Part<'_>) -> Chain {
    match &part.open.work {
        Work::Call(task) => call(it, engine, part, task),
        Work::Wait { until, .. } => wait(it, engine, part, *until),
        Work::Try { phase: kintsugi_core::TryPhase::Backoff(until), retries, .. } => {
            try_again(it, engine, part, (*until, *retries))
        }
        Work::Listen(hearing) => listen(it, part, hearing),
        Work::Human(asking) => human(it, engine, part, asking),
        Work::Child(child) => child_run(it, engine, part, &child.phase),
        _ => Chain::moving(Cause::new(Code::BetweenSteps, format!("{} goes on", it.named(part)))),
    }
}

/// Whether it is a task without attempts left.
pub(crate) fn is_dead(part: &Part<'_>) -> bool {
    matches!(&part.open.work, Work::Call(task) if task.phase == Phase::DeadLettered)
}

/// How far away a time is; one that has passed is being dealt with.
fn left(until: Timestamp, engine: &Engine) -> String {
    match until.since(engine.now) {
        0 if engine.now.since(until) > OVERDUE_MS => {
            format!("is over since {}, and nobody told the run", say::span(engine.now.since(until)))
        }
        0 => "is over this moment".to_owned(),
        left => format!("goes on for {} more", say::span(left)),
    }
}

fn wait(it: &Run, engine: &Engine, part: &Part<'_>, until: Timestamp) -> Chain {
    let what = format!("the wait of {} {}", it.named(part), left(until, engine));
    let cause = Cause::new(Code::WaitTimer, what)
        .since(part.frame.at)
        .of(Kind::Task, it.key(part.number))
        .unblocked_by("time")
        .next("the run goes on", until)
        .or_earlier(CUT_OFF, part.cut_off(&it.state));
    Chain::waiting(cause).by_time()
}

fn try_again(it: &Run, engine: &Engine, part: &Part<'_>, at: (Timestamp, u32)) -> Chain {
    let (until, retries) = at;
    let what = format!(
        "{} caught an error, and its pause before retry {retries} {}",
        it.named(part),
        left(until, engine)
    );
    let cause = Cause::new(Code::TryBackoff, what)
        .since(it.updated_at)
        .of(Kind::Task, it.key(part.number))
        .unblocked_by("the end of the pause")
        .next("the `try` begins anew", until)
        .or_earlier(CUT_OFF, part.cut_off(&it.state));
    Chain::waiting(cause).by_time()
}

fn listen(it: &Run, part: &Part<'_>, hearing: &Hearing) -> Chain {
    let types = match it.node(part).map(|node| &node.kind) {
        Some(NodeKind::Listen(listen)) => listen.to.types(),
        _ => None,
    };
    let types: Vec<String> = types.unwrap_or_default().into_iter().collect();
    let wanted = match types.as_slice() {
        [] => "an event".to_owned(),
        [one] => format!("an event of type `{one}`"),
        many => format!("events of the types {}", say::list(many, NAMES)),
    };
    let parked = match it.mail.parked {
        0 => String::new(),
        parked => format!(
            "; {} in its inbox, and no listen takes it",
            say::count(parked, "event lies", "events lie")
        ),
    };
    let what = format!(
        "{} listens for {wanted}; {} so far{parked}",
        it.named(part),
        say::count(hearing.count, "came", "came"),
    );
    let by = match types.first() {
        Some(kind) => format!(
            "{wanted} that fits: a signal to the run, or one published to \
             `kintsugi.cloudevents.{kind}`"
        ),
        None => format!("{wanted} that fits: a signal to the run, or one that is published"),
    };
    let cause = Cause::new(Code::Listening, what)
        .since(part.frame.at)
        .of(Kind::Task, it.key(part.number))
        .unblocked_by(by)
        .or_earlier(CUT_OFF, part.cut_off(&it.state));
    Chain::waiting(cause)
}

fn human(it: &Run, engine: &Engine, part: &Part<'_>, asking: &Asking) -> Chain {
    let question = &asking.question;
    let key = it.key(part.number);
    if let Some(asked) = it.requests.get(&format!("answer:{key}")) {
        let what = format!("the answer to {} is kept, and its run is told of it", it.named(part));
        let cause = Cause::new(Code::AnswerNotTaken, what).since(*asked).of(Kind::Task, key);
        return Chain::moving(cause.next("the run is told again if it was not", None)).by_time();
    }
    let who = match question.assignees.as_slice() {
        [] => "anyone".to_owned(),
        names => say::list(names, NAMES),
    };
    let due = match question.due_at {
        Some(due) if due <= engine.now => format!(", due {}", say::ago(due, engine.now)),
        Some(due) => format!(", due in {}", say::span(due.since(engine.now))),
        None => String::new(),
    };
    let what = format!(
        "{} waits for an answer of {who} to \"{}\"{due}",
        it.named(part),
        say::quoted(&question.title),
    );
    let mut cause = Cause::new(Code::HumanTask, what)
        .since(question.asked_at)
        .of(Kind::Task, &key)
        .unblocked_by(format!("an answer to the human task {key}"));
    let is_armed = question.escalated_at.is_none();
    if let Some(due) = question.due_at.filter(|_| is_armed) {
        let to = match asking.escalate.is_empty() {
            true => "it is due, and told of as such".to_owned(),
            false => format!("it is due, and given to {}", say::list(&asking.escalate, NAMES)),
        };
        cause = cause.next(to, due);
    }
    Chain::waiting(cause.or_earlier(CUT_OFF, part.cut_off(&it.state)))
}

fn child_run(it: &Run, engine: &Engine, part: &Part<'_>, phase: &ChildPhase) -> Chain {
    let named = it.named(part);
    let (child, check) = match phase {
        ChildPhase::Wanted { at, .. } => {
            let what = format!("{named} is about to start its run");
            return Chain::moving(Cause::new(Code::ChildWanted, what).since(*at)).by_time();
        }
        ChildPhase::Open { run, check } => (run, Some(check.at)),
        ChildPhase::Ended { run, .. } | ChildPhase::Faulted { run } => (run, None),
    };
    let waits = Cause::new(Code::ChildRun, format!("{named} waits for the end of run {child}"))
        .since(part.frame.at)
        .of(Kind::Run, child.as_str())
        .unblocked_by(format!("the end of run {child}"));
    let waits = match check {
        Some(at) => waits.next("it looks at that run by itself, should it not be told", at),
        None => waits,
    };
    let waits = waits.or_earlier(CUT_OFF, part.cut_off(&it.state));
    follow(it, engine, (child, check), Chain::waiting(waits))
}

/// Goes on in the child.
fn follow(
    it: &Run,
    engine: &Engine,
    (child, check): (&RunId, Option<Timestamp>),
    chain: Chain,
) -> Chain {
    match it.linked.get(child) {
        Some(Some(linked)) if linked.state.status.is_terminal() && check.is_some() => {
            let status = linked.state.status;
            let what =
                format!("run {child} is {}, and {} is about to see it", status.as_str(), it.id);
            let cause = Cause::new(Code::ChildEnded, what).since(linked.ended_at);
            let cause = cause.of(Kind::Run, child.as_str()).next("it looks at that run", check);
            chain.then(cause).being(State::Moving).by_time()
        }
        Some(Some(linked)) => chain.follow(run::first(linked, engine)),
        Some(None) => {
            let what = format!("there is no run {child} any more");
            let cause = Cause::new(Code::ChildEnded, what).of(Kind::Run, child.as_str());
            chain.then(cause.next("the task fails", check)).being(State::Moving).by_time()
        }
        None => {
            let what = format!("run {child} was not looked at: ask about it by itself");
            chain.then(Cause::new(Code::NotFollowed, what).of(Kind::Run, child.as_str()))
        }
    }
}

/// How a run ended, in a word.
pub(crate) fn ended(status: Status) -> Code {
    match status {
        Status::Completed => Code::RunCompleted,
        Status::Cancelled => Code::RunCancelled,
        _ => Code::RunFaulted,
    }
}
