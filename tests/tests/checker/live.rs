//! What the ledger judges of a running engine: each way of doctoring is found under its number.

use std::collections::{BTreeMap, BTreeSet};

use kintsugi_core::{Event, RunId, Timestamp};
use kintsugi_entities::{LedgerLook, Recorded};
use kintsugi_nats::StreamState;
use kintsugi_promises::live::{self, By, Finding};
use serde_json::json;

use crate::world::{World, good};

fn recorded(world: &World) -> Recorded {
    let record = &world.book.runs["r"];
    let rows = record.rows.iter();
    let rows = rows.map(|(seq, steps)| (*seq, serde_json::to_vec(steps).unwrap()));
    Recorded {
        id: record.id.clone(),
        definition: record.definition.clone(),
        version: record.version,
        status: record.status,
        wake_at: record.wake_at,
        state: serde_json::to_vec(&record.state).unwrap(),
        history: Some(rows.collect()),
        letters: world.book.letters.keys().cloned().collect(),
    }
}

fn found(world: &World) -> Vec<Finding> {
    let compiled = world.book.programs.values().next().unwrap();
    live::run(&recorded(world), compiled).unwrap()
}

#[test]
fn a_doctored_run_is_found() {
    assert_eq!(found(&good()), []);
    let ways: &[crate::Doctored] = &[
        ("a result twice", 3, |w| {
            let twice = w.events().find(|e| matches!(e, Event::TaskCompleted { .. }));
            let twice = twice.unwrap().clone();
            w.add(|e| matches!(e, Event::TaskCompleted { .. }), twice);
        }),
        ("an old result that counts", 4, |w| {
            for event in w.events() {
                if let Event::TaskCompleted { epoch, .. } = event {
                    *epoch = 1;
                }
            }
        }),
        ("a retry too early", 5, |w| {
            for event in w.events() {
                if let Event::RetryScheduled { at, .. } = event {
                    *at = Timestamp(9_000);
                }
            }
        }),
        ("exhausted, and no letter", 6, |w| w.book.letters.clear()),
        ("a gap", 7, |w| drop(w.run().rows.remove(2))),
        ("another state", 7, |w| w.run().state.output = Some(json!("else"))),
        ("a version too many", 7, |w| w.run().version += 1),
    ];
    for (what, promise, doctor) in ways {
        let mut world = good();
        doctor(&mut world);
        let found = found(&world);
        assert!(found.iter().any(|one| one.promise == *promise), "{what}: {found:?}");
        assert!(found.iter().all(|one| one.run() == Some("r")), "{what}: {found:?}");
    }
}

#[test]
fn a_run_that_changed_too_often_is_not_judged() {
    let mut world = good();
    world.run().rows.remove(2);
    let long = Recorded { history: None, ..recorded(&world) };
    let compiled = world.book.programs.values().next().unwrap();
    assert_eq!(live::run(&long, compiled).unwrap(), []);
}

/// No promise.
const NONE: [u8; 0] = [];

fn numbers(found: &[Finding]) -> Vec<u8> {
    found.iter().map(|one| one.promise).collect()
}

#[test]
fn what_indexes_tell_is_judged_by_number() {
    let run = || RunId::parse("r").unwrap();
    let setting = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    let look = LedgerLook::default;
    let mut epochs = BTreeMap::new();
    let mut judge = |look: &LedgerLook| numbers(&live::seen(look, &mut epochs));
    assert_eq!(judge(&LedgerLook { pending: vec![(run(), 1)], ..look() }), [1]);
    assert_eq!(judge(&LedgerLook { late: vec![(run(), 1)], ..look() }), [2]);
    let letters = vec![("r:1:1".to_owned(), 1)];
    assert_eq!(judge(&LedgerLook { unpublished: letters, ..look() }), [6]);
    // Without a deadline, or just ended, is for another look to judge.
    assert_eq!(
        judge(&LedgerLook { unarmed: vec![run()], ended: vec![(run(), 1)], ..look() }),
        NONE
    );
    for (name, good, bad) in [
        ("fsync", "on", "off"),
        ("synchronous_commit", "remote_apply", "off"),
        ("synchronous", "2", "1"),
        ("journal_mode", "wal", "delete"),
    ] {
        assert_eq!(judge(&LedgerLook { settings: setting(name, good), ..look() }), NONE, "{name}");
        assert_eq!(judge(&LedgerLook { settings: setting(name, bad), ..look() }), [9], "{name}");
    }
    let epoch = |epoch| vec![("3".to_owned(), epoch)];
    for (partitions, expected) in [(4, &[][..]), (5, &[]), (4, &[9]), (4, &[9]), (5, &[])] {
        assert_eq!(judge(&LedgerLook { partitions: epoch(partitions), ..look() }), expected);
    }
}

#[test]
fn streams_are_compared_with_what_they_were() {
    let state = |created: Option<&str>| StreamState {
        name: "S".to_owned(),
        created: created.map(str::to_owned),
        is_new: false,
        is_left_over: false,
        first_seq: 1,
        last_seq: 1,
        messages: 1,
        bytes: 1,
        bytes_max: 0,
    };
    let mut made = BTreeMap::new();
    let mut judge = |created, others: &[&str]| {
        let others = others.iter().map(|name| (*name).to_owned()).collect();
        numbers(&live::streams(&[(state(created), others)], &mut made))
    };
    assert_eq!(judge(Some("a"), &[]), NONE, "the first look knows no other one");
    assert_eq!(judge(Some("a"), &["max_bytes"]), [8]);
    assert_eq!(judge(None, &[]), [8]);
    assert_eq!(judge(Some("b"), &[]), [8]);
    assert_eq!(judge(Some("b"), &[]), NONE);
    let left_over = StreamState { is_left_over: true, ..state(Some("b")) };
    assert_eq!(numbers(&live::streams(&[(left_over, Vec::new())], &mut made)), [8]);
}

#[test]
fn a_letter_that_went_from_the_stream_is_missed() {
    let set = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(live::missing(&set(&["a", "b"]), &set(&["a", "b", "c"])), []);
    let found = live::missing(&set(&["a", "b"]), &set(&["b"]));
    assert_eq!((found.len(), found[0].subject.as_str()), (1, "a"));
    assert_eq!((found[0].promise, found[0].by), (6, By::Letters));
}

#[test]
fn a_deadline_that_is_in_the_state_alone_is_found() {
    let mut record = good().book.runs.remove("r").unwrap();
    record.wake_at = None;
    assert!(live::unarmed(&record).is_none(), "it is over");
    record.state = kintsugi_core::RunState::new(json!(null), Timestamp(7));
    let (found, due) = live::unarmed(&record).unwrap();
    assert_eq!((found.promise, found.by, due), (2, By::Timer, 7));
    record.wake_at = Some(7);
    assert!(live::unarmed(&record).is_none());
}
