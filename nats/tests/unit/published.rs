use serde_json::json;

use super::*;

fn event(subject: &str, headers: &[(&str, &str)], payload: &[u8]) -> Result<Value, String> {
    let mut all = Headers::default();
    for (name, value) in headers {
        all.insert(name, value);
    }
    let read = read(subject, &all, payload, (7, Timestamp(1_000)));
    read.map(Value::from).map_err(|rejected| rejected.reason)
}

#[test]
fn data_alone_is_enough() {
    let plain = event("kintsugi.cloudevents.com.example.paid", &[], b" {\"n\":1}").unwrap();
    let wanted = json!({"specversion": "1.0", "id": "7@1000", "source": "/kintsugi/in/event",
        "type": "com.example.paid", "time": "1970-01-01T00:00:01.000Z", "data": {"n": 1}});
    assert_eq!(plain, wanted);
    let named = [("Nats-Msg-Id", "m-1")];
    let text = event("kintsugi.cloudevents.x", &named, b"hello").unwrap();
    assert_eq!(
        (&text["id"], &text["data"], &text["datacontenttype"]),
        (&json!("m-1"), &json!("hello"), &json!("text/plain"))
    );
    assert_eq!(event("kintsugi.cloudevents.x", &[], b"7").unwrap()["data"], json!(7));
    assert_eq!(event("kintsugi.cloudevents.x", &[], b"").unwrap().get("data"), None);
    assert_eq!(event("kintsugi.cloudevents.x", &[], b"\xff").unwrap()["data_base64"], "/w==");
}

#[test]
fn cloudevents_are_read_in_both_modes() {
    let whole = json!({"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": 1});
    let bytes = whole.to_string();
    assert_eq!(event("kintsugi.cloudevents.any", &[], bytes.as_bytes()).unwrap(), whole);
    let headers = [("ce-id", "1"), ("ce-source", "/s"), ("ce-type", "t%20t"), ("ce-room", "2")];
    let binary = event("kintsugi.cloudevents.any", &headers, b"1").unwrap();
    assert_eq!((&binary["type"], &binary["room"]), (&json!("t t"), &json!("2")));
}

#[test]
fn what_is_no_event_is_refused() {
    let cloud = [("Content-Type", "application/cloudevents+json")];
    let batch = [("Content-Type", "application/cloudevents-batch+json")];
    let json = [("Content-Type", "application/json")];
    let no_headers: &[(&str, &str)] = &[];
    for (headers, payload) in [
        (no_headers, &b"{\"a\":"[..]),
        (no_headers, b"{\"n\":18446744073709551616}"),
        (no_headers, b"{\"specversion\":\"1.0\"}"),
        (&cloud, b"{}"),
        (&batch, b"[]"),
        (&json, b"hello"),
    ] {
        assert!(event("kintsugi.cloudevents.x", headers, payload).is_err(), "{payload:?}");
    }
}

#[test]
fn any_type_has_a_subject_and_is_read_back_from_it() {
    for kind in ["com.example.order.placed", "a..b", ".a", "a b", "*", ">", "ü.%", "a/b:c"] {
        let subject = subject(kind);
        assert!(!subject.contains([' ', '*', '>']) && !subject.contains(".."), "{subject}");
        assert!(!subject.ends_with('.'), "{subject}");
        assert_eq!(event(&subject, &[], b"").unwrap()["type"], kind);
    }
    assert_eq!(subject("com.example.paid"), "kintsugi.cloudevents.com.example.paid");
}
