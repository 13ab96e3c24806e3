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
const OUTAGE: u64 = 6;

/// As many calls may be on their way when a circuit opens, or be made to see whether what is called is back.
const CALLS_MAX: usize = 20;

/// Runs that are started in a second, and such that call something else.
const RATE: u64 = 20;

/// Calls of one second are no storm that are not more than this.
const STORM: usize = 250;

#[expect(clippy::disallowed_methods, reason = "a longer outage is asked for by hand")]
fn asked_for() -> Option<u64> {
    std::env::var("OUTAGE_SECONDS").ok().and_then(|text| text.parse().ok())
}

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

/// Starts a run under an id of its own: asked again, as on a machine that is busy, it is the same one.
async fn start(engine: &Engine, name: &str, number: usize) -> String {
    let id = format!("{name}-{number}");
    let request = json!({"id": id, "definition": format!("test/{name}:1.0.0"), "input": {}});
    eventually("a run is accepted", SOON, || async {
        let (status, _) = engine.client.try_post("/v1/runs", &request).await?;
        (status == 201 || status == 200).then(|| id.clone())
    })
    .await
}

async fn no_letters(engine: &Engine) {
    let (_, letters) = engine.client.get("/v1/dead-letters").await;
    assert_eq!(letters["items"], json!([]));
}

