//! `on_cancel`: how a run ends that is asked to.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use kintsugi_core::{
    Effect, Event, Fault, Input, Machine, Phase, Program, RunId, RunState, Status, Steer, Steering,
    Timestamp,
};
use kintsugi_definition::{Compiled, Expressions, Limits, Problems, Settings, compile};
use serde_json::{Value, json};

/// Pays and ships; when it is cancelled, it undoes what it paid, and tells the customer why.
const ORDER: &str = "document:
  dsl: '1.0.3'
  namespace: test
  name: order
  version: '1.0.0'
  metadata:
    kintsugi:
      on_cancel:
        grace: 10s
        timeout: 60s
        do:
          - undo: {call: compensate}
          - tell: {call: mail, with: {why: '${ $input.reason }', undone: '${ $context }'}, input: {from: '${ {reason: $workflow.input.why} }'}}
do:
  - pay: {call: pay, with: {id: 7}, export: {as: '${ {paid: .id} }'}, metadata: {kintsugi: {compensate: {call: refund, with: {id: '${ .id }'}}}}}
  - ship: {call: ship}
";

fn compiled(text: &str) -> Result<Compiled, Problems> {
    compile(text.as_bytes(), &Settings::default())
}

struct Play {
    program: Program,
    state: RunState,
    now: u64,
    events: Vec<Event>,
    /// What is out: task, epoch, type, input.
    out: Vec<(u64, u64, String, Value)>,
}

impl Play {
    fn new(text: &str) -> Self {
        let program = compiled(text).unwrap().program;
        let state = RunState::new(json!({"why": "broke"}), Timestamp(0));
        let mut play = Self { program, state, now: 1, events: Vec::new(), out: Vec::new() };
        play.tell(&Input::Start);
        play
    }

    /// Tells the run, and stores and reads it.
    fn tell(&mut self, input: &Input) {
        let expressions = Expressions::new(&self.program, Limits::default()).unwrap();
        let (id, now) = (RunId::parse("r").unwrap(), Timestamp(i64::try_from(self.now).unwrap()));
        let done = Machine::advance(&id, &self.program, &expressions, &mut self.state, input, now);
        let stored = serde_json::to_value(&self.state).unwrap();
        self.state = serde_json::from_value(stored).unwrap();
        self.events.extend(done.events);
        for effect in done.effects {
            match effect {
                Effect::Dispatch { task, epoch, task_type, input, .. } => {
                    self.out.push((task, epoch, task_type, input));
                }
                Effect::Cancel { task, .. } => self.out.retain(|out| out.0 != task),
                _ => {}
            }
        }
    }

    fn complete(&mut self, wanted: &str) -> Value {
        let at = self.out.iter().position(|(_, _, kind, _)| kind == wanted).unwrap();
        let (task, epoch, _, input) = self.out.remove(at);
        let (output, worker) = (input.clone(), "w".to_owned());
        self.tell(&Input::Completed { task, epoch, output, worker, started_at: None });
        input
    }

    fn fail(&mut self, wanted: &str) {
        let at = self.out.iter().position(|(_, _, kind, _)| kind == wanted).unwrap();
        let (task, epoch, ..) = self.out.remove(at);
        let fault = Fault { message: "no".to_owned(), fatal: true, ..Fault::default() };
        let worker = "w".to_owned();
        self.tell(&Input::Failed { task, epoch, fault, worker, started_at: None });
    }

    fn cancel(&mut self) {
        self.tell(&Input::Cancel { reason: Some("the customer left".to_owned()) });
    }

    fn later(&mut self, millis: u64) {
        self.now += millis;
        self.tell(&Input::Tick);
    }

    fn kinds(&self) -> Vec<&str> {
        self.out.iter().map(|(_, _, kind, _)| kind.as_str()).collect()
    }
}

#[test]
fn what_is_out_may_finish_and_is_undone_with_the_rest() {
    let mut play = Play::new(ORDER);
    play.cancel();
    assert_eq!(play.kinds(), ["pay"], "it is out, and may bring its result");
    assert_eq!(play.state.status, Status::Running);
    assert_eq!(play.state.wake_at(), Some(Timestamp(10_001)));
    let stored = play.state.clone();
    play.cancel();
    assert_eq!(play.state, stored, "a repeat changes nothing");
    play.complete("pay");
    assert_eq!(play.kinds(), ["refund"], "shipping does not begin");
    assert_eq!(play.complete("refund"), json!({"id": 7}));
    assert_eq!(play.complete("mail"), json!({"why": "broke", "undone": {"paid": 7}}));
    assert_eq!(play.state.status, Status::Cancelled);
    assert!(play.state.frames.is_empty() && play.state.cancelling.is_none());
    let reason = Some("the customer left".to_owned());
    assert!(play.events.contains(&Event::RunCancelling { reason: reason.clone() }));
    assert_eq!(play.events.last(), Some(&Event::RunCancelled { reason }));
}

#[test]
fn what_takes_too_long_is_told_to_stop() {
    let mut play = Play::new(ORDER);
    play.complete("pay");
    play.cancel();
    play.later(9_999);
    assert_eq!(play.kinds(), ["ship"]);
    play.later(1);
    assert_eq!(play.kinds(), ["refund"], "what is out was told to stop");
    play.complete("refund");
    play.complete("mail");
    assert_eq!(play.state.status, Status::Cancelled);
}

#[test]
fn what_fails_meanwhile_is_not_tried_again_and_nothing_is_waited_for_in_vain() {
    let mut play = Play::new(ORDER);
    play.cancel();
    play.fail("pay");
    assert_eq!(play.kinds(), ["mail"], "there is nothing to undo");
    play.complete("mail");
    assert_eq!(play.state.status, Status::Cancelled);
}

