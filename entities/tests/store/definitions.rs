//! Definitions.

use kintsugi_core::DefinitionRef;
use kintsugi_entities::{Page, Put, Store};

use crate::make::definition;

pub(crate) async fn a_version_stays_what_it_is(store: Store) {
    let first = definition("shop/order:1.0.0", "a");
    assert_eq!(store.definition_put(first.clone()).await.unwrap(), Put::Created);
    assert_eq!(store.definition_put(first.clone()).await.unwrap(), Put::Identical);
    let other = definition("shop/order:1.0.0", "b");
    assert_eq!(
        store.definition_put(other).await.unwrap(),
        Put::Conflict { digest: "a".to_owned() }
    );
    let stored = store.definition_get(&first.reference).await.unwrap().unwrap();
    assert_eq!((stored.digest.as_str(), stored.source), ("a", first.source));
    assert!(store.definition_put(definition("shop/order:latest", "c")).await.is_err());
}

pub(crate) async fn latest_is_the_highest_release(store: Store) {
    let latest = DefinitionRef::parse("shop/order").unwrap();
    assert_eq!(store.definition_get(&latest).await.unwrap(), None);
    for version in ["1.0.0-rc.1", "1.9.0", "1.10.0", "1.10.0-rc.2", "0.9.9"] {
        store.definition_put(definition(&format!("shop/order:{version}"), "x")).await.unwrap();
    }
    store.definition_put(definition("shop/order-2:9.0.0", "x")).await.unwrap();
    let found = store.definition_get(&latest).await.unwrap().unwrap();
    assert_eq!(found.id, "shop/order:1.10.0");
    let ids = ["shop/order:1.9.0".to_owned(), "shop/none:1.0.0".to_owned()];
    assert_eq!(store.definitions_by_id(&ids).await.unwrap().len(), 1);
}

pub(crate) async fn pages_are_by_id(store: Store) {
    for name in ["b/x:1.0.0", "a/x:1.0.0", "a/y:1.0.0"] {
        store.definition_put(definition(name, "x")).await.unwrap();
    }
    let page = Page { limit: 2, cursor: None };
    let first = store.definitions_list(None, page).await.unwrap();
    let ids: Vec<_> = first.items.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids, ["a/x:1.0.0", "a/y:1.0.0"]);
    let second = store.definitions_list(None, Page { limit: 2, cursor: first.next }).await.unwrap();
    assert_eq!((second.items.len(), second.next), (1, None));
    assert_eq!(store.definitions_list(Some("b"), Page::default()).await.unwrap().items.len(), 1);
}
