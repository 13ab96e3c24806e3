//! Partitions, dead letters, the recovery log, notifications, retention.

use std::collections::BTreeMap;

use kintsugi_core::Status;
use kintsugi_entities::{
    Batch, DeadLetterFilter, DeadLetterStatus, NotificationRow, NotificationStatus, Page,
    RecoveryRow, RunWrite, Store,
};

use crate::make::{batch, dead_letter, end, id, run, write};

pub(crate) async fn partitions_are_claimed_and_rewound(store: Store) {
    store.partitions_ensure(4).await.unwrap();
    store.partitions_ensure(4).await.unwrap();
    assert!(store.partitions_ensure(8).await.is_err(), "runs would change their partition");
    assert!(store.partitions_ensure(0).await.is_err());
    let first = store.partitions_claim(&[2, 0], "me").await.unwrap();
    assert_eq!(
        first.iter().map(|it| (it.id, it.owner_epoch)).collect::<Vec<_>>(),
        [(0, 1), (2, 1)]
    );
    store.partitions_claim(&[2], "other").await.unwrap();
    let all = store.partitions_all().await.unwrap();
    let owners: Vec<_> = all.iter().map(|it| (it.owner.as_str(), it.owner_epoch)).collect();
    assert_eq!(owners, [("me", 1), ("", 0), ("other", 2), ("", 0)]);
    store.partitions_rewind(&[(0, 1)], "made-at-noon", 7).await.unwrap();
    assert!(store.partitions_rewind(&[(0, 1), (2, 1)], "x", 9).await.is_err());
    let zero = store.partitions_all().await.unwrap().remove(0);
    assert_eq!((zero.stream.as_str(), zero.position), ("made-at-noon", 7));
}

pub(crate) async fn dead_letters_are_published_and_redriven(store: Store) {
    store.runs_create(&[run("a")]).await.unwrap();
    let letters: Vec<_> = (1..=5).map(|task| dead_letter("a", task, 2)).collect();
    let first =
        Batch { runs: vec![write("a", 0)], dead_letters: letters.clone(), ..Batch::default() };
    store.commit_batch(&first).await.unwrap();
    assert_eq!(store.dead_letter_get("a:3:2").await.unwrap().unwrap(), letters[2]);
    assert_eq!(store.dead_letters_unpublished(2).await.unwrap(), letters[..2]);
    assert!(store.due(0, 0, 9).await.unwrap().overdue);
    let ids: Vec<_> = letters.iter().take(4).map(|it| it.id.clone()).collect();
    store.dead_letters_mark_published(&ids).await.unwrap();
    assert_eq!(store.dead_letters_unpublished(9).await.unwrap(), letters[4..]);
    let redrive = Batch {
        runs: vec![write("a", 1)],
        redriven: vec!["a:3:2".to_owned(), "none:1:1".to_owned()],
        ..Batch::default()
    };
    store.commit_batch(&redrive).await.unwrap();
    let open = DeadLetterFilter { status: Some(DeadLetterStatus::Open), ..Default::default() };
    let page = store.dead_letters_list(&open, Page { limit: 3, cursor: None }).await.unwrap();
    assert_eq!(page.items.iter().map(|it| it.task).collect::<Vec<_>>(), [5, 4, 2]);
    let rest = store.dead_letters_list(&open, Page { limit: 3, cursor: page.next }).await.unwrap();
    assert_eq!(rest.items.iter().map(|it| it.task).collect::<Vec<_>>(), [1]);
    let three = store.dead_letter_get("a:3:2").await.unwrap().unwrap();
    assert_eq!((three.status, three.redriven_at), (DeadLetterStatus::Redriven, Some(2001)));
    let other = DeadLetterFilter { queue: Some("other".to_owned()), ..Default::default() };
    assert_eq!(store.dead_letters_list(&other, Page::default()).await.unwrap().items, []);
}

