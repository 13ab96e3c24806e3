//! What a dead letter tells of the attempts before it.

use kintsugi_core::{
    Deferral, DefinitionRef, Effect, FailedAttempt, Fault, Input, Kind, List, ListId, LossCause,
    Machine, NodeId, Phase, Program, Quarantine, RetryPolicy, RunState, Status, Steer, Steering,
    Timestamp, WhenExhausted,
};
use serde_json::json;

use crate::{Identity, call, node, run_id};

/// `do: [a]`, parking what is exhausted after `attempts_max` failures.
fn program(attempts_max: u32) -> Program {
    let mut kind = call("a", WhenExhausted::Park);
    if let kintsugi_core::Kind::Call(call) = &mut kind {
        call.policy.retry =
            RetryPolicy { maximum_attempts: attempts_max, ..RetryPolicy::default() };
    }
    Program {
        definition: DefinitionRef::parse("test/attempts:1.0.0").unwrap(),
        document: serde_json::Value::Null,
        expressions: Vec::new(),
        schemas: Vec::new(),
        schema_library: std::collections::BTreeMap::new(),
        inlined: std::collections::BTreeMap::new(),
        inlined_definitions: Vec::new(),
        nodes: vec![node("a", kind)],
        lists: vec![List(vec![NodeId(0)])],
        body: ListId(0),
        input_schema: None,
        input_from: None,
        output_schema: None,
        output_as: None,
        timeout: None,
        on_cancel: None,
    }
}

struct Run {
    program: Program,
    state: RunState,
    now: i64,
    letter: Option<Vec<FailedAttempt>>,
}

impl Run {
    fn start(attempts_max: u32) -> Self {
        let state = RunState::new(json!({}), Timestamp(0));
        let mut run = Self { program: program(attempts_max), state, now: 0, letter: None };
        run.tell(0, &Input::Start);
        run
    }

    fn tell(&mut self, at: i64, input: &Input) {
        self.now = at;
        let (id, now) = (run_id(), Timestamp(at));
        let out = Machine::advance(&id, &self.program, &Identity, &mut self.state, input, now);
        for effect in out.effects {
            if let Effect::DeadLetter { attempts, .. } = effect {
                self.letter = Some(attempts);
            }
        }
    }

    fn epoch(&self) -> u64 {
        self.state.tasks().next().unwrap().state.epoch
    }

    /// The attempt that is out fails a second later, and a day later the next one is given out.
    fn fail(&mut self, message: &str, started_at: Option<i64>) {
        let fault = Fault { message: message.to_owned(), ..Fault::default() };
        let (worker, started_at) = ("w1".to_owned(), started_at.map(Timestamp));
        let failed =
            Input::Failed { task: self.task(), epoch: self.epoch(), fault, worker, started_at };
        self.tell(self.now + 1_000, &failed);
        if self.letter.is_none() {
            self.tell(self.now + 86_400_000, &Input::Tick);
        }
    }

    fn task(&self) -> u64 {
        self.state.tasks().next().unwrap().task
    }
}

#[test]
fn a_letter_tells_who_was_at_it_when_and_how_it_ended() {
    let mut run = Run::start(2);
    let started =
        Input::Started { task: run.task(), epoch: 1, worker: "w0".into(), at: Timestamp(5) };
    run.tell(1_005, &started);
    let (task, cause, seen_at) = (run.task(), LossCause::WorkerDead, Timestamp(1_900));
    run.tell(2_000, &Input::Lost { task, epoch: 1, cause, worker: None, seen_at, blamed: None });
    run.fail("no", Some(2_500));
    // One that takes up the task and is never heard of again: its time limit passes.
    let (epoch, begun) = (run.epoch(), run.now);
    let started = Input::Started { task, epoch, worker: "w2".into(), at: Timestamp(begun) };
    run.tell(begun, &started);
    run.tell(begun + 10_000, &Input::Tick);
    let attempts = run.letter.unwrap();
    let brief = |attempt: &FailedAttempt| {
        let worker = attempt.worker.clone().unwrap();
        let times = (attempt.started_at.unwrap().0, attempt.ended_at.0);
        (attempt.epoch, worker, times, attempt.lost, attempt.error.as_ref().map(|e| e.status))
    };
    assert_eq!(
        attempts.iter().map(brief).collect::<Vec<_>>(),
        [
            (1, "w0".to_owned(), (5, 2_000), Some(LossCause::WorkerDead), None),
            (2, "w1".to_owned(), (2_500, 3_000), None, Some(500)),
            (3, "w2".to_owned(), (begun, begun + 10_000), None, Some(408)),
        ]
    );
}

