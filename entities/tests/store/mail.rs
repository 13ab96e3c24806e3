//! Events: who listens, what waits for runs, what is to be published.

use kintsugi_entities::{
    Batch, Committed, ListenerRow, MailBatch, MailLimit, MailRow, OutboxRow, Posted, Store,
};

use crate::make::{batch, end, id, run, write};

fn letter(name: &str, key: &str, place: i64) -> MailRow {
    MailRow {
        run: id(name),
        key: key.to_owned(),
        place,
        at: place,
        directed: true,
        event: format!("\"{key}\\u0000\"").into_bytes(),
    }
}

fn with(mail: MailBatch) -> Batch {
    Batch { mail, ..Batch::default() }
}

async fn post(store: &Store, name: &str, key: &str, place: i64) -> Posted {
    store.mail_post(&letter(name, key, place), MailLimit::default()).await.unwrap()
}

async fn waiting(store: &Store, name: &str) -> Vec<String> {
    let found = store.mail_waiting(&[id(name)], MailLimit::default()).await.unwrap();
    found.rows.into_iter().map(|row| row.key).collect()
}

pub(crate) async fn listeners_come_and_go_with_their_runs(store: Store) {
    store.runs_create(&[run("a"), run("b")]).await.unwrap();
    let row = |name, task, kind: Option<&str>| ListenerRow {
        run: id(name),
        task,
        kind: kind.map(str::to_owned),
    };
    let listen = vec![
        row("a", 1, Some("x")),
        row("a", 1, Some("y")),
        row("a", 1, Some("x")),
        row("b", 2, None),
        row("b", 3, Some("z")),
    ];
    let opened =
        Batch { mail: MailBatch { listen, ..MailBatch::default() }, ..batch(vec![write("a", 0)]) };
    assert_eq!(store.commit_batch(&opened).await.unwrap(), Committed::Done);
    // A batch that fails leaves none.
    let late = Batch {
        mail: MailBatch { listen: vec![row("c", 1, None)], ..MailBatch::default() },
        ..batch(vec![write("a", 0)])
    };
    assert!(matches!(store.commit_batch(&late).await.unwrap(), Committed::Conflict(_)));
    let who = async |types: &[&str]| {
        let types: Vec<String> = types.iter().map(|kind| (*kind).to_owned()).collect();
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let (found, next) = store.listening(&types, after.as_ref(), 2).await.unwrap();
            all.extend(found.into_iter().map(|(run, kind)| (run.to_string(), kind)));
            after = next;
            if after.is_none() {
                return all;
            }
        }
    };
    let own = |kind: &str| Some(kind.to_owned());
    let a = |kind| ("a".to_owned(), own(kind));
    assert_eq!(who(&["x"]).await, [a("x"), ("b".to_owned(), None)]);
    assert_eq!(who(&["x", "y"]).await, [a("x"), a("y"), ("b".to_owned(), None)]);
    let z = who(&["z"]).await;
    assert_eq!(z, [("b".to_owned(), None), ("b".to_owned(), own("z"))]);
    let closed = MailBatch { unlisten: vec![(id("a"), 1), (id("b"), 2)], ..MailBatch::default() };
    assert_eq!(store.commit_batch(&with(closed)).await.unwrap(), Committed::Done);
    assert_eq!(store.listeners_all().await.unwrap(), [row("b", 3, Some("z"))]);
}

pub(crate) async fn an_inbox_keeps_order_and_limits(store: Store) {
    assert_eq!(post(&store, "a", "second", 20).await, Posted::New);
    assert_eq!(post(&store, "a", "first", 10).await, Posted::New);
    assert_eq!(post(&store, "a", "first", 30).await, Posted::Known);
    assert_eq!(post(&store, "b", "other", 5).await, Posted::New);
    assert_eq!(waiting(&store, "a").await, ["first", "second"]);
    let both = [id("a"), id("b"), id("nobody")];
    let one = MailLimit { count: 1, bytes: 0 };
    let found = store.mail_waiting(&both, one).await.unwrap();
    assert_eq!(found.rows, [letter("a", "first", 10), letter("b", "other", 5)]);
    assert_eq!(found.more, [id("a")]);
    let small = MailLimit { count: 9, bytes: 20 };
    assert_eq!(store.mail_waiting(&both, small).await.unwrap().more, [id("a")]);
    let few = MailLimit { count: 2, bytes: 1_000 };
    let full = store.mail_post(&letter("a", "third", 40), few).await.unwrap();
    assert_eq!(full, Posted::Full);
    let small = MailLimit { count: 9, bytes: 10 };
    let full = store.mail_post(&letter("a", "third", 40), small).await.unwrap();
    assert_eq!(full, Posted::Full);
    // What everyone gets: a repeat and a full inbox hinder no other.
    let rows = [letter("a", "x", 1), letter("b", "other", 1), letter("c", "x", 1)];
    let refused = store.mail_route(&rows, few, &[]).await.unwrap();
    assert_eq!(refused, [(id("a"), "x".to_owned())], "what is there already is not refused");
    assert_eq!(waiting(&store, "c").await, ["x"]);
}

