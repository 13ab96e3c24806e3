//! The documents of the definitions that are simulated.

use serde_json::{Value, json};

use super::{ALWAYS, EVENT_TYPE, FATAL, SAID_TYPE, TASK_TYPE};

/// A definition as it is written.
pub(super) struct Document {
    pub(super) name: &'static str,
    /// Its tasks.
    pub(super) tasks: Value,
    /// What it says besides, of Kintsugi.
    pub(super) own: Option<Value>,
}

fn work(n: &Value, plan: u64, more: Value) -> Value {
    let retry =
        json!({"maximum_attempts": 40, "initial_interval": "20ms", "maximum_interval": "200ms"});
    let mut own = json!({"retry": retry, "crashes_max": 1000, "quarantine": false});
    if let (Some(own), Value::Object(more)) = (own.as_object_mut(), more) {
        own.extend(more);
    }
    json!({
        "call": TASK_TYPE, "with": {"n": n, "plan": plan},
        "output": {"as": "{n: .n}"}, "metadata": {"kintsugi": own},
    })
}

fn easy(n: &str) -> Value {
    work(&json!(n), 0, json!({}))
}

/// Those without people, permits and events that are published; the seeds that failed once stand for
/// them.
#[rustfmt::skip]
fn few() -> Vec<(&'static str, Value)> {
    let twice = json!({"retry": {"maximum_attempts": 2, "initial_interval": "20ms"}});
    let parked = json!({"retry": {"maximum_attempts": 2, "initial_interval": "20ms"}, "when_exhausted": "park"});
    let fragile = json!({"crashes_max": 2, "quarantine": 2, "when_exhausted": "park"});
    let child = |wait: bool| json!({"run": {"workflow": {"namespace": "sim", "name": "child", "version": "1.0.0", "input": {"n": "${ .n }"}}, "await": wait}});
    vec![
        ("chain", json!([{"a": easy("${ .n }")}, {"b": work(&json!("${ .n + 1 }"), 1, json!({}))}, {"c": easy("${ .n + 1 }")}])),
        ("fork", json!([{"all": {"fork": {"branches": [{"a": easy("${ .n }")}, {"b": work(&json!("${ .n }"), 2, json!({}))}, {"c": easy("${ .n * 2 }")}]}}}])),
        ("each", json!([{"each": {"for": {"in": "[1, 2, 3]"}, "do": [{"a": work(&json!("${ $item }"), 0, json!({}))}]}}, {"end": easy("${ .n }")}])),
        ("caught", json!([{"try": {"try": [{"a": work(&json!("${ .n }"), ALWAYS, twice.clone())}], "catch": {"do": [{"b": easy("7")}]}}}])),
        ("doomed", json!([{"a": easy("${ .n }")}, {"b": work(&json!("${ .n }"), ALWAYS, twice)}])),
        ("parked", json!([{"a": work(&json!("${ .n }"), ALWAYS, parked)}])),
        ("fatal", json!([{"a": work(&json!("${ .n }"), FATAL, json!({}))}])),
        ("sleepy", json!([{"a": {"wait": {"milliseconds": 700}}}, {"b": easy("${ .n }")}, {"c": {"wait": {"seconds": 2}}}])),
        ("listen", json!([{"a": easy("${ .n }")}, {"go": {"listen": {"to": {"one": {"with": {"type": EVENT_TYPE}}}}}}, {"b": easy("${ .[0].n }")}])),
        ("parent", json!([{"a": child(true)}, {"b": easy("${ .n }")}])),
        ("careless", json!([{"a": child(false)}, {"b": easy("3")}])),
        ("fragile", json!([{"a": work(&json!("${ .n }"), 1, fragile.clone())}, {"b": work(&json!("${ .n }"), 0, fragile)}])),
        ("long", json!([{"slow": work(&json!("slow"), 0, json!({}))}, {"b": easy("5")}])),
        ("child", json!([{"a": easy("${ .n }")}, {"b": work(&json!("${ .n + 1 }"), 1, json!({}))}])),
    ]
}

