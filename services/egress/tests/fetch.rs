//! Resources over real connections.
#![cfg(feature = "resources")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::{Duration, Instant};

use common::{Server, anywhere, ok};
use kintsugi_definition::{Resources, Settings};
use kintsugi_egress::{Allow, Fetcher, Rules};

/// A document whose input has the schema at `path` of the server.
fn document(server: &Server, path: &str) -> Vec<u8> {
    format!(
        "document: {{dsl: 1.0.3, namespace: t, name: t, version: 1.0.0}}\n\
         input: {{schema: {{resource: {{endpoint: '{}{path}'}}}}}}\ndo: []",
        server.base
    )
    .into_bytes()
}

/// What the problem says; none: it compiled.
async fn problem(rules: Rules, source: Vec<u8>) -> Option<String> {
    let fetcher = Fetcher::new(rules).unwrap();
    let done = fetcher.compile(source, Settings::default(), Resources::default()).await;
    done.unwrap().1.err().map(|problems| problems.to_string())
}

#[tokio::test]
async fn a_chain_of_references_is_followed_and_kept() {
    let schema = ok(r#"{"$ref": "b.json"}"#);
    let server = Server::start(&[
        ("/a.json", &schema),
        ("/b.json", "HTTP/1.1 302 Found\r\nlocation: {base}/c.json\r\ncontent-length: 0\r\n\r\n"),
        ("/c.json", &ok("true")),
    ])
    .await;
    let fetcher = Fetcher::new(anywhere()).unwrap();
    let source = document(&server, "/a.json");
    let done = fetcher.compile(source.clone(), Settings::default(), Resources::default()).await;
    let (same, compiled) = done.unwrap();
    assert_eq!(same, source);
    let compiled = compiled.unwrap();
    let uris: Vec<_> = compiled.resources.iter().map(|one| one.uri.clone()).collect();
    assert_eq!(uris, [format!("{}/a.json", server.base), format!("{}/b.json", server.base)]);
    assert_eq!(server.asked(), ["/a.json", "/b.json", "/c.json"]);
    // What is known is not asked for again.
    let again = fetcher.compile(source, Settings::default(), compiled.resources).await;
    again.unwrap().1.unwrap();
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn private_addresses_are_refused_unless_allowed() {
    let server = Server::start(&[("/a.json", &ok("true"))]).await;
    assert_eq!(problem(anywhere(), document(&server, "/a.json")).await, None);
    let rules = Rules { allow: Allow::Public, ..anywhere() };
    let by_address = problem(rules.clone(), document(&server, "/a.json")).await.unwrap();
    assert!(by_address.contains("not an address of the public internet"), "{by_address}");
    let base = server.base.replace("127.0.0.1", "localhost");
    let named = Server::at(base);
    let by_name = problem(rules, document(&named, "/a.json")).await.unwrap();
    assert!(by_name.contains("not an address of the public internet"), "{by_name}");
    assert_eq!(server.asked().len(), 1, "only what was allowed was asked for");
}

#[tokio::test]
async fn what_is_too_large_too_slow_or_not_there_is_refused() {
    let large = ok(&format!("\"{}\"", "x".repeat(2 << 20)));
    let server = Server::start(&[
        ("/large", &large),
        ("/slow", "never"),
        ("/bytes", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n"),
        ("/loop", "HTTP/1.1 302 Found\r\nlocation: {base}/loop\r\ncontent-length: 0\r\n\r\n"),
    ])
    .await;
    for (path, why) in [
        ("/large", "more than 1048576 bytes"),
        ("/gone", "404"),
        ("/loop", "more than 5 redirects"),
        ("/bytes", "error"),
    ] {
        let found = problem(anywhere(), document(&server, path)).await.unwrap();
        assert!(found.contains(why), "{path}: {found}");
    }
    let begun = Instant::now();
    let slow = problem(anywhere(), document(&server, "/slow")).await.unwrap();
    assert!(slow.contains("too long") || slow.contains("timed out"), "{slow}");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_chain_without_end_is_cut_off() {
    let answers: Vec<_> =
        (0..20).map(|n| (format!("/{n}"), ok(&format!("{{\"$ref\": \"{}\"}}", n + 1)))).collect();
    let answers: Vec<_> = answers.iter().map(|(path, text)| (&**path, &**text)).collect();
    let server = Server::start(&answers).await;
    let found = problem(anywhere(), document(&server, "/0")).await.unwrap();
    assert!(found.contains("references lead to each other"), "{found}");
    assert_eq!(server.asked().len(), 8);
}

#[tokio::test]
async fn files_are_read_only_where_that_is_allowed() {
    let path = std::env::temp_dir().join(format!("kintsugi-egress-{}.json", std::process::id()));
    std::fs::write(&path, "true").unwrap();
    let file = Server::at(format!("file://{}", path.display()));
    let refused = problem(anywhere(), document(&file, "")).await.unwrap();
    assert!(refused.contains("files are not read here"), "{refused}");
    let rules = Rules { files: true, ..anywhere() };
    assert_eq!(problem(rules, document(&file, "")).await, None);
    std::fs::remove_file(path).unwrap();
}
