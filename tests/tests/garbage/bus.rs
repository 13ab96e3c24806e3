//! Garbage over NATS: requests, published starts, and everything that only the engine should send.

use kintsugi_nats::stream;
use kintsugi_tests::{Chance, eventually, streams};
use serde_json::Value;

use crate::{
    Field, SOON,
    http::{HEAD, problems, sources},
};

/// Requests get the same codes as over HTTP, in the body and in the broker's own headers.
pub(crate) async fn documents_and_starts(field: &mut Field) {
    let bad = format!("{HEAD}do: [{{a: {{set: {{x: 1}}, then: nowhere}}}}]");
    let (head, body) = field.raw.ask("kintsugi.api.define", "", bad.as_bytes()).await;
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(problems(&answer), ["unknown-target 2:30"], "{answer}");
    assert!(head.contains("Nats-Service-Error-Code: 422"), "{head}");
    for (source, code) in sources() {
        let (_, body) = field.raw.ask("kintsugi.api.define", "", source.as_bytes()).await;
        let answer: Value = serde_json::from_str(&body).unwrap();
        let found = problems(&answer);
        assert!(found.first().is_some_and(|one| one.starts_with(code)), "{code}: {answer}");
    }
    let start = "kintsugi.api.start.test.plain";
    let large = vec![b' '; 5 << 20];
    for (subject, headers, payload, code) in [
        ("kintsugi.api.define", "", large.as_slice(), "too_large"),
        (start, "", b"{", "malformed_json"),
        (start, "", b"\"\\ud800\"", "invalid_string"),
        (start, "", b"18446744073709551616", "number_out_of_range"),
        (start, "Kintsugi-Run-Id: a.*\r\n", b"1", "invalid_id"),
        (start, "Kintsugi-Version: >\r\n", b"1", "invalid_id"),
        (start, "Kintsugi-Idempotency-Key:  \r\n", b"1", "invalid_idempotency_key"),
        ("kintsugi.api.start.*.*", "", b"1", "invalid_id"),
        ("kintsugi.api.start.test.none", "", b"1", "definition_not_found"),
        ("kintsugi.api.get", "", b"\xff\xfe", "malformed_payload"),
        ("kintsugi.api.get", "", b"{\"id\":\"x\",\"y\":1}", "invalid_body"),
        ("kintsugi.api.cancel", "", b"", "malformed_payload"),
        ("kintsugi.api.redrive", "", b"none:1:1", "dead_letter_not_found"),
        ("kintsugi.api.list", "", b"{\"limit\":0}", "invalid_parameter"),
    ] {
        let (_, body) = field.raw.ask(subject, headers, payload).await;
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(answer["code"].as_str(), Some(code), "{subject} {headers}: {answer}");
    }
    field.goes_on("bad requests over NATS").await;
}

/// What is published as a start and cannot be one is put aside under its code.
pub(crate) async fn intake(field: &mut Field) {
    let start = "kintsugi.in.start.test.plain";
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let large = format!("\"{}\"", "x".repeat(2 << 20));
    let cases: [(&str, &str, &[u8], &str); 16] = [
        (start, "", b"not json", "malformed_json"),
        (start, "", b"\"\\ud800\"", "invalid_string"),
        (start, "", b"18446744073709551616", "number_out_of_range"),
        (start, "", b"\xff\xfe\x00", "malformed_json"),
        (start, "", deep.as_bytes(), "too_deep"),
        (start, "", large.as_bytes(), "too_large"),
        (start, "Kintsugi-Run-Id: a.>\r\n", b"1", "invalid_id"),
        (start, "Kintsugi-Version: odd\r\n", b"1", "definition_not_found"),
        ("kintsugi.in.start.test.none", "", b"1", "definition_not_found"),
        ("kintsugi.in.start.test", "", b"1", "malformed_subject"),
        ("kintsugi.in.start.a.b.c.d", "", b"1", "malformed_subject"),
        ("kintsugi.in.stop", "", b"1", "malformed_subject"),
        ("kintsugi.in.foo.bar", "", b"1", "malformed_subject"),
        ("kintsugi.in.foo.bar.baz.qux.quux", "", b"1", "malformed_subject"),
        ("kintsugi.in.event", "", b"1", "malformed_subject"),
        ("kintsugi.in.start.Test.*", "", b"1", "invalid_id"),
    ];
    for (number, (subject, headers, payload, code)) in cases.into_iter().enumerate() {
        let headers = format!("Nats-Msg-Id: garbage-{number}\r\n{headers}");
        let (_, stored) = field.raw.ask(subject, &headers, payload).await;
        assert!(stored.contains("\"stream\":\"KINTSUGI_INTAKE\""), "{subject}: {stored}");
        let code = format!("Kintsugi-Code: {code}\r\n");
        field
            .put_aside(&format!("{subject} {headers:?}"), 1, |message| {
                message.subject == "kintsugi.rejected.intake" && message.headers.contains(&code)
            })
            .await;
    }
    let bus = field.bus.clone();
    eventually("the intake is empty", SOON, || async {
        streams::try_messages(&bus, stream::INTAKE).await?.is_empty().then_some(())
    })
    .await;
}

