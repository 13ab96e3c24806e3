//! What tasks call is down: they wait without using up their attempts, hardly anything is called
//! meanwhile, and all of it is done soon after it is back.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::{path::Path, time::Duration};

use kintsugi_tests::{Engine, Shape, Tool, check_promises, eventually, tool};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

const SOON: Duration = Duration::from_secs(60);

const DEFINITION: &str = r#"
document: {dsl: '1.0.3', namespace: test, name: calls, version: '1.0.0'}
do:
  - ask: {call: ask, metadata: {kintsugi: {retry: {initial_interval: 500ms, maximum_attempts: 4}}}}
"#;

/// How long it is down. Five minutes by hand: `OUTAGE_SECONDS=300`.
const OUTAGE: u64 = 15;

/// Runs that are started in a second.
const RATE: u64 = 20;

/// Notes each call, and fails while the file `down` is there.
fn program(folder: &Path) -> String {
    let folder = folder.display();
    format!("echo x >> {folder}/calls; if test -e {folder}/down; then exit 1; fi; echo yes")
}

fn calls(folder: &Path) -> usize {
    std::fs::read_to_string(folder.join("calls")).map_or(0, |text| text.lines().count())
}

async fn recoveries(engine: &Engine, kind: &str) -> Vec<Value> {
    let (_, page) = engine.client.get(&format!("/v1/recoveries?kind={kind}")).await;
    page["items"].as_array().cloned().unwrap_or_default()
}

async fn suite(shape: Shape) {
    let Some(mut engine) = Engine::start(shape, &[]).await else { return };
    let Some(kintsugi) = tool(Tool::Kintsugi) else { return };
    engine.client.define(DEFINITION).await;
    let folder = tempfile::tempdir().unwrap();
    for n in 0..3 {
        let url = engine.nats_url();
        let args = ["worker", "exec", "ask", "--concurrency", "8", "--nats-url", &url, "--"];
        let mut args: Vec<String> = args.map(str::to_owned).to_vec();
        args.extend(["sh".to_owned(), "-c".to_owned(), program(folder.path())]);
        engine.spawn_program(&format!("ask-{n}"), &kintsugi, &args);
    }
    #[expect(clippy::disallowed_methods, reason = "a longer outage is asked for by hand")]
    let outage = std::env::var("OUTAGE_SECONDS").ok().and_then(|text| text.parse().ok());
    let outage = outage.unwrap_or(OUTAGE);

    let mut accepted = Vec::new();
    let down = folder.path().join("down");
    let (mut at_fall, mut back) = (0, Instant::now());
    // Some seconds before, the outage, and some seconds after.
    for second in 0..3 + outage + 3 {
        if second == 3 {
            std::fs::write(&down, "").unwrap();
            at_fall = calls(folder.path());
        }
        if second == 3 + outage {
            std::fs::remove_file(&down).unwrap();
            // A second of starts takes longer on a machine that is busy.
            back = Instant::now();
            let cost = calls(folder.path()) - at_fall;
            let normal = usize::try_from(RATE * outage).unwrap();
            println!("{shape:?}: {cost} calls in an outage in which {normal} would have been made");
            // Those that were made until it was noticed, and one in some seconds.
            assert!(cost <= 50 + usize::try_from(outage / 2).unwrap(), "{cost} of {normal}");
        }
        for _ in 0..RATE {
            accepted.push(engine.client.start("test/calls:1.0.0", json!({})).await);
            sleep(Duration::from_millis(900 / RATE)).await;
        }
    }
    eventually("the circuit is closed", SOON, || async {
        recoveries(&engine, "circuit_closed").await.pop()
    })
    .await;
    let closed = back.elapsed();
    println!("{shape:?}: closed {closed:?} after its return");
    // 30 s are promised; other tests run beside this one.
    assert!(closed < Duration::from_secs(40), "at full rate again too late: {closed:?}");
    for run in &accepted {
        let ended = engine.client.ended(run, SOON).await;
        assert_eq!(ended["status"], "completed", "{ended}");
    }
    println!("{shape:?}: all {} done {:?} after its return", accepted.len(), back.elapsed());
    let (_, letters) = engine.client.get("/v1/dead-letters").await;
    assert_eq!(letters["items"], json!([]));
    assert_eq!(recoveries(&engine, "circuit_opened").await.len(), 1);
    check_promises(&engine, &accepted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_costs_few_calls_and_no_attempts_in_one_process() {
    suite(Shape::Dev).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_costs_few_calls_and_no_attempts_in_seven_processes() {
    suite(Shape::Services).await;
}
