//! Groups of dead letters, and discards.

use kintsugi_entities::{
    Batch, DeadLetterFilter, DeadLetterRow, DeadLetterStatus, DiscardRow, Page, RequestRow, Store,
    Undo,
};

use crate::make::{dead_letter, id, run, write};

pub(crate) fn letter(task: u64, mark: &str) -> DeadLetterRow {
    let error_type = "https://example.com/down".to_owned();
    DeadLetterRow { fingerprint: mark.to_owned(), error_type, ..dead_letter("a", task, 1) }
}

pub(crate) fn open() -> DeadLetterFilter {
    DeadLetterFilter { status: Some(DeadLetterStatus::Open), ..DeadLetterFilter::default() }
}

pub(crate) fn of(mark: &str) -> DeadLetterFilter {
    DeadLetterFilter { fingerprint: Some(mark.to_owned()), ..open() }
}

pub(crate) fn discard(id: &str, at: i64) -> DiscardRow {
    DiscardRow {
        id: id.to_owned(),
        filter: b"{}".to_vec(),
        letters: 0,
        by: Some("ada\0".to_owned()),
        reason: "sold".to_owned(),
        at,
        undone_at: None,
        undone_by: None,
        undo_reason: None,
    }
}

pub(crate) async fn with(store: &Store, letters: Vec<DeadLetterRow>) {
    store.runs_create(&[run("a")]).await.unwrap();
    let batch = Batch { runs: vec![write("a", 0)], dead_letters: letters, ..Batch::default() };
    store.commit_batch(&batch).await.unwrap();
}

async fn groups(store: &Store, filter: &DeadLetterFilter, page: Page) -> Vec<(String, u64)> {
    let found = store.letter_groups(filter, page).await.unwrap();
    found.items.into_iter().map(|group| (group.fingerprint, group.letters)).collect()
}

pub(crate) async fn letters_are_grouped_by_what_they_died_of(store: Store) {
    let letters = (1..=30).map(|task| letter(task, ["x", "y", "z"][task as usize % 3])).collect();
    with(&store, letters).await;
    let own = |list: &[(&str, u64)]| -> Vec<(String, u64)> {
        list.iter().map(|(mark, count)| ((*mark).to_owned(), *count)).collect()
    };
    // Task 30 is of x, 29 of z, 28 of y.
    let all = own(&[("x", 10), ("z", 10), ("y", 10)]);
    assert_eq!(groups(&store, &open(), Page::default()).await, all);
    let first = store.letter_groups(&open(), Page { limit: 2, cursor: None }).await.unwrap();
    let (x, next) = (&first.items[0], first.next.clone());
    assert_eq!((x.first_at, x.last_at, x.newest.len()), (3003, 3030, 10));
    assert_eq!(x.newest[0].id, "a:30:1");
    let rest = groups(&store, &open(), Page { limit: 2, cursor: next }).await;
    assert_eq!(rest, own(&[("y", 10)]));
    assert_eq!(groups(&store, &of("y"), Page::default()).await, own(&[("y", 10)]));
    let late = DeadLetterFilter { created_from: Some(3029), ..open() };
    assert_eq!(groups(&store, &late, Page::default()).await, own(&[("x", 1), ("z", 1)]));
    let early = DeadLetterFilter { created_to: Some(3002), ..open() };
    assert_eq!(groups(&store, &early, Page::default()).await, own(&[("y", 1)]));
    let other = DeadLetterFilter { error_type: Some("other".to_owned()), ..open() };
    assert_eq!(groups(&store, &other, Page::default()).await, []);
    let listed = store.dead_letters_list(&of("z"), Page::default()).await.unwrap();
    assert_eq!(listed.items.len(), 10);
}

pub(crate) async fn letters_of_before_get_a_fingerprint(store: Store) {
    with(&store, vec![letter(1, ""), letter(2, "x")]).await;
    let found = store.letters_unmarked(9).await.unwrap();
    assert_eq!(found.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["a:1:1"]);
    store.letter_mark("a:1:1", "x", "https://example.com/\0").await.unwrap();
    assert_eq!(store.letters_unmarked(9).await.unwrap(), []);
    assert_eq!(groups(&store, &open(), Page::default()).await, [("x".to_owned(), 2)]);
}

pub(crate) async fn what_is_discarded_can_be_taken_back_for_a_while(store: Store) {
    with(&store, (1..=4).map(|task| letter(task, "x")).collect()).await;
    let redrive = RequestRow {
        id: "redrive:a:4:1".to_owned(),
        run: id("a"),
        about: Some("a:4:1".to_owned()),
        at: 5000,
        input: b"{}".to_vec(),
    };
    store.request_put(&redrive, None).await.unwrap();
    assert_eq!(store.letters_discard(&of("y"), &discard("0", 6000)).await.unwrap(), 0);
    let one = DeadLetterFilter { id: Some("a:1:1".to_owned()), ..open() };
    assert_eq!(store.letters_discard(&one, &discard("1", 6000)).await.unwrap(), 1);
    assert_eq!(store.letters_discard(&of("x"), &discard("2", 7000)).await.unwrap(), 2, "but one");
    let gone = store.dead_letter_get("a:2:1").await.unwrap().unwrap();
    let closed = (DeadLetterStatus::Discarded, Some("2"));
    assert_eq!((gone.status, gone.discard.as_deref()), closed);
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.dead_letters_open, counts.dead_letters_discarded), (1, 3));

    let who = (Some("bob"), None);
    assert_eq!(store.discard_undo("9", 0, 8000, who).await.unwrap(), Undo::Missing);
    let late = store.discard_undo("1", 6001, 8000, who).await.unwrap();
    assert!(matches!(late, Undo::Refused(row) if row.undone_at.is_none()));
    // What its run settles meanwhile stays settled.
    let settled =
        Batch { runs: vec![write("a", 1)], redriven: vec!["a:3:1".to_owned()], ..Batch::default() };
    store.commit_batch(&settled).await.unwrap();
    let Undo::Done(row) = store.discard_undo("2", 6001, 8000, who).await.unwrap() else { panic!() };
    assert_eq!(
        (row.letters, row.undone_at, row.by.as_deref()),
        (2, Some(8000), Some("ada\u{FFFD}"))
    );
    let again = store.discard_undo("2", 6001, 8001, who).await.unwrap();
    assert!(matches!(again, Undo::Refused(row) if row.undone_at == Some(8000)));
    let status = |letter: Option<DeadLetterRow>| letter.unwrap().status;
    let two = status(store.dead_letter_get("a:2:1").await.unwrap());
    let three = status(store.dead_letter_get("a:3:1").await.unwrap());
    assert_eq!((two, three), (DeadLetterStatus::Open, DeadLetterStatus::Redriven));

    let page = store.discards_list(Page { limit: 1, cursor: None }).await.unwrap();
    assert_eq!(page.items[0].id, "2");
    let rest = store.discards_list(Page { limit: 1, cursor: page.next }).await.unwrap();
    assert_eq!((rest.items[0].id.as_str(), rest.next), ("1", None));
}
