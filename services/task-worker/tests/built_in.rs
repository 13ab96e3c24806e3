//! The built-in tasks, as a workflow would call them.

#[path = "../../worker/tests/harness/mod.rs"]
mod harness;
mod service;

use harness::{Engine, eventually, fault, output, within};
use kintsugi_core::{Input, LossCause};
use kintsugi_nats::Cancel;
use kintsugi_task_worker::{Allow, Config, HttpConfig};
use serde_json::{Value, json};

use service::{Peer, Service};

#[tokio::test(flavor = "multi_thread")]
async fn simulate_does_what_its_mode_says() {
    let Some(mut engine) = Engine::start().await else { return };
    let config = Config { payload_max: 2 << 20, ..Config::default() };
    let service = Service::start(&engine, config).await;
    let given = output(engine.ask("simulate", json!({"output": {"paid": true}})).await);
    assert_eq!(given, json!({"paid": true}));
    assert!(!fault(engine.ask("simulate", json!({"mode": "fail"})).await).fatal);
    assert!(fault(engine.ask("simulate", json!({"mode": "fatal"})).await).fatal);
    assert!(fault(engine.ask("simulate", json!({"mode": "explode"})).await).fatal);
    assert!(fault(engine.ask("simulate", json!({"mode": "huge"})).await).fatal);

    let mut task = engine.task("simulate", json!({"mode": "fail_times", "times": 2}));
    for failures in 0..3 {
        (task.failures, task.epoch) = (failures, u64::from(failures) + 1);
        engine.give(&task).await;
        let said = engine.said().await.input;
        assert_eq!(matches!(said, Input::Completed { .. }), failures == 2, "{said:?}");
    }

    let mut hang = engine.task("simulate", json!({"mode": "hang"}));
    hang.start_to_close_ms = 200;
    engine.give(&hang).await;
    assert_eq!(fault(engine.said().await.input).kind.as_deref(), Some("timeout"));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_sent_once_and_a_good_result_after_it() {
    let Some(engine) = Engine::start().await else { return };
    let service = Service::start(&engine, Config::default()).await;
    let mut reader = engine.bus.read_events(&[0], 1).await.unwrap();
    engine.give(&engine.task("simulate", json!({"mode": "garbage"}))).await;
    let (mut garbage, mut results) = (0, 0);
    while results == 0 {
        for event in within(reader.next_batch(16)).await.unwrap() {
            match event.inputs {
                Ok(inputs) => results += inputs.len(),
                Err(_) => garbage += 1,
            }
        }
    }
    assert_eq!((garbage, results), (1, 1));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_can_be_turned_off() {
    let Some(mut engine) = Engine::start().await else { return };
    let config = Config { simulate_faults: false, ..Config::default() };
    let service = Service::start(&engine, config).await;
    for mode in ["crash", "freeze", "hang"] {
        assert!(fault(engine.ask("simulate", json!({"mode": mode})).await).fatal, "{mode}");
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http_calls_are_made_and_judged() {
    let Some(mut engine) = Engine::start().await else { return };
    let peer = Peer::start().await;
    let http = HttpConfig { allow: Some(Allow::Any), ..HttpConfig::default() };
    let service = Service::start(&engine, Config { http, ..Config::default() }).await;
    let call = |path: &str, more: Value| {
        let mut with = json!({"method": "get", "endpoint": peer.url(path)});
        with.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        with
    };

    let echo = call("/echo", json!({"method": "post", "body": {"a": 1}, "query": {"q": "x y"}}));
    let echo = output(engine.ask("http", echo).await);
    assert_eq!(echo["line"], "POST /echo?q=x+y HTTP/1.1");
    assert_eq!(echo["body"], "{\"a\":1}");
    assert_eq!(echo["headers"]["idempotency-key"], "run-1:1");
    assert!(echo["headers"]["traceparent"].as_str().unwrap().starts_with("00-0af7"));
    assert_eq!(echo["headers"]["content-type"], "application/json");

    assert_eq!(output(engine.ask("http", call("/text", json!({}))).await), json!("[1] text"));
    let raw = output(engine.ask("http", call("/text", json!({"output": "raw"}))).await);
    assert_eq!(raw, json!("WzFdIHRleHQ="));
    let secret = json!({"output": "response", "headers": {"authorization": "Bearer hush"}});
    let whole = output(engine.ask("http", call("/text", secret)).await);
    assert_eq!((&whole["statusCode"], &whole["content"]), (&json!(200), &json!("[1] text")));
    assert_eq!(whole["request"]["headers"]["authorization"], "***");

    let missing = fault(engine.ask("http", call("/404", json!({}))).await);
    assert_eq!((missing.fatal, missing.status), (true, Some(404)));
    assert_eq!(missing.kind.as_deref(), Some("communication"));
    let busy = fault(engine.ask("http", call("/503", json!({}))).await);
    assert_eq!((busy.fatal, busy.retry_after_ms), (false, Some(7_000)));

    let moved = fault(engine.ask("http", call("/302", json!({}))).await);
    assert_eq!((moved.fatal, moved.status), (true, Some(302)));
    let followed = call("/302", json!({"redirect": true}));
    assert_eq!(output(engine.ask("http", followed).await), json!("[1] text"));
    let large = fault(engine.ask("http", call("/large", json!({}))).await);
    assert!(large.fatal && large.message.contains("1048576"), "{large:?}");
    let nobody = json!({"method": "get", "endpoint": "http://127.0.0.1:1/"});
    assert!(!fault(engine.ask("http", nobody).await).fatal);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn private_addresses_are_refused_by_default() {
    let Some(mut engine) = Engine::start().await else { return };
    let peer = Peer::start().await;
    let service = Service::start(&engine, Config::default()).await;
    let by_name = peer.url("/text").replace("127.0.0.1", "localhost");
    for endpoint in [peer.url("/text"), by_name, "http://[::1]:80/".into()] {
        let refused = json!({"method": "get", "endpoint": endpoint, "redirect": true});
        let refused = fault(engine.ask("http", refused).await);
        assert!(refused.fatal, "{refused:?}");
        assert_eq!(refused.kind.as_deref(), Some("authorization"), "{refused:?}");
    }
    assert_eq!(peer.calls(), 0);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_and_freeze_hit_the_whole_process_once() {
    let Some(mut engine) = Engine::start().await else { return };
    for (mode, state) in [("crash", 'Z'), ("freeze", 'T')] {
        let first = service::Process::start(&engine);
        let mut task = engine.task("simulate", json!({"mode": mode, "duration_ms": 10}));
        engine.give(&task).await;
        eventually(mode, || first.state() == state).await;
        first.forgotten(&engine).await;
        let second = service::Process::start(&engine);
        (task.epoch, task.attempt) = (2, 2);
        engine.give(&task).await;
        let said = engine.said().await;
        assert!(matches!(said.input, Input::Completed { epoch: 2, .. }), "{said:?}");
        second.forgotten(&engine).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_hang_ends() {
    let Some(mut engine) = Engine::start().await else { return };
    let service = Service::start(&engine, Config::default()).await;
    let task = engine.task("simulate", json!({"mode": "hang"}));
    engine.give(&task).await;
    // That it runs is known from its first second.
    assert!(matches!(engine.said().await.input, Input::Started { .. }));
    engine.bus.cancel(&[Cancel { task: task.task, epoch: 1 }]).await.unwrap();
    let ended = engine.said().await.input;
    assert!(matches!(ended, Input::Lost { cause: LossCause::LeaseDropped, .. }), "{ended:?}");
    service.stop().await;
}

/// Not a test: the process that the test above starts.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a worker process for another test"]
async fn worker_process() {
    service::run_as_process(Config::default()).await;
}