/// Those besides.
#[rustfmt::skip]
fn more() -> Vec<(&'static str, Value, Option<Value>)> {
    let patient = json!({"retry": {"maximum_attempts": 40, "initial_interval": "3s", "maximum_interval": "3s"}});
    let undo = json!({"compensate": {"call": TASK_TYPE, "with": {"n": "${ .n }", "plan": 0}}});
    let on_cancel = json!({"on_cancel": {"grace": "2s", "do": [{"undo": {"call": "compensate"}}, {"tell": easy("1")}]}});
    let desk = json!({"concurrency": {"limit": 1, "key": "desk-1"}});
    let door = |priority: u8| json!({"concurrency": {"limit": 2, "key": "door-2"}, "priority": priority});
    let stuck = json!({"retry": {"maximum_attempts": 2, "initial_interval": "20ms"}, "when_exhausted": "park", "concurrency": {"limit": 2, "key": "door-2"}});
    vec![
        ("bounded", json!([{"a": work(&json!("${ .n }"), 0, desk.clone())}, {"all": {"fork": {"branches": [{"x": work(&json!("${ .n }"), 1, door(3))}, {"y": work(&json!("${ .n }"), 0, door(7))}, {"z": work(&json!("${ .n }"), 0, door(3))}]}}}, {"b": work(&json!(6), 1, desk)}]), None),
        ("stuck", json!([{"a": work(&json!("${ .n }"), ALWAYS, stuck)}]), None),
        ("emits", json!([{"a": easy("${ .n }")}, {"say": {"emit": {"event": {"with": {"type": SAID_TYPE, "source": "/sim", "data": {"n": "${ .n }"}}}}}}, {"b": easy("3")}]), None),
        ("hears", json!([{"a": easy("${ .n }")}, {"hear": {"listen": {"to": {"any": [{"with": {"type": SAID_TYPE}}], "until": "length >= 2"}}}}, {"b": easy("${ length }")}]), None),
        ("hears-one", json!([{"hear": {"listen": {"to": {"one": {"with": {"type": SAID_TYPE}}}}}}, {"b": easy("${ length }")}]), None),
        ("asks", json!([{"a": easy("${ .n }")}, {"ask": {"call": "human-task", "with": {"title": "Go on?", "due": {"seconds": 1}, "escalate": "bob"}}}, {"b": easy("${ .n }")}]), None),
        ("asks-two", json!([{"all": {"fork": {"branches": [{"x": {"call": "human-task", "with": {"title": "This?"}}}, {"y": {"call": "human-task", "with": {"title": "That?"}}}]}}}, {"b": easy("2")}]), None),
        ("patient", json!([{"a": work(&json!("${ .n }"), 2, patient)}, {"b": easy("${ .n }")}]), None),
        ("tidy", json!([{"pay": work(&json!("${ .n }"), 0, undo)}, {"ship": work(&json!("slow"), 1, json!({}))}, {"b": easy("4")}]), Some(on_cancel)),
    ]
}

/// Those of the third cast that the second does not have.
#[rustfmt::skip]
fn crowd() -> Vec<(&'static str, Value, Option<Value>)> {
    let desk = |priority: u8| json!({"concurrency": {"limit": 1, "key": "desk-1"}, "priority": priority});
    // Whoever comes later goes first.
    let later = json!([{"w": easy("1")}, {"z": work(&json!(1), 0, desk(9))}]);
    vec![
        ("crowded", json!([{"all": {"fork": {"branches": [{"x": work(&json!("${ .n }"), 0, desk(1))}, {"y": {"do": later}}]}}}, {"b": work(&json!(6), 1, desk(5))}]), None),
    ]
}

/// Every document: those of [`few`], then those of [`more`].
pub(super) fn documents() -> Vec<Document> {
    let few = few().into_iter().map(|(name, tasks)| Document { name, tasks, own: None });
    let more =
        more().into_iter().chain(crowd()).map(|(name, tasks, own)| Document { name, tasks, own });
    few.chain(more).collect()
}
