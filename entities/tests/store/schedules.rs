//! Schedules.

use kintsugi_core::{DefinitionRef, Status};
use kintsugi_entities::{NewDefinition, NewSchedule, Page, Put, ScheduleRow, ScheduleStep, Store};

use crate::make::{definition, id, run};

fn scheduled(reference: &str, next_at: i64) -> NewDefinition {
    let schedule = NewSchedule {
        schedule: reference.as_bytes().to_vec(),
        due_at: Some(next_at - 5),
        next_at: Some(next_at),
        paused: false,
        by_events: false,
    };
    NewDefinition { schedule: Some(schedule), ..definition(reference, reference) }
}

async fn put(store: &Store, definition: NewDefinition) {
    assert_eq!(store.definition_put(definition).await.unwrap(), Put::Created);
}

async fn get(store: &Store, id: &str) -> ScheduleRow {
    store.schedule_get(id).await.unwrap().unwrap()
}

fn step(row: &ScheduleRow, runs: &[&str]) -> ScheduleStep {
    ScheduleStep {
        id: row.id.clone(),
        revision: row.revision,
        due_at: Some(90),
        next_at: Some(95),
        runs: runs.iter().zip(50..).map(|(name, due)| (run(name), due)).collect(),
        skipped: 0,
        skipped_why: None,
    }
}

pub(crate) async fn a_schedule_comes_and_goes_with_its_newest_version(store: Store) {
    put(&store, definition("shop/order:1.0.0", "none")).await;
    assert_eq!(store.schedule_get("shop/order").await.unwrap(), None);
    put(&store, scheduled("shop/order:1.10.0", 100)).await;
    let first = get(&store, "shop/order").await;
    assert_eq!((first.definition.as_str(), first.next_at), ("shop/order:1.10.0", Some(100)));
    assert!(store.schedule_step(&step(&first, &["a"])).await.unwrap());

    // An older version, the same again, and one of another name change nothing.
    put(&store, scheduled("shop/order:1.9.0", 200)).await;
    put(&store, definition("shop/order:1.8.0", "none")).await;
    put(&store, definition("shop/orders:7.0.0", "none")).await;
    let same = store.definition_put(scheduled("shop/order:1.10.0", 300)).await.unwrap();
    assert_eq!(same, Put::Identical);
    assert_eq!(get(&store, "shop/order").await.next_at, Some(95));

    // A newer one takes its place and knows of its run.
    put(&store, scheduled("shop/order:1.11.0", 400)).await;
    let newer = get(&store, "shop/order").await;
    assert_eq!((newer.definition.as_str(), newer.next_at), ("shop/order:1.11.0", Some(400)));
    assert_eq!((newer.last_run.clone(), newer.started), (Some(id("a")), 1));
    assert!(!store.schedule_step(&step(&first, &["b"])).await.unwrap(), "the row has changed");
    assert_eq!(store.run_get(&id("b")).await.unwrap(), None);

    // Retiring another version changes nothing, retiring this one stops it.
    let reference = |text: &str| DefinitionRef::parse(text).unwrap();
    store.definition_retire(&reference("shop/order:1.10.0"), 5).await.unwrap();
    assert_eq!(get(&store, "shop/order").await, newer);
    store.definition_retire(&reference("shop/order:1.11.0"), 5).await.unwrap();
    assert_eq!(store.schedule_get("shop/order").await.unwrap(), None);
    assert!(!store.schedule_step(&step(&newer, &["c"])).await.unwrap());

    // What is retired counts no longer; a newer version without a schedule ends it.
    put(&store, scheduled("shop/order:1.9.5", 500)).await;
    assert_eq!(get(&store, "shop/order").await.next_at, Some(500));
    put(&store, definition("shop/order:1.12.0", "none")).await;
    assert_eq!(store.schedule_get("shop/order").await.unwrap(), None);
}

pub(crate) async fn a_due_time_is_started_once(store: Store) {
    put(&store, scheduled("shop/order:1.0.0", 100)).await;
    let row = get(&store, "shop/order").await;
    let mut wanted = step(&row, &["a", "b"]);
    (wanted.skipped, wanted.skipped_why) = (3, Some(("missed".to_owned(), 77)));
    let (one, other) = tokio::join!(store.schedule_step(&wanted), store.schedule_step(&wanted));
    assert_ne!(one.unwrap(), other.unwrap(), "one of two wins");
    let moved = get(&store, "shop/order").await;
    assert_eq!((moved.due_at, moved.next_at), (Some(90), Some(95)));
    assert_eq!((moved.last_run.clone(), moved.last_due_at), (Some(id("b")), Some(51)));
    assert_eq!((moved.started, moved.skipped), (2, 3));
    assert_eq!((moved.last_skipped.as_deref(), moved.last_skipped_at), (Some("missed"), Some(77)));
    let standing = store.runs_standing(&[id("a"), id("b"), id("c")]).await.unwrap();
    assert_eq!((standing.len(), standing[&id("a")]), (2, (Status::Pending, None)));
    assert_eq!(
        store.due(5_000, 0, 10).await.unwrap().runs.len(),
        2,
        "pending runs are due at once"
    );

    // Nothing to start, and no due time any more.
    let last = ScheduleStep { due_at: None, next_at: None, ..step(&moved, &[]) };
    assert!(store.schedule_step(&last).await.unwrap());
    let over = get(&store, "shop/order").await;
    assert_eq!((over.next_at, over.last_run, over.skipped), (None, Some(id("b")), 3));
    assert_eq!(store.schedules_next(10).await.unwrap(), []);
}

pub(crate) async fn a_pause_holds_against_whoever_was_about_to_start(store: Store) {
    put(&store, scheduled("shop/order:1.0.0", 100)).await;
    let row = get(&store, "shop/order").await;
    assert!(store.schedule_pause(&row, true, (Some(1), Some(2))).await.unwrap());
    assert!(!store.schedule_pause(&row, true, (Some(1), Some(2))).await.unwrap(), "of before");
    assert!(!store.schedule_step(&step(&row, &["a"])).await.unwrap());
    assert_eq!(store.schedules_next(10).await.unwrap(), []);
    put(&store, scheduled("shop/order:1.1.0", 200)).await;
    let paused = get(&store, "shop/order").await;
    assert!(paused.paused, "a newer version does not resume it");
    assert!(store.schedule_pause(&paused, false, (Some(300), Some(301))).await.unwrap());
    let resumed = store.schedules_next(10).await.unwrap();
    assert_eq!((resumed.len(), resumed[0].next_at, resumed[0].paused), (1, Some(301), false));
}

pub(crate) async fn the_next_come_first_and_pages_are_by_id(store: Store) {
    for (name, at) in [("b/x", 300), ("a/y", 100), ("a/x", 200)] {
        put(&store, scheduled(&format!("{name}:1.0.0"), at)).await;
    }
    let next = store.schedules_next(2).await.unwrap();
    assert_eq!(next.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["a/y", "a/x"]);
    let list = async |namespace, cursor| {
        let page = Page { limit: 2, cursor };
        let found = store.schedules_list(namespace, page).await.unwrap();
        (found.items.into_iter().map(|row| row.id).collect::<Vec<_>>(), found.next)
    };
    let (first, next) = list(None, None).await;
    assert_eq!(first, ["a/x", "a/y"]);
    assert_eq!(list(None, next).await, (vec!["b/x".to_owned()], None));
    assert_eq!(list(Some("b"), None).await.0, ["b/x"]);
}
