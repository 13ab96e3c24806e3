//! A real broker and a database in a temporary folder.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use kintsugi_core::{RunId, RunState, Timestamp};
use kintsugi_entities::{NewRun, Store};
use kintsugi_nats::{Bus, Limits, Server, ServerOptions};
use kintsugi_observability::Tracer;
use kintsugi_runtime::{Announce, Deps};

pub(crate) struct Ground {
    pub(crate) deps: Deps,
    // Dropped in this order: the broker works in the folder.
    _server: Server,
    _folder: tempfile::TempDir,
}

#[expect(clippy::disallowed_methods, reason = "a test has no configuration")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// `NATS_SERVER_BIN`, the one that `./dev` has installed, or the one on PATH.
fn binary() -> PathBuf {
    let tools = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.cache/tools");
    let installed = std::fs::read_dir(tools).into_iter().flatten().flatten();
    let mut installed = installed.map(|entry| entry.path().join("nats-server"));
    let named = variable("NATS_SERVER_BIN").map(PathBuf::from);
    let found = named.or_else(|| installed.find(|path| path.is_file()));
    found.unwrap_or_else(|| PathBuf::from("nats-server"))
}

/// None, loudly, where there is no nats-server; in CI that fails.
pub(crate) async fn ground() -> Option<Ground> {
    let folder = tempfile::tempdir().unwrap();
    let options = ServerOptions::new(binary(), folder.path().join("nats"));
    let server = match Server::spawn(options).await {
        Ok(server) => server,
        Err(error) => {
            assert!(variable("CI").is_none(), "there is no nats-server: {error}");
            eprintln!("SKIPPED: there is no nats-server ({error}); set NATS_SERVER_BIN");
            return None;
        }
    };
    let options = kintsugi_nats::Options { url: server.url(), ..Default::default() };
    let bus = Bus::connect(&options).await.unwrap();
    bus.ensure_streams(&Limits::default()).await.unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("test.db").display());
    let store = Store::connect(&url, &kintsugi_entities::Options::default()).await.unwrap();
    store.partitions_ensure(1).await.unwrap();
    let deps = Deps {
        store,
        bus,
        tracer: Tracer::off(),
        instance: "test".to_owned(),
        partitions: 1,
        alone: true,
        stream_limits: Limits::default(),
        announce: Announce::default(),
    };
    Some(Ground { deps, _server: server, _folder: folder })
}

/// Brings a run of a definition into the store, to which nothing has happened.
pub(crate) async fn pending(deps: &Deps, run: &RunId, definition: &str, at: Timestamp) {
    let new = NewRun {
        id: run.clone(),
        definition: definition.to_owned(),
        partition: 0,
        state: serde_json::to_vec(&RunState::new(serde_json::Value::Null, at)).unwrap(),
        created_at: at.0,
        parent: None,
        start_key: None,
        request_digest: "d".to_owned(),
        trace_parent: None,
    };
    deps.store.runs_create(&[new]).await.unwrap();
}

/// Asks until `check` gives something, or the deadline passes.
pub(crate) async fn eventually<T>(what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(Instant::now() < deadline, "not within 60 s: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
