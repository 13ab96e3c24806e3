//! Redrives of many dead letters.

use kintsugi_core::Status;
use kintsugi_entities::{
    Batch, DeadLetterFilter, DeadLetterStatus, Page, RedriveCounts, RedrivePick, RedriveRow,
    RedriveState, RedriveStep, RequestRow, Store,
};

use crate::letters::{discard, letter, of, open, with};
use crate::make::{dead_letter, end, write};

fn row(id: &str) -> RedriveRow {
    RedriveRow {
        id: id.to_owned(),
        filter: b"{}".to_vec(),
        patch: None,
        plan: b"{}".to_vec(),
        asked_by: Some("ada\0".to_owned()),
        reason: "mended".to_owned(),
        at: 5000,
        status: "running".to_owned(),
        progress: b"{}".to_vec(),
        version: 1,
        next_at: Some(5000),
    }
}

fn request(pick: &RedrivePick) -> RequestRow {
    RequestRow {
        id: format!("redrive:{}", pick.letter),
        run: pick.run.clone(),
        about: Some(pick.letter.clone()),
        at: 6000,
        input: b"{}".to_vec(),
    }
}

async fn counts(store: &Store, id: &str) -> RedriveCounts {
    let counts = store.redrive_counts(&[id.to_owned()]).await.unwrap();
    counts.get(id).copied().unwrap_or_default()
}

/// A step that asks all of `picks`, at the version of the job that is stored.
async fn step(store: &Store, id: &str, picks: &[RedrivePick]) -> RedriveStep {
    let row = store.redrive_get(id).await.unwrap().unwrap();
    let asks = picks.iter().map(|pick| (pick.n, Some(request(pick)))).collect();
    RedriveStep { row, decided: Vec::new(), asks, at: 6000 }
}

