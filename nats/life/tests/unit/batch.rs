use kintsugi_core::Timestamp;
use serde_json::json;

use super::*;

#[test]
fn what_is_written_is_what_would_be_made() {
    let definition = DefinitionRef::parse("shop/order:1.0.0-rc.1").unwrap();
    let run = RunId::parse("r-1").unwrap();
    let (at, traceparent) = (Timestamp(1_700_000_000_123), "00-0af7-b7ad-01");
    let mut batch = LifeBatch::default();
    let mut wanted = Vec::new();
    for (version, index, attempt) in [(1, 0, None), (12_345_678_901, 1_234_567, Some(7))] {
        let data = json!({ "task": "/do/0/say \"hi\"", "completedAt": at.to_rfc3339() });
        let id = format!("r-1:{version}:3:{index}");
        let mut made = LifeEvent::new(&definition, &run, "task.completed", id, at, data.clone());
        made.traceparent = Some(traceparent.to_owned());
        made.sequence = Some(LifeEvent::place(version, 3, index));
        (made.attempt, made.tasknumber) = (attempt, attempt);
        let time = at.to_rfc3339();
        let place =
            Place { version, position: 3, index, time: &time, attempt, tasknumber: attempt };
        let of = RunLife { definition: &definition, run: &run, traceparent };
        batch.write(of, "task.completed", place, |batch| batch.json(&data));
        batch.push(&made).unwrap();
        wanted.extend([made.clone(), made]);
    }
    let odd = LifeEvent { subject: "a.b".to_owned(), ..wanted[0].clone() };
    assert_eq!(batch.push(&odd).unwrap_err().what, "event subject");
    assert!(!batch.is_empty());
    let sent: Vec<_> = batch.take().messages().collect();
    assert!(batch.is_empty());
    let read: Vec<LifeEvent> =
        sent.iter().map(|(_, payload)| serde_json::from_slice(payload).unwrap()).collect();
    assert_eq!(read, wanted);
    for ((subject, payload), made) in sent.iter().zip(&wanted) {
        assert_eq!(subject, made.bus_subject().unwrap().as_bytes());
        assert_eq!(payload, &serde_json::to_vec(made).unwrap());
    }
}