fn recovery(name: &str, at: i64, run: Option<&str>) -> RecoveryRow {
    RecoveryRow {
        id: name.to_owned(),
        at,
        kind: "worker_dead".to_owned(),
        run: run.map(id),
        task: run.map(|_| 1),
        epoch: None,
        worker: Some("w".to_owned()),
        seen_at: at - 10,
        decided: "new attempt".to_owned(),
        outcome: "dispatched".to_owned(),
        duration_ms: 10,
        by: "detector-1".to_owned(),
    }
}

pub(crate) async fn the_recovery_log_is_kept(store: Store) {
    let rows: Vec<_> =
        (0..7).map(|n| recovery(&format!("x-{n}"), n / 2, (n == 3).then_some("a"))).collect();
    store.recovery_note(&rows).await.unwrap();
    let mended = RecoveryRow { outcome: "mended".to_owned(), ..rows[6].clone() };
    store.recovery_note(&[rows[6].clone(), mended.clone()]).await.unwrap();
    store.recovery_note(&[]).await.unwrap();
    let page = store.recoveries_list(Page { limit: 3, cursor: None }, None, None).await.unwrap();
    assert_eq!(page.items[0], mended);
    let rest = Page { limit: 30, cursor: page.next };
    assert_eq!(store.recoveries_list(rest, None, None).await.unwrap().items.len(), 4);
    let of_a_run = id("a");
    let of_a = store.recoveries_list(Page::default(), Some(&id("a")), None).await.unwrap();
    assert_eq!(of_a.items, [rows[3].clone()]);
    let of_kind = |kind| store.recoveries_list(Page::default(), Some(&of_a_run), Some(kind));
    assert_eq!(of_kind(&rows[3].kind).await.unwrap().items.len(), 1);
    assert_eq!(of_kind("another").await.unwrap().items, []);
    let counted = store.recoveries_count(&[id("a"), id("b")], "another").await.unwrap();
    assert_eq!(counted.into_iter().collect::<Vec<_>>(), [(id("a"), 1)]);
    assert!(store.recoveries_count(&[id("a")], &rows[3].kind).await.unwrap().is_empty());
    assert!(store.recoveries_count(&[], "").await.unwrap().is_empty());
}

fn notification(name: &str, due_at: i64) -> NotificationRow {
    NotificationRow {
        id: name.to_owned(),
        kind: "faulted".to_owned(),
        run: id("a"),
        payload: br#"{"a":"\u0000"}"#.to_vec(),
        created_at: 1,
        due_at,
        attempts: 0,
        status: NotificationStatus::Pending,
    }
}

pub(crate) async fn notifications_are_noted_once(store: Store) {
    let rows = [notification("n-1", 10), notification("n-2", 20), notification("n-3", 30)];
    assert_eq!(store.notifications_add(&rows).await.unwrap(), 3);
    assert_eq!(
        store.notifications_add(&[rows[0].clone(), notification("n-4", 5)]).await.unwrap(),
        1
    );
    assert_eq!(store.notifications_add(&[]).await.unwrap(), 0);
    let due = store.notifications_due(20, 9).await.unwrap();
    assert_eq!(due.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["n-4", "n-1", "n-2"]);
    assert_eq!(due[1], rows[0]);
    store.notification_done("n-4").await.unwrap();
    store.notification_failed("n-1", 50, 1, false).await.unwrap();
    store.notification_failed("n-2", 50, 9, true).await.unwrap();
    assert_eq!(store.notifications_due(20, 9).await.unwrap(), []);
    let due = store.notifications_due(50, 9).await.unwrap();
    let due: Vec<_> = due.iter().map(|row| (row.id.as_str(), row.attempts)).collect();
    assert_eq!(due, [("n-3", 0), ("n-1", 1)]);
}

pub(crate) async fn streams_and_cursors_are_remembered(store: Store) {
    store.stream_note("B", "noon").await.unwrap();
    store.stream_note("A", "dawn").await.unwrap();
    store.stream_note("B", "dusk").await.unwrap();
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(store.streams_known().await.unwrap(), [pair("A", "dawn"), pair("B", "dusk")]);
    assert_eq!(store.notifications_cursor_get("x").await.unwrap(), 0);
    for value in [5, 3] {
        store.notifications_cursor_set("x", value).await.unwrap();
        assert_eq!(store.notifications_cursor_get("x").await.unwrap(), value);
    }
}

