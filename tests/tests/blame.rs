//! Who is to blame: a task that kills its workers is kept away from them, a worker that fails what
//! others complete gets nothing, and nothing else is dead-lettered.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::time::{Duration, Instant};

use kintsugi_tests::{Engine, Shape, Tool, check_promises, eventually, tool};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);

const DEFINITION: &str = r#"
document: {dsl: '1.0.3', namespace: test, name: job, version: '1.0.0'}
do:
  - work: {call: job, with: {script: '${ .script }'},
      metadata: {kintsugi: {retry: {initial_interval: 500ms, maximum_attempts: 5}}}}
"#;

/// Executes the shell script in the input. Scripts have neither quotation marks nor backslashes.
const GOOD: &str = r#"sed -n 's/.*"script":"\([^"]*\)".*/\1/p' | sh"#;

/// A worker on a machine where nothing works.
const BAD: &str = "sleep 0.05; exit 1";

/// The script's parent is the program, and that one's the worker.
const POISON: &str = "set -- $(cat /proc/$PPID/stat); kill -9 $4; sleep 10";

const WORKERS: usize = 10;

/// The one of them that fails everything.
const SICK: &str = "exec-9";

fn hire(engine: &mut Engine) -> Option<()> {
    let program = tool(Tool::Kintsugi)?;
    for n in 0..WORKERS {
        let name = format!("exec-{n}");
        let work = if name == SICK { BAD } else { GOOD };
        let url = engine.nats_url();
        let args = ["worker", "exec", "job", "--concurrency", "4", "--nats-url", &url];
        let mut args: Vec<String> = args.map(str::to_owned).to_vec();
        args.extend(["--", "sh", "-c", work].map(str::to_owned));
        engine.spawn_program(&name, &program, &args);
    }
    Some(())
}

async fn list(engine: &Engine, path: &str) -> Vec<Value> {
    let (_, page) = engine.client.get(path).await;
    page["items"].as_array().cloned().unwrap_or_default()
}

async fn suite(shape: Shape) {
    let Some(mut engine) = Engine::start(shape, &[]).await else { return };
    engine.client.define(DEFINITION).await;
    if hire(&mut engine).is_none() {
        return;
    }
    eventually("all workers are there", SOON, || async {
        let workers = list(&engine, "/v1/workers").await;
        let hired = workers.iter().filter(|one| one["types"].to_string().contains("job")).count();
        (hired == WORKERS).then_some(Value::Null)
    })
    .await;

    let start = async |script: &str| {
        engine.client.start("test/job:1.0.0", json!({ "script": script })).await
    };
    let (mut accepted, mut poison) = (Vec::new(), None);
    for n in 0..400 {
        if n == 100 {
            poison = Some((start(POISON).await, Instant::now()));
        }
        accepted.push(start("sleep 0.1; echo fine").await);
    }
    let (poison, began) = poison.unwrap();
    let held = eventually("the poison is in quarantine", SOON, || async {
        let run = engine.client.try_get(&format!("/v1/runs/{poison}")).await?.1;
        (run["tasks"][0]["status"] == "quarantined").then_some(run)
    })
    .await;
    let quarantined = began.elapsed();
    assert_eq!(held["status"], "waiting", "{held}");
    let attempts = held["tasks"][0]["attempts"].as_array().unwrap();
    let dead: std::collections::BTreeSet<&str> =
        attempts.iter().filter_map(|one| one["worker"].as_str()).collect();
    assert!((3..=4).contains(&dead.len()), "{held}");

    for run in &accepted {
        let ended = engine.client.ended(run, SOON).await;
        assert_eq!((&ended["status"], &ended["output"]), (&json!("completed"), &json!("fine")));
    }
    let letters = list(&engine, "/v1/dead-letters").await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0]["outcome"], "quarantine");
    let sick = engine.pid(SICK);
    let workers = list(&engine, "/v1/workers").await;
    let sick = workers.iter().find(|one| one["pid"] == sick).unwrap();
    let drained = list(&engine, "/v1/recoveries?kind=worker_drained").await;
    assert!(drained.iter().all(|one| one["worker"] == sick["worker"]), "{drained:?}");
    assert!(!drained.is_empty(), "the sick worker was never drained");
    assert!(sick["types"][0]["limit"].as_u64().is_some_and(|slots| slots <= 1), "{sick}");
    println!("{shape:?}: in quarantine after {quarantined:?} and {} workers", dead.len());

    // Somebody mends its input and releases it.
    let letter = letters[0]["id"].as_str().unwrap();
    let body = json!({ "input": { "script": "echo cured" } });
    engine.client.post(&format!("/v1/dead-letters/{letter}/redrive"), &body).await;
    let ended = engine.client.ended(&poison, SOON).await;
    assert_eq!((&ended["status"], &ended["output"]), (&json!("completed"), &json!("cured")));
    accepted.push(poison);
    check_promises(&engine, &accepted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_and_a_sick_worker_harm_nobody_else_in_one_process() {
    suite(Shape::Dev).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_and_a_sick_worker_harm_nobody_else_in_seven_processes() {
    suite(Shape::Services).await;
}
