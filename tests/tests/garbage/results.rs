//! Results that nobody waits for, and such as are too much.

use kintsugi_core::{RunId, partition_of};
use kintsugi_tests::streams;
use serde_json::{Value, json};

use crate::{Field, SOON};

const PARTITIONS: u16 = 16;

fn subject(run: &str) -> String {
    format!("kintsugi.events.{}", partition_of(&RunId::parse(run).unwrap(), PARTITIONS))
}

fn completed(run: &str, task: u64, epoch: u64, output: &Value) -> Vec<u8> {
    let input = json!({
        "kind": "completed", "task": task, "epoch": epoch, "output": output, "worker": "forger",
    });
    json!({ "run": run, "input": input }).to_string().into_bytes()
}

/// An open attempt: run, task, epoch.
async fn open(field: &mut Field) -> (String, u64, u64) {
    let run = field.starts("test/hangs:1.0.0", json!(null)).await;
    let shown = field
        .engine
        .client
        .until(&run, "its task is out", SOON, |run| run["tasks"][0]["epoch"].as_u64().is_some())
        .await;
    let task = shown["tasks"][0]["task"].as_str().unwrap().rsplit(':').next().unwrap();
    (run, task.parse().unwrap(), shown["tasks"][0]["epoch"].as_u64().unwrap())
}

pub(crate) async fn strays(field: &mut Field) {
    // For runs that never were: put aside, with the reason.
    for kind in ["completed", "tick", "started", "lost"] {
        let input = json!({
            "kind": kind, "task": 1, "epoch": 1, "output": 1, "worker": "w", "at": 0,
            "cause": "worker_dead", "seen_at": 0,
        });
        let message = json!({ "run": "never-was", "input": input }).to_string();
        field.raw.publish(&subject("never-was"), message.as_bytes()).await;
    }
    field
        .put_aside("results for a run that never was", 4, |message| {
            message.headers.contains("there is no such run")
        })
        .await;

    let (run, task, epoch) = open(field).await;
    let own = subject(&run);
    let wrong = format!("kintsugi.events.{}", (own[16..].parse::<u16>().unwrap() + 1) % PARTITIONS);
    // For tasks that never were, of epochs that never were, with numbers at their ends.
    for (task, epoch) in [(9_999, 1), (u64::MAX, u64::MAX), (task, epoch + 7), (task, 0), (0, 0)] {
        field.raw.publish(&own, &completed(&run, task, epoch, &json!("forged"))).await;
    }
    field.goes_on("forged results").await;
    let (_, shown) = field.engine.client.get(&format!("/v1/runs/{run}")).await;
    assert_eq!(shown["status"], "running", "{shown}");
    // The right one, but in another partition, twice, and then late: it counts once.
    for _ in 0..2 {
        field.raw.publish(&wrong, &completed(&run, task, epoch, &json!("right"))).await;
    }
    let ended = field.engine.client.ended(&run, SOON).await;
    assert_eq!(ended["output"], "right", "{ended}");
    field.raw.publish(&own, &completed(&run, task, epoch, &json!("late"))).await;
    field.goes_on("late results").await;
    let (_, after) = field.engine.client.get(&format!("/v1/runs/{run}")).await;
    assert_eq!(
        (&after["output"], &after["history_length"]),
        (&ended["output"], &ended["history_length"])
    );
    let all = streams::messages(&field.bus, kintsugi_nats::stream::REJECTED).await;
    assert_eq!(all.len(), field.rejected, "stray results are no garbage");
}

pub(crate) async fn giants(field: &mut Field) {
    // As much as the broker takes: it enters, and what cannot be given out of it fails by name.
    let (run, task, epoch) = open(field).await;
    let output = json!("x".repeat(7 << 20));
    field.raw.publish(&subject(&run), &completed(&run, task, epoch, &output)).await;
    let ended = field.engine.client.ended(&run, SOON).await;
    println!("a result of 7 MB: {} {}", ended["status"], ended["error"]);
    field.goes_on("a giant result").await;

    // Deeper than anyone could read again: a fatal failure, by name.
    for levels in [65, 110] {
        let (run, task, epoch) = open(field).await;
        let deep = (0..levels).fold(json!(1), |inner, _| json!([inner]));
        field.raw.publish(&subject(&run), &completed(&run, task, epoch, &deep)).await;
        let ended = field.engine.client.ended(&run, SOON).await;
        assert_eq!(ended["status"], "faulted", "{levels}: {ended}");
        let detail = ended["error"]["detail"].as_str().unwrap_or_default();
        assert!(detail.contains("deeper"), "{levels}: {ended}");
    }
    field.goes_on("deep results").await;
}
