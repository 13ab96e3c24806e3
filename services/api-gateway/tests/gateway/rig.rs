//! What a test starts.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use kintsugi_api_gateway::{ApiGateway, Config};
use kintsugi_entities::{Options, Store};
use kintsugi_nats::{Bus, Limits, Server, ServerOptions};
use kintsugi_observability::Tracer;
use kintsugi_runtime::{Announce, Deps, Service, Shutdown};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const PARTITIONS: u16 = 4;

/// A gateway that runs, and all that it needs.
pub(crate) struct Rig {
    pub(crate) address: SocketAddr,
    pub(crate) store: Store,
    pub(crate) bus: Bus,
    pub(crate) server: Server,
    pub(crate) shutdown: Shutdown,
    pub(crate) gateway: tokio::task::JoinHandle<()>,
    client: reqwest::Client,
    _dir: TempDir,
}

/// A status and a body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl Rig {
    /// Starts everything; `None` where there is no nats-server, which must not be so in CI.
    pub(crate) async fn start(change: impl FnOnce(&mut Config)) -> Option<Self> {
        let Some(binary) = nats_server() else {
            assert!(std::env::var_os("CI").is_none(), "no nats-server; set NATS_SERVER_BIN");
            eprintln!("SKIPPED: no nats-server; set NATS_SERVER_BIN");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        let server =
            Server::spawn(ServerOptions::new(binary, dir.path().join("nats"))).await.unwrap();
        let options = kintsugi_nats::Options { url: server.url(), ..Default::default() };
        let bus = Bus::connect(&options).await.unwrap();
        bus.ensure_streams(&Limits::default()).await.unwrap();
        let url = format!("sqlite://{}/store.db?mode=rwc", dir.path().display());
        let store = Store::connect(&url, &Options::default()).await.unwrap();
        store.partitions_ensure(PARTITIONS).await.unwrap();
        let deps = Deps {
            store: store.clone(),
            bus: bus.clone(),
            tracer: Tracer::off(),
            instance: "test".into(),
            partitions: PARTITIONS,
            alone: true,
            stream_limits: Limits::default(),
            announce: Announce::default(),
        };
        let mut config = Config { http: ([127, 0, 0, 1], 0).into(), ..Config::default() };
        change(&mut config);
        let announce = deps.announce.clone();
        let gateway = ApiGateway::start(config, deps).await.unwrap();
        let address = announce.all()["http"];
        let shutdown = Shutdown::new();
        let stop = shutdown.clone();
        let gateway = tokio::spawn(async move { gateway.run(stop).await.unwrap() });
        // Of several tests, the first installs it.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Some(Self { address, store, bus, server, shutdown, gateway, client, _dir: dir })
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path).send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        answer(self.request(Method::POST, path).json(body).send().await.unwrap()).await
    }

    pub(crate) async fn post_text(
        &self,
        path: &str,
        kind: &str,
        body: impl Into<Vec<u8>>,
    ) -> Answer {
        let request = self.request(Method::POST, path).header("content-type", kind);
        answer(request.body(body.into()).send().await.unwrap()).await
    }

    /// Registers a definition of namespace `test`: one `call` of each task type, one by one.
    pub(crate) async fn define(&self, name: &str, types: &[&str]) {
        let mut text = format!(
            "document: {{dsl: 1.0.3, namespace: test, name: {name}, version: 1.0.0}}\ndo:\n"
        );
        for (index, kind) in types.iter().enumerate() {
            text += &format!("  - step{index}: {{call: {kind}, with: {{from: '${{ . }}'}}}}\n");
        }
        let answer = self.post_text("/v1/definitions", "application/yaml", text).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
    }
}

pub(crate) async fn answer(response: Response) -> Answer {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    let json = serde_json::from_str(&text).unwrap_or(Value::Null);
    Answer { status, headers, text, json }
}

impl Answer {
    /// Checks that it is a problem of the kind, as RFC 9457 has it.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status, self.json["code"].as_str()),
            (status, Some(code)),
            "{}",
            self.text
        );
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.json["status"], status);
        assert_eq!(self.json["type"], format!("urn:kintsugi:problem:{code}"));
        assert!(self.json["title"].is_string() && self.json["trace_id"].is_string());
    }
}

/// Asks until it holds; fails after ten seconds.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    let until = tokio::time::Instant::now() + Duration::from_secs(10);
    while !ask().await {
        assert!(tokio::time::Instant::now() < until, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn nats_server() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("NATS_SERVER_BIN") {
        return Some(path.into());
    }
    let cache = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.cache/tools");
    let cached = std::fs::read_dir(cache).into_iter().flatten().flatten();
    let mut cached = cached.map(|entry| entry.path().join("nats-server"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut on_path = std::env::split_paths(&path).map(|dir| dir.join("nats-server"));
    cached.find(|file| file.is_file()).or_else(|| on_path.find(|file| file.is_file()))
}
