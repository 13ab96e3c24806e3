//! Catalogs of functions over real connections: what they may do to whoever registers a definition.
#![cfg(feature = "resources")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Server, anywhere, ok};
use kintsugi_definition::{Compiled, Problems, Resources, Settings, program_from_document};
use kintsugi_egress::{Allow, Fetcher, Guarded, redirects};

const HEAD: &str = "document: {dsl: 1.0.3, namespace: t, name: t, version: 1.0.0}\n";
const DOUBLE: &str = "/functions/double/1.2.0/function.yaml";

/// Registers a workflow with catalogs by name and root, and what it calls.
async fn register(catalogs: &[(&str, String)], calls: &[&str]) -> Result<Compiled, Problems> {
    register_with(Resources::default(), catalogs, calls).await
}

async fn register_with(
    known: Resources,
    catalogs: &[(&str, String)],
    calls: &[&str],
) -> Result<Compiled, Problems> {
    let catalogs: Vec<_> = catalogs
        .iter()
        .map(|(name, root)| format!("{name}: {{endpoint: {{uri: '{root}'}}}}"))
        .collect();
    let calls: Vec<_> = calls
        .iter()
        .enumerate()
        .map(|(n, call)| format!("  - c{n}: {{call: '{call}', with: {{n: 4}}}}\n"))
        .collect();
    let source =
        format!("{HEAD}use: {{catalogs: {{{}}}}}\ndo:\n{}", catalogs.join(", "), calls.concat());
    let fetcher = Fetcher::new(anywhere()).unwrap();
    fetcher.compile(source.into_bytes(), Settings::default(), known).await.unwrap().1
}

/// Code, place and text of the only problem.
fn only(problems: &Problems) -> (&str, u32, &str) {
    assert_eq!(problems.0.len(), 1, "{problems}");
    let problem = &problems.0[0];
    (problem.code, problem.line, &problem.message)
}

#[tokio::test]
async fn a_catalog_that_gives_no_function_is_told_at_the_call() {
    let large = ok(&format!("set: {{x: '{}'}}", "x".repeat(2 << 20)));
    let html = ok("<!DOCTYPE html><html><body>Sign in</body></html>");
    for (answer, code, why) in [
        ("never", "missing-resource", "long"),
        ("HTTP/1.1 404 Gone\r\ncontent-length: 0\r\n\r\n", "missing-resource", "404"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "invalid-function", "empty"),
        (&*large, "missing-resource", "more than 1048576 bytes"),
        (&*html, "type", ""),
        (&ok("[1, 2]"), "type", ""),
        (&ok("{}"), "missing-keyword", ""),
        (&ok("set: {x: [}"), "invalid-function", DOUBLE),
        (&ok("sett: {x: 1}"), "missing-keyword", ""),
        (&ok("set: {x: '${ .a + }'}"), "invalid-expression", DOUBLE),
    ] {
        let server = Server::start(&[(DOUBLE, answer)]).await;
        let catalogs = [("mine", server.base.clone())];
        let problems = register(&catalogs, &["double:1.2.0@mine"]).await.unwrap_err();
        let (found, line, message) = only(&problems);
        assert_eq!((found, line), (code, 4), "{problems}");
        assert!(message.contains(why), "{answer}: {problems}");
    }
}

#[tokio::test]
async fn what_a_catalog_gave_is_pinned() {
    let server = Server::start(&[(DOUBLE, &ok("set: {n: '${ .n * 2 }'}"))]).await;
    let catalogs = [("mine", format!("{}/", server.base))];
    let first = register(&catalogs, &["double:1.2.0@mine"]).await.unwrap();
    server.set(DOUBLE, &ok("raise: {error: {type: 'https://evil', status: 500}}"));
    // A run reads what is stored, and so does a worker, an orchestrator after a crash, a replay.
    let stored: Resources =
        serde_json::from_value(serde_json::to_value(&first.resources).unwrap()).unwrap();
    assert_eq!(program_from_document(&first.document, &stored).unwrap(), first.program);
    let again = register_with(stored, &catalogs, &["double:1.2.0@mine"]).await.unwrap();
    assert_eq!(again.program, first.program);
    assert_eq!(server.asked(), [DOUBLE], "asked once, at registration");
    // Another registration gets what is there by now.
    let other = register(&catalogs, &["double:1.2.0@mine"]).await.unwrap();
    assert_ne!(other.program, first.program);
    assert_eq!(other.digest, first.digest, "the digest is the document's alone");
}

