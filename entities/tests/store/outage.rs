//! The database goes away and comes back, and several connect at once.

use std::time::Duration;

use kintsugi_entities::testing::Postgres;
use kintsugi_entities::{Committed, Options, Store};

use crate::make::{batch, id, run, write};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_postgres_loses_nothing_and_is_found_again() {
    let Some(mut server) = Postgres::start_or_skip() else { return };
    let store = Store::connect(&server.url, &Options::default()).await.unwrap();
    store.runs_create(&[run("a")]).await.unwrap();
    for before in 0..3 {
        let done = store.commit_batch(&batch(vec![write("a", before)])).await.unwrap();
        assert_eq!(done, Committed::Done);
        server.kill9();
        let error = store.run_get(&id("a")).await.unwrap_err();
        assert!(error.is_transient(), "{error:?}");
        server.restart();
        let found = tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                match store.run_get(&id("a")).await {
                    Ok(row) => break row.unwrap(),
                    Err(error) => assert!(error.is_transient(), "{error:?}"),
                }
            }
        });
        assert_eq!(found.await.unwrap().version, before + 1);
    }
    assert_eq!(store.history(&id("a"), 0, 9).await.unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_may_connect_to_an_empty_postgres_at_once() {
    let Some(server) = Postgres::start_or_skip() else { return };
    let connecting = (0..7).map(|_| {
        let url = server.url.clone();
        let options = Options { pool_max: 2, ..Options::default() };
        tokio::spawn(async move { Store::connect(&url, &options).await.map(drop) })
    });
    for connected in connecting.collect::<Vec<_>>() {
        connected.await.unwrap().unwrap();
    }
}