pub(crate) async fn counts_are_right(store: Store) {
    store.runs_create(&[run("a"), run("b"), run("c")]).await.unwrap();
    let ended = Batch {
        runs: vec![end("a", 0, Status::Completed, 5)],
        dead_letters: vec![dead_letter("b", 1, 1)],
        recoveries: vec![recovery("x", 1, None)],
        ..Batch::default()
    };
    store.commit_batch(&ended).await.unwrap();
    store.notifications_add(&[notification("n", 1)]).await.unwrap();
    let counts = store.counts().await.unwrap();
    assert_eq!(counts.runs, BTreeMap::from([(Status::Completed, 1), (Status::Pending, 2)]));
    assert_eq!((counts.dead_letters_open, counts.dead_letters_unpublished), (1, 1));
    assert_eq!((counts.notifications_pending, counts.notifications_dead), (1, 0));
    assert_eq!(counts.recoveries, BTreeMap::from([("worker_dead".to_owned(), 1)]));
    assert_eq!(counts.definitions, 0);
}

pub(crate) async fn runs_that_nobody_told_are_overdue(store: Store) {
    store.runs_create(&[run("a"), run("b"), run("c")]).await.unwrap();
    let due = |name, wake_at| RunWrite { wake_at: Some(wake_at), ..write(name, 0) };
    let batch = batch(vec![due("a", 10), due("b", 20), end("c", 0, Status::Completed, 5)]);
    store.commit_batch(&batch).await.unwrap();
    for (before, overdue) in [(9, 0), (10, 1), (20, 2)] {
        assert_eq!(store.runs_overdue(before).await.unwrap(), overdue);
    }
}

pub(crate) async fn retention_keeps_what_is_needed(store: Store) {
    let names = ["old", "young", "open", "letter", "told"];
    store.runs_create(&names.map(run)).await.unwrap();
    let ended = Batch {
        runs: vec![
            end("old", 0, Status::Completed, 100),
            end("young", 0, Status::Completed, 900),
            write("open", 0),
            end("letter", 0, Status::Faulted, 100),
            end("told", 0, Status::Faulted, 100),
        ],
        dead_letters: vec![dead_letter("letter", 1, 1)],
        ..Batch::default()
    };
    store.commit_batch(&ended).await.unwrap();
    let mended = |name| RecoveryRow { run: Some(id(name)), ..recovery(name, 1, None) };
    store.recovery_note(&[mended("old"), mended("young"), mended("told")]).await.unwrap();
    let told = NotificationRow { run: id("told"), ..notification("n", 1) };
    store.notifications_add(&[told]).await.unwrap();
    assert_eq!(store.runs_delete_ended_before(500, 10).await.unwrap(), 1);
    assert_eq!(store.run_get(&id("old")).await.unwrap(), None);
    assert_eq!(store.history(&id("old"), 0, 9).await.unwrap(), []);
    store.notification_done("n").await.unwrap();
    assert_eq!(store.runs_delete_ended_before(500, 10).await.unwrap(), 1);
    assert_eq!(store.run_get(&id("told")).await.unwrap(), None);
    assert_eq!(
        store
            .recoveries_list(Page { limit: 9, cursor: None }, None, None)
            .await
            .unwrap()
            .items
            .len(),
        1
    );
    let mended = store.counts().await.unwrap().recoveries;
    assert_eq!(mended["worker_dead"], 3, "what was mended stays counted");
    // The id is free again, for a run of its own.
    store.runs_create(&[run("old")]).await.unwrap();
    store.commit_batch(&batch(vec![write("old", 0)])).await.unwrap();
    assert_eq!(store.history(&id("old"), 0, 9).await.unwrap().len(), 1);
}

pub(crate) async fn a_second_connection_finds_the_schema_there(store: Store) {
    store.runs_create(&[run("a")]).await.unwrap();
    store.ping().await.unwrap();
    assert_eq!(store.counts().await.unwrap().runs.len(), 1);
}
