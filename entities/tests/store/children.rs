//! Runs that runs start.

use kintsugi_core::Status;
use kintsugi_entities::{Batch, Committed, NewRun, Page, RunFilter, Store};

use crate::make::{batch, id, run, write};

fn child(name: &str, parent: &str) -> NewRun {
    NewRun { parent: Some(id(parent)), request_digest: "child".to_owned(), ..run(name) }
}

fn with(children: Vec<NewRun>, before: i64) -> Batch {
    Batch { children, ..batch(vec![write("parent", before)]) }
}

pub(crate) async fn a_child_comes_with_its_parents_step_or_not_at_all(store: Store) {
    store.runs_create(&[run("parent")]).await.unwrap();
    let conflict = store.commit_batch(&with(vec![child("c-1", "parent")], 5)).await.unwrap();
    assert!(matches!(conflict, Committed::Conflict(_)));
    assert_eq!(store.run_get(&id("c-1")).await.unwrap(), None);

    let children = vec![child("c-1", "parent"), child("c-2", "parent")];
    assert_eq!(store.commit_batch(&with(children, 0)).await.unwrap(), Committed::Done);
    let found = store.run_get(&id("c-1")).await.unwrap().unwrap();
    assert_eq!(
        (found.status, found.parent, found.version),
        (Status::Pending, Some(id("parent")), 0)
    );
    // What is accepted is due at once: a start message that is lost is no loss.
    let due = store.due(1_000, 0, 10).await.unwrap().runs;
    assert_eq!(due.len(), 2, "{due:?}");
    let filter = RunFilter { parent: Some(id("parent")), ..RunFilter::default() };
    assert_eq!(store.runs_list(&filter, Page::default()).await.unwrap().items.len(), 2);
}

pub(crate) async fn a_child_that_is_there_is_left_as_it_is(store: Store) {
    store.runs_create(&[run("parent"), run("taken")]).await.unwrap();
    let children = vec![child("taken", "parent"), child("free", "parent")];
    assert_eq!(store.commit_batch(&with(children, 0)).await.unwrap(), Committed::Done);
    assert_eq!(store.run_get(&id("taken")).await.unwrap().unwrap().parent, None);
    assert!(store.run_get(&id("free")).await.unwrap().is_some());
    assert_eq!(store.run_get(&id("parent")).await.unwrap().unwrap().version, 1);
}
