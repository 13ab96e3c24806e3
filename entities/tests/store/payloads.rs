//! Payloads: stored once, owned by runs, swept when nobody does.

use std::collections::BTreeSet;

use kintsugi_core::Status;
use kintsugi_entities::payloads::{Ended, Room, Said};
use kintsugi_entities::{
    Batch, HistoryRow, MailBatch, MailLimit, MailRow, NewRun, OccasionStep, RequestRow, Store,
};
use kintsugi_reference::{CHUNK_BYTES, PayloadId, Reference, chunks};

use crate::make::{batch, end, id, run, write};
use crate::occasions;

/// A long time after everything else here.
const LATER: i64 = 1_000_000_000;

fn content(bytes: usize, of: u8) -> Vec<u8> {
    (0..bytes).map(|n| u8::try_from(n % 251).unwrap() ^ of).collect()
}

fn said(content: &[u8]) -> Said {
    let (id, bytes) = (PayloadId::of(content), content.len() as u64);
    Said { id, bytes, media_type: "text/plain".to_owned() }
}

async fn send(store: &Store, upload: &str, content: &[u8], at: i64) {
    for (n, chunk) in content.chunks(CHUNK_BYTES).enumerate() {
        let place = (upload, n as u64);
        let kept = store.payloads().upload_chunk(place, chunk.to_vec(), 10, at).await;
        assert_eq!(kept.unwrap(), Room::Kept);
    }
}

async fn put(store: &Store, content: &[u8], at: i64) -> Reference {
    send(store, "an-upload", content, at).await;
    match store.payloads().upload_end("an-upload", &said(content), at).await.unwrap() {
        Ended::Kept(stored) => stored.reference(),
        other => panic!("{other:?}"),
    }
}

async fn whole(store: &Store, id: PayloadId) -> Vec<u8> {
    let stored = store.payloads().get(id).await.unwrap().unwrap();
    let mut whole = Vec::new();
    for n in 0..chunks(stored.bytes) {
        whole.extend(store.payloads().chunk(id, n).await.unwrap().unwrap());
    }
    assert_eq!(store.payloads().chunk(id, chunks(stored.bytes)).await.unwrap(), None);
    whole
}

async fn rows(store: &Store, table: &str) -> u64 {
    // As many as an update of all of them touches.
    let column = if table == "payload_chunks" { "body" } else { "sha256" };
    store.doctor(&format!("UPDATE {table} SET {column} = {column}")).await.unwrap()
}

/// Sweeps until nothing is left to do; which of these are there then.
async fn left(store: &Store, before: i64, now: i64, of: &[&Reference]) -> BTreeSet<PayloadId> {
    while store.payloads().sweep(before, now).await.unwrap().more {}
    let mut left = BTreeSet::new();
    for one in of {
        left.extend(store.payloads().get(one.id).await.unwrap().map(|stored| stored.id));
    }
    left
}

fn json(reference: &Reference) -> Vec<u8> {
    serde_json::json!({ "x": [reference] }).to_string().into_bytes()
}

fn ids(of: &[&Reference]) -> BTreeSet<PayloadId> {
    of.iter().map(|one| one.id).collect()
}

pub(crate) async fn the_same_content_is_stored_once(store: Store) {
    let content = content(2 * CHUNK_BYTES + 7, 1);
    let first = put(&store, &content, 1_000).await;
    assert_eq!((first.bytes, first.media_type.as_str()), (content.len() as u64, "text/plain"));
    send(&store, "another", &content, 2_000).await;
    assert_eq!(rows(&store, "payload_chunks").await, 6);
    let known = store.payloads().upload_end("another", &said(&content), 2_000).await.unwrap();
    assert!(matches!(known, Ended::Kept(ref stored) if stored.clone().reference() == first));
    assert_eq!((rows(&store, "payloads").await, rows(&store, "payload_chunks").await), (1, 3));
    assert_eq!(whole(&store, first.id).await, content);
    // Two that end at once, of which each has all of it.
    let other = self::content(10, 2);
    send(&store, "a", &other, 3_000).await;
    send(&store, "b", &other, 3_000).await;
    let (payloads, said) = (store.payloads(), said(&other));
    let (a, b) =
        tokio::join!(payloads.upload_end("a", &said, 1), payloads.upload_end("b", &said, 1));
    assert!(matches!((a.unwrap(), b.unwrap()), (Ended::Kept(_), Ended::Kept(_))));
    assert_eq!((rows(&store, "payloads").await, rows(&store, "payload_chunks").await), (2, 4));
    // Nothing has a name, too.
    let nothing = store.payloads().upload_end_seen("nothing", &self::said(b""), 1).await.unwrap();
    assert!(matches!(nothing, Ended::Kept(stored) if stored.bytes == 0));
    assert_eq!(whole(&store, PayloadId::of(b"")).await, b"");
}

