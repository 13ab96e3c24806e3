use super::*;

#[test]
fn one_bad_input_does_not_spoil_the_others() {
    let text = br#"[{"run":"a","input":{"kind":"start"}},{"run":"a.>","input":{"kind":"tick"}},
        {"run":"b","input":{"kind":"nonsense"}},7,{"run":"b","input":{"kind":"tick"}}]"#;
    let (inputs, rejected) = decode_inputs(text);
    assert_eq!(inputs.unwrap().len(), 2);
    assert_eq!(rejected.len(), 3);
}

#[test]
fn garbage_is_rejected_whole() {
    let deep = "[".repeat(10_000);
    let lone_surrogate = r#"{"run":"a","input":{"kind":"cancel","reason":"\ud800"}}"#;
    for bad in ["", "[", "null", "\u{0}", "{}", &deep, lone_surrogate] {
        let (inputs, _) = decode_inputs(bad.as_bytes());
        assert!(inputs.is_err(), "{:?}", &bad[..bad.len().min(40)]);
    }
    assert_eq!(decode_inputs(b" []").0.unwrap(), []);
}

fn task(number: u64, queue: &str) -> Value {
    serde_json::json!({
        "task": format!("r:{number}"), "run": "r", "number": number, "epoch": 1, "attempt": 1, "failures": 0,
        "type": "t", "queue": queue, "input": null, "definition": "a/b:1.0.0", "pointer": "/do/0/a",
        "idempotency_key": "r:1", "start_to_close_ms": 1_000, "heartbeat_ms": 300,
        "reply": "kintsugi.events.0", "dispatched_at": 0,
    })
}

#[test]
fn one_bad_task_does_not_spoil_the_others() {
    let read = |tasks: &[Value]| {
        let text = serde_json::to_vec(tasks).unwrap();
        let read = decode_tasks(&text).into_iter();
        read.map(|task| task.map(|task| task.number).map_err(|bad| bad.raw.len()))
            .collect::<Vec<_>>()
    };
    assert_eq!(read(&[task(1, "q"), task(2, "q")]), [Ok(1), Ok(2)]);
    assert_eq!(read(&[task(1, "q"), Value::from(7), task(3, "q")]), [Ok(1), Err(1), Ok(3)]);
    assert_eq!(read(&[task(1, "a.>")]).len(), 1);
    assert!(matches!(read(&[task(1, "a.>"), task(2, "q")])[..], [Err(_), Ok(2)]));
    assert_eq!(read(&[]), [Err(2)]);
    for bad in ["", "[", "null", "{}", "[[]", &"[".repeat(10_000)] {
        let read = decode_tasks(bad.as_bytes());
        assert!(read.len() == 1 && read[0].is_err(), "{:?}", &bad[..bad.len().min(40)]);
    }
    let alone = decode_tasks(task(4, "q").to_string().as_bytes());
    assert_eq!(alone[0].as_ref().unwrap().number, 4);
}
