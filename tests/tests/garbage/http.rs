//! Documents, requests and headers that are wrong, over HTTP.

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::Field;

pub(crate) const HEAD: &str =
    "document: {dsl: 1.0.3, namespace: test, name: bad, version: 1.0.0}\n";

/// Bodies below [`HEAD`], each with the code, line and column of its only problem.
const BODIES: [(&str, &str); 20] = [
    ("do: [{a: {cal: x}}]", "missing-keyword 2:10"),
    ("do: [{a: {set: {x: 1}, thn: end}}]", "unknown-key 2:24"),
    ("dos: []\ndo: [{a: {set: {x: 1}}}]", "unknown-key 2:1"),
    ("do: {a: {set: {x: 1}}}", "type 2:5"),
    ("do: [{a: {set: {x: 1}}}, {a: {set: {x: 1}}}]", "duplicate-name 2:27"),
    ("do: [{a: {set: {x: 1}, then: b}}]", "unknown-target 2:30"),
    ("do: [{a: {set: {x: '${ .a | }'}}}]", "invalid-expression 2:20"),
    ("do: [{a: {set: {x: '${ $item }'}}}]", "unknown-variable 2:20"),
    ("do: [{a: {if: '.a +', set: {x: 1}}}]", "invalid-expression 2:15"),
    ("do: [{a: {wait: 5s}}]", "invalid-duration 2:17"),
    ("do: [{a: {set: {x: 1, x: 2}}}]", "duplicate-key 2:23"),
    ("do: [{a: {set: {x: .inf}}}]", "number-range 2:20"),
    ("do: [{a: {set: {x: 99999999999999999999}}}]", "integer-range 2:20"),
    ("do: [{a: {set: {x: \"a\\0b\"}}}]", "nul-character 2:20"),
    ("do: [{a: {set: &x {y: 1}}}]", "unsupported 2:16"),
    ("do: [{a: {call: Charge}}]", "invalid-name 2:17"),
    ("do: [{a: {call: x, metadata: {kintsugi: {queue: 'a.b'}}}}]", "invalid-name 2:49"),
    ("do: [{a: {call: x, metadata: {kintsugi: {queu: x}}}}]", "unknown-key 2:42"),
    ("do: []\n---\ndo: []", "multiple-documents 3:1"),
    ("do: [{a: {raise: {error: oops}}}]", "unknown-reference 2:26"),
];

/// Whole sources, each with the code of its first problem.
pub(crate) fn sources() -> Vec<(String, &'static str)> {
    let nested = |open: &str, close: &str| open.repeat(10_000) + &close.repeat(10_000);
    vec![
        (String::new(), "empty-document"),
        ("do: [".to_owned(), "syntax"),
        ("{\"do\": [}".to_owned(), "syntax"),
        ("a: b: c".to_owned(), "syntax"),
        ("{\"do\": \"\\ud800\"}".to_owned(), "lone-surrogate"),
        ("{\"do\": \"\\u0000\"}".to_owned(), "nul-character"),
        ("a\0b".to_owned(), "nul-character"),
        ("{\"do\": 1e999}".to_owned(), "number-range"),
        ("{\"do\": 123456789012345678901}".to_owned(), "integer-range"),
        (format!("{{\"do\": {}}}", nested("[", "]")), "too-deep"),
        (format!("do: {}", nested("[", "]")), "too-deep"),
        (nested("- ", ""), "too-deep"),
        (nested("{\"a\":", "}"), "too-deep"),
    ]
}

/// `code line:column` of each problem.
pub(crate) fn problems(body: &Value) -> Vec<String> {
    let all = body["problems"].as_array().cloned().unwrap_or_default();
    let shown = |one: &Value| {
        format!("{} {}:{}", one["code"].as_str().unwrap_or_default(), one["line"], one["column"])
    };
    all.iter().map(shown).collect()
}

