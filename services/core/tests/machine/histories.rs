//! Properties of the machine, over random histories of a program with every kind of scope.

use std::collections::VecDeque;

use kintsugi_core::{
    Catch, DefinitionRef, Effect, ErrorFilter, Event, Fault, Input, Kind, List, ListId, LossCause,
    Machine, NodeId, OnCancel, Phase, Program, RetryPolicy, RunState, Span, Status, Step,
    TaskState, Template, Timestamp, TryRetry, WhenExhausted, Work, replay,
};
use proptest::{collection::vec, prelude::*};
use serde_json::json;

use crate::{ATTEMPTS_MAX, CRASHES_MAX, Identity, call, node, run_id, steers::any_steer};

/// `do: [try: [fork: [a, [wait, b]]] catch with one retry, for two items: c, d (parks)]`; when it is
/// cancelled: `[e, pause]`.
fn program() -> Program {
    let list = |ids: &[u32]| List(ids.iter().map(|id| NodeId(*id)).collect());
    let catch = Catch {
        errors: ErrorFilter::default(),
        as_: "error".to_owned(),
        when: None,
        except_when: None,
        retry: Some(TryRetry {
            policy: RetryPolicy { maximum_attempts: 2, ..RetryPolicy::default() },
            when: None,
            except_when: None,
            spans: kintsugi_core::RetrySpans::default(),
            attempt: Some(Span::Millis(60_000)),
        }),
        body: None,
        then: None,
    };
    Program {
        definition: DefinitionRef::parse("test/all:1.0.0").unwrap(),
        document: serde_json::Value::Null,
        expressions: Vec::new(),
        schemas: Vec::new(),
        schema_library: std::collections::BTreeMap::new(),
        inlined: std::collections::BTreeMap::new(),
        inlined_definitions: Vec::new(),
        nodes: vec![
            node("try", Kind::Try { body: ListId(1), catch: Box::new(catch) }),
            node("fork", Kind::Fork { branches: vec![NodeId(2), NodeId(3)], compete: false }),
            node("a", call("a", WhenExhausted::Fault)),
            node("do", Kind::Do(ListId(2))),
            node("wait", Kind::Wait(Span::Millis(500))),
            node("b", call("b", WhenExhausted::Fault)),
            node(
                "for",
                Kind::For {
                    each: "item".to_owned(),
                    at: "index".to_owned(),
                    items: Template::Literal(json!([1, 2])),
                    condition: None,
                    body: ListId(3),
                },
            ),
            node("c", call("c", WhenExhausted::Fault)),
            node("d", call("d", WhenExhausted::Park)),
            node("e", call("e", WhenExhausted::Fault)),
            node("pause", Kind::Wait(Span::Millis(100))),
        ],
        lists: vec![list(&[0, 6, 8]), list(&[1]), list(&[4, 5]), list(&[7]), list(&[9, 10])],
        body: ListId(0),
        input_schema: None,
        input_from: None,
        output_as: None,
        output_schema: None,
        timeout: None,
        on_cancel: Some(OnCancel { body: ListId(4), grace_ms: 1_000, timeout_ms: 60_000 }),
    }
}

fn any_input() -> impl Strategy<Value = Input> {
    let ids = || (1..16_u64, 1..6_u64);
    let worker = || "w1".to_owned();
    let causes = prop_oneof![
        Just(LossCause::WorkerDead),
        Just(LossCause::MessageLost),
        Just(LossCause::Redelivered),
        Just(LossCause::BrokerRestarted),
        Just(LossCause::Undeliverable),
    ];
    prop_oneof![
        1 => Just(Input::Start),
        1 => Just(Input::Cancel { reason: Some("enough".to_owned()) }),
        8 => Just(Input::Tick),
        4 => any_steer(16, &["/try", "/for", "/d", "/a"]),
        1 => ids().prop_map(|(task, epoch)| Input::Redrive { task, epoch, input: None }),
        2 => ids().prop_map(move |(task, epoch)| Input::Started {
            task, epoch, worker: worker(), at: Timestamp(0)
        }),
        8 => ids().prop_map(move |(task, epoch)| Input::Completed {
            task, epoch, output: json!({"ok": task}), worker: worker(), started_at: None
        }),
        4 => (ids(), any::<bool>()).prop_map(move |((task, epoch), fatal)| Input::Failed {
            task,
            epoch,
            fault: Fault { message: "no".into(), fatal, ..Fault::default() },
            worker: worker(),
            started_at: None,
        }),
        3 => (ids(), 0..2_000_u64, 0..3).prop_map(move |((task, epoch), for_ms, how)| Input::Deferred {
            task, epoch, for_ms, reason: "down".to_owned(), fault: (how == 1).then(Fault::default), by_hand: how == 2, worker: worker() }),
        3 => (ids(), causes, 0..4, any::<Option<bool>>()).prop_map(|((task, epoch), cause, by, blamed)| Input::Lost {
            task, epoch, cause, worker: (by > 0).then(|| format!("w{by}")), seen_at: Timestamp(0), blamed }),
    ]
}