pub(crate) async fn a_redrive_takes_what_is_open_now_the_oldest_first(store: Store) {
    with(&store, (1..=5).map(|task| letter(task, ["x", "y"][task as usize % 2])).collect()).await;
    let kinds = store.redrive_preview(&open()).await.unwrap();
    let of_kinds: Vec<_> = kinds.iter().map(|it| (it.fingerprint.as_str(), it.letters)).collect();
    assert_eq!((of_kinds, kinds[0].total), (vec![("y", 3), ("x", 2)], 5));
    assert_eq!(store.redrive_create(&of("z"), &row("0")).await.unwrap(), Some(0));
    assert!(store.redrive_get("0").await.unwrap().is_none(), "of none, nothing is kept");
    assert_eq!(store.redrive_create(&of("y"), &row("1")).await.unwrap(), Some(3));
    let late =
        Batch { runs: vec![write("a", 1)], dead_letters: vec![letter(7, "y")], ..Batch::default() };
    store.commit_batch(&late).await.unwrap();
    let picks = store.redrive_pick("1", 9).await.unwrap();
    let letters: Vec<_> = picks.iter().map(|it| (it.n, it.letter.as_str())).collect();
    assert_eq!(letters, [(1, "a:1:1"), (2, "a:3:1"), (3, "a:5:1")], "not what came later");
    assert_eq!(picks[0].input.as_deref(), Some(&br#"{"a":"\u0000"}"#[..]));
    let kept = store.redrive_get("1").await.unwrap().unwrap();
    assert_eq!(kept.asked_by.as_deref(), Some("ada\u{FFFD}"));
    assert_eq!(store.due(0, 0, 9).await.unwrap().redrive, Some(5000));
    assert_eq!(store.redrives_due(4999).await.unwrap(), []);
    assert_eq!(store.redrives_due(5000).await.unwrap(), [kept]);
}

pub(crate) async fn a_step_is_taken_once_and_as_a_whole(store: Store) {
    with(&store, (1..=4).map(|task| letter(task, "x")).collect()).await;
    store.redrive_create(&of("x"), &row("1")).await.unwrap();
    let picks = store.redrive_pick("1", 2).await.unwrap();
    let first = step(&store, "1", &picks).await;
    assert_eq!(store.redrive_step(&first).await.unwrap(), Some(vec![1, 2]));
    assert_eq!(store.redrive_step(&first).await.unwrap(), None, "of two one does");
    let now = counts(&store, "1").await;
    assert_eq!((now.waiting, now.undecided, now.total()), (2, 2, 4));
    let due = store.mail_overdue(7000, 9).await.unwrap();
    assert_eq!(due.requests, ["redrive:a:1:1", "redrive:a:2:1"]);

    let looks = store.redrive_look("1", 0, 9).await.unwrap();
    let seen = (looks[0].letter_status, looks[0].is_kept, looks[0].died_again);
    assert_eq!((looks.len(), seen), (2, (Some(DeadLetterStatus::Open), true, false)));
    assert_eq!((looks[0].run_status, &looks[0].state), (Some(Status::Running), &None));
    // The run takes both, and one dies again.
    let batch = Batch {
        runs: vec![write("a", 1)],
        redriven: vec!["a:1:1".to_owned(), "a:2:1".to_owned()],
        dead_letters: vec![dead_letter("a", 2, 2)],
        ..Batch::default()
    };
    store.commit_batch(&batch).await.unwrap();
    let looks = store.redrive_look("1", 0, 9).await.unwrap();
    assert_eq!((looks[0].died_again, looks[1].died_again), (false, true));
    assert!(looks[0].state.is_some());
    assert_eq!(store.redrive_look("1", 1, 9).await.unwrap().len(), 1, "those above");
    let mut second = step(&store, "1", &[]).await;
    second.decided = vec![(1, RedriveState::Succeeded), (2, RedriveState::Failed)];
    second.row.next_at = None;
    assert_eq!(store.redrive_step(&second).await.unwrap(), Some(vec![]));
    let now = counts(&store, "1").await;
    assert_eq!((now.succeeded, now.failed, now.undecided, now.waiting), (1, 1, 0, 2));
    assert_eq!(store.due(0, 0, 9).await.unwrap().redrive, None, "it rests");
}

pub(crate) async fn a_letter_is_either_redriven_or_discarded(store: Store) {
    with(&store, (1..=4).map(|task| letter(task, "x")).collect()).await;
    store.redrive_create(&of("x"), &row("1")).await.unwrap();
    let one = DeadLetterFilter { id: Some("a:1:1".to_owned()), ..open() };
    assert_eq!(store.letters_discard(&one, &discard("1", 6000)).await.unwrap(), 1);
    let picks = store.redrive_pick("1", 9).await.unwrap();
    store.request_put(&request(&picks[1]), None).await.unwrap();
    let asked = store.redrive_step(&step(&store, "1", &picks).await).await.unwrap();
    assert_eq!(asked, Some(vec![3, 4]), "not what was discarded or asked otherwise");
    let now = counts(&store, "1").await;
    assert_eq!((now.undecided, now.skipped), (2, 2));
    assert_eq!(store.letters_discard(&of("x"), &discard("2", 6000)).await.unwrap(), 0);
    let refused = store.request_put(&request(&picks[0]), None).await.unwrap();
    assert_eq!(refused, Some(Vec::new()), "a single redrive of what was discarded");
}

pub(crate) async fn discards_and_redrives_at_once_share_the_letters(store: Store) {
    for round in 0..5_u64 {
        let mark = format!("m{round}");
        let tasks = round * 40 + 1..=round * 40 + 40;
        let letters = tasks.map(|task| letter(task, &mark)).collect();
        if round == 0 {
            with(&store, letters).await;
        } else {
            let runs = vec![write("a", i64::try_from(round).unwrap())];
            let batch = Batch { runs, dead_letters: letters, ..Batch::default() };
            store.commit_batch(&batch).await.unwrap();
        }
        let id = format!("job{round}");
        store.redrive_create(&of(&mark), &row(&id)).await.unwrap();
        let picks = store.redrive_pick(&id, 99).await.unwrap();
        let step = step(&store, &id, &picks).await;
        let (filter, discard) = (of(&mark), discard(&id, 6000));
        let both =
            tokio::join!(store.redrive_step(&step), store.letters_discard(&filter, &discard));
        let (asked, discarded) = (both.0.unwrap().unwrap().len(), both.1.unwrap());
        assert_eq!(asked as u64 + discarded, 40, "{asked} asked, {discarded} discarded");
    }
}

pub(crate) async fn a_redrive_of_a_run_that_is_over_is_skipped(store: Store) {
    with(&store, vec![letter(1, "x")]).await;
    store.redrive_create(&of("x"), &row("1")).await.unwrap();
    let batch = Batch { runs: vec![end("a", 1, Status::Cancelled, 5000)], ..Batch::default() };
    store.commit_batch(&batch).await.unwrap();
    let picks = store.redrive_pick("1", 9).await.unwrap();
    let asked = store.redrive_step(&step(&store, "1", &picks).await).await.unwrap();
    assert_eq!((asked, counts(&store, "1").await.skipped), (Some(vec![]), 1));
}

pub(crate) async fn only_so_many_redrives_are_kept(store: Store) {
    with(&store, vec![letter(1, "x")]).await;
    for n in 0..20 {
        let row = row(&format!("open{n:02}"));
        assert_eq!(store.redrive_create(&of("x"), &row).await.unwrap(), Some(1));
    }
    assert_eq!(store.redrive_create(&of("x"), &row("p")).await.unwrap(), None);
    for n in 0..20 {
        let mut row = store.redrive_get(&format!("open{n:02}")).await.unwrap().unwrap();
        (row.status, row.next_at) = ("cancelled".to_owned(), None);
        assert!(store.redrive_change(&row).await.unwrap());
        assert!(!store.redrive_change(&row).await.unwrap(), "its version is another one");
    }
    for n in 0..110 {
        let over = RedriveRow { status: "completed".to_owned(), ..row(&format!("p{n:03}")) };
        store.redrive_create(&of("x"), &over).await.unwrap();
    }
    let page = store.redrives_list(Page { limit: 90, cursor: None }).await.unwrap();
    assert_eq!(page.items[0].id, "p109");
    let rest = store.redrives_list(Page { limit: 90, cursor: page.next }).await.unwrap();
    assert_eq!((rest.items.len(), rest.next), (10, None), "the last hundred");
    assert_eq!(counts(&store, "p000").await.total(), 0, "its letters went with it");
}