pub(crate) async fn what_is_wrong_or_incomplete_gets_no_name(store: Store) {
    let (payloads, content) = (store.payloads(), content(2 * CHUNK_BYTES, 1));
    let said = said(&content);
    assert_eq!(payloads.upload_end("u", &said, 1).await.unwrap(), Ended::Missing(vec![0, 1]));
    let chunk = |n: usize| content[n * CHUNK_BYTES..(n + 1) * CHUNK_BYTES].to_vec();
    payloads.upload_chunk(("u", 1), chunk(1), 9, 1).await.unwrap();
    payloads.upload_chunk(("u", 0), vec![1, 2, 3], 9, 1).await.unwrap();
    assert_eq!(payloads.upload_end("u", &said, 1).await.unwrap(), Ended::Missing(vec![0]));
    payloads.upload_drop("u").await.unwrap();
    assert_eq!(rows(&store, "payload_chunks").await, 0);

    payloads.upload_chunk(("u", 0), chunk(1), 9, 1).await.unwrap();
    payloads.upload_chunk(("u", 1), chunk(0), 9, 1).await.unwrap();
    let wrong = payloads.upload_end("u", &said, 1).await.unwrap();
    assert!(matches!(wrong, Ended::Wrong(id) if id != said.id), "{wrong:?}");
    assert_eq!(rows(&store, "payload_chunks").await, 0, "and it is gone");
    assert_eq!(payloads.get(said.id).await.unwrap(), None);

    for n in [0, 1, 1] {
        payloads.upload_chunk(("u", n), chunk(usize::try_from(n).unwrap()), 9, 1).await.unwrap();
    }
    for _ in 0..2 {
        let ended = payloads.upload_end("u", &said, 1).await.unwrap();
        assert!(matches!(ended, Ended::Kept(_)), "a repeat gives the same: {ended:?}");
    }
    // A chunk that comes late begins an upload of its own, which harms nothing when it goes.
    payloads.upload_chunk(("u", 0), chunk(0), 9, 5).await.unwrap();
    assert_eq!(payloads.sweep_uploads(5).await.unwrap(), 0);
    assert_eq!(payloads.sweep_uploads(6).await.unwrap(), 1);
    assert_eq!(rows(&store, "payload_chunks").await, 2);
    assert_eq!(whole(&store, said.id).await, content);
    for bad in [Vec::new(), vec![0; CHUNK_BYTES + 1]] {
        assert!(payloads.upload_chunk(("v", 0), bad, 9, 1).await.is_err());
    }
}

pub(crate) async fn uploads_are_bounded_and_idle_ones_make_room(store: Store) {
    let payloads = store.payloads();
    let chunk =
        async |name: &str, n, at| payloads.upload_chunk((name, n), vec![1], 2, at).await.unwrap();
    assert_eq!(chunk("a", 0, 0).await, Room::Kept);
    assert_eq!(chunk("b", 0, 400_000).await, Room::Kept);
    assert_eq!(chunk("a", 1, 400_000).await, Room::Kept, "one that is open goes on");
    assert_eq!(chunk("c", 0, 500_000).await, Room::Full);
    assert_eq!(chunk("b", 1, 600_000).await, Room::Kept);
    assert_eq!(chunk("c", 0, 800_000).await, Room::Kept, "nothing came to `a` for long");
    assert_eq!(rows(&store, "payload_chunks").await, 3);
}

