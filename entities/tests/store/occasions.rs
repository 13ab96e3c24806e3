//! Schedules whose runs events start.

use std::collections::HashSet;

use kintsugi_core::DefinitionRef;
use kintsugi_entities::{NewDefinition, NewSchedule, OccasionStep, Put, ScheduleRow, Store};

use crate::make::{definition, id, run};

fn by_events(reference: &str, by_events: bool) -> NewDefinition {
    let schedule = NewSchedule {
        schedule: reference.as_bytes().to_vec(),
        due_at: None,
        next_at: None,
        paused: false,
        by_events,
    };
    NewDefinition { schedule: Some(schedule), ..definition(reference, reference) }
}

/// A schedule of the newest version of a definition, whose runs events start.
pub(crate) async fn listening(store: &Store, name: &str) -> ScheduleRow {
    put(store, by_events(&format!("{name}:1.0.0"), true)).await;
    get(store, name).await.0
}

async fn put(store: &Store, definition: NewDefinition) {
    assert_eq!(store.definition_put(definition).await.unwrap(), Put::Created);
}

async fn get(store: &Store, id: &str) -> (ScheduleRow, Option<Vec<u8>>) {
    store.occasions_get(&[id.to_owned()]).await.unwrap().pop().unwrap()
}

fn step(row: &ScheduleRow, runs: &[&str], state: Option<&str>) -> OccasionStep {
    OccasionStep {
        id: row.id.clone(),
        revision: row.revision,
        runs: runs.iter().map(|name| run(name)).collect(),
        state: state.map(|text| text.as_bytes().to_vec()),
        open_sets: 2,
        given_up: 0,
    }
}

fn ids(names: &[&str]) -> Option<HashSet<String>> {
    Some(names.iter().map(|name| (*name).to_owned()).collect())
}

pub(crate) async fn events_start_runs_once_and_leave_what_is_open(store: Store) {
    for name in ["shop/a", "shop/b", "shop/timed"] {
        put(&store, by_events(&format!("{name}:1.0.0"), name != "shop/timed")).await;
    }
    let known = store.occasions_known().await.unwrap();
    assert_eq!(known.len(), 2, "{known:?}");
    assert_eq!(store.schedules_next(10).await.unwrap(), [], "no time brings them about");
    let (a, none) = get(&store, "shop/a").await;
    let (b, _) = get(&store, "shop/b").await;
    assert_eq!(none, None);
    assert!(known.contains(&("shop/a".to_owned(), a.revision)), "{known:?}");

    // All of it or nothing: one of two has changed.
    let stale = OccasionStep { revision: b.revision + 1, ..step(&b, &["r2"], None) };
    let both = [step(&a, &["r1"], Some("sets")), stale];
    assert_eq!(store.occasions_step(&both, 50).await.unwrap(), None);
    assert_eq!(
        (get(&store, "shop/a").await, get(&store, "shop/b").await.0),
        ((a.clone(), None), b.clone())
    );
    assert_eq!(store.run_get(&id("r1")).await.unwrap(), None);

    let mut both = [step(&a, &["r1", "r2"], Some("sets")), step(&b, &["r3"], None)];
    both[0].given_up = 3;
    let (one, other) =
        tokio::join!(store.occasions_step(&both, 50), store.occasions_step(&both, 50));
    let done: Vec<_> = [one.unwrap(), other.unwrap()].into_iter().flatten().collect();
    assert_eq!(done.len(), 1, "one of two wins: {done:?}");
    assert_eq!(done[0], ids(&["r1", "r2", "r3"]).unwrap());
    let (moved, state) = get(&store, "shop/a").await;
    assert_eq!(state.as_deref(), Some(&b"sets"[..]));
    assert_eq!((moved.started, moved.open_sets, moved.revision), (2, 2, a.revision + 1));
    assert_eq!((moved.last_run.clone(), moved.last_due_at), (Some(id("r2")), Some(50)));
    assert_eq!((moved.skipped, moved.last_skipped.as_deref()), (3, Some("given_up")));
    assert_eq!(moved.last_skipped_at, Some(50));
    let (other, state) = get(&store, "shop/b").await;
    assert_eq!((other.started, other.skipped, state), (1, 0, None));
    assert_eq!(store.due(5_000, 0, 10).await.unwrap().runs.len(), 3, "pending runs are due");

    // The same events again: nothing happens, and nothing counts. With a new one, that one does.
    let again = step(&other, &["r3"], None);
    assert_eq!(store.occasions_step(&[again], 60).await.unwrap(), ids(&[]));
    assert_eq!(get(&store, "shop/b").await.0, other);
    let more = step(&other, &["r3", "r4"], None);
    assert_eq!(store.occasions_step(&[more], 60).await.unwrap(), ids(&["r4"]));
    let last = get(&store, "shop/b").await.0;
    assert_eq!((last.started, last.last_run, last.last_due_at), (2, Some(id("r4")), Some(60)));
}

pub(crate) async fn what_is_open_comes_and_goes_with_its_schedule(store: Store) {
    put(&store, by_events("shop/a:1.0.0", true)).await;
    let (row, _) = get(&store, "shop/a").await;
    store.occasions_step(&[step(&row, &[], Some("sets"))], 50).await.unwrap().unwrap();
    let (row, _) = get(&store, "shop/a").await;

    // A pause holds against whoever was about to start.
    assert!(store.schedule_pause(&row, true, (None, None)).await.unwrap());
    assert_eq!(store.occasions_known().await.unwrap(), []);
    assert_eq!(store.occasions_step(&[step(&row, &["r"], None)], 50).await.unwrap(), None);
    let (row, _) = get(&store, "shop/a").await;
    assert_eq!(store.occasions_step(&[step(&row, &["r"], None)], 50).await.unwrap(), None);
    assert!(store.schedule_pause(&row, false, (None, None)).await.unwrap());

    // A newer version finds what is open; an older one that retires takes nothing.
    put(&store, by_events("shop/a:1.1.0", true)).await;
    let reference = |text: &str| DefinitionRef::parse(text).unwrap();
    store.definition_retire(&reference("shop/a:1.0.0"), 5).await.unwrap();
    let (row, state) = get(&store, "shop/a").await;
    assert_eq!((row.definition.as_str(), row.open_sets), ("shop/a:1.1.0", 2));
    assert_eq!(state.as_deref(), Some(&b"sets"[..]));

    // One that waits for a time ends it, and so does retiring.
    put(&store, by_events("shop/a:1.2.0", false)).await;
    let (row, state) = get(&store, "shop/a").await;
    assert_eq!((row.open_sets, state), (0, None));
    assert_eq!(store.occasions_known().await.unwrap(), []);
    put(&store, by_events("shop/a:1.3.0", true)).await;
    let (row, _) = get(&store, "shop/a").await;
    store.occasions_step(&[step(&row, &[], Some("sets"))], 50).await.unwrap().unwrap();
    store.definition_retire(&reference("shop/a:1.3.0"), 5).await.unwrap();
    assert_eq!(store.occasions_get(&["shop/a".to_owned()]).await.unwrap(), []);
    put(&store, by_events("shop/a:1.4.0", true)).await;
    assert_eq!(get(&store, "shop/a").await.1, None, "nothing of before is left");
    put(&store, definition("shop/a:1.5.0", "none")).await;
    assert_eq!(store.occasions_known().await.unwrap(), []);
}
