//! Databases that would lose what they acknowledge are refused.

use kintsugi_entities::testing::Postgres;
use kintsugi_entities::{Error, Options, Store};

async fn refused(url: &str) -> String {
    match Store::connect(url, &Options::default()).await {
        Err(Error::Unsafe { setting, advice, .. }) => {
            assert!(!advice.is_empty());
            setting
        }
        other => panic!("{url}: {other:?}"),
    }
}

#[tokio::test]
async fn a_postgres_that_may_lose_data_is_refused() {
    let Some(server) = Postgres::start_or_skip() else { return };
    for setting in ["synchronous_commit", "default_transaction_read_only"] {
        let value = if setting == "synchronous_commit" { "off" } else { "on" };
        let url = server.create_database(setting);
        drop(
            server
                .psql_in("postgres", &format!("ALTER DATABASE {setting} SET {setting} = {value}")),
        );
        let expected = if value == "off" { setting } else { "transaction_read_only" };
        assert_eq!(refused(&url).await, expected);
    }
    for (setting, database) in [("fsync", "one"), ("full_page_writes", "two")] {
        let url = server.create_database(database);
        drop(server.psql_in("postgres", &format!("ALTER SYSTEM SET {setting} = off")));
        drop(server.psql_in("postgres", "SELECT pg_reload_conf()"));
        // The reload reaches new sessions a moment later.
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
        while server.psql_in("postgres", &format!("SHOW {setting}")) != "off" {
            assert!(tokio::time::Instant::now() < deadline);
            tokio::task::yield_now().await;
        }
        assert_eq!(refused(&url).await, setting);
        drop(server.psql_in("postgres", &format!("ALTER SYSTEM RESET {setting}")));
        drop(server.psql_in("postgres", "SELECT pg_reload_conf()"));
    }
}

#[tokio::test]
async fn a_url_that_makes_no_sense_is_refused() {
    for url in ["", "mysql://x/y", "sqlite::memory:", "/tmp/x.db"] {
        let error = Store::connect(url, &Options::default()).await.unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn sqlite_keeps_what_it_acknowledges() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("store.db").display());
    let store = Store::connect(&url, &Options::default()).await.unwrap();
    let pragma = store.durability().await.unwrap();
    assert_eq!(pragma, ("wal".to_owned(), 2), "2 is FULL");
}
