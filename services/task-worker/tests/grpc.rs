//! `call: grpc` against a real service.

#[path = "../../worker/tests/harness/mod.rs"]
mod harness;
mod service;

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use harness::{Engine, fault, output};
use kintsugi_contracts::proto::{self, File};
use kintsugi_task_worker::{Allow, Config, HttpConfig};
use serde_json::{Value, json};
use service::{
    Service,
    authority::Authority,
    end,
    greeter::{FILES, Greeter},
};

fn config() -> Config {
    let http = HttpConfig { allow: Some(Allow::Any), ..HttpConfig::default() };
    Config { http, ..Config::default() }
}

/// Arguments as the compiler makes them.
fn call(address: SocketAddr, method: &str, arguments: Value) -> Value {
    let files: BTreeMap<_, _> = FILES
        .map(|(name, text)| (name.to_owned(), File::read(name, text).expect("a proto file")))
        .into();
    let found = proto::method(FILES[0].0, files, "greet.v1.Greeter", method).expect("a method");
    json!({
        "descriptors": found.encoded(), "service": "greet.v1.Greeter", "method": method,
        "host": "127.0.0.1", "port": address.port(), "tls": false, "arguments": arguments,
    })
}

fn with(mut call: Value, key: &str, value: Value) -> Value {
    call[key] = value;
    call
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_of_every_kind_are_called() {
    let Some(mut engine) = Engine::start().await else { return };
    let (address, service) = (Greeter::start(None).await, Service::start(&engine, config()).await);
    let ask = json!({"fullName": "Ada", "big": i64::MAX, "mood": "MOOD_GLAD", "pause": "0s"});
    let said = output(end(&mut engine, "grpc", call(address, "Hello", ask)).await);
    assert_eq!(said["text"], "Hello Ada");
    assert_eq!((&said["big"], &said["mood"]), (&json!(i64::MAX), &json!("MOOD_GLAD")));
    assert!(said.get("never").is_none(), "what is optional and not set is not there: {said}");
    assert!(said["metadata"]["idempotency-key"].as_str().expect("a key").starts_with("run-"));
    let said = output(end(&mut engine, "grpc", call(address, "Hello", Value::Null)).await);
    assert_eq!((&said["text"], &said["big"]), (&json!("Hello "), &json!(0)), "defaults are there");

    let texts = |said: Value| -> Value {
        said.as_array().expect("messages").iter().map(|one| one["text"].clone()).collect()
    };
    let counted = output(end(&mut engine, "grpc", call(address, "Count", json!({"big": 3}))).await);
    assert_eq!(texts(counted), json!(["0", "1", "2"]));
    let name = json!({"full_name": "Bob"});
    let collected = output(end(&mut engine, "grpc", call(address, "Collect", name.clone())).await);
    assert_eq!(collected["text"], "Bob");
    let chatted = output(end(&mut engine, "grpc", call(address, "Chat", name)).await);
    assert_eq!(texts(chatted), json!(["And Bob"]));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_says_whether_to_try_again() {
    let Some(mut engine) = Engine::start().await else { return };
    let (address, service) = (Greeter::start(None).await, Service::start(&engine, config()).await);
    let hello = |name: &str| call(address, "Hello", json!({"fullName": name}));
    let cases = [
        (hello("nobody"), "communication", 404, true),
        (hello("busy"), "communication", 503, false),
        (hello("private"), "communication", 401, true),
        // Longer than an answer may be.
        (hello("long"), "communication", 400, true),
        (with(hello("x"), "port", json!(1)), "communication", 500, false),
        (with(hello("x"), "host", json!("nowhere.invalid")), "communication", 500, false),
        (call(address, "Hello", json!({"big": "many"})), "validation", 400, true),
        (call(address, "Hello", json!({"size": 1})), "validation", 400, true),
        (with(hello("x"), "descriptors", json!("AAAA")), "validation", 400, true),
        (
            with(
                hello("x"),
                "authentication",
                json!({"digest": {"username": "u", "password": "p"}}),
            ),
            "configuration",
            400,
            true,
        ),
    ];
    for (input, kind, status, fatal) in cases {
        let refused = fault(end(&mut engine, "grpc", input.clone()).await);
        assert_eq!((refused.kind.as_deref(), refused.fatal), (Some(kind), fatal), "{refused:?}");
        if let Some(said) = refused.status {
            assert_eq!(said, status, "{refused:?}");
        }
    }
    let busy = fault(end(&mut engine, "grpc", hello("busy")).await);
    assert_eq!(busy.retry_after_ms, Some(1_500), "it says when: {busy:?}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_ends_in_time_and_an_endless_stream_at_its_limit() {
    let Some(mut engine) = Engine::start().await else { return };
    let address = Greeter::start(None).await;
    let short = |timeout| {
        let mut config = config();
        config.http.timeout = timeout;
        config
    };
    let service = Service::start(&engine, short(Duration::from_millis(500))).await;
    let slow = call(address, "Hello", json!({"pause": "20s"}));
    let late = fault(end(&mut engine, "grpc", slow).await);
    assert_eq!((late.kind.as_deref(), late.status), (Some("timeout"), Some(408)), "{late:?}");
    service.stop().await;
    let service = Service::start(&engine, short(Duration::from_secs(30))).await;
    let much = fault(end(&mut engine, "grpc", call(address, "Count", json!({"big": -1}))).await);
    assert!(much.fatal && much.message.contains("10000 messages"), "{much:?}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_is_told_and_not_shown() {
    let Some(mut engine) = Engine::start().await else { return };
    let (address, authority) = (Greeter::start(None).await, Authority::start().await);
    let service = Service::start(&engine, config()).await;
    let hello = |name: &str, policy: Value| {
        with(call(address, "Hello", json!({"fullName": name})), "authentication", policy)
    };
    let bearer = json!({"bearer": {"token": "a-secret-token"}});
    let said = output(end(&mut engine, "grpc", hello("private", bearer)).await);
    assert_eq!(said["metadata"]["authorization"], "Bearer ***");
    let client = json!({"id": "kintsugi", "secret": service::authority::MARKER});
    let policy = json!({"oauth2": {
        "authority": authority.url(""), "grant": "client_credentials", "client": client,
    }});
    let said = output(end(&mut engine, "grpc", hello("private", policy.clone())).await);
    assert_eq!(said["metadata"]["authorization"], "Bearer ***");
    // The token that is kept is not taken any more: a new one is asked for, once.
    let said = output(end(&mut engine, "grpc", hello("renewed", policy.clone())).await);
    assert_eq!(said["text"], "Hello renewed");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn private_services_are_refused_by_default() {
    let Some(mut engine) = Engine::start().await else { return };
    let address = Greeter::start(None).await;
    let service = Service::start(&engine, Config::default()).await;
    for host in ["127.0.0.1", "localhost"] {
        let input = with(call(address, "Hello", json!({})), "host", json!(host));
        let refused = fault(end(&mut engine, "grpc", input).await);
        assert_eq!((refused.kind.as_deref(), refused.fatal), (Some("authorization"), true));
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken_with_authorities_that_are_trusted() {
    let Some(mut engine) = Engine::start().await else { return };
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let address = Greeter::start(Some((certificate.clone(), key))).await;
    let ask = || {
        let call = with(call(address, "Hello", json!({"fullName": "Ada"})), "tls", json!(true));
        with(call, "host", json!("localhost"))
    };
    let stranger = Service::start(&engine, config()).await;
    let refused = fault(end(&mut engine, "grpc", ask()).await);
    assert_eq!(refused.kind.as_deref(), Some("communication"), "{refused:?}");
    stranger.stop().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, certificate).expect("it is written");
    let mut trusting = config();
    trusting.http.ca = Some(file);
    let service = Service::start(&engine, trusting).await;
    assert_eq!(output(end(&mut engine, "grpc", ask()).await)["text"], "Hello Ada");
    service.stop().await;
}
