//! The orchestrator's batches.

use std::time::Duration;

use kintsugi_core::Status;
use kintsugi_entities::{
    Batch, Committed, Created, Error, HistoryRow, NewRun, Page, RecoveryRow, RunWrite, Store,
};

use crate::make::{batch, dead_letter, end, id, run, write};

pub(crate) async fn history_is_gapless(store: Store) {
    store.runs_create(&[run("a")]).await.unwrap();
    for before in 0..5 {
        let done = store.commit_batch(&batch(vec![write("a", before)])).await.unwrap();
        assert_eq!(done, Committed::Done);
    }
    let rows = store.history(&id("a"), 0, 100).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    let expected = HistoryRow { seq: 3, at: 2002, steps: b"[2]".to_vec() };
    assert_eq!(store.history(&id("a"), 2, 1).await.unwrap(), [expected]);
    let back = store.history_back(&id("a"), i64::MAX, 100).await.unwrap();
    assert!(back.iter().eq(rows.iter().rev()), "the same rows, the newest first");
    assert_eq!(store.history_back(&id("a"), 3, 1).await.unwrap(), rows[1..2]);
    assert_eq!(store.history_back(&id("a"), 1, 9).await.unwrap(), []);
    let row = store.run_get(&id("a")).await.unwrap().unwrap();
    assert_eq!((row.version, row.updated_at, row.wake_at), (5, 2004, Some(9000)));
    assert_eq!(row.status, Status::Running);
    assert_eq!(row.created_at, 1000);
    store.commit_batch(&batch(vec![end("a", 5, Status::Faulted, 3000)])).await.unwrap();
    let row = store.run_get(&id("a")).await.unwrap().unwrap();
    assert_eq!((row.ended_at, row.wake_at, row.status), (Some(3000), None, Status::Faulted));
    store.commit_batch(&batch(vec![write("a", 6)])).await.unwrap();
    assert_eq!(store.run_get(&id("a")).await.unwrap().unwrap().ended_at, None, "a redrive");
}

pub(crate) async fn a_version_conflict_rolls_everything_back(store: Store) {
    store.partitions_ensure(4).await.unwrap();
    let claimed = store.partitions_claim(&[3], "me").await.unwrap();
    store.runs_create(&[run("a"), run("b")]).await.unwrap();
    store.commit_batch(&batch(vec![write("b", 0)])).await.unwrap();
    let late = Batch {
        positions: vec![(3, claimed[0].owner_epoch, 77)],
        runs: vec![write("a", 0), write("b", 0), write("gone", 0)],
        dead_letters: vec![dead_letter("a", 1, 1)],
        ..Batch::default()
    };
    let plain = Batch { dead_letters: Vec::new(), ..late.clone() };
    for late in [late, plain] {
        let conflict = store.commit_batch(&late).await.unwrap();
        assert_eq!(conflict, Committed::Conflict(vec![id("b"), id("gone")]));
        assert_eq!(store.run_get(&id("a")).await.unwrap().unwrap().version, 0);
        assert_eq!(store.history(&id("a"), 0, 9).await.unwrap(), []);
        assert_eq!(store.history(&id("gone"), 0, 9).await.unwrap(), []);
        assert_eq!(store.history(&id("b"), 0, 9).await.unwrap().len(), 1);
        assert_eq!(store.partitions_all().await.unwrap()[3].position, 0);
        assert_eq!(store.dead_letter_get("a:1:1").await.unwrap(), None);
    }
}

