//! What a run waits for, as whoever explains it reads it.

use kintsugi_entities::{
    Batch, MailBatch, MailLimit, MailRow, MailStanding, PermitHolder, PermitRow, PermitWrite,
    RequestRow, Store,
};

use crate::make::{batch, id, run, write};

pub(crate) async fn an_inbox_is_counted_without_its_events(store: Store) {
    store.runs_create(&[run("a")]).await.unwrap();
    assert_eq!(store.mail_standing(&id("a")).await.unwrap(), MailStanding::default());
    for (key, at) in [("late", 300), ("early", 200), ("parked", 100)] {
        let row = MailRow {
            run: id("a"),
            key: key.to_owned(),
            place: at,
            at,
            directed: true,
            event: b"{}".to_vec(),
        };
        store.mail_post(&row, MailLimit::default()).await.unwrap();
    }
    let parked = vec![(id("a"), "parked".to_owned())];
    let mail = MailBatch { parked, ..MailBatch::default() };
    store.commit_batch(&Batch { mail, ..Batch::default() }).await.unwrap();
    let standing = store.mail_standing(&id("a")).await.unwrap();
    assert_eq!(standing, MailStanding { waiting: 2, since: Some(200), parked: 1 });
    assert_eq!(store.mail_standing(&id("b")).await.unwrap().waiting, 0);
}

pub(crate) async fn a_request_shows_until_it_is_done(store: Store) {
    store.runs_create(&[run("a")]).await.unwrap();
    let asked = RequestRow {
        id: "cancel:a".to_owned(),
        run: id("a"),
        about: None,
        at: 70,
        input: b"{}".to_vec(),
    };
    store.request_put(&asked, None).await.unwrap();
    let ids = ["redrive:a:1:1", "cancel:a"].map(str::to_owned);
    assert_eq!(store.requests_open(&ids).await.unwrap(), [("cancel:a".to_owned(), 70)]);
    assert_eq!(store.requests_open(&[]).await.unwrap(), []);
}

pub(crate) async fn a_permit_knows_its_place_and_who_has_one(store: Store) {
    store.runs_create(&["a", "b"].map(run)).await.unwrap();
    let want = |name: &str, task: u64, priority, at| {
        let row = PermitRow { run: id(name), task, key: "k".into(), limit: 2, priority, at };
        (format!("{name}:{task}"), PermitWrite::Want(row))
    };
    let commit = async |version, permits: Vec<(String, PermitWrite)>| {
        let permits = permits.into_iter().collect();
        let batch = Batch { permits, ..batch(vec![write("a", version)]) };
        store.commit_batch(&batch).await.unwrap();
    };
    commit(0, vec![want("a", 1, 0, 10), want("a", 2, 0, 20)]).await;
    store.permits_round(50, 0).await.unwrap();
    commit(1, vec![("a:1".to_owned(), PermitWrite::Took)]).await;
    commit(2, vec![want("b", 3, 0, 30), want("b", 4, 5, 40), want("b", 5, 0, 35)]).await;
    let lines = store.permits_of(&id("b")).await.unwrap();
    let places: Vec<_> = lines.iter().map(|line| (line.task, line.before)).collect();
    assert_eq!(places, [(3, 1), (5, 2), (4, 0)]);
    let first = &lines[0];
    assert_eq!((first.key.as_str(), first.limit, first.waiting, first.held), ("k", 2, 3, 2));
    let holder = |task| PermitHolder { run: id("a"), task, since: 50 };
    assert_eq!(first.holders, [holder(1), holder(2)]);
    // Granted, and its run does not know yet; who knows waits no more.
    let granted = store.permits_of(&id("a")).await.unwrap();
    assert_eq!((granted.len(), granted[0].task, granted[0].granted_at), (1, 2, Some(50)));
    assert_eq!(store.permits_of(&id("c")).await.unwrap(), []);
}
