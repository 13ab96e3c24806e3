//! The registry of task types.

use kintsugi_entities::{Page, Store, TaskTypePut, TaskTypeRow};

fn row(name: &str, body: &str, at: i64) -> TaskTypeRow {
    TaskTypeRow {
        name: name.to_owned(),
        body: body.as_bytes().to_vec(),
        digest: format!("digest of {body:?}"),
        created_at: at,
        updated_at: at,
    }
}

pub(crate) async fn a_task_type_is_what_was_said_of_it_last(store: Store) {
    let first = row("pay", "{\"description\":\"\u{0}\"}", 10);
    assert_eq!(store.task_type_put(&first, 2).await.unwrap(), TaskTypePut::Created);
    let again = TaskTypeRow { created_at: 20, updated_at: 20, ..first.clone() };
    let put = store.task_type_put(&again, 2).await.unwrap();
    assert_eq!(put, TaskTypePut::Same(first.clone()), "nothing changes");
    let other = row("pay", "{}", 30);
    assert_eq!(store.task_type_put(&other, 2).await.unwrap(), TaskTypePut::Replaced(10));
    let known = store.task_types_by_name(&["pay", "none"]).await.unwrap();
    assert_eq!(known, [TaskTypeRow { created_at: 10, ..other.clone() }]);

    store.task_type_put(&row("a", "{}", 40), 2).await.unwrap();
    assert_eq!(store.task_type_put(&row("b", "{}", 50), 2).await.unwrap(), TaskTypePut::Full);
    assert_eq!(store.task_type_put(&first, 2).await.unwrap(), TaskTypePut::Replaced(10));

    assert!(store.task_type_delete("pay").await.unwrap());
    assert!(!store.task_type_delete("pay").await.unwrap(), "it is gone");
    assert_eq!(store.task_types_by_name(&["pay"]).await.unwrap(), []);
    let back = store.task_type_put(&row("pay", "{}", 60), 2).await.unwrap();
    assert_eq!(back, TaskTypePut::Created);
}

pub(crate) async fn task_types_come_by_name(store: Store) {
    for name in ["c", "a", "_b"] {
        store.task_type_put(&row(name, "{}", 10), 9).await.unwrap();
    }
    let page = store.task_types_list(Page { limit: 2, cursor: None }).await.unwrap();
    let names: Vec<_> = page.items.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["_b", "a"]);
    let rest = store.task_types_list(Page { limit: 2, cursor: page.next }).await.unwrap();
    assert_eq!((rest.items.len(), rest.items[0].name.as_str(), rest.next), (1, "c", None));
    let mut names = store.task_type_names().await.unwrap();
    names.sort();
    assert_eq!(names, ["_b", "a", "c"]);
}