#[test]
fn after_a_redrive_a_letter_tells_of_what_came_since() {
    let mut run = Run::start(1);
    run.fail("first", None);
    assert_eq!(run.letter.take().unwrap().len(), 1);
    run.tell(run.now, &Input::Redrive { task: run.task(), epoch: 1, input: None });
    run.fail("second", None);
    let attempts = run.letter.unwrap();
    assert_eq!(attempts.iter().map(|attempt| attempt.epoch).collect::<Vec<_>>(), [2]);
}

#[test]
fn what_a_task_remembers_is_bounded() {
    let mut run = Run::start(30);
    for _ in 0..30 {
        run.fail(&"ä".repeat(5_000), None);
    }
    let attempts = run.letter.unwrap();
    let epochs: Vec<u64> = attempts.iter().map(|attempt| attempt.epoch).collect();
    assert_eq!(epochs, (11..=30).collect::<Vec<_>>());
    let detail = |attempt: &FailedAttempt| attempt.error.as_ref()?.detail.clone();
    assert!(attempts.iter().all(|a| detail(a).unwrap().chars().count() == 1_024));
}

impl Run {
    /// The worker with the attempt that is out dies, and a day later the next one is given out.
    fn crash(&mut self, worker: &str, blamed: Option<bool>) {
        let (task, epoch, cause) = (self.task(), self.epoch(), LossCause::WorkerDead);
        let (worker, seen_at) = (Some(worker.to_owned()), Timestamp(self.now));
        self.tell(self.now, &Input::Lost { task, epoch, cause, worker, seen_at, blamed });
        if self.letter.is_none() {
            self.tell(self.now + 86_400_000, &Input::Tick);
        }
    }

    fn phase(&self) -> Phase {
        self.state.tasks().next().unwrap().state.phase.clone()
    }
}

#[test]
fn a_task_that_kills_three_workers_is_in_quarantine_until_somebody_releases_it() {
    let mut run = Run::start(1);
    for worker in ["w1", "w2", "w3"] {
        assert_eq!(run.letter, None);
        run.crash(worker, Some(true));
    }
    assert_eq!(run.phase(), Phase::DeadLettered);
    assert_eq!(run.letter.take().unwrap().len(), 3);
    assert_eq!(run.state.status, Status::Waiting);
    run.tell(run.now + 864_000_000, &Input::Tick);
    assert_eq!(run.phase(), Phase::DeadLettered, "time alone gives it no worker");
    run.tell(run.now, &Input::Redrive { task: run.task(), epoch: run.epoch(), input: None });
    assert!(matches!(run.phase(), Phase::Dispatched { .. }));
    run.crash("w4", Some(true));
    assert_eq!(run.letter, None, "it begins anew");
}

#[test]
fn neither_one_sick_worker_nor_a_neighbour_makes_a_task_guilty() {
    let mut run = Run::start(1);
    for _ in 0..3 {
        run.crash("w1", Some(true));
    }
    assert_eq!(run.letter, None, "one worker died three times");
    run.crash("w2", Some(true));
    assert_eq!(run.letter.take().map(|letter| letter.len()), Some(4), "`crashes_max` is 4");
    let mut run = Run::start(1);
    for worker in ["w1", "w2", "w3"] {
        run.crash(worker, Some(false));
    }
    assert_eq!(run.letter, None, "another that they held had seen more of them die");
    let (task, epoch, worker) = (run.task(), run.epoch(), "w4".to_owned());
    let output = json!(1);
    run.tell(run.now, &Input::Completed { task, epoch, output, worker, started_at: None });
    assert_eq!(run.state.status, Status::Completed);
}

#[test]
fn a_quarantine_ends_by_itself_where_the_policy_says_so() {
    let mut run = Run::start(1);
    let Kind::Call(call) = &mut run.program.nodes[0].kind else { unreachable!() };
    call.policy.quarantine = Quarantine { workers: 2, release_ms: Some(60_000) };
    run.crash("w1", None);
    run.crash("w2", None);
    assert_eq!(run.letter.take().unwrap().len(), 2);
    assert_eq!(run.state.wake_at(), Some(Timestamp(run.now + 60_000)));
    run.tell(run.now + 59_999, &Input::Tick);
    assert_eq!(run.phase(), Phase::DeadLettered);
    run.tell(run.now + 1, &Input::Tick);
    assert!(matches!(run.phase(), Phase::Dispatched { .. }));
}

