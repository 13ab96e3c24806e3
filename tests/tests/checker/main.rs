//! Each check sees what it is there for: a good book passes, and each way of doctoring it is told
//! under the right number. No server is needed.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod live;
mod owners;
mod verdict;
mod world;

use kintsugi_core::{Event, Input, Timestamp};
use kintsugi_entities::DeadLetterStatus;
use serde_json::json;

use kintsugi_tests::{Told, check};
use world::{World, good};

#[test]
fn a_good_world_passes() {
    let world = good();
    assert_eq!(world.breaches(), []);
    let (checked, _) = check(&world.book);
    let counts = (checked.attempts, checked.lost, checked.refused, checked.dead);
    assert_eq!(counts, (5, 1, 1, 1), "the good world has one of each");
}

/// A way of doctoring, and the promise that it breaks.
type Doctored = (&'static str, u8, fn(&mut World));

#[test]
fn a_doctored_history_is_seen() {
    seen(&[
        ("a gap", 7, |w| drop(w.run().rows.remove(2))),
        ("an end cut off", 7, |w| drop(w.run().rows.pop())),
        ("a row too many", 7, |w| {
            let (seq, steps) = w.run().rows.last().unwrap().clone();
            w.run().rows.push((seq + 1, steps));
        }),
        ("another state", 7, |w| w.run().state.output = Some(json!("else"))),
        ("another status", 7, |w| w.run().status = kintsugi_core::Status::Faulted),
        ("time that goes back", 7, |w| w.run().rows[3].1[0].at = Timestamp(1)),
        ("an event gone", 7, |w| w.without(|e| matches!(e, Event::RunStarted))),
        ("life after the end", 7, |w| {
            w.add(|e| matches!(e, Event::RunCompleted), Event::RunStarted);
        }),
        ("a definition gone", 9, |w| w.book.programs.clear()),
        ("a definition that does not compile", 9, |w| {
            let gone = std::mem::take(&mut w.book.programs).into_keys();
            w.book.unusable = gone.map(|id| (id, "/do/0: what is that?".to_owned())).collect();
        }),
    ]);
}

#[test]
fn a_doctored_task_is_seen() {
    seen(&[
        ("a double completion", 3, |w| {
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
        ("an epoch twice", 4, |w| {
            for event in w.events() {
                if let Event::TaskDispatched { epoch, .. } = event {
                    *epoch = 1;
                }
            }
        }),
        ("two attempts at once", 4, |w| w.without(|e| matches!(e, Event::TaskLost { .. }))),
        ("a failure too many", 5, |w| {
            policy(w, |policy| policy.retry.maximum_attempts = 0);
        }),
        ("a crash too many", 5, |w| policy(w, |policy| policy.crashes_max = 0)),
        ("in quarantine too early", 5, |w| {
            for event in w.events() {
                if let Event::TaskDeadLettered { quarantined, .. } = event {
                    *quarantined = true;
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
        ("given up too early", 5, |w| {
            policy(w, |policy| policy.retry.maximum_attempts = 9);
            for step in w.run().rows.iter_mut().flat_map(|(_, steps)| steps) {
                if let Input::Failed { fault, .. } = &mut step.input {
                    fault.fatal = false;
                }
            }
        }),
        ("a refusal of the newest", 4, |w| {
            for event in w.events() {
                if let Event::ResultRefused { epoch, current, .. } = event {
                    (*epoch, *current) = (7, 7);
                }
            }
        }),
    ]);
}

fn policy(world: &mut World, change: fn(&mut kintsugi_core::TaskPolicy)) {
    for (program, _) in world.book.programs.values_mut() {
        for node in &mut program.nodes {
            if let kintsugi_core::Kind::Call(call) = &mut node.kind {
                change(&mut call.policy);
            }
        }
    }
}

#[test]
fn a_doctored_letter_is_seen() {
    seen(&[
        ("a letter missing in the table", 6, |w| w.book.letters.clear()),
        ("a letter missing in the stream", 6, |w| w.book.stream.clear()),
        ("a letter too many in the table", 6, |w| {
            let mut letter = w.book.letters.values().next().unwrap().clone();
            letter.id = "r:9:1".to_owned();
            w.book.letters.insert(letter.id.clone(), letter);
        }),
        ("a letter too many in the stream", 6, |w| w.book.stream[0].id = "r:9:1".to_owned()),
        ("a letter that lost its input", 6, |w| w.book.stream[0].input = json!("else")),
        ("a letter without attempts", 6, |w| w.book.stream[0].attempts.clear()),
        ("a letter still open", 6, |w| {
            w.book.letters.values_mut().for_each(|l| l.status = DeadLetterStatus::Open);
        }),
        ("completed and dead", 6, |w| w.without(|e| matches!(e, Event::TaskRedriven { .. }))),
    ]);
}

#[test]
fn a_doctored_ledger_is_seen() {
    seen(&[
        ("an epoch executed twice", 4, |w| {
            let line = w.ledger.0[0].clone();
            w.ledger.0.push(line);
        }),
        ("an epoch never given out", 4, |w| w.ledger.0[2].epoch = 8),
        ("another idempotency key", 4, |w| w.ledger.0[0].key = "else".to_owned()),
        ("a result that nobody made", 3, |w| w.ledger.0.truncate(3)),
        ("a result of another attempt", 3, |w| w.ledger.0[3].token = Some("t1".to_owned())),
        ("an end without a beginning", 3, |w| drop(w.ledger.0.remove(2))),
    ]);
}

#[test]
fn a_doctored_answer_is_seen() {
    seen(&[
        ("a run that is lost", 1, |w| w.answers.accepted.extend(["gone".to_owned()])),
        ("a run that hangs", 1, |w| w.run().status = kintsugi_core::Status::Running),
        ("a result that is gone", 9, |w| {
            w.answers.completed.insert("gone".to_owned(), json!(1));
        }),
        ("a result that changed", 9, |w| {
            w.answers.completed.insert("r".to_owned(), json!("else"));
        }),
        ("a redrive that was forgotten", 9, |w| {
            w.book.letters.values_mut().for_each(|l| l.status = DeadLetterStatus::Open);
        }),
        ("a cancellation that was forgotten", 9, |w| {
            w.answers.cancelled.insert("r".to_owned());
            w.run().status = kintsugi_core::Status::Waiting;
        }),
        ("nobody was told", 10, |w| w.told.clear()),
        ("told of nothing", 10, |w| w.told[0].id = "r:99:0:0".to_owned()),
        ("told without a signature", 10, |w| w.told[0].signed = false),
        ("told two stories", 10, |w| {
            let one = Told { body: "else".to_owned(), ..w.told[0].clone() };
            w.told.push(one);
        }),
    ]);
}

#[test]
fn a_repeat_is_no_breach() {
    let mut world = good();
    world.told.push(world.told[0].clone());
    world.book.stream.push(world.book.stream[0].clone());
    assert_eq!(world.breaches(), []);
}

fn seen(ways: &[Doctored]) {
    for (what, promise, doctor) in ways {
        let mut world = good();
        doctor(&mut world);
        let breaches = world.breaches();
        let told = breaches.iter().any(|breach| breach.promise == *promise);
        assert!(told, "{what} should break P{promise}: {breaches:?}");
    }
}
