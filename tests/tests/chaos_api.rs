//! Trials over HTTP, with the whole engine on both sides: the one that is asked, and the one that is broken.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use kintsugi_tests::{Engine, Shape, chance, eventually};
use serde_json::{Value, json};

/// How long one of ten seconds may take with its begin, draining and checking, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(180);

async fn engine() -> Option<Engine> {
    Engine::start(Shape::Dev, &["--set", "chaos.enabled=true"]).await
}

async fn started(engine: &Engine, body: &Value) -> String {
    let (status, trial) = engine.client.post("/v1/chaos", body).await;
    assert_eq!((status.as_u16(), &trial["status"]), (202, &json!("running")), "{trial}");
    trial["id"].as_str().unwrap().to_owned()
}

async fn shown(engine: &Engine, id: &str) -> Value {
    engine.client.get(&format!("/v1/chaos/{id}")).await.1
}

/// Its folder, once a fault was done in it.
async fn under_way(engine: &Engine, id: &str) -> PathBuf {
    let said = eventually("a fault was done", PATIENCE, || async {
        let trial = shown(engine, id).await;
        assert_eq!(trial["status"], "running", "{trial}");
        let said = trial["said"].as_array().cloned().unwrap_or_default();
        said.iter().any(|line| line.as_str().unwrap().starts_with("  ")).then_some(said)
    })
    .await;
    let (_, folder) = said[0].as_str().unwrap().split_once("everything is in ").unwrap();
    folder.into()
}

fn command(pid: u32) -> String {
    let text = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&text).replace('\0', " ")
}

/// Every process, with its command line.
fn processes() -> Vec<(u32, String)> {
    let names = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.file_name());
    let pids = names.filter_map(|name| name.to_str()?.parse().ok());
    pids.map(|pid| (pid, command(pid))).collect()
}

/// A process and all that it started.
fn below(pid: u32) -> Vec<(u32, String)> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let children: Vec<u32> = lists
        .flat_map(|list| list.split_whitespace().map(|it| it.parse().unwrap()).collect::<Vec<_>>())
        .collect();
    let own = [(pid, command(pid))];
    own.into_iter().chain(children.into_iter().flat_map(below)).collect()
}

/// What belongs to a trial: the process that was started, and everything below it.
fn of_trial(engine: &Engine, folder: &Path) -> Vec<(u32, String)> {
    let all = below(engine.pid("dev"));
    let trial =
        all.iter().find(|(_, command)| command.contains(" chaos --stop-with-stdin")).unwrap();
    let all = below(trial.0);
    for part in [" dev --data ", "nats-server", " worker ", " chaos-ledger "] {
        assert!(all.iter().any(|(_, command)| command.contains(part)), "no {part} in {all:?}");
    }
    assert!(folder.is_dir());
    all
}

/// Nothing of it is left.
async fn is_gone(seen: &[(u32, String)], folder: &Path, within: Duration) {
    let name = folder.display().to_string();
    let begin = Instant::now();
    eventually("no process and no folder is left", within, || async {
        let left: Vec<_> = processes()
            .into_iter()
            .filter(|one| one.1.contains(&name) || (seen.contains(one) && !one.1.is_empty()))
            .collect();
        let is_gone = left.is_empty() && !folder.exists();
        if !is_gone && begin.elapsed() + Duration::from_secs(1) > within {
            println!("left: {left:?}, folder: {}", folder.exists());
        }
        is_gone.then_some(())
    })
    .await;
    println!("gone after {:?}", begin.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_over_http_has_a_verdict_and_leaves_this_engine_alone() {
    let Some(engine) = engine().await else { return };
    let begin = Instant::now();
    let seed = chance("chaos over HTTP").seed();
    let body =
        json!({ "for": "10s", "seed": seed, "faults": ["kill", "freeze", "restart-broker"] });
    let id = started(&engine, &body).await;
    let (status, refused) = engine.client.post("/v1/chaos", &body).await;
    assert_eq!((status.as_u16(), &refused["code"]), (409, &json!("chaos_running")));
    assert!(refused["title"].as_str().unwrap().contains(&id), "{refused}");
    let trial = eventually("it is over", PATIENCE, || async {
        let trial = shown(&engine, &id).await;
        (trial["status"] != "running").then_some(trial)
    })
    .await;
    println!("{trial:#}\nall of it: {:?}", begin.elapsed());
    let verdict = &trial["verdict"];
    assert_eq!((&trial["status"], &verdict["kept"]), (&json!("completed"), &json!(true)));
    assert_eq!((&trial["seed"], &verdict["broken"]), (&json!(seed), &json!([])));
    for none in ["lost", "run_twice", "results_twice"] {
        assert_eq!(verdict[none], 0, "{none}");
    }
    for some in ["accepted", "completed"] {
        assert!(verdict[some].as_u64().is_some_and(|count| count > 0), "{some}");
    }
    assert!(verdict["recovery"]["p50_ms"].as_u64().is_some_and(|p50| p50 > 0), "{verdict}");
    let (_, runs) = engine.client.get("/v1/runs").await;
    assert_eq!(runs["items"], json!([]), "this engine has no part in it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_that_is_stopped_or_loses_its_gateway_leaves_nothing() {
    let Some(mut engine) = engine().await else { return };
    let document = "document: {dsl: '1.0.3', namespace: shop, name: order, version: '1.0.0'}\n\
        do: [{work: {call: simulate, with: {mode: succeed}}}]";
    let defined = engine.client.try_send("/v1/definitions", "application/yaml", document).await;
    assert_eq!(defined.unwrap().0, 201);
    let body = json!({ "for": "10m", "faults": ["freeze"], "definitions": ["shop/order"] });
    let id = started(&engine, &body).await;
    let folder = under_way(&engine, &id).await;
    let seen = of_trial(&engine, &folder);
    let (status, trial) = engine.client.delete(&format!("/v1/chaos/{id}")).await;
    assert_eq!((status.as_u16(), &trial["status"]), (200, &json!("stopped")), "{trial}");
    is_gone(&seen, &folder, Duration::from_secs(2)).await;

    let id = started(&engine, &body).await;
    let folder = under_way(&engine, &id).await;
    let seen = of_trial(&engine, &folder);
    engine.kill("dev");
    is_gone(&seen, &folder, Duration::from_secs(30)).await;
    engine.start_again("dev");
    engine.ready().await;
    let trial = shown(&engine, &id).await;
    assert_eq!(
        (&trial["status"], &trial["definitions"]),
        (&json!("interrupted"), &json!(["shop/order:1.0.0"]))
    );

    // The trial's own process dies instead: its warden ends the rest.
    let id = started(&engine, &body).await;
    let folder = under_way(&engine, &id).await;
    let seen = of_trial(&engine, &folder);
    kintsugi_tests::signal(seen[0].0, "KILL");
    is_gone(&seen, &folder, Duration::from_secs(10)).await;
    let trial = eventually("it is over", PATIENCE, || async {
        let trial = shown(&engine, &id).await;
        (trial["status"] != "running").then_some(trial)
    })
    .await;
    assert_eq!(trial["status"], "failed", "{trial}");
}
