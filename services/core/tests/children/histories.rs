//! Random histories of runs with children.

use kintsugi_core::{
    ChildEvent, ChildInput, ChildOutcome, Error, ErrorKind, Event, Fault, Input, Kind, List,
    Machine, NodeId, Program, RunState, Status, Step, WhenExhausted, replay,
};
use proptest::{collection::vec, prelude::*};
use serde_json::json;

use crate::steers::any_steer;
use crate::support::{Identity, Run, call, caught, faulted, id, node, workflow};

/// A fork of two children, of which one is in a `try`, with another task behind.
fn forked() -> Program {
    let mut base = caught();
    base.nodes
        .push(node("fork", Kind::Fork { branches: vec![NodeId(0), NodeId(3)], compete: false }));
    base.nodes.push(node("other", workflow(true)));
    base.nodes.push(node("a", call("a", WhenExhausted::Fault)));
    base.lists[0] = List(vec![NodeId(2), NodeId(4)]);
    base
}

fn any_input() -> impl Strategy<Value = Input> {
    let outcome = prop_oneof![
        Just(ChildOutcome::Completed { output: json!(1) }),
        Just(faulted(true)),
        Just(faulted(false)),
        Just(ChildOutcome::Cancelled),
        Just(ChildOutcome::Missing),
    ];
    let (task, life) = (1..12_u64, 0..3_u32);
    let definition = "test/child:1.0.0".to_owned();
    let child = prop_oneof![
        4 => task.clone().prop_map(move |task| ChildInput::Accepted {
            task, run: id(&format!("c{task}")), definition: definition.clone()
        }),
        1 => task.clone().prop_map(|task| ChildInput::Refused {
            task, error: Error::new(ErrorKind::Configuration, "", "no")
        }),
        4 => (task.clone(), life.clone(), outcome)
            .prop_map(|(task, life, outcome)| ChildInput::Ended { task, life, outcome }),
        2 => (task.clone(), life.clone()).prop_map(|(task, life)| ChildInput::Open { task, life }),
        1 => (task, life.clone()).prop_map(|(task, life)| ChildInput::Changed {
            task, run: id(&format!("c{task}")), life: Some(life)
        }),
        1 => life.prop_map(|life| ChildInput::Heard { life }),
    ];
    prop_oneof![
        8 => child.prop_map(Input::Child),
        2 => Just(Input::Tick),
        3 => any_steer(12, &["/fork", "/a"]),
        1 => Just(Input::Cancel { reason: None }),
        1 => (1..12_u64).prop_map(|task| Input::Redrive { task, epoch: 1, input: None }),
        2 => (1..12_u64).prop_map(|task| Input::Failed {
            task,
            epoch: 1,
            fault: Fault { message: "no".into(), fatal: true, ..Fault::default() },
            worker: "w".into(),
            started_at: None,
        }),
    ]
}

/// Tasks whose child was started and of whose end nothing was heard.
fn unheard(steps: &[Step]) -> std::collections::BTreeSet<u64> {
    let mut open = std::collections::BTreeSet::new();
    for step in steps {
        if let Input::Child(ChildInput::Ended { task, .. }) = &step.input {
            open.remove(task);
        }
        for event in &step.events {
            if let Event::Child(ChildEvent::Started { task, .. }) = event {
                open.insert(*task);
            }
        }
    }
    open
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn histories_of_runs_with_children_replay(
        inputs in vec((any_input(), prop_oneof![Just(0_u64), Just(5_000)]), 0..40)
    ) {
        let mut run = Run::new(forked());
        let mut steps = Vec::new();
        for (input, pause) in std::iter::once((Input::Start, 0)).chain(inputs) {
            run.now = run.now.plus(pause);
            let before = run.state.clone();
            let out = Machine::advance(
                &run.id, &run.program, &Identity, &mut run.state, &input, run.now,
            );
            prop_assert_eq!(out.changed, before != run.state || !out.events.is_empty());
            if out.changed {
                steps.push(Step { at: run.now, input: input.clone(), events: out.events });
            }
            // What is told again is no news.
            let once = run.state.clone();
            let again = Machine::advance(
                &run.id, &run.program, &Identity, &mut run.state, &input, run.now,
            );
            let is_new_life = matches!(&input, Input::Child(ChildInput::Ended { .. }));
            prop_assert!(again.events.is_empty() || is_new_life, "{:?} {:?}", input, again.events);
            if again.changed {
                steps.push(Step { at: run.now, input, events: again.events });
            } else {
                prop_assert_eq!(&once, &run.state);
            }
            // An open run has a deadline, or waits for a redrive here or below.
            let open = !run.state.status.is_terminal() && run.state.status != Status::Suspended;
            if open && run.state.wake_at().is_none() {
                prop_assert!(run.state.is_redrivable(), "{:?}", run.state);
            }
            // Nobody is forgotten: who was started and is not heard of is waited for.
            for task in unheard(&steps) {
                let state = &run.state;
                let known = state.frames.contains_key(&task) || state.leaving.contains_key(&task);
                prop_assert!(known, "{task} of {state:?}");
            }
        }
        let again = replay(&run.id, &run.program, &Identity, run.state.fresh(), &steps).unwrap();
        prop_assert_eq!(&again, &run.state);
        let bytes = serde_json::to_vec(&run.state).unwrap();
        prop_assert_eq!(serde_json::from_slice::<RunState>(&bytes).unwrap(), run.state);
    }
}
