//! What was asked of runs, until it is done.

use kintsugi_core::Status;
use kintsugi_entities::{Batch, RequestRow, Store};

use crate::make::{batch, dead_letter, end, id, run};

fn cancel(name: &str, input: &str) -> RequestRow {
    RequestRow {
        id: format!("cancel:{name}"),
        run: id(name),
        about: None,
        at: 100,
        input: input.as_bytes().to_vec(),
    }
}

fn redrive(name: &str, letter: &str) -> RequestRow {
    let (id, about) = (format!("redrive:{letter}"), Some(letter.to_owned()));
    RequestRow { id, about, ..cancel(name, "edited") }
}

pub(crate) async fn what_is_asked_is_kept_until_it_is_done(store: Store) {
    store.runs_create(&["a", "b", "c"].map(run)).await.unwrap();
    let letter = dead_letter("b", 1, 1);
    let faulted = Batch {
        runs: vec![end("b", 0, Status::Faulted, 50)],
        dead_letters: vec![letter.clone()],
        ..Batch::default()
    };
    store.commit_batch(&faulted).await.unwrap();
    store.dead_letters_mark_published(std::slice::from_ref(&letter.id)).await.unwrap();
    assert_eq!(store.request_put(&cancel("a", "one"), None).await.unwrap(), None);
    let known = store.request_put(&cancel("a", "two"), None).await.unwrap();
    assert_eq!(known.as_deref(), Some(&b"one"[..]), "the first one stays");
    // A redrive takes back a cancellation that came too late.
    store.request_put(&cancel("b", "late"), None).await.unwrap();
    let asked = redrive("b", &letter.id);
    assert_eq!(store.request_put(&asked, Some("cancel:b")).await.unwrap(), None);
    store.request_put(&cancel("nobody", ""), None).await.unwrap();
    store.request_put(&redrive("c", "c:9:9"), None).await.unwrap();

    assert_eq!(store.mail_overdue(100, 9).await.unwrap().requests, [""; 0]);
    let overdue = async |before| store.due(0, before, 9).await.unwrap().overdue;
    assert!(overdue(101).await && !overdue(100).await);
    let ids = store.mail_overdue(101, 9).await.unwrap().requests;
    assert_eq!(ids.len(), 4, "{ids:?}");
    let mut open = store.requests_settle(&ids, 0).await.unwrap();
    open.sort_by_key(|row| row.id.clone());
    assert_eq!(open, [cancel("a", "one"), asked.clone()]);
    assert_eq!(store.mail_overdue(101, 9).await.unwrap().requests.len(), 2, "the rest is gone");

    store.commit_batch(&batch(vec![end("a", 0, Status::Cancelled, 60)])).await.unwrap();
    assert_eq!(store.requests_settle(&ids, 100).await.unwrap(), [asked]);
    assert_eq!(
        store.requests_settle(&ids, 101).await.unwrap(),
        [],
        "nobody took it up for too long"
    );
    assert_eq!(store.mail_overdue(101, 9).await.unwrap().requests, [""; 0]);
}
