//! What is open and has no owner is seen (P2).

use kintsugi_core::{Phase, RunState, Step, Timestamp};
use kintsugi_definition::{Expressions, Limits, Settings, compile};
use serde_json::Value;

use crate::world::{DEFINITION, good};
use kintsugi_tests::{Holdings, Record, unowned};

/// The good run in the middle of its second task, with everything in its place.
fn open() -> (Record, Holdings) {
    let mut record = good().book.runs.remove("r").unwrap();
    let compiled = compile(DEFINITION.as_bytes(), &Settings::default()).unwrap();
    let expressions = Expressions::new(&compiled.program, Limits::default()).unwrap();
    record.rows.truncate(6);
    let steps: Vec<Step> = record.steps().cloned().collect();
    let fresh = RunState::new(Value::Null, Timestamp(1_000));
    let state = kintsugi_core::replay(&record.id, &compiled.program, &expressions, fresh, &steps);
    record.state = state.unwrap();
    record.status = record.state.status;
    record.wake_at = record.state.wake_at().map(|at| at.0);
    let task = record.state.tasks().next().unwrap();
    let attempt = (format!("r:{}", task.task), task.state.epoch);
    let now = record.wake_at.unwrap();
    (record, Holdings { queued: [attempt].into(), now, ..Holdings::default() })
}

#[test]
fn an_open_task_without_an_owner_is_seen() {
    let (record, holdings) = open();
    let look = |record: &Record, holdings: &Holdings| {
        unowned(std::slice::from_ref(record), holdings).len()
    };
    assert_eq!(
        look(&record, &holdings),
        0,
        "{:?}",
        unowned(std::slice::from_ref(&record), &holdings)
    );
    let nobody = Holdings { now: holdings.now, ..Holdings::default() };
    assert_eq!(look(&record, &nobody), 1, "neither queued nor held");
    let attempt = holdings.queued.first().unwrap().clone();
    let held = |workers: &[&str]| Holdings {
        leases: [(attempt.clone(), workers.iter().map(|w| (*w).to_owned()).collect())].into(),
        ..nobody.clone()
    };
    assert_eq!(look(&record, &held(&["a"])), 0, "held by one");
    assert_eq!(look(&record, &held(&["a", "b"])), 1, "held by two");
    let late = Holdings { now: holdings.now + 60_000, ..holdings.clone() };
    assert_eq!(look(&record, &late), 1, "nobody woke it");
    let unarmed = Record { wake_at: None, ..record.clone() };
    assert_eq!(look(&unarmed, &holdings), 1, "no timer");
    let armed_late = Record { wake_at: record.wake_at.map(|at| at + 1), ..record.clone() };
    assert_eq!(look(&armed_late, &holdings), 1, "a timer that is too late");

    let phase = |phase: Phase| {
        let mut changed = record.clone();
        let numbers: Vec<u64> =
            changed.state.frames.scan(&mut 0).map(|(number, _)| number).collect();
        for number in numbers {
            if let Some(frame) = changed.state.frames.get_mut(&number)
                && let kintsugi_core::Body::Task(open) = &mut frame.body
                && let kintsugi_core::Work::Call(task) = &mut open.work
            {
                task.phase = phase.clone();
            }
        }
        changed.status = kintsugi_core::Status::Waiting;
        changed
    };
    assert_eq!(look(&phase(Phase::DeadLettered), &holdings), 1, "dead without a letter");
    let letters = [format!("{}:{}", attempt.0, attempt.1)].into();
    let lettered = Holdings { letters, ..holdings.clone() };
    assert_eq!(look(&phase(Phase::DeadLettered), &lettered), 0, "dead with its letter");
    assert_eq!(look(&phase(Phase::Interrupted), &holdings), 1, "interrupted and open");
    let at = Timestamp(holdings.now);
    let started = Phase::Started { at, worker: "w".to_owned(), deadline: at };
    assert_eq!(look(&phase(started.clone()), &holdings), 1, "started, held by nobody");
    assert_eq!(look(&phase(started), &held(&["w"])), 0, "started and held");
}
