//! What was asked of runs, until it is done.

use kintsugi_core::Status;
use kintsugi_entities::{Batch, RequestRow, STEER, Store};

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

fn steer(name: &str, request: &str, at: i64) -> RequestRow {
    let about = Some(STEER.to_owned());
    RequestRow { id: format!("steer:{name}:{request}"), about, at, ..cancel(name, request) }
}

pub(crate) async fn what_steers_a_run_waits_until_the_run_has_taken_it(store: Store) {
    store.runs_create(&["a", "b"].map(run)).await.unwrap();
    let (first, second, other) = (steer("a", "z", 100), steer("a", "y", 101), steer("b", "x", 100));
    for row in [&second, &first, &other, &steer("nobody", "w", 100)] {
        assert_eq!(store.request_put(row, None).await.unwrap(), None);
    }
    let again = RequestRow { input: b"other".to_vec(), ..first.clone() };
    assert_eq!(store.request_put(&again, None).await.unwrap().as_deref(), Some(&b"z"[..]));
    let waiting = [first.clone(), second.clone()];
    assert_eq!(store.requests_steering(&id("a")).await.unwrap(), waiting);
    // With one of a run come all of it, in order; a run that is gone takes nothing.
    let ids = [second.id.clone(), "steer:nobody:w".to_owned()];
    assert_eq!(store.requests_settle(&ids, 1_000).await.unwrap(), waiting);
    assert_eq!(store.requests_steering(&id("nobody")).await.unwrap(), []);
    // One that has ended may still be asked to begin anew.
    let taken =
        Batch { requests_taken: vec![first.id], ..batch(vec![end("a", 0, Status::Cancelled, 60)]) };
    store.commit_batch(&taken).await.unwrap();
    assert_eq!(store.requests_steering(&id("a")).await.unwrap(), std::slice::from_ref(&second));
    assert_eq!(store.requests_settle(&ids, 1_000).await.unwrap(), [second]);
    // A repeat that changes no run is forgotten by itself.
    let taken = Batch { requests_taken: vec![other.id], ..Batch::default() };
    store.commit_batch(&taken).await.unwrap();
    assert_eq!(store.requests_steering(&id("b")).await.unwrap(), []);
}