#[tokio::test]
async fn redirects_to_private_addresses_are_refused() {
    let inner = Server::start(&[("/secret", &ok("set: {x: 1}"))]).await;
    let there =
        |url: &str| format!("HTTP/1.1 302 Found\r\nlocation: {url}\r\ncontent-length: 0\r\n\r\n");
    let by_address = there(&format!("{}/secret", inner.base));
    let by_name = there(&format!("{}/secret", inner.base.replace("127.0.0.1", "localhost")));
    let server = Server::start(&[("/address", &by_address), ("/name", &by_name)]).await;
    // No public server is at hand, so only what follows the first request is guarded here: a literal
    // address is checked by whoever sends the request, a redirect and a name by these two.
    let client = |allow| {
        let client = reqwest::Client::builder().redirect(redirects(allow, 5)).no_proxy();
        client.dns_resolver(Guarded::shared(allow)).build().unwrap()
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    for path in ["/address", "/name"] {
        let url = format!("{}{path}", server.base);
        client(Allow::Public).get(&url).send().await.unwrap_err();
        assert!(inner.asked().is_empty(), "{path} led inside");
    }
    for path in ["/address", "/name"] {
        let url = format!("{}{path}", server.base);
        let answer = client(Allow::Any).get(&url).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "set: {x: 1}");
    }
    // As a catalog, where everything may be reached.
    server.set(DOUBLE, &by_name);
    let catalogs = [("mine", server.base.clone())];
    let compiled = register(&catalogs, &["double:1.2.0@mine"]).await.unwrap();
    let uris: Vec<_> = compiled.resources.iter().map(|one| one.uri.clone()).collect();
    assert_eq!(uris, [format!("{}{DOUBLE}", server.base)], "known by what the document says");
}

