//! Accepting, reading and listing runs.

use std::collections::BTreeSet;

use kintsugi_core::Status;
use kintsugi_entities::{Created, Due, NewRun, Page, RunFilter, Store};

use crate::make::{batch, end, id, run, write};

pub(crate) async fn accepting_again_changes_nothing(store: Store) {
    assert_eq!(store.runs_create(&[run("a")]).await.unwrap(), [Created::New]);
    store.commit_batch(&batch(vec![write("a", 0)])).await.unwrap();
    let again = store.runs_create(&[run("a"), run("b")]).await.unwrap();
    assert_eq!(again, [Created::Exists { id: id("a"), same: true }, Created::New]);
    let other = NewRun { request_digest: "other".to_owned(), ..run("a") };
    let refused = store.runs_create(&[other]).await.unwrap();
    assert_eq!(refused, [Created::Exists { id: id("a"), same: false }]);
    assert_eq!(store.run_get(&id("a")).await.unwrap().unwrap().version, 1);
    assert_eq!(store.run_get(&id("none")).await.unwrap(), None);
    assert!(store.runs_create(&[]).await.unwrap().is_empty());
}

pub(crate) async fn a_key_finds_the_run_that_has_it(store: Store) {
    let keyed = |name: &str, definition: &str| NewRun {
        start_key: Some("key".to_owned()),
        definition: definition.to_owned(),
        ..run(name)
    };
    let first = store.runs_create(&[keyed("a", "shop/order:1.0.0")]).await.unwrap();
    assert_eq!(first, [Created::New]);
    let calls = [keyed("b", "shop/refund:2.0.0"), keyed("c", "other/order:1.0.0"), run("d")];
    let created = store.runs_create(&calls).await.unwrap();
    let exists = Created::Exists { id: id("a"), same: true };
    assert_eq!(created, [exists, Created::New, Created::New]);
    assert_eq!(store.run_get(&id("b")).await.unwrap(), None);
}

pub(crate) async fn what_is_accepted_is_due_at_once(store: Store) {
    let later = NewRun { created_at: 5000, ..run("b") };
    store.runs_create(&[later, run("a")]).await.unwrap();
    let due = |runs: &[(&str, i64)], next| Due {
        runs: runs.iter().map(|(run, at)| (id(run), *at)).collect(),
        next,
        overdue: false,
        redrive: None,
    };
    assert_eq!(store.due(999, 0, 10).await.unwrap(), due(&[], Some(1000)));
    assert_eq!(store.due(1000, 0, 10).await.unwrap(), due(&[("a", 1000)], Some(5000)));
    assert_eq!(
        store.due(6000, 0, 1).await.unwrap(),
        due(&[("a", 1000)], None),
        "the longest due first"
    );
    let ended = end("a", 0, Status::Completed, 2000);
    store.commit_batch(&batch(vec![ended, write("b", 0)])).await.unwrap();
    assert_eq!(store.due(6000, 0, 9).await.unwrap(), due(&[], Some(9000)));
}

pub(crate) async fn many_at_once_and_twice_in_one_call(store: Store) {
    let mut runs: Vec<_> = (0..600).map(|n| run(&format!("r-{n}"))).collect();
    runs.push(run("r-7"));
    let created = store.runs_create(&runs).await.unwrap();
    assert!(created[..600].iter().all(|it| *it == Created::New));
    assert_eq!(created[600], Created::Exists { id: id("r-7"), same: true });
    let ids: Vec<_> = runs.iter().map(|run| run.id.clone()).collect();
    let loaded = store.runs_load(&ids).await.unwrap();
    assert_eq!(loaded.len(), 600);
    for row in loaded {
        assert_eq!(row.state, format!("{{\"of\":\"{}\"}}", row.id).into_bytes());
        assert_eq!((row.version, row.status, row.partition), (0, Status::Pending, 3));
        assert_eq!((row.wake_at, row.parent, row.trace_parent), (Some(1000), None, None));
    }
}