pub(crate) async fn documents(field: &mut Field) {
    let client = field.engine.client.clone();
    let post = async |kind: &str, body: Vec<u8>| {
        client.try_send("/v1/definitions", kind, body).await.expect("an answer")
    };
    for (body, expected) in BODIES {
        let (status, answer) = post("application/yaml", format!("{HEAD}{body}").into()).await;
        assert_eq!(
            (status.as_u16(), &answer["code"]),
            (422, &"invalid_definition".into()),
            "{body}"
        );
        assert_eq!(problems(&answer), [expected], "{body}: {answer}");
    }
    for (source, code) in sources() {
        let shown: String = source.chars().take(40).collect();
        let (status, answer) = post("application/yaml", source.into()).await;
        let found = problems(&answer);
        assert_eq!(status, 422, "{shown}: {answer}");
        assert!(found[0].starts_with(code) && !found[0].ends_with("0:0"), "{shown}: {found:?}");
    }
    for (what, kind, body, status, code) in [
        ("5 MB", "application/yaml", vec![b' '; 5 << 20], 413, "too_large"),
        ("no UTF-8", "application/yaml", vec![0xff, 0xfe, 0x00], 422, "invalid_definition"),
        ("a picture", "image/png", HEAD.into(), 415, "unsupported_media_type"),
        ("not text at all", "application/json", (0..=255).collect(), 422, "invalid_definition"),
    ] {
        let (found, answer) = post(kind, body).await;
        assert_eq!((found.as_u16(), answer["code"].as_str()), (status, Some(code)), "{what}");
    }
    field.goes_on("bad documents").await;
}

pub(crate) async fn requests(field: &mut Field) {
    let client = field.engine.client.clone();
    let start = |input: &str| format!("{{\"definition\":\"test/plain:1.0.0\",\"input\":{input}}}");
    let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    let cases: Vec<(&str, String, u16, &str)> = vec![
        ("/v1/runs", String::new(), 400, "malformed_json"),
        ("/v1/runs", "{\"definition\":".to_owned(), 400, "malformed_json"),
        ("/v1/runs", "[]".to_owned(), 422, "invalid_body"),
        ("/v1/runs", "{\"definition\":7}".to_owned(), 422, "invalid_body"),
        (
            "/v1/runs",
            "{\"definition\":\"test/plain:1.0.0\",\"x\":1}".to_owned(),
            422,
            "invalid_body",
        ),
        ("/v1/runs", "{\"definition\":\"test/*:1.0.0\"}".to_owned(), 422, "invalid_id"),
        (
            "/v1/runs",
            "{\"definition\":\"test/none:1.0.0\"}".to_owned(),
            404,
            "definition_not_found",
        ),
        (
            "/v1/runs",
            "{\"definition\":\"test/plain:1.0.0\",\"id\":\"a.>\"}".to_owned(),
            422,
            "invalid_id",
        ),
        ("/v1/runs", start("\"\\ud800\""), 422, "invalid_string"),
        ("/v1/runs", start("18446744073709551616"), 422, "number_out_of_range"),
        ("/v1/runs", start("-9223372036854775809"), 422, "number_out_of_range"),
        ("/v1/runs", start("1e999"), 422, "number_out_of_range"),
        ("/v1/runs", start(&nested(65)), 422, "too_deep"),
        ("/v1/runs", start(&nested(126)), 422, "too_deep"),
        ("/v1/runs", start(&nested(10_000)), 422, "too_deep"),
        ("/v1/runs", start(&format!("\"{}\"", "x".repeat(1 << 20))), 413, "too_large"),
        ("/v1/runs/none/cancel", "{}".to_owned(), 404, "run_not_found"),
        ("/v1/runs/..%2f*/cancel", "{}".to_owned(), 404, "run_not_found"),
        ("/v1/dead-letters/none:1:1/redrive", "{}".to_owned(), 404, "dead_letter_not_found"),
        ("/v1/dead-letters/none:1:1/redrive", "{\"inptu\":1}".to_owned(), 422, "invalid_body"),
    ];
    for (path, body, status, code) in cases {
        let shown: String = body.chars().take(60).collect();
        let answer = client.try_send(path, "application/json", body).await;
        let (found, answer) = answer.expect("an answer");
        let code_found = answer["code"].as_str();
        assert_eq!((found.as_u16(), code_found), (status, Some(code)), "{path} {shown}: {answer}");
    }
    for (path, status, code) in [
        ("/v1/runs?status=odd", 400, "invalid_parameter"),
        ("/v1/runs?limit=0", 400, "invalid_parameter"),
        ("/v1/runs?limit=99999999999999999999", 400, "invalid_parameter"),
        ("/v1/runs?cursor=nonsense", 400, "invalid_parameter"),
        ("/v1/runs?odd=1", 400, "unknown_parameter"),
        ("/v1/runs/%00/history", 404, "run_not_found"),
        ("/v1/runs/none/result?wait=soon", 400, "invalid_parameter"),
    ] {
        let (found, answer) = client.get(path).await;
        assert_eq!(
            (found.as_u16(), answer["code"].as_str()),
            (status, Some(code)),
            "{path}: {answer}"
        );
    }
    // What looks bad and is not: it comes out as it went in.
    for input in [
        "\"a\\u0000b\"",
        "9007199254740993",
        "18446744073709551615",
        "-9223372036854775808",
        &nested(62),
    ] {
        let answer = client.try_send("/v1/runs", "application/json", start(input)).await;
        let (status, run) = answer.expect("an answer");
        assert_eq!(status, 201, "{input}: {run}");
        let id = run["id"].as_str().unwrap().to_owned();
        let ended = client.ended(&id, crate::SOON).await;
        assert_eq!(ended["output"].to_string(), input, "{ended}");
        field.accepted.push(id);
    }
    field.goes_on("bad requests").await;
}

