//! What is held by hand.

use kintsugi_entities::{HoldKind, HoldPut, HoldRow, Page, Store};

fn hold(id: &str, kind: HoldKind, name: &str) -> HoldRow {
    HoldRow {
        id: id.to_owned(),
        kind,
        name: name.to_owned(),
        by: Some("ada".to_owned()),
        reason: None,
        since: 7,
        lifted_at: None,
        lifted_by: None,
        lift_reason: None,
    }
}

pub(crate) async fn what_is_held_is_so_once_and_remembered_when_it_is_lifted(store: Store) {
    let (queue, kind) = (hold("1", HoldKind::Queue, "a"), hold("2", HoldKind::TaskType, "a"));
    assert_eq!(store.hold_put(&queue, 2).await.unwrap(), HoldPut::Created);
    assert_eq!(store.hold_put(&kind, 2).await.unwrap(), HoldPut::Created);
    let again = HoldRow { by: Some("bob".to_owned()), ..hold("3", HoldKind::Queue, "a") };
    assert_eq!(store.hold_put(&again, 2).await.unwrap(), HoldPut::Known(queue.clone()));
    let third = hold("4", HoldKind::Definition, "test/a");
    assert_eq!(store.hold_put(&third, 2).await.unwrap(), HoldPut::Full);
    assert_eq!(store.holds_active().await.unwrap(), [queue.clone(), kind.clone()]);
    let lift = async |name| {
        let what = (HoldKind::Queue, name);
        store.hold_lift(what, 9, (Some("eve"), Some("done"))).await.unwrap()
    };
    let lifted = HoldRow {
        lifted_at: Some(9),
        lifted_by: Some("eve".to_owned()),
        lift_reason: Some("done".to_owned()),
        ..queue
    };
    assert_eq!(
        (lift("a").await, lift("a").await, lift("b").await),
        (Some(lifted.clone()), None, None)
    );
    let page = |cursor: Option<&str>| Page { limit: 2, cursor: cursor.map(str::to_owned) };
    assert_eq!(
        store.holds_list(false, page(None)).await.unwrap().items,
        std::slice::from_ref(&kind)
    );
    // Held again: another hold, and the first one stays told.
    let again = hold("5", HoldKind::Queue, "a");
    assert_eq!(store.hold_put(&again, 2).await.unwrap(), HoldPut::Created);
    let first = store.holds_list(true, page(None)).await.unwrap();
    assert_eq!((first.items, first.next.as_deref()), (vec![again, kind], Some("2")));
    assert_eq!(store.holds_list(true, page(Some("2"))).await.unwrap().items, [lifted]);
}