pub(crate) async fn what_waits_for_a_listen_is_parked_and_offered(store: Store) {
    for place in 0..50 {
        post(&store, "a", &format!("{place:02}"), place).await;
    }
    let all: Vec<_> = waiting(&store, "a").await;
    assert_eq!(all.len(), 50);
    assert_eq!(store.mail_overdue(30, 9).await.unwrap().runs, [id("a")]);
    assert!(store.due(0, 30, 9).await.unwrap().overdue);
    let keys = |keys: &[String]| keys.iter().map(|key| (id("a"), key.clone())).collect::<Vec<_>>();
    let parked = MailBatch { parked: keys(&all), ..MailBatch::default() };
    store.commit_batch(&with(parked)).await.unwrap();
    assert_eq!(waiting(&store, "a").await, [""; 0]);
    assert_eq!(store.mail_overdue(99, 9).await.unwrap().runs, []);
    assert!(!store.due(0, 99, 9).await.unwrap().overdue);
    // What is taken in the same batch is not offered.
    let offered = MailBatch {
        taken: keys(&all[..1]),
        offered: vec![id("a"), id("nobody")],
        ..MailBatch::default()
    };
    store.commit_batch(&with(offered)).await.unwrap();
    assert_eq!(waiting(&store, "a").await, all[1..]);
}

pub(crate) async fn what_is_published_leaves_the_outbox_when_it_is_on_its_way(store: Store) {
    let row = |key: &str| OutboxRow {
        key: key.to_owned(),
        run: id("a"),
        kind: "t".to_owned(),
        at: 1_000,
        event: b"{}".to_vec(),
    };
    let outbox = vec![row("one"), row("two"), row("one")];
    store.commit_batch(&with(MailBatch { outbox, ..MailBatch::default() })).await.unwrap();
    let keys = store.mail_overdue(1_001, 9).await.unwrap().sent;
    assert_eq!(keys.len(), 2);
    assert_eq!(store.mail_overdue(1_000, 9).await.unwrap().sent, [""; 0]);
    let overdue = async |before| store.due(0, before, 9).await.unwrap().overdue;
    assert!(overdue(1_001).await && !overdue(1_000).await);
    assert_eq!(store.outbox_get(&keys).await.unwrap().len(), 2);
    let routed = [letter("b", "one", 1)];
    let sent = ["one".to_owned()];
    assert_eq!(store.mail_route(&routed, MailLimit::default(), &sent).await.unwrap(), []);
    assert_eq!(store.outbox_get(&keys).await.unwrap(), [row("two")]);
    assert_eq!(waiting(&store, "b").await, ["one"]);
}

pub(crate) async fn events_of_a_run_go_with_it(store: Store) {
    store.runs_create(&[run("a")]).await.unwrap();
    let listen = vec![ListenerRow { run: id("a"), task: 1, kind: None }];
    let ended = Batch {
        mail: MailBatch { listen, ..MailBatch::default() },
        ..batch(vec![end("a", 0, kintsugi_core::Status::Faulted, 3_000)])
    };
    store.commit_batch(&ended).await.unwrap();
    post(&store, "a", "k", 1).await;
    assert_eq!(store.runs_delete_ended_before(4_000, 10).await.unwrap(), 1);
    assert_eq!(waiting(&store, "a").await, [""; 0]);
    assert_eq!(store.listeners_all().await.unwrap(), []);
}
