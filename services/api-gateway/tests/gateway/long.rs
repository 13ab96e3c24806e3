//! A run of many tasks is shown in parts, and the parts are the whole.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    engine::Engine,
    rig::{Rig, eventually},
};

/// One task that stays open from the beginning, and many beside it, one after the other.
const LONG: &str = r#"
document: {dsl: 1.0.3, namespace: test, name: long, version: 1.0.0}
do:
  - both:
      fork:
        branches:
          - patient: {call: hold}
          - many:
              for: {each: n, in: '${ [range(450)] }'}
              do:
                - one: {call: echo, with: {n: '${ $n }'}}
          - large: {call: echo, with: {text: '${ "x" * 20000 }'}}
"#;

async fn long_run() -> Option<Rig> {
    let rig = Rig::start(|_| {}).await?;
    let made = rig.post_text("/v1/definitions", "application/yaml", LONG).await;
    assert_eq!(made.status, 201, "{}", made.text);
    Engine::spawn(&rig).await;
    rig.post("/v1/runs", &json!({ "definition": "test/long:1.0.0", "id": "r" })).await;
    eventually("all but one are done", async || {
        let run = rig.get("/v1/runs/r").await.json;
        let tasks = run["tasks"].as_array().unwrap();
        tasks.iter().filter(|task| task["status"] != "completed").count() == 1
            && tasks.last().unwrap()["output"]["n"] == 449
    })
    .await;
    Some(rig)
}

fn numbers(tasks: &Value) -> Vec<u64> {
    tasks.as_array().unwrap().iter().map(|task| task["number"].as_u64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_run_shows_its_newest_tasks_and_all_that_are_open() {
    let Some(rig) = long_run().await else { return };
    let run = rig.get("/v1/runs/r").await.json;
    assert_eq!(run["tasks_truncated"], true);
    let shown = numbers(&run["tasks"]);
    assert_eq!(shown.len(), 201, "the newest, and the one that is open");
    assert!(shown.is_sorted());
    let open = &run["tasks"][0];
    assert_eq!((&open["name"], &open["partial"]), (&json!("patient"), &json!(false)));
    assert_eq!(open["attempts"].as_array().unwrap().len(), 1);

    let mut seen = Vec::new();
    let mut path = "/v1/runs/r/tasks?limit=77".to_owned();
    loop {
        let page = rig.get(&path).await.json;
        assert!(page["items"].as_array().unwrap().iter().all(|task| task["partial"] == false));
        seen.extend(numbers(&page["items"]));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/runs/r/tasks?limit=77&cursor={next}");
    }
    assert_eq!(seen.len(), 452, "each comes");
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 452, "and once");
    assert!(seen.is_sorted_by(|a, b| a > b), "the newest first");
    rig.get("/v1/runs/r/tasks?cursor=x").await.is_problem(400, "invalid_parameter");
    for number in [seen[0], seen[200], seen[449], seen[451]] {
        let task = rig.get(&format!("/v1/tasks/r:{number}")).await.json;
        assert_eq!((task["number"].as_u64(), &task["partial"]), (Some(number), &json!(false)));
    }
    for absent in ["0", "1", "99999"] {
        rig.get(&format!("/v1/tasks/r:{absent}")).await.is_problem(404, "task_not_found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_payload_is_left_out_of_lists_and_told_by_its_size() {
    let Some(rig) = long_run().await else { return };
    let mut path = "/v1/runs/r/tasks".to_owned();
    let large = loop {
        let page = rig.get(&path).await.json;
        let items = page["items"].as_array().unwrap().clone();
        if let Some(large) = items.into_iter().find(|task| task["name"] == "large") {
            break large;
        }
        path = format!("/v1/runs/r/tasks?cursor={}", page["next"].as_str().unwrap());
    };
    assert_eq!(large["output"], Value::Null);
    assert!(large["output_bytes"].as_u64().unwrap() > 20_000);
    let whole = rig.get(&format!("/v1/tasks/{}", large["task"].as_str().unwrap())).await.json;
    assert_eq!(whole["output"]["text"].as_str().unwrap().len(), 20_000);
    assert_eq!(whole["output_bytes"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_read_from_either_end() {
    let Some(rig) = long_run().await else { return };
    let read = async |first: &str, after: &str| {
        let (mut seen, mut path) = (Vec::new(), first.to_owned());
        loop {
            let page = rig.get(&path).await.json;
            let items = page["items"].as_array().unwrap();
            seen.extend(items.iter().map(|entry| entry["seq"].as_i64().unwrap()));
            let Some(next) = page["next"].as_i64() else { return seen };
            path = format!("{first}&{after}={next}");
        }
    };
    let length = rig.get("/v1/runs/r").await.json["history_length"].as_i64().unwrap();
    let oldest = read("/v1/runs/r/history?limit=150", "after").await;
    assert!(oldest.iter().copied().eq(1..=length), "gapless");
    let newest = read("/v1/runs/r/history?order=desc&limit=150", "before").await;
    assert!(newest.iter().copied().eq((1..=length).rev()), "the same, the other way round");
    for bad in ["order=up", "before=3", "order=desc&after=3", "after=-1", "order=desc&before=-1"] {
        let path = format!("/v1/runs/r/history?{bad}");
        rig.get(&path).await.is_problem(400, "invalid_parameter");
    }
    rig.get("/v1/runs/none/history?order=desc").await.is_problem(404, "run_not_found");
}
