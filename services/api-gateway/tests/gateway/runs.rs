//! Starting, showing, waiting, cancelling, redriving.

use std::time::{Duration, Instant};

use futures::future::join_all;
use kintsugi_core::RunId;
use kintsugi_entities::RecoveryRow;
use reqwest::Method;
use serde_json::json;

use crate::{
    engine::Engine,
    rig::{Rig, answer, eventually},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_started_once_whatever_is_repeated() {
    let Some(rig) = Rig::start(|_| {}).await else { return };
    rig.define("order", &["echo"]).await;
    let body = json!({ "definition": "test/order:1.0.0", "input": { "a": 1 }, "id": "r-1" });
    let first = rig.post("/v1/runs", &body).await;
    assert_eq!(first.status, 201, "{}", first.text);
    assert_eq!((&first.json["id"], &first.json["status"]), (&json!("r-1"), &json!("pending")));
    assert_eq!(first.headers["location"], "/v1/runs/r-1");
    let again = rig.post("/v1/runs", &body).await;
    assert_eq!((again.status, &again.json["id"]), (200, &json!("r-1")), "{}", again.text);
    assert_eq!(again.json["trace_id"], first.json["trace_id"]);
    let other = json!({ "definition": "test/order:1.0.0", "input": { "a": 2 }, "id": "r-1" });
    rig.post("/v1/runs", &other).await.is_problem(409, "run_exists");

    let keyed = |key: &'static str, input: serde_json::Value| {
        let body = json!({ "definition": "test/order", "input": input });
        let request = rig.request(Method::POST, "/v1/runs").header("Idempotency-Key", key);
        async move { answer(request.json(&body).send().await.unwrap()).await }
    };
    let first = keyed("k-1", json!(1)).await;
    let again = keyed("k-1", json!(1)).await;
    assert_eq!((first.status, again.status), (201, 200));
    assert_eq!(first.json["id"], again.json["id"]);
    assert_eq!(first.json["definition"], "test/order:1.0.0", "latest is resolved");
    keyed("k-1", json!(2)).await.is_problem(409, "idempotency_key_reused");
    keyed(" ", json!(2)).await.is_problem(400, "invalid_idempotency_key");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_starts_at_once_are_all_answered_and_the_same_one_wins_once() {
    let Some(rig) = Rig::start(|_| {}).await else { return };
    rig.define("order", &["echo"]).await;
    Engine::spawn(&rig).await;
    let body = |id: String| json!({ "definition": "test/order:1.0.0", "id": id });
    let starts = (0..200).map(|n| {
        let body = body(format!("r-{}", n / 2));
        let request = rig.request(Method::POST, "/v1/runs").json(&body);
        async move { request.send().await.unwrap().status().as_u16() }
    });
    let statuses = join_all(starts).await;
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 100);
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 100);
    for n in [0, 50, 99] {
        let result = rig.get(&format!("/v1/runs/r-{n}/result?wait=10s")).await;
        assert_eq!((result.status, &result.json["status"]), (200, &json!("completed")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_is_waited_for_and_the_run_shows_its_tasks() {
    let Some(rig) = Rig::start(|_| {}).await else { return };
    rig.define("order", &["echo", "echo"]).await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = rig.request(Method::POST, "/v1/runs").header("traceparent", trace);
    let body =
        json!({ "definition": "test/order:1.0.0", "input": { "n\u{0}": u64::MAX }, "id": "r" });
    let started = answer(request.json(&body).send().await.unwrap()).await;
    assert_eq!(started.json["trace_id"], "0af7651916cd43dd8448eb211c80319c");

    let open = rig.get("/v1/runs/r/result").await;
    assert_eq!((open.status, &open.json["status"]), (202, &json!("pending")));
    let short = Instant::now();
    assert_eq!(rig.get("/v1/runs/r/result?wait=200ms").await.status, 202);
    assert!(short.elapsed() >= Duration::from_millis(200) && short.elapsed().as_secs() < 5);

    let waiting = rig.request(Method::GET, "/v1/runs/r/result?wait=30s");
    let waiting = tokio::spawn(async move { answer(waiting.send().await.unwrap()).await });
    let begin = Instant::now();
    Engine::spawn(&rig).await;
    let result = waiting.await.unwrap();
    assert_eq!((result.status, &result.json["status"]), (200, &json!("completed")));
    assert!(begin.elapsed() < Duration::from_secs(4), "woken by the event, not by looking again");
    assert_eq!(result.json["output"]["from"]["from"], json!({ "n\u{0}": u64::MAX }));

    let run = rig.get("/v1/runs/r").await;
    assert_eq!((run.status, &run.json["input"]), (200, &json!({ "n\u{0}": u64::MAX })));
    let tasks = run.json["tasks"].as_array().unwrap();
    assert_eq!(tasks.len(), 2);
    assert_eq!((&tasks[0]["name"], &tasks[0]["type"]), (&json!("step0"), &json!("echo")));
    assert_eq!((&tasks[1]["status"], &tasks[1]["attempt"]), (&json!("completed"), &json!(1)));
    assert_eq!(tasks[0]["attempts"][0]["worker"], "w1");
    let task = rig.get(&format!("/v1/tasks/{}", tasks[0]["task"].as_str().unwrap())).await;
    assert_eq!((task.status, &task.json["output"]["from"]), (200, &run.json["input"]));
    let history = rig.get("/v1/runs/r/history?limit=2").await;
    let seqs: Vec<_> =
        history.json["items"].as_array().unwrap().iter().map(|e| &e["seq"]).collect();
    assert_eq!((seqs, &history.json["next"]), (vec![&json!(1), &json!(2)], &json!(2)));
    assert_eq!(history.json["items"][0]["steps"][0]["input"]["kind"], "start");
    let rest = rig.get("/v1/runs/r/history?after=2").await;
    assert_eq!(rest.json["items"][0]["seq"], 3);
    assert_eq!(
        rig.get("/v1/runs/r/tasks?limit=1").await.json["items"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_listed_in_pages_and_filtered() {
    let Some(rig) = Rig::start(|_| {}).await else { return };
    rig.define("order", &["echo"]).await;
    rig.define("order-two", &["echo"]).await;
    for n in 0..5 {
        let name = if n == 4 { "order-two" } else { "order" };
        let body = json!({ "definition": format!("test/{name}:1.0.0"), "id": format!("r-{n}") });
        assert_eq!(rig.post("/v1/runs", &body).await.status, 201);
    }
    let mut seen = Vec::new();
    let mut path = "/v1/runs?limit=2".to_owned();
    loop {
        let page = rig.get(&path).await;
        assert_eq!(page.status, 200, "{}", page.text);
        for item in page.json["items"].as_array().unwrap() {
            seen.push(item["id"].as_str().unwrap().to_owned());
        }
        let Some(next) = page.json["next"].as_str() else { break };
        path = format!("/v1/runs?limit=2&cursor={next}");
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.contains(&"r-0".to_owned()));
    let count = async |query: &str| {
        let page = rig.get(&format!("/v1/runs?{query}")).await;
        assert_eq!(page.status, 200, "{}", page.text);
        page.json["items"].as_array().unwrap().len()
    };
    assert_eq!(count("definition=test/order").await, 4, "not those whose name begins like it");
    assert_eq!(count("definition=test/order-two:1.0.0").await, 1);
    assert_eq!(count("status=pending").await, 5);
    assert_eq!(count("status=completed&namespace=test").await, 0);
    let newest = rig.get("/v1/runs?limit=1").await.json["items"][0]["created_at"].clone();
    assert!(count(&format!("created_from={}", newest.as_str().unwrap())).await >= 1);
    assert_eq!(count("created_from=2999-01-01T00:00:00Z").await, 0);
    rig.get("/v1/runs?created_from=yesterday").await.is_problem(400, "invalid_parameter");
    the_mended_are_told(&rig).await;
    rig.get("/v1/runs?status=done").await.is_problem(400, "invalid_parameter");
    rig.get("/v1/runs?cursor=nonsense").await.is_problem(400, "invalid_parameter");
    rig.get("/v1/runs?limit=0").await.is_problem(400, "invalid_parameter");
    rig.get("/v1/runs?limit=many").await.is_problem(400, "invalid_parameter");
    rig.get("/v1/runs?sort=asc").await.is_problem(400, "unknown_parameter");
}

/// How often a run was mended is in the list; a late result that was refused is no mend.
async fn the_mended_are_told(rig: &Rig) {
    let entry = |id: &str, kind: &str| RecoveryRow {
        id: id.to_owned(),
        at: 1,
        kind: kind.to_owned(),
        run: Some(RunId::parse("r-1").unwrap()),
        task: Some(1),
        epoch: Some(1),
        worker: None,
        seen_at: 1,
        decided: "gave it out again".to_owned(),
        outcome: "taken over".to_owned(),
        duration_ms: 5,
        by: "orchestrator".to_owned(),
    };
    let entries =
        [entry("a", "worker_dead"), entry("b", "redelivered"), entry("c", "result_fenced")];
    rig.store.recovery_note(&entries).await.unwrap();
    let page = rig.get("/v1/runs").await.json;
    let mends = page["items"].as_array().unwrap().iter().map(|run| (&run["id"], &run["mends"]));
    let mended: Vec<_> = mends.filter(|(_, mends)| **mends != json!(0)).collect();
    assert_eq!(mended, [(&json!("r-1"), &json!(2))]);
    let log = rig.get("/v1/recoveries?run=r-1&kind=worker_dead").await.json;
    assert_eq!(log["items"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_cancelled_and_only_once() {
    let Some(rig) = Rig::start(|_| {}).await else { return };
    rig.define("slow", &["nobody"]).await;
    Engine::spawn(&rig).await;
    rig.post("/v1/runs", &json!({ "definition": "test/slow:1.0.0", "id": "r" })).await;
    let cancel = rig.post("/v1/runs/r/cancel", &json!({ "reason": "enough" })).await;
    assert_eq!(cancel.status, 202, "{}", cancel.text);
    let result = rig.get("/v1/runs/r/result?wait=10s").await;
    assert_eq!((result.status, &result.json["status"]), (200, &json!("cancelled")));
    let again = rig.request(Method::POST, "/v1/runs/r/cancel").send().await.unwrap();
    assert_eq!(again.status().as_u16(), 200, "no body, and nothing to do");
    rig.post("/v1/runs/r/cancel", &json!({ "why": "x" })).await.is_problem(422, "invalid_body");
    rig.post("/v1/runs/none/cancel", &json!({})).await.is_problem(404, "run_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_shown_and_redriven_with_other_input() {
    let Some(rig) = Rig::start(|_| {}).await else { return };
    rig.define("frail", &["fail"]).await;
    Engine::spawn(&rig).await;
    rig.post("/v1/runs", &json!({ "definition": "test/frail:1.0.0", "id": "r" })).await;
    let faulted = rig.get("/v1/runs/r/result?wait=10s").await;
    assert_eq!((faulted.status, &faulted.json["status"]), (200, &json!("faulted")));
    assert_eq!(faulted.json["error"]["detail"], "broken");

    let letters = rig.get("/v1/dead-letters?status=open&type=fail&run=r").await;
    let letter = &letters.json["items"][0];
    let id = letter["id"].as_str().unwrap().to_owned();
    assert_eq!((&letter["run"], &letter["outcome"]), (&json!("r"), &json!("fault")));
    let shown = rig.get(&format!("/v1/dead-letters/{id}")).await.json;
    assert_eq!(shown["error"]["detail"], "broken");
    let attempt = &shown["attempts"][0];
    assert_eq!((&attempt["worker"], &attempt["epoch"]), (&json!("w1"), &json!(1)));
    assert_eq!(attempt["error"]["detail"], "broken");
    assert_eq!(attempt, &letter["attempts"][0], "a list tells of them too");
    assert_eq!(rig.get("/v1/dead-letters?type=other").await.json["items"], json!([]));

    let redrive = format!("/v1/dead-letters/{id}/redrive");
    rig.post(&redrive, &json!({ "inputs": 1 })).await.is_problem(422, "invalid_body");
    let told = rig.post(&redrive, &json!({ "input": { "from": { "mend": true } } })).await;
    assert_eq!((told.status, &told.json["edited"]), (202, &json!(true)), "{}", told.text);
    eventually("the run completes", async || {
        rig.get("/v1/runs/r/result").await.json["status"] == "completed"
    })
    .await;
    assert_eq!(rig.get("/v1/runs/r").await.json["tasks"][0]["attempt"], 2);
    rig.post(&redrive, &json!({})).await.is_problem(409, "not_open");
    rig.post("/v1/dead-letters/x:1:1/redrive", &json!({}))
        .await
        .is_problem(404, "dead_letter_not_found");
    rig.get("/v1/dead-letters/x").await.is_problem(404, "dead_letter_not_found");
    rig.get("/v1/dead-letters?status=lost").await.is_problem(400, "invalid_parameter");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_is_kept_while_the_broker_is_down() {
    let Some(rig) = Rig::start(|_| {}).await else { return };
    rig.define("order", &["echo"]).await;
    rig.server.kill9().await;
    let started =
        rig.post("/v1/runs", &json!({ "definition": "test/order:1.0.0", "id": "r" })).await;
    assert_eq!(started.status, 201, "{}", started.text);
    let health = rig.get("/health/ready").await;
    assert_eq!((health.status, &health.json["status"]), (503, &json!("unavailable")));
    let row = rig.store.run_get(&kintsugi_core::RunId::parse("r").unwrap()).await.unwrap().unwrap();
    assert!(row.wake_at.is_some(), "the retry engine finds it");
}
