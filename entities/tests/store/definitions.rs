//! Definitions.

use kintsugi_core::DefinitionRef;
use kintsugi_entities::{Page, Put, Resolved, Store};

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

pub(crate) async fn what_is_retired_starts_nothing_and_stays(store: Store) {
    for version in ["1.0.0", "1.2.0", "1.10.0"] {
        let reference = format!("shop/order:{version}");
        store.definition_put(definition(&reference, version)).await.unwrap();
    }
    store.definition_put(definition("shop/orders:9.0.0", "other")).await.unwrap();
    let resolve = async |texts: &[&str]| {
        let all: Vec<_> = texts.iter().map(|text| DefinitionRef::parse(text).unwrap()).collect();
        store.definitions_resolve(&all).await.unwrap()
    };
    let found = |id: &str| Resolved::Found(id.to_owned());
    let retired = |id: &str| Resolved::Retired(id.to_owned());
    let asked = ["shop/order", "shop/order:1.2.0", "shop/order:7.0.0", "shop/none"];
    let newest = [found("shop/order:1.10.0"), found("shop/order:1.2.0")];
    assert_eq!(resolve(&asked).await[..2], newest);
    assert_eq!(resolve(&asked).await[2..], [Resolved::Missing, Resolved::Missing]);

    let newest = DefinitionRef::parse("shop/order:1.10.0").unwrap();
    assert!(store.definition_retire(&newest, 7).await.unwrap());
    assert!(store.definition_retire(&newest, 9).await.unwrap(), "again");
    assert_eq!(store.definition_get(&newest).await.unwrap().unwrap().retired_at, Some(7));
    let none = DefinitionRef::parse("shop/order:3.0.0").unwrap();
    assert!(!store.definition_retire(&none, 7).await.unwrap());
    let now = resolve(&["shop/order", "shop/order:1.10.0"]).await;
    assert_eq!(now, [found("shop/order:1.2.0"), retired("shop/order:1.10.0")]);
    for version in ["1.0.0", "1.2.0"] {
        let reference = DefinitionRef::parse(&format!("shop/order:{version}")).unwrap();
        store.definition_retire(&reference, 8).await.unwrap();
    }
    assert_eq!(resolve(&["shop/order"]).await, [retired("shop/order:1.10.0")]);
    let listed = store.definitions_list(Some("shop"), Page::default()).await.unwrap().items;
    assert_eq!(listed.iter().filter(|one| one.retired_at.is_some()).count(), 3);
}