/// Puts off the attempt that is out, and gives out the next one: 10 s later at most, if the policy waits no longer.
fn put_off(run: &mut Run, begun: bool, by_hand: bool) {
    let fault = begun.then(|| Fault { message: "down".to_owned(), ..Fault::default() });
    let (task, epoch, reason) = (run.task(), run.epoch(), "it is not back".to_owned());
    let worker = "w1".to_owned();
    let input = Input::Deferred { task, epoch, for_ms: 8_000, reason, fault, by_hand, worker };
    run.tell(run.now + 1_000, &input);
    if run.letter.is_none() {
        let next = run.state.wake_at().unwrap();
        run.tell(next.0, &Input::Tick);
    }
}

#[test]
fn a_call_made_for_all_others_costs_nothing_unless_it_was_the_only_one_allowed() {
    for (attempts_max, dies) in [(1, true), (2, false)] {
        let mut run = Run::start(attempts_max);
        for _ in 0..if dies { 1 } else { 5 } {
            put_off(&mut run, true, false);
        }
        assert_eq!(run.letter.is_some(), dies, "of {attempts_max}");
        assert_eq!(run.state.tasks().next().unwrap().state.failures, u32::from(dies));
    }
}

#[test]
fn a_task_that_waits_alone_for_what_never_comes_back_ends() {
    let mut run = Run::start(4);
    let mut calls = 0;
    while run.letter.is_none() {
        calls += 1;
        // Now and then another task is the one that calls.
        put_off(&mut run, false, false);
        put_off(&mut run, true, false);
        assert!(calls <= Deferral::CANARIES_MAX + 4, "it is called for ever");
    }
    assert_eq!(calls, Deferral::CANARIES_MAX + 4);
    let letter = run.letter.unwrap();
    assert_eq!(letter.len(), 4, "{letter:?}");
    assert!(run.now < 10 * 60_000, "after {} s", run.now / 1_000);
}

#[test]
fn an_ordinary_failure_ends_the_time_for_which_a_task_is_put_off() {
    let mut run = Run::start(4);
    for _ in 0..Deferral::CANARIES_MAX {
        put_off(&mut run, true, false);
    }
    run.fail("no", None);
    put_off(&mut run, true, false);
    let task = run.state.tasks().next().unwrap().state;
    assert_eq!((task.failures, task.deferred.as_ref().unwrap().canaries), (1, 1));
}

#[test]
fn an_hour_of_being_put_off_costs_an_attempt_and_a_hold_costs_none() {
    let (mut run, hour) = (Run::start(2), i64::try_from(Deferral::LASTS_MAX_MS).unwrap());
    while run.letter.is_none() {
        put_off(&mut run, false, false);
        assert!(run.now < 3 * hour, "it waits for ever");
    }
    assert!(run.now > 2 * hour, "after {} s", run.now / 1_000);
    let letter = run.letter.unwrap();
    let said = letter[0].error.as_ref().unwrap().detail.clone().unwrap();
    assert!(said.contains("for 60 min on end: it is not back"), "{said}");

    let mut run = Run::start(1);
    while run.now < 24 * hour {
        put_off(&mut run, false, true);
    }
    // Lifted, the target may still be down: that is another wait, with its own end.
    put_off(&mut run, false, false);
    assert_eq!((run.letter, run.state.tasks().next().unwrap().state.failures), (None, 0));
}

#[test]
fn time_for_which_a_run_is_suspended_does_not_count_as_being_put_off() {
    let (mut run, hour) = (Run::start(2), i64::try_from(Deferral::LASTS_MAX_MS).unwrap());
    let steer = |request: &str, what| {
        Input::Steer(Steer { request: request.to_owned(), by: None, reason: None, what })
    };
    put_off(&mut run, false, false);
    run.tell(run.now + 1_000, &steer("s", Steering::Suspend { hold: None }));
    run.tell(run.now + 2 * hour, &steer("r", Steering::Resume));
    put_off(&mut run, false, false);
    assert_eq!(run.state.tasks().next().unwrap().state.failures, 0);
}