pub(crate) async fn what_nobody_refers_to_is_swept_and_nothing_else(store: Store) {
    let mut all = Vec::new();
    for of in 0..8 {
        all.push(put(&store, &content(CHUNK_BYTES + 10, of), 1_000).await);
    }
    let [started, child, told, mailed, routed, asked, awaited, loose] = &all[..] else { panic!() };
    let of: Vec<&Reference> = all.iter().collect();
    // Each of the ways in which a reference comes to a run.
    let with = |name: &str, it: &Reference| NewRun { state: json(it), ..run(name) };
    store.runs_create(&[with("start", started), run("plain")]).await.unwrap();
    let step = write("plain", 0);
    let history = HistoryRow { steps: json(told), ..step.history.clone() };
    let step = kintsugi_entities::RunWrite { history, ..step };
    let done = Batch { children: vec![with("child", child)], ..batch(vec![step]) };
    store.commit_batch(&done).await.unwrap();
    let mail = |key: &str, it: &Reference| MailRow {
        run: id("plain"),
        key: key.to_owned(),
        place: 1,
        at: 1_000,
        directed: true,
        event: json(it),
    };
    store.mail_post(&mail("m", mailed), MailLimit::default()).await.unwrap();
    store.mail_route(&[mail("r", routed)], MailLimit::default(), &[]).await.unwrap();
    let request = RequestRow {
        id: "steer:1".to_owned(),
        run: id("plain"),
        about: None,
        at: 1_000,
        input: json(asked),
    };
    store.request_put(&request, None).await.unwrap();
    let row = occasions::listening(&store, "shop/by-events").await;
    let waits = OccasionStep {
        id: row.id.clone(),
        revision: row.revision,
        runs: Vec::new(),
        state: Some(json(awaited)),
        open_sets: 1,
        given_up: 0,
    };
    store.occasions_step(&[waits], 50).await.unwrap();

    assert_eq!(left(&store, 1_000, LATER, &of).await, ids(&of), "all are young");
    let kept: Vec<&Reference> = of.iter().copied().filter(|one| one.id != loose.id).collect();
    assert_eq!(left(&store, 1_001, LATER, &of).await, ids(&kept));
    assert_eq!(rows(&store, "payload_chunks").await, 14);
    assert_eq!(whole(&store, told.id).await, content(CHUNK_BYTES + 10, 2));
    // What was found owned is not looked at again before the next grace time.
    assert_eq!(store.payloads().sweep(LATER, LATER).await.unwrap().deleted, 0);

    // With the runs goes what only they own.
    let ended = ["start", "child"].map(|name| end(name, 0, Status::Completed, 100));
    store.commit_batch(&batch(ended.to_vec())).await.unwrap();
    assert_eq!(store.runs_delete_ended_before(500, 10).await.unwrap(), 2);
    let kept = [told, mailed, routed, asked, awaited];
    assert_eq!(left(&store, LATER + 1, LATER + 5, &of).await, ids(&kept));
    store.commit_batch(&batch(vec![end("plain", 1, Status::Completed, 100)])).await.unwrap();
    assert_eq!(store.runs_delete_ended_before(500, 10).await.unwrap(), 1);
    assert_eq!(left(&store, LATER + 6, LATER + 10, &of).await, ids(&[awaited]));
    assert_eq!(rows(&store, "payload_owners").await, 0);
}

pub(crate) async fn who_asks_for_a_payload_keeps_it(store: Store) {
    let one = put(&store, b"one", 1_000).await;
    let two = put(&store, b"two", 1_000).await;
    let payloads = store.payloads();
    let there = payloads.touch(&[one.id, PayloadId::of(b"no")], LATER).await.unwrap();
    assert_eq!(there.len(), 1);
    put(&store, b"two", LATER).await;
    assert_eq!(left(&store, LATER, LATER, &[&one, &two]).await, ids(&[&one, &two]));
    assert_eq!(left(&store, LATER + 1, LATER, &[&one, &two]).await, ids(&[]));
    assert_eq!(payloads.touch(&[one.id], LATER).await.unwrap(), []);
    assert_eq!(put(&store, b"one", LATER).await, one, "it can be put again");
    // A reference in a batch that is refused owns nothing; one in the state alone neither.
    store.runs_create(&[run("a")]).await.unwrap();
    let step = kintsugi_entities::RunWrite { state: json(&one), ..write("a", 0) };
    let stale = kintsugi_entities::RunWrite {
        history: HistoryRow { steps: json(&one), ..write("a", 7).history },
        ..write("a", 7)
    };
    store.commit_batch(&batch(vec![stale])).await.unwrap();
    let done = Batch { mail: MailBatch::default(), ..batch(vec![step]) };
    store.commit_batch(&done).await.unwrap();
    assert_eq!(rows(&store, "payload_owners").await, 0);
}

pub(crate) async fn a_sweep_and_runs_that_come_leave_nothing_dangling(store: Store) {
    for round in 0..20 {
        let one = put(&store, &content(100, 1), 1_000).await;
        let name = format!("run-{round}");
        let new = [NewRun { state: json(&one), created_at: LATER, ..run(&name) }];
        let payloads = store.payloads();
        let (swept, _) =
            tokio::join!(payloads.sweep(1_001, LATER), async { store.runs_create(&new).await });
        let is_there = payloads.get(one.id).await.unwrap().is_some();
        assert_eq!(is_there, swept.unwrap().deleted == 0);
        if is_there {
            // Whoever came first: what is there is owned, and stays.
            assert_eq!(left(&store, LATER + 1, LATER + 1, &[&one]).await, ids(&[&one]));
            store.commit_batch(&batch(vec![end(&name, 0, Status::Completed, 1)])).await.unwrap();
            store.runs_delete_ended_before(500, 10).await.unwrap();
            left(&store, LATER + 2, LATER + 2, &[]).await;
        }
    }
}