#[tokio::test]
async fn a_catalog_at_a_private_address_is_refused_unless_allowed() {
    let server = Server::start(&[(DOUBLE, &ok("set: {x: 1}"))]).await;
    let source = format!(
        "{HEAD}use: {{catalogs: {{mine: {{endpoint: '{}'}}}}}}\ndo: [{{a: {{call: 'double:1.2.0@mine'}}}}]",
        server.base
    );
    let rules = kintsugi_egress::Rules { allow: Allow::Public, ..anywhere() };
    let done = Fetcher::new(rules)
        .unwrap()
        .compile(source.into_bytes(), Settings::default(), Resources::default())
        .await;
    let problems = done.unwrap().1.unwrap_err();
    let (code, _, message) = only(&problems);
    assert_eq!(code, "missing-resource");
    assert!(message.contains("not an address of the public internet"), "{message}");
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_function_may_call_another_by_its_url_and_not_by_the_callers_catalog() {
    let server = Server::start(&[
        (
            DOUBLE,
            &ok("do:\n  - x: {call: '{base}/functions/add/1.0.0/function.yaml'}\n")
                .replace("content-length", "x-length"),
        ),
        ("/functions/add/1.0.0/function.yaml", &ok("set: {n: '${ .n + .n }'}")),
        ("/functions/lost/1.0.0/function.yaml", &ok("do: [{x: {call: 'add:1.0.0@mine'}}]")),
    ])
    .await;
    let catalogs = [("mine", server.base.clone())];
    let compiled = register(&catalogs, &["double:1.2.0@mine"]).await.unwrap();
    assert_eq!(compiled.resources.len(), 2, "both are stored");
    // What it may name is its own: the caller's catalogs are part of the caller's `use`.
    let problems = register(&catalogs, &["lost:1.0.0@mine"]).await.unwrap_err();
    let (code, line, message) = only(&problems);
    assert_eq!((code, line), ("unknown-reference", 4), "{problems}");
    assert!(message.contains("there is no catalog `mine`"), "{message}");
}

#[tokio::test]
async fn functions_that_call_each_other_are_refused_with_their_cycle() {
    let to = |name: &str| {
        ok(&format!("do:\n  - x: {{call: '{{base}}/functions/{name}/1.0.0/function.yaml'}}\n"))
            .replace("content-length", "x-length")
    };
    let server = Server::start(&[
        ("/functions/a/1.0.0/function.yaml", &to("b")),
        ("/functions/b/1.0.0/function.yaml", &to("c")),
        ("/functions/c/1.0.0/function.yaml", &to("a")),
    ])
    .await;
    let catalogs = [("mine", server.base.clone())];
    let problems = register(&catalogs, &["a:1.0.0@mine"]).await.unwrap_err();
    let (code, line, message) = only(&problems);
    assert_eq!((code, line), ("recursive-function", 4), "{problems}");
    for name in ["a", "b", "c"] {
        assert!(message.contains(&format!("/functions/{name}/1.0.0/")), "{message}");
    }
    assert_eq!(server.asked().len(), 3, "each is asked for once");
}

#[tokio::test]
async fn catalogs_may_have_functions_of_the_same_name() {
    let one = Server::start(&[(DOUBLE, &ok("set: {n: '${ .n * 2 }'}"))]).await;
    let other = Server::start(&[(DOUBLE, &ok("set: {n: '${ .n + .n }'}"))]).await;
    let catalogs = [("one", one.base.clone()), ("other", format!("{}/?token=t", other.base))];
    let calls = ["double:1.2.0@one", "double:1.2.0@other"];
    // A query goes with what is asked for, and not into its path.
    other.set(&format!("{DOUBLE}?token=t"), &ok("set: {n: '${ .n + .n }'}"));
    let compiled = register(&catalogs, &calls).await.unwrap();
    assert_eq!(compiled.resources.len(), 2);
    let sources = ["/do/0/c0/call", "/do/1/c1/call"]
        .map(|at| compiled.program.definition_at(at).unwrap()["set"]["n"].clone());
    assert_eq!(sources, ["${ .n * 2 }", "${ .n + .n }"]);
    assert_eq!(
        (one.asked(), other.asked()),
        (vec![DOUBLE.to_owned()], vec![format!("{DOUBLE}?token=t")])
    );
}

#[tokio::test]
async fn a_name_without_a_version_asks_nobody() {
    let server = Server::start(&[(DOUBLE, &ok("set: {n: 1}"))]).await;
    let catalogs = [("mine", server.base.clone())];
    for (call, code) in [
        ("double@mine", "invalid-name"),
        ("double:latest@mine", "invalid-name"),
        ("double:1.2@mine", "invalid-name"),
        ("../double:1.2.0@mine", "invalid-name"),
        ("double:1.2.0@", "invalid-name"),
        ("double:1.2.0@mime", "unknown-reference"),
    ] {
        let problems = register(&catalogs, &[call]).await.unwrap_err();
        let found: Vec<_> = problems.0.iter().map(|problem| problem.code).collect();
        assert!(found.contains(&code), "{call}: {problems}");
    }
    assert!(server.asked().is_empty(), "{:?}", server.asked());
}

#[tokio::test]
async fn the_default_catalog_is_that_of_workers_unless_the_document_has_its_own() {
    let server = Server::start(&[(DOUBLE, &ok("set: {n: '${ .n * 2 }'}"))]).await;
    let compiled = register(&[("mine", server.base.clone())], &["double:1.2.0@default"]).await;
    let compiled = compiled.unwrap();
    let program = serde_json::to_value(&compiled.program).unwrap();
    assert_eq!(program["nodes"][0]["kind"]["call"]["task_type"], "double-1-2-0", "{program}");
    assert!(server.asked().is_empty());
    let own = [("default", server.base.clone())];
    let compiled = register(&own, &["double:1.2.0@default"]).await.unwrap();
    assert_eq!(compiled.resources.len(), 1);
    assert_eq!(server.asked(), [DOUBLE]);
}