pub(crate) async fn a_lost_partition_fences(store: Store) {
    store.partitions_ensure(2).await.unwrap();
    let mine = store.partitions_claim(&[0, 1], "me").await.unwrap();
    store.runs_create(&[run("a")]).await.unwrap();
    let ours = Batch {
        positions: vec![(0, mine[0].owner_epoch, 5), (1, mine[1].owner_epoch, 6)],
        runs: vec![write("a", 0)],
        ..Batch::default()
    };
    assert_eq!(store.commit_batch(&ours).await.unwrap(), Committed::Done);
    store.partitions_claim(&[1], "other").await.unwrap();
    let late = Batch {
        positions: vec![(0, mine[0].owner_epoch, 9), (1, mine[1].owner_epoch, 9)],
        runs: vec![write("a", 1)],
        ..Batch::default()
    };
    assert_eq!(store.commit_batch(&late).await.unwrap(), Committed::Fenced);
    let positions: Vec<_> =
        store.partitions_all().await.unwrap().iter().map(|row| row.position).collect();
    assert_eq!(positions, [5, 6]);
    assert_eq!(store.history(&id("a"), 0, 9).await.unwrap().len(), 1);
    let only_position = Batch { runs: Vec::new(), ..late };
    assert_eq!(store.commit_batch(&only_position).await.unwrap(), Committed::Fenced);
    assert_eq!(store.commit_batch(&Batch::default()).await.unwrap(), Committed::Done);
}

pub(crate) async fn starts_are_written_with_their_first_version_or_not_at_all(store: Store) {
    store.runs_create(&[run("old")]).await.unwrap();
    let trace = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    let new = NewRun { trace_parent: trace.clone(), ..run("new") };
    let ends = end("short", 0, Status::Completed, 3000);
    let both = Batch {
        runs: vec![write("old", 0), write("new", 0), ends],
        starts: vec![run("short"), new],
        ..Batch::default()
    };
    assert_eq!(store.commit_batch(&both).await.unwrap(), Committed::Done);
    let row = store.run_get(&id("new")).await.unwrap().unwrap();
    assert_eq!((row.version, row.status, row.wake_at), (1, Status::Running, Some(9000)));
    assert_eq!((row.created_at, row.updated_at, row.partition), (1000, 2000, 3));
    assert_eq!((row.definition, row.trace_parent), ("shop/order:1.0.0".to_owned(), trace));
    assert_eq!(row.state, write("new", 0).state);
    assert_eq!(store.history(&id("new"), 0, 9).await.unwrap(), [write("new", 0).history]);
    let row = store.run_get(&id("short")).await.unwrap().unwrap();
    assert_eq!((row.status, row.ended_at, row.wake_at), (Status::Completed, Some(3000), None));
    assert_eq!(store.run_get(&id("old")).await.unwrap().unwrap().version, 1);
    let again = store.runs_create(&[run("new")]).await.unwrap();
    assert_eq!(again, [Created::Exists { id: id("new"), same: true }]);

    // One that is there: nothing of the batch is written, also where it has rare rows.
    for recoveries in [vec![], vec![recovery("r", None)]] {
        let taken = Batch {
            runs: vec![write("old", 1), write("new", 0), write("third", 0)],
            starts: vec![run("new"), run("third")],
            recoveries,
            ..Batch::default()
        };
        assert!(matches!(store.commit_batch(&taken).await.unwrap(), Committed::Conflict(_)));
        assert_eq!(store.run_get(&id("third")).await.unwrap(), None);
        assert_eq!(store.run_get(&id("old")).await.unwrap().unwrap().version, 1);
    }
    let keyed = NewRun { start_key: Some("k".to_owned()), ..run("fourth") };
    for start in [keyed, NewRun { parent: Some(id("old")), ..run("fourth") }, run("unwritten")] {
        let bad = Batch { runs: vec![write("fourth", 0)], starts: vec![start], ..Batch::default() };
        assert!(!store.commit_batch(&bad).await.unwrap_err().is_transient());
    }
}

pub(crate) async fn a_failed_batch_leaves_no_dead_letter(store: Store) {
    store.runs_create(&[run("a")]).await.unwrap();
    let bad = Batch {
        runs: vec![write("a", 0)],
        dead_letters: vec![dead_letter("a", 1, 1)],
        recoveries: vec![recovery("r", Some(u64::MAX))],
        ..Batch::default()
    };
    let error = store.commit_batch(&bad).await.unwrap_err();
    assert!(!error.is_transient(), "{error}");
    assert_eq!(store.dead_letter_get("a:1:1").await.unwrap(), None);
    assert_eq!(store.run_get(&id("a")).await.unwrap().unwrap().version, 0);
    // The connection that had the transaction serves the next one.
    assert_eq!(store.commit_batch(&batch(vec![write("a", 0)])).await.unwrap(), Committed::Done);
}

