//! What the built-in worker calls is down: tasks wait without using up their attempts, hardly anything is
//! called meanwhile, what calls something else goes on, and all is done soon after it is back.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kintsugi_tests::{Answer, Engine, Peer, Role, Shape, check_promises, eventually, free_port};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

const SOON: Duration = Duration::from_secs(60);

/// How long it is down. Five minutes by hand: `OUTAGE_SECONDS=300`.
const OUTAGE: u64 = 20;

/// Runs that are started in a second, and such that call something else.
const RATE: u64 = 20;

/// Calls of one second are no storm that are not more than this.
const STORM: usize = 250;

fn definition(name: &str, url: &str) -> String {
    format!(
        "document: {{dsl: '1.0.3', namespace: test, name: {name}, version: '1.0.0'}}\n\
         do: [{{ask: {{call: http, with: {{method: get, endpoint: '{url}'}}, metadata: \
         {{kintsugi: {{retry: {{initial_interval: 500ms, maximum_attempts: 4}}}}}}}}}}]"
    )
}

/// Calls that came, by when.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Instant>>>);

impl Log {
    fn note(&self) {
        self.0.lock().unwrap().push(Instant::now());
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// The most in a second since `from`.
    fn peak(&self, from: Instant) -> usize {
        let mut seconds = BTreeMap::<u64, usize>::new();
        for at in self.0.lock().unwrap().iter().filter(|at| **at >= from) {
            *seconds.entry((*at - from).as_secs()).or_default() += 1;
        }
        seconds.into_values().max().unwrap_or_default()
    }
}

async fn recoveries(engine: &Engine, kind: &str, about: &str) -> Vec<Value> {
    let (_, page) = engine.client.get(&format!("/v1/recoveries?kind={kind}&limit=200")).await;
    let items = page["items"].as_array().cloned().unwrap_or_default();
    items.into_iter().filter(|row| row.to_string().contains(about)).collect()
}

/// The target in a URL.
fn target(url: &str) -> String {
    url.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned()
}

/// Something to call that answers 503 while it is down.
async fn ill_peer(down: &Arc<AtomicBool>, log: &Log) -> Peer {
    let (is_down, noted) = (Arc::clone(down), log.clone());
    Peer::start(move |_| {
        noted.note();
        if is_down.load(Ordering::SeqCst) { Answer::status(503) } else { Answer::json(&json!(1)) }
    })
    .await
}

async fn suite(shape: Shape) {
    let flags = ["--set", "worker.http.allow=any"];
    let Some(mut engine) = Engine::start(shape, &flags).await else { return };
    if shape == Shape::Services {
        engine.spawn_role("detector-2", Role::Detector);
    }
    let (down, log) = (Arc::new(AtomicBool::new(false)), Log::default());
    let ill = ill_peer(&down, &log).await;
    let well = Peer::start(|_| Answer::json(&json!(2))).await;
    engine.client.define(&definition("ill", &ill.url("/"))).await;
    engine.client.define(&definition("well", &well.url("/"))).await;
    #[expect(clippy::disallowed_methods, reason = "a longer outage is asked for by hand")]
    let outage = std::env::var("OUTAGE_SECONDS").ok().and_then(|text| text.parse().ok());
    let outage = outage.unwrap_or(OUTAGE);

    let (mut accepted, mut others) = (Vec::new(), Vec::new());
    let (mut at_fall, mut back) = (0, Instant::now());
    for second in 0..3 + outage + 3 {
        if second == 3 {
            down.store(true, Ordering::SeqCst);
            at_fall = log.count();
        }
        if second == 3 + outage / 2 && shape == Shape::Services {
            // Whichever of the two decides: the other one goes on with what is open.
            engine.kill_and_restart("detector");
        }
        if second == 3 + outage {
            let cost = log.count() - at_fall;
            let normal = usize::try_from(RATE * outage).unwrap();
            println!("{shape:?}: {cost} calls in an outage in which {normal} would have been made");
            assert!(cost <= 50 + usize::try_from(outage / 2).unwrap(), "{cost} of {normal}");
            let (called, started) = (well.seen().len(), others.len());
            assert!(called + 10 >= started, "{called} of {started} calls of another target");
            down.store(false, Ordering::SeqCst);
            back = Instant::now();
        }
        for n in 0..RATE {
            accepted.push(engine.client.start("test/ill:1.0.0", json!({})).await);
            if n % 4 == 0 {
                others.push(engine.client.start("test/well:1.0.0", json!({})).await);
            }
            sleep(Duration::from_millis(800 / RATE)).await;
        }
    }
    let about = target(&ill.url("/"));
    eventually("the circuit is closed", SOON, || async {
        recoveries(&engine, "circuit_closed", &about).await.pop()
    })
    .await;
    let closed = back.elapsed();
    println!("{shape:?}: closed {closed:?} after its return");
    assert!(closed < Duration::from_secs(30), "at full rate again too late: {closed:?}");
    for run in accepted.iter().chain(&others) {
        let ended = engine.client.ended(run, SOON).await;
        assert_eq!(ended["status"], "completed", "{ended}");
    }
    let took = back.elapsed();
    println!("{shape:?}: all {} done {took:?} after its return", accepted.len());
    let peak = log.peak(back);
    println!("{shape:?}: {peak} calls in the busiest second after its return");
    assert!(peak <= STORM, "a storm: {peak} calls in a second");
    let (_, letters) = engine.client.get("/v1/dead-letters").await;
    assert_eq!(letters["items"], json!([]));
    let opened = recoveries(&engine, "circuit_opened", &about).await;
    assert_eq!(opened.len(), 1, "it stays open whoever decides: {opened:?}");
    assert_eq!(recoveries(&engine, "circuit_opened", &target(&well.url("/"))).await.len(), 0);
    accepted.extend(others);
    check_promises(&engine, &accepted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_down_is_left_alone_in_one_process() {
    suite(Shape::Dev).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_down_is_left_alone_in_seven_processes_whoever_is_killed() {
    suite(Shape::Services).await;
}

/// Their attempts would not last: ever again, one of them is let through to see whether it is back.
#[tokio::test(flavor = "multi_thread")]
async fn the_few_tasks_of_a_target_that_is_down_wait_without_dying() {
    let flags = ["--set", "worker.http.allow=any"];
    let Some(engine) = Engine::start(Shape::Dev, &flags).await else { return };
    let (down, log) = (Arc::new(AtomicBool::new(true)), Log::default());
    let ill = ill_peer(&down, &log).await;
    let about = target(&ill.url("/"));
    engine.client.define(&definition("few", &ill.url("/"))).await;
    let mut accepted = Vec::new();
    for _ in 0..3 {
        accepted.push(engine.client.start("test/few:1.0.0", json!({})).await);
    }
    // Three tasks have twelve attempts in all.
    eventually("it is called more often than that", Duration::from_secs(180), || async {
        (log.count() > 12).then_some(())
    })
    .await;
    assert_eq!(recoveries(&engine, "circuit_opened", &about).await.len(), 1);
    let (_, letters) = engine.client.get("/v1/dead-letters").await;
    assert_eq!(letters["items"], json!([]));
    down.store(false, Ordering::SeqCst);
    for run in &accepted {
        let ended = engine.client.ended(run, SOON).await;
        assert_eq!(ended["status"], "completed", "{ended}");
    }
    check_promises(&engine, &accepted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_refuses_connections_or_is_held_keeps_its_tasks_waiting() {
    let flags = ["--set", "worker.http.allow=any"];
    let Some(engine) = Engine::start(Shape::Dev, &flags).await else { return };
    let port = free_port();
    let (url, about) = (format!("http://127.0.0.1:{port}/"), format!("127.0.0.1:{port}"));
    engine.client.define(&definition("call", &url)).await;
    let mut accepted = Vec::new();
    for _ in 0..10 {
        accepted.push(engine.client.start("test/call:1.0.0", json!({})).await);
    }
    let run = engine.client.start("test/call:1.0.0", json!({})).await;
    eventually("the circuit is open", SOON, || async {
        recoveries(&engine, "circuit_opened", &about).await.pop()
    })
    .await;
    accepted.push(run.clone());
    let late = engine.client.start("test/call:1.0.0", json!({})).await;
    let why = eventually("what waits says why", SOON, || async {
        let (_, why) = engine.client.get(&format!("/v1/runs/{late}/explain")).await;
        why.to_string().contains("target-left-alone").then_some(why)
    })
    .await;
    assert!(why.to_string().contains(&about), "{why}");
    accepted.push(late);
    let log = Log::default();
    let noted = log.clone();
    // Held by hand before it is back: then it stays so.
    let hold = json!({"by": "ada", "reason": "maintenance"});
    let (status, held) = engine.client.put(&format!("/v1/holds/target/{about}"), &hold).await;
    assert_eq!(status, 201, "{held}");
    sleep(Duration::from_secs(2)).await;
    let _peer = Peer::start_at(port, move |_| {
        noted.note();
        Answer::json(&json!(1))
    })
    .await;
    sleep(Duration::from_secs(15)).await;
    assert_eq!(log.count(), 0, "it was called while it was held");
    let (_, shown) = engine.client.get(&format!("/v1/runs/{run}/explain")).await;
    assert!(shown.to_string().contains("held by ada: maintenance"), "{shown}");
    let path = format!("/v1/holds/target/{about}?by=eve&reason=done");
    assert_eq!(engine.client.delete(&path).await.0, 200);
    for run in &accepted {
        let ended = engine.client.ended(run, SOON).await;
        assert_eq!(ended["status"], "completed", "{ended}");
    }
    let (_, letters) = engine.client.get("/v1/dead-letters").await;
    assert_eq!(letters["items"], json!([]));
    check_promises(&engine, &accepted).await;
}
