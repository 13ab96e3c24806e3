//! Permits: wanted, granted by priority and age as far as the bound goes, taken, given back.

use kintsugi_core::RunId;
use kintsugi_entities::{Batch, PermitRow, PermitWrite, Store};

use crate::make::{batch, id, run, write};

fn want(task: u64, key: &str, limit: u32, (priority, at): (u8, i64)) -> (String, PermitWrite) {
    let row = PermitRow { run: id("a"), task, key: key.to_owned(), limit, priority, at };
    (format!("a:{task}"), PermitWrite::Want(row))
}

async fn commit(store: &Store, version: i64, permits: Vec<(String, PermitWrite)>) {
    let permits = permits.into_iter().collect();
    let batch = Batch { permits, ..batch(vec![write("a", version)]) };
    store.commit_batch(&batch).await.unwrap();
}

fn tasks(told: &[(RunId, u64, i64)]) -> Vec<u64> {
    let mut tasks: Vec<u64> = told.iter().map(|(_, task, _)| *task).collect();
    tasks.sort_unstable();
    tasks
}

pub(crate) async fn permits_go_by_priority_and_age_as_far_as_the_bound(store: Store) {
    store.runs_create(&["a"].map(run)).await.unwrap();
    assert!(!store.permits_round(10, 0).await.unwrap().any);
    let wanted = vec![
        want(1, "k", 2, (0, 100)),
        want(2, "k", 2, (0, 90)),
        want(3, "k", 2, (5, 110)),
        want(4, "other\0", 1, (0, 100)),
    ];
    commit(&store, 0, wanted).await;
    let round = store.permits_round(200, 0).await.unwrap();
    assert_eq!((tasks(&round.told), round.any), (vec![2, 3, 4], true));
    let round = store.permits_round(300, 0).await.unwrap();
    assert_eq!(tasks(&round.told), [0; 0], "nothing is free");
    // Who has not taken it is told again.
    commit(&store, 1, vec![("a:3".to_owned(), PermitWrite::Took)]).await;
    assert_eq!(tasks(&store.permits_round(400, 250).await.unwrap().told), [2, 4]);
    // One is given back, and another waits anew under its own id.
    let changes = vec![("a:3".to_owned(), PermitWrite::Release), want(4, "k", 2, (9, 500))];
    commit(&store, 2, changes).await;
    assert_eq!(tasks(&store.permits_round(600, 0).await.unwrap().told), [4]);
    // A smaller bound lets nobody in until enough are gone.
    commit(&store, 3, vec![want(5, "k", 1, (9, 610))]).await;
    assert_eq!(tasks(&store.permits_round(700, 0).await.unwrap().told), [0; 0]);
    let all = [1, 2, 4, 5].map(|task| (format!("a:{task}"), PermitWrite::Release));
    commit(&store, 4, all.to_vec()).await;
    assert!(!store.permits_round(800, 0).await.unwrap().any);
}

pub(crate) async fn two_that_grant_at_once_never_grant_too_many(store: Store) {
    store.runs_create(&["a"].map(run)).await.unwrap();
    let wanted = (1..=50).map(|task| want(task, "k", 7, (0, 100)));
    commit(&store, 0, wanted.collect()).await;
    let mut granting = Vec::new();
    for now in 0..8 {
        let store = store.clone();
        granting.push(tokio::spawn(async move { store.permits_round(1_000 + now, 0).await }));
    }
    let mut told = Vec::new();
    for round in granting {
        told.extend(tasks(&round.await.unwrap().unwrap().told));
    }
    told.sort_unstable();
    told.dedup();
    assert_eq!(told.len(), 7);
}