/// Headers that say what is not so, and requests that break off.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(crate) async fn lies(field: &mut Field) {
    let good = "{\"definition\":\"test/plain:1.0.0\",\"input\":1}";
    let json = "Content-Type: application/json\r\n";
    for (what, head, body, expected) in [
        (
            "a length that is too long",
            format!("{json}Content-Length: 900000000000\r\n"),
            good,
            &["400", "413"][..],
        ),
        ("no number as a length", format!("{json}Content-Length: many\r\n"), good, &["400", ""]),
        ("a negative length", format!("{json}Content-Length: -1\r\n"), good, &["400", ""]),
        (
            "two lengths",
            format!("{json}Content-Length: 5\r\nContent-Length: 6\r\n"),
            good,
            &["400", ""],
        ),
        ("a length that is too short", format!("{json}Content-Length: 9\r\n"), good, &["400"]),
        (
            "chunks that are none",
            format!("{json}Transfer-Encoding: chunked\r\n"),
            "zz\r\nx",
            &["400", ""],
        ),
        (
            "an encoding that is none",
            format!("{json}Transfer-Encoding: gzip\r\nContent-Length: 2\r\n"),
            good,
            &["400", "501", ""],
        ),
        (
            "gzip that is none",
            format!("{json}Content-Encoding: gzip\r\nContent-Length: {}\r\n", good.len()),
            good,
            &["400", "415", "201"],
        ),
        (
            "another type",
            format!("Content-Type: text/xml\r\nContent-Length: {}\r\n", good.len()),
            good,
            &["415"],
        ),
        (
            "a host that is not ours",
            format!("{json}Host: evil.example\r\nContent-Length: {}\r\n", good.len()),
            good,
            &["400", "403"],
        ),
        (
            "another origin",
            format!("{json}Origin: http://evil.example\r\nContent-Length: {}\r\n", good.len()),
            good,
            &["403"],
        ),
        (
            "a header of 100 kB",
            format!("{json}X: {}\r\n", "x".repeat(100_000)),
            good,
            &["400", "431", ""],
        ),
        (
            "an idempotency key that does not print",
            format!("{json}Idempotency-Key: \u{1}\r\nContent-Length: {}\r\n", good.len()),
            good,
            &["400", ""],
        ),
    ] {
        let answer = send(field, &head, body).await;
        let status = answer.split_whitespace().nth(1).unwrap_or_default();
        assert!(expected.contains(&status), "{what}: {answer}");
        if status == "201" {
            let id = answer.split("\"id\":\"").nth(1).and_then(|rest| rest.split('"').next());
            field.accepted.push(id.unwrap().to_owned());
        }
    }
    field.goes_on("headers that lie").await;
}

async fn send(field: &Field, head: &str, body: &str) -> String {
    let address = field.engine.client.url("").trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let host = if head.contains("Host: ") { "" } else { "Host: localhost\r\n" };
    let request = format!("POST /v1/runs HTTP/1.1\r\n{host}Connection: close\r\n{head}\r\n{body}");
    // The gateway may have answered and closed before all of it is sent.
    let _refused = stream.write_all(request.as_bytes()).await;
    let _closed = stream.shutdown().await;
    let mut text = Vec::new();
    let _reset = stream.read_to_end(&mut text).await;
    String::from_utf8_lossy(&text).into_owned()
}
