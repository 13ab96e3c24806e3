//! Payloads at both doors.

use std::time::Duration;

use kintsugi_entities::payloads::{Ended, Said};
use kintsugi_reference::{CHUNK_BYTES, PayloadId};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    door::{ask, registered},
    rig::{Rig, answer},
};

fn content(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|n| u8::try_from(n * n % 253).unwrap()).collect()
}

fn reference(content: &[u8], media_type: &str) -> Value {
    let sha256 = PayloadId::of(content);
    json!({ "$payload": { "sha256": sha256, "bytes": content.len(), "media_type": media_type } })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_comes_out_as_it_was_and_never_changes() {
    let Some(rig) = Rig::start(|_| {}).await else { return };
    let content = content(3 * CHUNK_BYTES + 11);
    let put = rig.post_text("/v1/payloads", "image/png", content.clone()).await;
    let stands = reference(&content, "image/png");
    assert_eq!((put.status, &put.json), (201, &stands));
    let path = put.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(path, format!("/v1/payloads/{}", PayloadId::of(&content)));
    // The same again, by its name, is what it was first.
    let again = rig.request(Method::PUT, &path).body(content.clone()).send().await.unwrap();
    assert_eq!(answer(again).await.json, stands);

    let got = rig.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(got.status(), 200);
    let headers = got.headers().clone();
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "image/png");
    assert_eq!(header("content-length"), content.len().to_string());
    assert_eq!(header("cache-control"), "private, max-age=31536000, immutable");
    assert_eq!(header("content-disposition"), "attachment");
    assert_eq!(header("content-security-policy"), "default-src 'none'; sandbox");
    assert!(got.bytes().await.unwrap() == content);
    for (known, status) in [(header("etag"), 304), ("\"x\", *".to_owned(), 200)] {
        let request = rig.request(Method::GET, &path).header("if-none-match", &known);
        assert_eq!(request.send().await.unwrap().status(), status, "{known}");
    }
    let head = rig.request(Method::HEAD, &path).send().await.unwrap();
    assert_eq!(
        (head.status().as_u16(), head.headers()["etag"].clone()),
        (200, headers["etag"].clone())
    );
    assert_eq!(head.bytes().await.unwrap().len(), 0);

    let nothing = rig.post_text("/v1/payloads", "text/plain", "").await;
    assert_eq!(nothing.json, reference(b"", "text/plain"));
    let path = format!("/v1/payloads/{}", PayloadId::of(b""));
    assert_eq!(rig.get(&path).await.text, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_put_or_got_is_refused_by_name() {
    let Some(rig) = Rig::start(|config| config.payloads.bytes_max = 1 << 20).await else { return };
    let large = rig.post_text("/v1/payloads", "text/plain", content((1 << 20) + 1)).await;
    large.is_problem(413, "too_large");
    let most = rig.post_text("/v1/payloads", "text/plain", content(1 << 20)).await;
    assert_eq!(most.status, 201, "{}", most.text);
    let path = format!("/v1/payloads/{}", PayloadId::of(b"another"));
    let wrong = rig.request(Method::PUT, &path).body("this").send().await.unwrap();
    answer(wrong).await.is_problem(422, "payload_hash_mismatch");
    let odd = rig.request(Method::PUT, "/v1/payloads/ABC").body("x").send().await.unwrap();
    answer(odd).await.is_problem(422, "invalid_payload_id");
    let kind = rig.post_text("/v1/payloads", "png", "x").await;
    kind.is_problem(415, "unsupported_media_type");
    for path in [path.as_str(), "/v1/payloads/ABC"] {
        rig.get(path).await.is_problem(404, "payload_unknown");
    }
    // Nothing of what was refused is left behind.
    let gone = rig.store.doctor("UPDATE payload_chunks SET n = n").await.unwrap();
    assert_eq!(gone, 2, "the chunks of the one that was taken");

    // Nobody waits for what could never be read.
    rig.define("order", &["echo"]).await;
    let unknown = reference(b"another", "text/plain");
    let body = json!({ "definition": "test/order:1.0.0", "id": "r", "input": { "x": unknown } });
    let refused = rig.post("/v1/runs", &body).await;
    refused.is_problem(422, "payload_unknown");
    let named = refused.json["detail"].as_str().unwrap();
    assert_eq!(named, PayloadId::of(b"another").to_string());
    rig.post_text("/v1/payloads", "text/plain", "another").await;
    assert_eq!(rig.post("/v1/runs", &body).await.status, 201);
    let event = json!({ "type": "t", "data": reference(b"not there", "text/plain") });
    rig.post("/v1/runs/r/events", &event).await.is_problem(422, "payload_unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_only_nats_puts_and_gets_in_chunks() {
    let Some(rig) = Rig::start(|config| config.payloads.bytes_max = 1 << 20).await else { return };
    registered(&rig).await;
    let content = content(CHUNK_BYTES + 5);
    let id = PayloadId::of(&content);
    let (first, last) = content.split_at(CHUNK_BYTES);
    let of = |rest: &str| format!("kintsugi.api.payload.{rest}");
    let look = of(&format!("look.{id}"));
    assert_eq!(ask(&rig, &look, "", &[]).await.unwrap_err(), (404, "payload_unknown".into()));

    let end = json!({ "sha256": id, "bytes": content.len(), "media_type": "text/plain" });
    let end = end.to_string();
    ask(&rig, &of("put.u-1.1"), last, &[]).await.unwrap();
    let missing = ask(&rig, &of("end.u-1"), end.as_str(), &[]).await.unwrap_err();
    assert_eq!(missing, (409, "payload_incomplete".into()));
    for _ in 0..2 {
        ask(&rig, &of("put.u-1.0"), first, &[]).await.unwrap();
    }
    for _ in 0..2 {
        let ended = ask(&rig, &of("end.u-1"), end.as_str(), &[]).await.unwrap();
        assert_eq!(ended, reference(&content, "text/plain"), "also when the answer was lost");
    }
    assert_eq!(ask(&rig, &look, "", &[]).await.unwrap(), reference(&content, "text/plain"));
    let patience = Duration::from_secs(10);
    for (n, chunk) in [(0, first), (1, last)] {
        let got = rig.bus.request(&of(&format!("get.{id}.{n}")), Vec::new(), patience).await;
        assert!(got.unwrap() == chunk, "chunk {n}");
    }
    let behind = ask(&rig, &of(&format!("get.{id}.2")), "", &[]).await.unwrap_err();
    assert_eq!(behind, (404, "payload_unknown".into()));

    ask(&rig, &of("put.u-2.0"), "other", &[]).await.unwrap();
    let wrong = json!({ "sha256": PayloadId::of(b"otter"), "bytes": 5 }).to_string();
    for (subject, payload, status, code) in [
        ("end.u-2", wrong.as_str(), 422, "payload_hash_mismatch"),
        ("end.u-2", "{\"sha256\":\"beef\",\"bytes\":1}", 422, "invalid_payload_id"),
        ("end.u-2", "{\"sha256\":1}", 422, "invalid_body"),
        ("put.u-2.2", "x", 413, "too_large"),
        ("put.u-2.0", "", 422, "invalid_chunk"),
        ("put.ü.0", "x", 422, "invalid_upload"),
        ("put.u-2", "x", 400, "malformed_subject"),
        ("put.u-2.x", "x", 400, "malformed_subject"),
    ] {
        let refused = ask(&rig, &of(subject), payload, &[]).await.unwrap_err();
        assert_eq!(refused, (status, code.into()), "{subject}");
    }
    let long = vec![0; CHUNK_BYTES + 1];
    let refused = ask(&rig, &of("put.u-3.0"), long, &[]).await.unwrap_err();
    assert_eq!(refused, (413, "too_large".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_over_a_limit_are_told_to_come_back() {
    let Some(rig) = Rig::start(|config| config.payloads.uploads_max = 1).await else { return };
    registered(&rig).await;
    ask(&rig, "kintsugi.api.payload.put.a.0", "x", &[]).await.unwrap();
    let full = ask(&rig, "kintsugi.api.payload.put.b.0", "x", &[]).await.unwrap_err();
    assert_eq!(full, (503, "too_many_uploads".into()));
    rig.post_text("/v1/payloads", "text/plain", "y").await.is_problem(503, "too_many_uploads");
    let said = Said { id: PayloadId::of(b"x"), bytes: 1, media_type: "a/b".to_owned() };
    let ended = rig.store.payloads().upload_end("a", &said, 1).await.unwrap();
    assert!(matches!(ended, Ended::Kept(_)));
    assert_eq!(rig.post_text("/v1/payloads", "text/plain", "y").await.status, 201);
}
