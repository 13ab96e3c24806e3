use kintsugi_core::RunId;
use serde_json::json;

use super::*;

fn task(number: u64, task_type: &str) -> TaskMessage {
    let task = format!("r:{number}");
    TaskMessage {
        run: RunId::parse("r").unwrap(),
        number,
        epoch: 1,
        attempt: 1,
        failures: 0,
        crashes: 0,
        task_type: task_type.to_owned(),
        queue: "q".to_owned(),
        input: json!({ "n": number }),
        definition: "shop/order:1.0.0".to_owned(),
        pointer: "/do/0/a".to_owned(),
        idempotency_key: task.clone(),
        start_to_close_ms: 60_000,
        lease_ms: None,
        heartbeat_ms: 300,
        reply: "kintsugi.events.0".to_owned(),
        dispatched_at: Timestamp(0),
        traceparent: None,
        task,
    }
}

fn said(task_type: &str, tasks: usize) -> Width {
    Width { queue: "q".to_owned(), task_type: task_type.to_owned(), tasks }
}

fn numbers(widths: &Widths, tasks: &[(TaskMessage, u32)], now: i64) -> Vec<Vec<u64>> {
    let groups = widths.group(tasks, Timestamp(now)).into_iter();
    groups.map(|group| group.into_iter().map(|(task, _)| task.number).collect()).collect()
}

#[test]
fn only_what_workers_asked_for_travels_together() {
    let tasks: Vec<_> = (1..=6).map(|n| (task(n, if n % 2 == 0 { "a" } else { "b" }), 1)).collect();
    let mut widths = Widths::new(64);
    let alone: Vec<Vec<u64>> = (1..=6).map(|n| vec![n]).collect();
    assert_eq!(numbers(&widths, &tasks, 0), alone);
    widths.hear(vec![said("a", 2), said("b", 1)], Timestamp(0));
    assert_eq!(numbers(&widths, &tasks, 0), [vec![1], vec![2, 4], vec![3], vec![5], vec![6]]);
    widths.hear(vec![said("a", 1_000_000)], Timestamp(1));
    assert_eq!(numbers(&widths, &tasks, 1), [vec![1], vec![2, 4, 6], vec![3], vec![5]]);
    assert_eq!(numbers(&widths, &tasks, 5_001), alone, "nothing was said for long");
    widths.hear(vec![said("a", 1)], Timestamp(2));
    assert_eq!(numbers(&widths, &tasks, 2), alone);
}

#[test]
fn what_was_given_out_before_is_large_or_in_haste_travels_alone() {
    let mut widths = Widths::new(64);
    widths.hear(vec![said("a", 64)], Timestamp(0));
    let mut tasks: Vec<_> = (1..=6).map(|n| (task(n, "a"), 1)).collect();
    tasks[0].0.epoch = 2;
    tasks[1].1 = 2;
    tasks[2].0.input = json!({ "text": "x".repeat(3_000) });
    tasks[3].0.start_to_close_ms = 999;
    assert_eq!(numbers(&widths, &tasks, 0), [vec![1], vec![2], vec![3], vec![4], vec![5, 6]]);
}

#[test]
fn a_full_message_stays_below_what_a_broker_takes() {
    let mut widths = Widths::new(64);
    widths.hear(vec![said("a", 64)], Timestamp(0));
    let mut tasks: Vec<_> = (0..65).map(|n| (task(n, "a"), 1)).collect();
    for (task, _) in &mut tasks {
        task.input = json!("\u{1}".repeat(INPUT_BYTES_MAX - 2));
    }
    let groups = widths.group(&tasks, Timestamp(0));
    assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), [64, 1]);
    let tasks: Vec<_> = groups[0].iter().map(|(task, _)| task).collect();
    assert!(serde_json::to_vec(&tasks).unwrap().len() < 1 << 20);
}

#[test]
fn the_setting_bounds_what_workers_want() {
    let tasks: Vec<_> = (1..=3).map(|n| (task(n, "a"), 1)).collect();
    let mut widths = Widths::new(2);
    widths.hear(vec![said("a", 64)], Timestamp(0));
    assert_eq!(numbers(&widths, &tasks, 0), [vec![1, 2], vec![3]]);
    let mut widths = Widths::new(1);
    widths.hear(vec![said("a", 64)], Timestamp(0));
    assert_eq!(numbers(&widths, &tasks, 0), [[1], [2], [3]]);
}

#[test]
fn names_are_bounded() {
    let mut widths = Widths::new(64);
    for n in 0..NAMES_MAX + 10 {
        widths.hear(vec![said(&format!("t{n}"), 2)], Timestamp(0));
    }
    assert_eq!(widths.said.len(), NAMES_MAX);
    widths.hear(vec![said("late", 2)], Timestamp(6_000));
    assert_eq!(widths.said.len(), 1);
}