pub(crate) async fn a_thousand_runs_go_in_one_batch(store: Store) {
    store.partitions_ensure(16).await.unwrap();
    let claimed = store.partitions_claim(&(0..16).collect::<Vec<_>>(), "me").await.unwrap();
    let names: Vec<_> = (0..1000).map(|n| format!("r-{n}")).collect();
    store.runs_create(&names.iter().map(|name| run(name)).collect::<Vec<_>>()).await.unwrap();
    for before in 0..3 {
        let large = Batch {
            positions: claimed.iter().map(|it| (it.id, it.owner_epoch, before + 1)).collect(),
            runs: names.iter().map(|name| write(name, before)).collect(),
            dead_letters: (0..1000).map(|n| dead_letter("r-1", n, 1)).collect(),
            ..Batch::default()
        };
        assert_eq!(store.commit_batch(&large).await.unwrap(), Committed::Done);
    }
    for name in ["r-0", "r-500", "r-999"] {
        let row = store.run_get(&id(name)).await.unwrap().unwrap();
        assert_eq!(row.state, write(name, 2).state);
        assert_eq!(store.history(&id(name), 0, 9).await.unwrap().len(), 3);
    }
    assert_eq!(store.counts().await.unwrap().dead_letters_open, 1000);
}

pub(crate) async fn of_two_writers_one_wins(store: Store) {
    store.runs_create(&[run("a"), run("b")]).await.unwrap();
    for before in 0..20 {
        // In opposite orders, which is how deadlocks come about.
        let one = batch(vec![write("a", before), write("b", before)]);
        let other = batch(vec![write("b", before), write("a", before)]);
        let both =
            [tokio::spawn(commit(store.clone(), one)), tokio::spawn(commit(store.clone(), other))];
        let mut done = 0;
        for result in both {
            match result.await.unwrap() {
                Committed::Done => done += 1,
                Committed::Conflict(ids) => assert_eq!(ids.len(), 2),
                Committed::Fenced => panic!("no partition was named"),
            }
        }
        assert_eq!(done, 1);
    }
    assert_eq!(store.history(&id("a"), 0, 99).await.unwrap().len(), 20);
    assert_eq!(store.history(&id("b"), 0, 99).await.unwrap().len(), 20);
}

/// Commits, again after a deadlock.
async fn commit(store: Store, batch: Batch) -> Committed {
    loop {
        match store.commit_batch(&batch).await {
            Ok(committed) => return committed,
            Err(error) => assert!(error.is_transient(), "{error:?}"),
        }
    }
}

