//! The verdict of a trial sees what it counts: a good world is kept, and each way of doctoring it raises
//! the number that is there for it.

use std::collections::BTreeMap;

use kintsugi_core::{Event, Status};
use kintsugi_tests::{Earlier, Execution, Seen, Verdict};
use serde_json::json;

use crate::world::{World, good};

fn seen(world: World) -> Seen {
    let World { book, ledger, answers, .. } = world;
    Seen { book, ledger, answers, ..Seen::default() }
}

/// A way of doctoring, and the number that it raises.
type Doctored = (&'static str, fn(&mut World), fn(&Verdict) -> usize);

const WAYS: [Doctored; 10] = [
    ("a run that is lost", |w| drop(w.book.runs.remove("r")), |v| v.lost),
    ("a run that hangs", |w| w.run().status = Status::Running, |v| v.lost),
    (
        "a result twice",
        |w| {
            let twice = w.events().find(|e| matches!(e, Event::TaskCompleted { .. })).unwrap();
            let twice = twice.clone();
            w.add(|e| matches!(e, Event::TaskCompleted { .. }), twice);
        },
        |v| v.results_twice,
    ),
    (
        "a result that changed",
        |w| drop(w.answers.completed.insert("r".to_owned(), json!("else"))),
        |v| v.results_twice,
    ),
    (
        "an epoch executed twice",
        |w| {
            let line = w.ledger.0[0].clone();
            w.ledger.0.push(line);
        },
        |v| v.run_twice,
    ),
    (
        "an attempt over policy",
        |w| {
            for (program, _) in w.book.programs.values_mut() {
                for node in &mut program.nodes {
                    if let kintsugi_core::Kind::Call(call) = &mut node.kind {
                        call.policy.retry.maximum_attempts = 0;
                    }
                }
            }
        },
        |v| v.over_policy,
    ),
    (
        "completed and dead-lettered",
        |w| w.without(|e| matches!(e, Event::TaskRedriven { .. })),
        |v| v.both,
    ),
    ("a letter that is gone", |w| w.book.letters.clear(), |v| v.broken),
    ("an end that is wrong", |w| w.run().definition = "load/steps:1.0.0".to_owned(), |v| v.wrong),
    (
        "an execution that was never asked for",
        |w| w.ledger.0.push(line("r:99", 1, None)),
        |v| v.broken,
    ),
];

#[test]
fn a_good_world_is_kept() {
    let verdict = seen(good()).judge();
    assert!(verdict.is_kept(), "{verdict}");
    assert_eq!((verdict.accepted, verdict.completed(), verdict.attempts), (1, 1, 5));
    let counts = (verdict.executions, verdict.run_again, verdict.redriven, verdict.dead_letters);
    assert_eq!(counts, (2, 1, 1, 1), "one task was executed again, under a new epoch");
    assert_eq!((verdict.taken_over, verdict.refused), (1, 1));
}

#[test]
fn each_way_of_doctoring_raises_its_number() {
    for (what, doctor, number) in WAYS {
        let mut world = good();
        doctor(&mut world);
        let verdict = seen(world).judge();
        assert!(number(&verdict) > 0 && !verdict.is_kept(), "{what}: {verdict}");
        assert!(verdict.to_string().contains("<-"), "{what} is pointed at: {verdict}");
    }
}

#[test]
fn a_run_of_the_users_may_wait_for_what_is_named() {
    let mut world = good();
    world.run().status = Status::Waiting;
    let mut seen = seen(world);
    assert_eq!(seen.judge().lost, 1, "it waits for nothing");
    seen.waiting.insert("r".to_owned(), "an event".to_owned());
    assert_eq!(seen.judge().lost, 0);
}

#[test]
fn what_comes_late_from_a_window_before_is_looked_at_for_being_done_twice() {
    let mut seen = seen(good());
    let late = || line("load-3__2:1", 1, None);
    seen.ledger.0.push(late());
    assert_eq!(seen.judge().broken, 1, "nobody gave that out");
    seen.earlier = Earlier(4);
    assert!(seen.judge().is_kept(), "{}", seen.judge());
    seen.before.0.push(late());
    let verdict = seen.judge();
    assert_eq!((verdict.run_twice, verdict.broken), (1, 1), "{verdict}");
    assert!(!Earlier(3).has("load-3__2") && Earlier(4).has("load-3"));
}

#[test]
fn windows_add_up() {
    let mut world = good();
    world.book.runs.clear();
    let mut all = seen(good()).judge();
    all.merge(seen(world).judge());
    assert_eq!((all.accepted, all.completed(), all.lost), (2, 1, 1));
    let broken = all.broken;
    assert_eq!(broken, all.breaches.len());
    let statuses: usize = all.definitions.values().flat_map(BTreeMap::values).sum();
    assert_eq!(statuses, 1);
}

fn line(task: &str, epoch: u64, token: Option<&str>) -> Execution {
    let (task, token) = (task.to_owned(), token.map(str::to_owned));
    Execution { key: task.clone(), task, epoch, pid: 1, token }
}