#[test]
fn a_suspended_run_tidies_up_though_what_was_out_failed_meanwhile() {
    let mut play = Play::new(ORDER);
    play.complete("pay");
    let (request, by, reason) = ("q".to_owned(), None, None);
    let what = Steering::Suspend { hold: None };
    play.tell(&Input::Steer(Steer { request, by, reason, what }));
    play.fail("ship");
    assert_eq!(play.state.status, Status::Suspended, "the failure is kept");
    play.cancel();
    assert_eq!(play.kinds(), ["refund"]);
    play.complete("refund");
    play.complete("mail");
    assert_eq!(play.state.status, Status::Cancelled);
}

#[test]
fn what_does_not_fit_is_no_result_and_no_dead_letter() {
    let mut play = Play::new(ORDER);
    play.cancel();
    let (task, epoch, ..) = play.out.remove(0);
    let deep = (0..2 * kintsugi_core::DEPTH_MAX).fold(json!(1), |inner, _| json!([inner]));
    let worker = "w".to_owned();
    play.tell(&Input::Completed { task, epoch, output: deep, worker, started_at: None });
    assert_eq!(play.kinds(), ["mail"], "there is nothing to undo");
    assert!(!play.events.iter().any(|event| {
        matches!(event, Event::TaskDeadLettered { .. } | Event::RetryScheduled { .. })
    }));
}

#[test]
fn a_tidying_that_fails_is_a_dead_letter_and_taken_up_by_a_redrive() {
    let mut play = Play::new(ORDER);
    play.complete("pay");
    play.cancel();
    play.complete("ship");
    play.fail("refund");
    assert_eq!(play.state.status, Status::Faulted);
    let (task, epoch, phase) =
        play.state.tasks().map(|t| (t.task, t.state.epoch, t.state.phase.clone())).next().unwrap();
    assert_eq!(phase, Phase::DeadLettered);
    play.now += 1_000_000;
    play.tell(&Input::Redrive { task, epoch, input: None });
    assert_eq!(play.state.wake_at().map(|at| at.0 > 1_000_000), Some(true));
    play.complete("refund");
    play.complete("mail");
    assert_eq!(play.state.status, Status::Cancelled);
}

#[test]
fn tidying_is_bounded_and_terminating_waits_for_nothing() {
    let mut slow = Play::new(ORDER);
    slow.complete("pay");
    slow.cancel();
    slow.complete("ship");
    slow.later(60_000);
    let error = slow.state.error.clone().unwrap();
    assert_eq!(slow.state.status, Status::Faulted);
    assert!(error.detail.unwrap_or_default().contains("tidying up"), "{:?}", slow.state.error);

    let steer = |what| Input::Steer(Steer { request: "1".into(), by: None, reason: None, what });
    let mut hasty = Play::new(ORDER);
    hasty.cancel();
    hasty.tell(&steer(Steering::Suspend { hold: None }));
    assert_eq!(hasty.state.status, Status::Running, "{:?}", hasty.events.last());
    let Input::Steer(again) = steer(Steering::Terminate { abandon: false }) else { unreachable!() };
    hasty.tell(&Input::Steer(Steer { request: "2".into(), ..again }));
    assert_eq!((hasty.state.status, hasty.kinds().len()), (Status::Cancelled, 0));
}

#[test]
fn a_run_that_has_not_begun_or_whose_definition_says_nothing_ends_at_once() {
    let silent = "document: {dsl: '1.0.3', namespace: n, name: w, version: '1.0.0'}\n";
    let mut play = Play::new(&format!("{silent}do: [{{pay: {{call: pay}}}}]"));
    play.cancel();
    assert_eq!((play.state.status, play.kinds().len()), (Status::Cancelled, 0));
    let mut play = Play::new(ORDER);
    play.state = RunState::new(json!({}), Timestamp(0));
    play.cancel();
    assert_eq!(play.state.status, Status::Cancelled);
}

#[test]
fn what_was_being_undone_is_not_undone_twice() {
    let text = ORDER.replace("  - ship: {call: ship}\n", "  - undo: {call: compensate}\n");
    let mut play = Play::new(&text);
    play.complete("pay");
    assert_eq!(play.kinds(), ["refund"]);
    play.cancel();
    play.complete("refund");
    assert_eq!(play.kinds(), ["mail"]);
}

#[test]
fn what_is_wrong_is_told_at_its_place() {
    for (text, expected) in [
        ("{}", "missing-key"),
        ("{do: [], after: 1s}", "unknown-key"),
        ("{do: [], grace: soon}", "invalid-duration"),
        ("{do: [], timeout: 0s}", "out-of-range"),
        ("{do: [{a: {}}]}", "missing-keyword"),
        ("5", "type"),
    ] {
        let document = format!(
            "{{dsl: '1.0.3', namespace: n, name: w, version: '1.0.0', metadata: {{kintsugi: {{on_cancel: {text}}}}}}}"
        );
        let problems = compiled(&format!("document: {document}\ndo: [{{a: {{set: {{x: 1}}}}}}]"));
        let problems = problems.map(|_| ()).unwrap_err();
        let codes: Vec<_> = problems.0.iter().map(|problem| problem.code).collect();
        assert!(codes.contains(&expected), "{text}: {codes:?}");
    }
    let report = compiled(ORDER).unwrap().portability;
    assert!(report.iter().any(|problem| problem.message.contains("`on_cancel`")), "{report:?}");
}