pub(crate) async fn two_writers_of_other_runs_do_not_hinder_each_other(store: Store) {
    store.partitions_ensure(2).await.unwrap();
    let claimed = store.partitions_claim(&[0, 1], "me").await.unwrap();
    store.runs_create(&[run("a-0"), run("a-1")]).await.unwrap();
    let writers = claimed.into_iter().map(|partition| {
        let store = store.clone();
        tokio::spawn(async move {
            let name = format!("a-{}", partition.id);
            for before in 0..50 {
                let one = Batch {
                    positions: vec![(partition.id, partition.owner_epoch, before)],
                    runs: vec![write(&name, before)],
                    ..Batch::default()
                };
                assert_eq!(store.commit_batch(&one).await.unwrap(), Committed::Done);
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
}

pub(crate) async fn what_makes_no_sense_is_refused(store: Store) {
    store.runs_create(&[run("a")]).await.unwrap();
    let good = write("a", 0);
    let cases = [
        batch(vec![good.clone(), good.clone()]),
        batch(vec![RunWrite { version: 0, ..good.clone() }]),
        batch(vec![RunWrite { version: 2, ..good.clone() }]),
        batch(vec![RunWrite { version: 2, history: write("a", 1).history, ..good }]),
        Batch { positions: vec![(1, 1, 1), (1, 1, 2)], ..Batch::default() },
    ];
    for bad in cases {
        assert!(store.commit_batch(&bad).await.is_err());
    }
    assert_eq!(store.run_get(&id("a")).await.unwrap().unwrap().version, 0);
}

/// A claim between the two of a batch's owner must fence it, whoever comes first to the row.
pub(crate) async fn a_lock_of_a_claim_is_waited_for(store: Store) {
    store.partitions_ensure(1).await.unwrap();
    store.runs_create(&[run("a")]).await.unwrap();
    let mut version = 0;
    for round in 0..20 {
        let mine = store.partitions_claim(&[0], "me").await.unwrap();
        let ours = Batch {
            positions: vec![(0, mine[0].owner_epoch, round)],
            runs: vec![write("a", version)],
            ..Batch::default()
        };
        let claim = {
            let store = store.clone();
            tokio::spawn(async move { store.partitions_claim(&[0], "other").await.unwrap() })
        };
        let committed =
            tokio::time::timeout(Duration::from_secs(20), store.commit_batch(&ours)).await;
        match committed.unwrap().unwrap() {
            Committed::Done => version += 1,
            Committed::Fenced => {}
            Committed::Conflict(ids) => panic!("{ids:?}"),
        }
        claim.await.unwrap();
        let history = store.history(&id("a"), 0, 99).await.unwrap();
        assert_eq!(i64::try_from(history.len()).unwrap(), version);
        assert_eq!(store.commit_batch(&ours).await.unwrap(), Committed::Fenced);
    }
}

/// What comes from anyone's worker must not make a batch fail, or its partition stands still.
pub(crate) async fn text_for_people_never_stops_a_batch(store: Store) {
    store.runs_create(&[run("a")]).await.unwrap();
    let mut letter = dead_letter("a", 1, 1);
    letter.pointer = "/do/\0".to_owned();
    let recovery = RecoveryRow {
        worker: Some("a\0b".to_owned()),
        decided: "\0".to_owned(),
        outcome: "\0".to_owned(),
        ..recovery("r", Some(1))
    };
    let odd = Batch {
        runs: vec![write("a", 0)],
        dead_letters: vec![letter.clone(), letter],
        recoveries: vec![recovery.clone(), recovery],
        ..Batch::default()
    };
    assert_eq!(store.commit_batch(&odd).await.unwrap(), Committed::Done);
    let log = store.recoveries_list(Page::default(), None, None).await.unwrap().items;
    assert_eq!(log[0].worker.as_deref(), Some("a\u{FFFD}b"));
    let found = store.dead_letter_get("a\0").await;
    assert!(matches!(found, Ok(None) | Err(Error::Invalid { .. })), "{found:?}");
}

fn recovery(name: &str, task: Option<u64>) -> RecoveryRow {
    RecoveryRow {
        id: name.to_owned(),
        at: 1,
        kind: "worker_dead".to_owned(),
        run: Some(id("a")),
        task,
        epoch: None,
        worker: None,
        seen_at: 1,
        decided: String::new(),
        outcome: String::new(),
        duration_ms: 1,
        by: "test".to_owned(),
    }
}

/// History cannot catch this one: its key is free. Only the version can, or there would be a gap.
pub(crate) async fn a_version_ahead_of_the_stored_one_changes_nothing(store: Store) {
    store.runs_create(&[run("a")]).await.unwrap();
    for letters in [vec![], vec![dead_letter("a", 1, 1)]] {
        let ahead = Batch { runs: vec![write("a", 4)], dead_letters: letters, ..Batch::default() };
        let committed = store.commit_batch(&ahead).await.unwrap();
        assert_eq!(committed, Committed::Conflict(vec![id("a")]));
        assert_eq!(store.run_get(&id("a")).await.unwrap().unwrap().version, 0);
        assert_eq!(store.history(&id("a"), 0, 9).await.unwrap(), []);
    }
}