async fn complete(engine: &Engine, runs: &[String]) {
    for run in runs {
        let ended = engine.client.ended(run, SOON).await;
        assert_eq!(ended["status"], "completed", "{ended}");
    }
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
    let (about, outage) = (target(&ill.url("/")), asked_for().unwrap_or(OUTAGE));

    let (mut accepted, mut others) = (Vec::new(), Vec::new());
    let (mut at_fall, mut at_open, mut at_return, mut back) = (0, None, 0, Instant::now());
    for second in 0..2 + outage + 2 {
        if second == 2 {
            down.store(true, Ordering::SeqCst);
            at_fall = log.count();
        }
        if at_open.is_none() && !recoveries(&engine, "circuit_opened", &about).await.is_empty() {
            at_open = Some(log.count());
        }
        if second == 2 + outage / 2 && shape == Shape::Services {
            // Whichever of the two decides: the other one goes on with what is open.
            engine.kill_and_restart("detector");
        }
        if second == 2 + outage {
            let (cost, normal) = (log.count() - at_fall, RATE * outage);
            println!("{shape:?}: {cost} calls in an outage in which {normal} would have been made");
            // How soon it is noticed is a matter of the machine.
            let since = log.count() - at_open.expect("its circuit is open");
            assert!(since <= CALLS_MAX + usize::try_from(outage / 5).unwrap(), "{since} calls");
            let (called, started) = (well.seen().len(), others.len());
            assert!(called + 20 >= started, "{called} of {started} calls of another target");
            down.store(false, Ordering::SeqCst);
            (at_return, back) = (log.count(), Instant::now());
        }
        for n in 0..RATE {
            accepted.push(start(&engine, "ill", accepted.len()).await);
            if n % 4 == 0 {
                others.push(start(&engine, "well", others.len()).await);
            }
            sleep(Duration::from_millis(800 / RATE)).await;
        }
    }
    eventually("the circuit is closed", SOON, || async {
        recoveries(&engine, "circuit_closed", &about).await.pop()
    })
    .await;
    let closed = back.elapsed();
    println!("{shape:?}: closed {closed:?} after its return");
    assert!(closed < Duration::from_secs(40), "at full rate again too late: {closed:?}");
    let affected = accepted.len();
    accepted.extend(others);
    complete(&engine, &accepted).await;
    let took = back.elapsed();
    println!("{shape:?}: all {} done {took:?} after its return", accepted.len());
    let peak = log.peak(back);
    println!("{shape:?}: {peak} calls in the busiest second after its return");
    // What waited comes back over the seconds for which it was put off, and each calls once.
    let (waiting, calls) = (usize::try_from(RATE * outage).unwrap(), log.count() - at_return);
    assert!(peak <= STORM.max(waiting / 4), "a storm: {peak} calls in a second");
    assert!(calls <= affected + STORM, "a storm: {calls} calls for {affected} runs");
    no_letters(&engine).await;
    let opened = recoveries(&engine, "circuit_opened", &about).await.len();
    println!("{shape:?}: opened {opened} times");
    // It stays open whoever decides, but where the other one takes over too late on a busy machine.
    assert!(opened <= 1 + usize::from(shape == Shape::Services), "opened {opened} times");
    assert_eq!(recoveries(&engine, "circuit_opened", &target(&well.url("/"))).await.len(), 0);
    check_promises(&engine, &accepted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_down_is_left_alone_in_one_process_and_in_seven_whoever_is_killed() {
    tokio::join!(suite(Shape::Dev), suite(Shape::Services));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_few_wait_without_dying_and_the_hopeless_end_and_the_held_wait() {
    let flags = ["--set", "worker.http.allow=any"];
    let Some(engine) = Engine::start(Shape::Dev, &flags).await else { return };
    let (few, hopeless, held) = tokio::join!(few(&engine), hopeless(&engine), held(&engine));
    let (_, letters) = engine.client.get("/v1/dead-letters").await;
    assert_eq!(letters["items"].as_array().unwrap().len(), hopeless.len());
    check_promises(&engine, &[few, hopeless, held].concat()).await;
}

/// Their attempts would not last: ever again, one of them is let through to see whether it is back.
async fn few(engine: &Engine) -> Vec<String> {
    let port = free_port();
    let (url, about) = (format!("http://127.0.0.1:{port}/"), format!("127.0.0.1:{port}"));
    engine.client.define(&definition("few", &url)).await;
    let mut accepted = Vec::new();
    for _ in 0..3 {
        accepted.push(start(engine, "few", accepted.len()).await);
    }
    eventually("the circuit is open", SOON, || async {
        recoveries(engine, "circuit_opened", &about).await.pop()
    })
    .await;
    let late = start(engine, "few", accepted.len()).await;
    let why = eventually("what waits says why", SOON, || async {
        let (_, why) = engine.client.get(&format!("/v1/runs/{late}/explain")).await;
        why.to_string().contains("target-left-alone").then_some(why.to_string())
    })
    .await;
    assert!(why.contains(&about) && why.contains("more calls that fail"), "{why}");
    accepted.push(late);
    eventually("a call that is made for all others fails", SOON, || async {
        recoveries(engine, "circuit_reopened", &about).await.pop()
    })
    .await;
    let _peer = Peer::start_at(port, |_| Answer::json(&json!(1))).await;
    complete(engine, &accepted).await;
    accepted
}

/// Alone, nothing is known of what it calls but that one path fails. By hand, with `OUTAGE_SECONDS`, there
/// are three, for which the circuit opens: they end as well, minutes later.
async fn hopeless(engine: &Engine) -> Vec<String> {
    let peer = Peer::start(|request| match request.path.as_str() {
        "/never" => Answer::status(503),
        _ => Answer::json(&json!(1)),
    })
    .await;
    let (count, patience) =
        if asked_for().is_some() { (3, Duration::from_secs(1_200)) } else { (1, SOON) };
    engine.client.define(&definition("never", &peer.url("/never"))).await;
    engine.client.define(&definition("fine", &peer.url("/fine"))).await;
    // First, since a good answer in between would keep its circuit closed, and so would one that the failure
    // detector, which listens first, hears of with the failures.
    let fine = start(engine, "fine", 0).await;
    complete(engine, &[fine]).await;
    sleep(Duration::from_secs(3)).await;
    let (mut accepted, began) = (Vec::new(), Instant::now());
    for _ in 0..count {
        accepted.push(start(engine, "never", accepted.len()).await);
    }
    for run in &accepted {
        let ended = engine.client.ended(run, patience).await;
        assert_eq!(ended["status"], "faulted", "{ended}");
    }
    let calls = peer.seen().len() - 1;
    println!("{count} ended after {calls} calls, {:?}", began.elapsed());
    // Four attempts each, and ten calls for all others.
    assert!((4 * count..=14 * count).contains(&calls), "{calls} calls");
    let opened = recoveries(engine, "circuit_opened", &target(&peer.url("/"))).await.len();
    assert_eq!(opened > 0, count > 1, "opened {opened} times");
    accepted
}

async fn held(engine: &Engine) -> Vec<String> {
    let log = Log::default();
    let peer = ill_peer(&Arc::default(), &log).await;
    let about = target(&peer.url("/"));
    engine.client.define(&definition("call", &peer.url("/"))).await;
    let hold = json!({"by": "ada", "reason": "maintenance"});
    let (status, held) = engine.client.put(&format!("/v1/holds/target/{about}"), &hold).await;
    assert_eq!(status, 201, "{held}");
    // Until workers are told.
    sleep(Duration::from_secs(3)).await;
    let mut accepted = Vec::new();
    for _ in 0..3 {
        accepted.push(start(engine, "call", accepted.len()).await);
    }
    for run in &accepted {
        let why = eventually("what waits says why", SOON, || async {
            let (_, why) = engine.client.get(&format!("/v1/runs/{run}/explain")).await;
            why.to_string().contains("held by ada: maintenance").then_some(why.to_string())
        })
        .await;
        assert!(why.contains("until the hold ends"), "{why}");
    }
    assert_eq!(log.count(), 0, "it was called while it was held");
    let path = format!("/v1/holds/target/{about}?by=eve&reason=done");
    assert_eq!(engine.client.delete(&path).await.0, 200);
    complete(engine, &accepted).await;
    accepted
}