/// Payloads that nobody could read as anything.
fn unreadable(chance: &mut Chance) -> Vec<Vec<u8>> {
    let noise = (0..200).map(|_| u8::try_from(chance.below(256)).unwrap()).collect();
    vec![
        Vec::new(),
        b"{".to_vec(),
        b"null".to_vec(),
        b"\"text\"".to_vec(),
        b"\0\0\0".to_vec(),
        b"{\"run\":\"\\ud800\"}".to_vec(),
        b"{\"run\":7,\"worker\":7,\"at\":\"then\",\"task\":7,\"service\":7}".to_vec(),
        "[".repeat(10_000).into_bytes(),
        vec![b'x'; 1 << 20],
        noise,
    ]
}

/// Every subject that the engine's own parts talk on.
pub(crate) async fn subjects(field: &mut Field, chance: &mut Chance) {
    for (subject, origin) in [
        ("kintsugi.events.0", "events"),
        ("kintsugi.events.15", "events"),
        ("kintsugi.tasks.default.simulate", "worker"),
        ("kintsugi.worker.heartbeat.nobody", "live"),
        ("kintsugi.verify", "live"),
        ("kintsugi.cancel", "live"),
        ("kintsugi.wake", "live"),
        ("kintsugi.service.beat", "live"),
        ("kintsugi.life.test.plain.r.workflow_completed", "life"),
        (
            "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.KINTSUGI_TASKS.w-default-simulate",
            "advisories",
        ),
    ] {
        let payloads = unreadable(chance);
        for payload in &payloads {
            field.raw.publish(subject, payload).await;
        }
        let rejected = format!("kintsugi.rejected.{origin}");
        field.put_aside(subject, payloads.len(), |message| message.subject == rejected).await;
    }
    // A partition that there is not: refused at the door, since nobody would read it.
    for subject in ["kintsugi.events.16", "kintsugi.events.x", "kintsugi.events.0.0"] {
        let (head, body) = field.raw.ask(subject, "", b"{}").await;
        assert!(head.contains(" 503") && body.is_empty(), "{subject}: {head} {body}");
    }
    // Well formed, and about nothing.
    let advisory = b"{\"timestamp\":\"2099-01-01T00:00:00Z\",\"consumer\":\"x\",\"stream_seq\":999999,\"deliveries\":1}";
    let subject = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.KINTSUGI_TASKS.x";
    field.raw.publish(subject, advisory).await;
    let verify = b"{\"run\":\"nobody\",\"task\":1,\"epoch\":1,\"task_type\":\"simulate\",\"queue\":\"default\",\"dispatched_at\":0}";
    field.raw.publish("kintsugi.verify", verify).await;
    field.raw.publish("kintsugi.cancel", b"{\"task\":\"nobody:1\",\"epoch\":1}").await;
    field.raw.publish("kintsugi.wake", b"{\"at\":-9223372036854775808}").await;
    field.raw.publish("kintsugi.wake", b"{\"at\":9223372036854775807}").await;
    // The detector answers the question, and there is no run to take the answer.
    field
        .put_aside("messages about nothing", 1, |message| {
            message.headers.contains("there is no such run")
        })
        .await;
}
