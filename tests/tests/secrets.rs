//! A secret goes to the service that it is for, and nowhere else: not into the database, the
//! broker, the logs, the spans, or what the API shows.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, http::HeaderMap, routing::any};
use kintsugi_tests::{Engine, Shape};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const SECRET: &str = "kintsugi-secret-5b1e09";
const BASIC: &str = "dXNlcjpraW50c3VnaS1zZWNyZXQtNWIxZTA5"; // user:<the secret>, base64
const VISIBLE: &str = "kintsugi-visible-5b1e09";
const SOON: Duration = Duration::from_secs(60);

type Kept = Arc<Mutex<Vec<u8>>>;

/// A server that answers every request with what it was sent, and keeps it.
async fn echo(status: u16) -> (String, Kept) {
    let kept = Kept::default();
    let seen = Arc::clone(&kept);
    let answer = move |headers: HeaderMap, body: Bytes| {
        let mut text = format!("{headers:?} ").into_bytes();
        text.extend_from_slice(&body);
        seen.lock().unwrap().extend_from_slice(&text);
        async move { (axum::http::StatusCode::from_u16(status).unwrap(), text) }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(any(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, kept)
}

/// Everything that goes over the broker from now on.
async fn listen(nats_url: &str) -> Kept {
    let address = nats_url.trim_start_matches("nats://").to_owned();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"CONNECT {\"verbose\":false}\r\nSUB > 1\r\nPING\r\n").await.unwrap();
    let kept = Kept::default();
    let heard = Arc::clone(&kept);
    tokio::spawn(async move {
        let mut chunk = vec![0; 64 << 10];
        while let Ok(n @ 1..) = stream.read(&mut chunk).await {
            heard.lock().unwrap().extend_from_slice(&chunk[..n]);
            if chunk[..n].windows(6).any(|part| part == b"PING\r\n") {
                let _ = stream.write_all(b"PONG\r\n").await;
            }
        }
    });
    kept
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

/// Files below `folder` that have `text` in them.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let (mut open, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if std::fs::read(&path).is_ok_and(|bytes| has(&bytes, text)) {
            found.push(path.display().to_string());
        }
    }
    found
}

fn definition(echo: &str, refusing: &str) -> String {
    format!(
        r#"
document: {{dsl: '1.0.3', namespace: test, name: secrets, version: '1.0.0'}}
use:
  secrets: [key, login]
  authentications: {{mine: {{basic: {{use: login}}}}}}
do:
  - header:
      call: http
      with: {{method: post, endpoint: '{echo}/a', output: response, body: {{visible: '${{ .visible }}', key: '${{ $secrets.key }}'}},
        headers: {{x-key: '${{ "Key " + $secrets.key }}'}}, query: {{k: '${{ $secrets.key }}'}}}}
  - named: {{call: http, with: {{method: get, endpoint: {{uri: '{echo}/b', authentication: {{use: mine}}}}}}}}
  - caught:
      try:
        - refused: {{call: http, with: {{method: get, endpoint: {{uri: '{refusing}/c', authentication: {{bearer: {{token: '${{ $secrets.key }}'}}}}}}}}}}
      catch: {{do: [{{kept: {{set: {{problem: '${{ $error }}'}}}}}}]}}
  - dead: {{call: http, with: {{method: get, endpoint: '${{ "{refusing}/d?k=" + $secrets.key }}'}}}}
"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_nowhere_but_where_it_is_for() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), SECRET).unwrap();
    std::fs::create_dir(folder.path().join("login")).unwrap();
    std::fs::write(folder.path().join("login/username"), "user").unwrap();
    std::fs::write(folder.path().join("login/password"), SECRET).unwrap();
    let (collector, spans) = echo(200).await;
    let directory = format!("worker.secrets.directory={}", folder.path().display());
    let otlp = format!("trace.otlp_endpoint={collector}");
    let flags = ["--set", &directory, "--set", &otlp, "--set", "log.filter=debug,h2=info"];
    let Some(engine) = Engine::start(Shape::Dev, &flags).await else { return };
    let heard = listen(&engine.nats_url()).await;
    let ((open, got), (refusing, refused)) = (echo(200).await, echo(418).await);
    engine.client.define(&definition(&open, &refusing)).await;
    let run = engine.client.start("test/secrets:1.0.0", json!({"visible": VISIBLE})).await;
    let ended = engine.client.ended(&run, SOON).await;
    assert_eq!(ended["status"], "faulted", "{ended}");

    let got = got.lock().unwrap().clone();
    assert!(has(&got, &format!("Key {SECRET}")) && has(&got, BASIC), "the service has the secret");
    let refused = refused.lock().unwrap().clone();
    assert!(has(&refused, &format!("Bearer {SECRET}")));

    let mut shown = ended.to_string();
    for path in ["history", "tasks", "result"] {
        let (_, body) = engine.client.get(&format!("/v1/runs/{run}/{path}")).await;
        shown.push_str(&body.to_string());
    }
    let (_, letters) = engine.client.get("/v1/dead-letters").await;
    assert_eq!(letters["items"].as_array().unwrap().len(), 1, "{letters}");
    shown.push_str(&letters.to_string());
    // Spans are sent in batches.
    tokio::time::timeout(SOON, async {
        while !has(&spans.lock().unwrap(), &run) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("spans come");

    let places = [
        ("the API", shown.into_bytes()),
        ("the broker", heard.lock().unwrap().clone()),
        ("the spans", spans.lock().unwrap().clone()),
    ];
    for (place, bytes) in &places {
        for text in [SECRET, BASIC] {
            assert!(!has(bytes, text), "{place} has {text}");
        }
    }
    for text in [SECRET, BASIC] {
        assert_eq!(files_with(&engine.path(""), text), Vec::<String>::new());
    }
    // That what is searched would be found, is shown with what may be seen.
    assert!(has(&places[0].1, VISIBLE) && has(&places[1].1, VISIBLE) && has(&places[0].1, "***"));
    assert!(!files_with(&engine.path("data"), VISIBLE).is_empty());
    assert!(!files_with(&engine.path("dev.log"), "ready").is_empty());
}