struct History {
    steps: Vec<Step>,
    state: RunState,
    effects: Vec<Effect>,
}

fn play(inputs: Vec<(Input, u64)>) -> History {
    let (program, run) = (program(), run_id());
    let mut now = Timestamp(1_000);
    let mut state = RunState::new(json!({}), now);
    let (mut steps, mut effects) = (Vec::new(), Vec::new());
    for (input, pause) in std::iter::once((Input::Start, 0)).chain(inputs) {
        now = now.plus(pause);
        let before = state.clone();
        let mut watched = state.clone();
        let out = Machine::advance(&run, &program, &Identity, &mut state, &input, now);
        let seen = Machine::watch(&run, &program, &Identity, &mut watched, &input, now);
        assert!(out.moments.is_empty() && watched == state, "watching changes nothing");
        assert_eq!((&seen.events, &seen.effects), (&out.events, &out.effects));
        assert_eq!(
            out.changed,
            before != state || !out.events.is_empty(),
            "changed tells the truth"
        );
        effects.extend(out.effects);
        if out.changed {
            steps.push(Step { at: now, input, events: out.events });
        }
    }
    History { steps, state, effects }
}

fn inputs() -> impl Strategy<Value = Vec<(Input, u64)>> {
    vec((any_input(), prop_oneof![Just(0_u64), 1..2_000_u64, Just(70_000)]), 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_history_replays_to_the_state_that_is_stored(inputs in inputs()) {
        let history = play(inputs);
        let fresh = RunState::new(json!({}), Timestamp(1_000));
        let again = replay(&run_id(), &program(), &Identity, fresh, &history.steps).unwrap();
        prop_assert_eq!(&again, &history.state);
        // What is stored is read back as it was.
        let bytes = serde_json::to_vec(&history.state).unwrap();
        prop_assert_eq!(serde_json::from_slice::<RunState>(&bytes).unwrap(), history.state);
    }

    #[test]
    fn an_open_run_has_a_deadline_or_waits_for_a_redrive(inputs in inputs()) {
        let state = play(inputs).state;
        if state.status == Status::Suspended {
            return Ok(());
        }
        if !state.status.is_terminal() && state.wake_at().is_none() {
            prop_assert!(state.tasks().any(|t| t.state.phase == Phase::DeadLettered));
        }
        prop_assert_eq!(&state.suspension, &None);
        for task in state.tasks().filter(|_| !state.status.is_terminal()) {
            prop_assert!(task.state.phase != Phase::Interrupted, "interrupted in an open run");
        }
    }

    #[test]
    fn a_repeated_input_changes_nothing(inputs in inputs(), repeat in any_input()) {
        let mut state = play(inputs).state;
        let (program, run, now) = (program(), run_id(), Timestamp(10_000_000));
        Machine::advance(&run, &program, &Identity, &mut state, &repeat, now);
        let once = state.clone();
        let out = Machine::advance(&run, &program, &Identity, &mut state, &repeat, now);
        let refused = out.events.iter().all(|e| matches!(e, Event::ResultRefused { .. }));
        prop_assert!(refused && out.effects.is_empty(), "{:?}", out);
        prop_assert_eq!(once.frames.len(), state.frames.len());
    }

    #[test]
    fn attempts_never_exceed_the_policy(inputs in inputs()) {
        let mut spent = std::collections::BTreeMap::<u64, (u32, u32)>::new();
        let mut faulted = false;
        for event in play(inputs).steps.into_iter().flat_map(|step| step.events) {
            match event {
                Event::TaskFailed { task, .. } => spent.entry(task).or_default().0 += 1,
                Event::TaskLost { task, cause, .. } if cause.is_crash() => {
                    spent.entry(task).or_default().1 += 1;
                }
                // What a fault interrupted gets all its attempts again.
                Event::TaskRedriven { .. } => spent.clear(),
                Event::RunFaulted { .. } => faulted = true,
                Event::Steered(said) if said.done.task().is_some() && faulted => spent.clear(),
                Event::TaskDispatched { task, .. } => {
                    let (failures, crashes) = spent.get(&task).copied().unwrap_or_default();
                    prop_assert!(failures < ATTEMPTS_MAX && crashes < CRASHES_MAX);
                }
                _ => {}
            }
        }
    }

    #[test]
    fn what_is_put_off_counts_for_nothing_within_an_hour_and_comes_again(
        inputs in inputs(), for_ms: u64, by_hand: bool
    ) {
        let (program, run) = (program(), run_id());
        let mut state = play(inputs).state;
        let out = state.tasks().find(|task| matches!(task.state.phase, Phase::Dispatched { .. }));
        let Some((task, before)) = out.map(|found| (found.task, found.state.clone())) else {
            return Ok(());
        };
        prop_assume!(!state.status.is_terminal() && state.cancelling.is_none());
        let (epoch, now, worker) = (before.epoch, Timestamp(50_000_000), "w1".to_owned());
        let (reason, fault) = ("down".to_owned(), None);
        let input = Input::Deferred { task, epoch, for_ms, reason, fault, by_hand, worker };
        let row = before.deferred.as_ref().filter(|row| !row.by_hand && !by_hand);
        // Suspended runs have stood still; a row of theirs is a second old, not hours.
        let costs = row.is_some_and(|row| row.costs_from() <= Some(now));
        let was_suspended = state.status == Status::Suspended;
        Machine::advance(&run, &program, &Identity, &mut state, &input, now);
        if costs {
            let after = state.tasks().find(|found| found.task == task);
            let failures = after.map(|found| found.state.failures);
            prop_assert!(was_suspended || failures != Some(before.failures));
            return Ok(());
        }
        let after = state.tasks().find(|found| found.task == task).unwrap().state;
        let counted = |task: &TaskState| (task.failures, task.crashes, task.attempts.len());
        prop_assert_eq!(counted(after), counted(&before));
        let Phase::Backoff { until } = after.phase else { panic!("{after:?}") };
        let pause = until.since(now);
        prop_assert!((100..900_000).contains(&pause) && pause >= for_ms.min(600_000), "{}", pause);
        let suspended = state.status == Status::Suspended;
        prop_assert!(suspended || state.wake_at().is_some_and(|at| at <= until));
    }

    #[test]
    fn no_two_attempts_share_an_epoch(inputs in inputs()) {
        let mut seen = std::collections::BTreeSet::new();
        for effect in play(inputs).effects {
            if let Effect::Dispatch { task, epoch, .. } = effect {
                prop_assert!(seen.insert((task, epoch)));
            }
        }
    }

    #[test]
    fn time_alone_brings_every_run_to_an_end_or_to_a_worker(inputs in inputs()) {
        let (program, run) = (program(), run_id());
        let mut state = play(inputs).state;
        for _ in 0..200 {
            let Some(at) = state.wake_at() else { break };
            let now = at.max(Timestamp(100_000_000));
            Machine::advance(&run, &program, &Identity, &mut state, &Input::Tick, now);
        }
        let quiet = state.status.is_terminal() || state.status == Status::Suspended
            || state.tasks().any(|t| matches!(t.state.phase, Phase::Dispatched { .. } | Phase::DeadLettered));
        prop_assert!(quiet, "{:?}", state);
    }
}

#[test]
fn workers_that_answer_complete_the_run() {
    let (program, run) = (program(), run_id());
    let mut now = Timestamp(0);
    let mut state = RunState::new(json!({}), now);
    let mut inputs = VecDeque::from([Input::Start]);
    for _ in 0..100 {
        let input = inputs.pop_front().unwrap_or(Input::Tick);
        now = now.plus(100);
        let out = Machine::advance(&run, &program, &Identity, &mut state, &input, now);
        for effect in out.effects {
            if let Effect::Dispatch { task, epoch, .. } = effect {
                let output = json!({"done": task});
                let worker = "w".to_owned();
                inputs.push_back(Input::Completed {
                    task,
                    epoch,
                    output,
                    worker,
                    started_at: None,
                });
            }
        }
    }
    assert_eq!(state.status, Status::Completed);
    assert!(state.frames.is_empty());
    assert!(state.output.is_some());
}

#[test]
fn a_faulted_run_is_taken_up_by_a_redrive() {
    let (program, run) = (program(), run_id());
    let mut state = RunState::new(json!({}), Timestamp(0));
    let mut epoch_of_a = 0;
    let mut input = Input::Start;
    // Branch `a` fails for good, in the first attempt of the `try` and in its only retry.
    for round in 0..40 {
        let now = Timestamp(round * 200_000);
        let out = Machine::advance(&run, &program, &Identity, &mut state, &input, now);
        input = Input::Tick;
        for effect in out.effects {
            match effect {
                Effect::Dispatch { task, epoch, task_type, .. } if task_type == "a" => {
                    epoch_of_a = epoch;
                    let fault = Fault { message: "no".into(), fatal: true, ..Fault::default() };
                    let worker = "w".to_owned();
                    input = Input::Failed { task, epoch, fault, worker, started_at: None };
                }
                _ => {}
            }
        }
        if state.status == Status::Faulted {
            break;
        }
    }
    assert_eq!(state.status, Status::Faulted);
    let dead = state.tasks().find(|t| t.state.phase == Phase::DeadLettered).unwrap().task;
    let redrive = Input::Redrive { task: dead, epoch: epoch_of_a, input: Some(json!("new")) };
    let now = Timestamp(90_000_000);
    let out = Machine::advance(&run, &program, &Identity, &mut state, &redrive, now);
    assert_eq!(state.status, Status::Running);
    let given = out.effects.iter().any(|effect| {
        matches!(effect, Effect::Dispatch { task, input, .. } if *task == dead && input == "new")
    });
    assert!(given, "{:?}", out.effects);
    assert!(matches!(
        state.frames.scan(&mut 0).find_map(|(_, f)| match &f.body {
            kintsugi_core::Body::Task(open) => match &open.work {
                Work::Wait { interrupted, .. } => Some(*interrupted),
                _ => None,
            },
            _ => None,
        }),
        None | Some(false)
    ));
}
