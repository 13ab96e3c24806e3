//! Listening: properties over random histories of a program that listens, calls, tries and forks.

use std::collections::BTreeSet;

use kintsugi_core::{
    Catch, ErrorFilter, Event, EventTemplate, Fault, Input, Kind, ListId, Node, NodeId, Phase,
    Program, RetryPolicy, RunState, Span, Status, Strategy as Wanted, Taking, Template, Timestamp,
    TryRetry, Until, WhenExhausted, replay,
};
use proptest::{collection::vec, prelude::*};
use serde_json::json;

use crate::{
    Identity, call,
    listening::{Play, filter, listen, program, told},
    node, run_id,
    steers::any_steer,
};

/// `do: [try: [fork: [hear a, [hear all of b, c; emit], hear each d: [w]]] with one retry, p (parks)]`.
fn everything() -> Program {
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
    let until = Some(Until::Heard(Box::new(Wanted::One(filter("stop")))));
    let each = Wanted::Any { filters: vec![filter("d")], until };
    let with = vec![("type".to_owned(), Template::Literal(json!("made")))];
    let branches = vec![NodeId(2), NodeId(3), NodeId(6)];
    let nodes = vec![
        node("try", Kind::Try { body: ListId(1), catch: Box::new(catch) }),
        node("fork", Kind::Fork { branches, compete: false }),
        Node {
            timeout: Some(Span::Millis(5_000)),
            ..node("a", listen(Wanted::One(filter("a")), None))
        },
        node("do", Kind::Do(ListId(2))),
        node("bc", listen(Wanted::All(vec![filter("b"), filter("c")]), None)),
        node("emit", Kind::Emit(Box::new(EventTemplate { with }))),
        node("each", listen(each, Some(ListId(3)))),
        node("w", call("w", WhenExhausted::Fault)),
        node("p", call("p", WhenExhausted::Park)),
    ];
    program(nodes, &[&[0, 8], &[1], &[4, 5], &[7]])
}

fn any_input() -> impl Strategy<Value = Input> {
    let kinds = prop_oneof![Just("a"), Just("b"), Just("c"), Just("d"), Just("stop"), Just("z")];
    let ids = || (1..20_u64, 1..4_u64);
    let worker = || "w1".to_owned();
    prop_oneof![
        8 => (kinds, 0..12_u64, any::<bool>()).prop_map(|(kind, id, directed)| told(kind, id, directed)),
        3 => Just(Input::Tick),
        1 => Just(Input::Mail),
        2 => any_steer(20, &["/try", "/p"]),
        1 => ids().prop_map(|(task, epoch)| Input::Redrive { task, epoch, input: None }),
        6 => ids().prop_map(move |(task, epoch)| Input::Completed {
            task, epoch, output: json!({"ok": task}), worker: worker(), started_at: None
        }),
        2 => (ids(), any::<bool>()).prop_map(move |((task, epoch), fatal)| Input::Failed {
            task,
            epoch,
            fault: Fault { message: "no".into(), fatal, ..Fault::default() },
            worker: worker(),
            started_at: None,
        }),
    ]
}

fn play(inputs: Vec<(Input, u64)>) -> Play {
    let mut play = Play::new(everything());
    for (input, pause) in inputs {
        play.now = play.now.plus(pause);
        play.tell(&input);
    }
    play
}

fn inputs() -> impl Strategy<Value = Vec<(Input, u64)>> {
    vec((any_input(), prop_oneof![4 => Just(0_u64), 1 => 1..2_000_u64, 1 => Just(70_000)]), 0..50)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_history_with_events_replays(inputs in inputs()) {
        let play = play(inputs);
        let fresh = RunState::new(json!({}), Timestamp(1_000));
        let again = replay(&run_id(), &play.program, &Identity, fresh, &play.steps).unwrap();
        prop_assert_eq!(&again, &play.state);
        let bytes = serde_json::to_vec(&play.state).unwrap();
        prop_assert_eq!(serde_json::from_slice::<RunState>(&bytes).unwrap(), play.state);
    }

    #[test]
    fn events_are_brought_to_just_the_listens_that_are_open(inputs in inputs()) {
        let play = play(inputs);
        let open: BTreeSet<u64> = play.state.listens()
            .filter(|(_, hearing)| !hearing.interrupted).map(|(task, _)| task).collect();
        prop_assert_eq!(play.listeners(), open.clone());
        if play.state.status.is_terminal() {
            prop_assert!(open.is_empty());
        }
        let started = play.steps.iter().flat_map(|step| &step.events);
        let mut noted = BTreeSet::new();
        for event in started {
            match event {
                Event::ListenStarted { task, .. } => prop_assert!(noted.insert(*task)),
                Event::ListenEnded { task, .. } => prop_assert!(noted.remove(task)),
                _ => {}
            }
        }
        prop_assert_eq!(noted, open);
    }

    #[test]
    fn a_repeated_event_changes_nothing(inputs in inputs(), kind in "[a-d]", id in 0..12_u64) {
        let mut play = play(inputs);
        let event = told(&kind, id, true);
        let first = play.tell(&event);
        let (state, steps) = (play.state.clone(), play.steps.len());
        let again = play.tell(&event);
        prop_assert_eq!((&state, steps), (&play.state, play.steps.len()));
        if first == Some(Taking::Taken) {
            prop_assert_eq!(again, Some(Taking::Never));
        }
    }

    #[test]
    fn an_open_run_waits_for_something_named(inputs in inputs()) {
        let play = play(inputs);
        let state = &play.state;
        let open = !state.status.is_terminal() && state.status != Status::Suspended;
        if open && state.wake_at().is_none() {
            let dead = state.tasks().any(|t| t.state.phase == Phase::DeadLettered);
            prop_assert!(dead || !play.listeners().is_empty());
        }
    }
}