pub(crate) async fn pages_have_no_gaps_and_no_repeats(store: Store) {
    // Many share a time, so that a page ends in the midst of them.
    let accepted: Vec<_> =
        (0..97).map(|n| NewRun { created_at: 1000 + n / 20, ..run(&format!("r_{n}")) }).collect();
    store.runs_create(&accepted).await.unwrap();
    let mut seen = Vec::new();
    let mut page = Page { limit: 10, cursor: None };
    loop {
        let listed = store.runs_list(&RunFilter::default(), page.clone()).await.unwrap();
        seen.extend(listed.items.into_iter().map(|row| (row.created_at, row.id)));
        // Newer ones do not shift what follows.
        let newer = NewRun { created_at: 9000, ..run(&format!("new-{}", seen.len())) };
        store.runs_create(&[newer]).await.unwrap();
        page.cursor = listed.next;
        if page.cursor.is_none() {
            break;
        }
    }
    assert!(seen.is_sorted_by(|a, b| a > b), "the newest first");
    let expected: BTreeSet<_> = accepted.into_iter().map(|run| (run.created_at, run.id)).collect();
    assert_eq!(seen.len(), expected.len());
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), expected);
    for bad in ["", "x", "1", "x_y"] {
        let page = Page { limit: 1, cursor: Some(bad.to_owned()) };
        assert!(store.runs_list(&RunFilter::default(), page).await.is_err(), "{bad}");
    }
    let page = Page { limit: 0, cursor: None };
    assert!(store.runs_list(&RunFilter::default(), page).await.is_err());
}

pub(crate) async fn filters_restrict(store: Store) {
    let of = |name: &str, definition: &str| NewRun {
        definition: definition.to_owned(),
        parent: (name == "d").then(|| id("a")),
        ..run(name)
    };
    let runs = [
        of("a", "shop/order:1.0.0"),
        of("b", "shop/order:1.0.0-rc.1"),
        of("c", "shop/order-2:1.0.0"),
        of("d", "shop-2/order:1.0.0"),
    ];
    store.runs_create(&runs).await.unwrap();
    let faulted = end("c", 0, Status::Faulted, 7000);
    store.commit_batch(&batch(vec![faulted])).await.unwrap();
    let text = |text: &str| Some(text.to_owned());
    let default = RunFilter::default;
    let cases = [
        (default(), "dcba"),
        (RunFilter { status: Some(Status::Faulted), ..default() }, "c"),
        (RunFilter { status: Some(Status::Pending), ..default() }, "dba"),
        (RunFilter { definition: text("shop/order:1.0.0"), ..default() }, "a"),
        (RunFilter { definition: text("shop/order:"), ..default() }, "ba"),
        (RunFilter { definition: text("shop/order"), ..default() }, "cba"),
        (RunFilter { namespace: text("shop"), ..default() }, "cba"),
        (RunFilter { parent: Some(id("a")), ..default() }, "d"),
        (RunFilter { ended_from: Some(7000), ..default() }, "c"),
        (RunFilter { ended_from: Some(7001), ..default() }, ""),
    ];
    for (filter, expected) in cases {
        let listed = store.runs_list(&filter, Page::default()).await.unwrap();
        let ids: String = listed.items.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(ids, expected, "{filter:?}");
    }
}

pub(crate) async fn open_runs_come_by_id(store: Store) {
    store.runs_create(&[run("c"), run("B"), run("a"), run("_")]).await.unwrap();
    store.commit_batch(&batch(vec![end("a", 0, Status::Cancelled, 5)])).await.unwrap();
    let first = store.runs_open_page(None, 2).await.unwrap();
    // By bytes, as RunId compares too, and not as some locale would have it.
    assert_eq!(first.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["B", "_"]);
    let second = store.runs_open_page(Some(&first[1].id), 2).await.unwrap();
    assert_eq!(second.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["c"]);
}

pub(crate) async fn payloads_may_hold_anything(store: Store) {
    let payloads: Vec<Vec<u8>> = vec![
        br#"{"nul":"a\u0000b","emoji":"\ud83d\ude00"}"#.to_vec(),
        b"{\"raw\":\"a\x00b\"}".to_vec(),
        (0..=255).collect(),
        Vec::new(),
        vec![b'x'; 3_000_000],
    ];
    let runs: Vec<_> = payloads
        .iter()
        .enumerate()
        .map(|(n, state)| NewRun { state: state.clone(), ..run(&format!("r-{n}")) })
        .collect();
    store.runs_create(&runs).await.unwrap();
    for (n, state) in payloads.iter().enumerate() {
        assert_eq!(&store.run_get(&id(&format!("r-{n}"))).await.unwrap().unwrap().state, state);
    }
    // Each gets another's payload, with the same in its history.
    let mut writes: Vec<_> = (0..payloads.len()).map(|n| write(&format!("r-{n}"), 0)).collect();
    for (write, payload) in writes.iter_mut().zip(payloads.iter().rev()) {
        write.state.clone_from(payload);
        write.history.steps.clone_from(payload);
    }
    store.commit_batch(&batch(writes)).await.unwrap();
    for (n, state) in payloads.iter().rev().enumerate() {
        let name = id(&format!("r-{n}"));
        assert_eq!(&store.run_get(&name).await.unwrap().unwrap().state, state);
        assert_eq!(&store.history(&name, 0, 9).await.unwrap()[0].steps, state);
    }
}
