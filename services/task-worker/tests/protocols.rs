//! Calls of services that describe themselves, against real ones.

#[path = "../../worker/tests/harness/mod.rs"]
mod harness;
mod service;

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Json, Router,
    extract::{Path, Query},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use harness::{Engine, fault, output, within};
use kintsugi_core::Input;
use kintsugi_nats_foreign::{Connection, Options};
use kintsugi_task_worker::{Allow, Config, HttpConfig};
use serde_json::{Value, json};

use service::Service;

fn config() -> Config {
    Config {
        http: HttpConfig { allow: Some(Allow::Any), ..HttpConfig::default() },
        ..Config::default()
    }
}

/// A pet store and an agent.
async fn serve() -> String {
    let router = Router::new()
        .route("/v2/pet/{id}", get(pet))
        .route("/v2/pet/findByStatus", get(find))
        .route("/v2/pet", post(add))
        .route("/agent", post(agent));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
    format!("http://{address}")
}

async fn pet(Path(id): Path<String>) -> Response {
    match id.parse::<u32>() {
        Ok(id) => Json(json!({"id": id, "name": "Rex"})).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn find(Query(query): Query<BTreeMap<String, String>>) -> Json<Value> {
    Json(json!([{"status": query.get("status")}]))
}

async fn add(headers: HeaderMap, Json(pet): Json<Value>) -> Json<Value> {
    Json(json!({"added": pet, "authorized": headers.contains_key("authorization")}))
}

async fn agent(Json(call): Json<Value>) -> Response {
    let respond = |result: Value| json!({"jsonrpc": "2.0", "id": call["id"], "result": result});
    match call["method"].as_str() {
        Some("message/send") => Json(respond(json!({"echo": call["params"]}))).into_response(),
        Some("message/stream") => {
            let events =
                [json!({"n": 1}), json!({"n": 2})].map(|one| format!("data: {}\n\n", respond(one)));
            ([(header::CONTENT_TYPE, "text/event-stream")], events.concat()).into_response()
        }
        _ => Json(json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32_601, "message": "no"}}))
            .into_response(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_are_called_as_their_document_says() {
    let Some(mut engine) = Engine::start().await else { return };
    let (url, service) = (serve().await, Service::start(&engine, config()).await);
    let document = json!({
        "openapi": "3.0.0", "servers": [{"url": format!("{url}/v2")}],
        "paths": {
            "/pet/{id}": {"get": {"operationId": "get", "parameters": [{"name": "id", "in": "path", "required": true}]}},
            "/pet/findByStatus": {"get": {"operationId": "find", "parameters": [{"name": "status", "in": "query"}]}},
            "/pet": {"post": {"operationId": "add", "requestBody": {"content": {"application/json": {}}}}},
        },
    });
    let call = |id: &str, parameters: Value| {
        let operation =
            kintsugi_contracts::openapi::operation(&document, &url, id).expect("it is there");
        json!({"operation": operation, "parameters": parameters})
    };
    let pet = output(engine.ask("openapi", call("get", json!({"id": 1}))).await);
    assert_eq!(pet, json!({"id": 1, "name": "Rex"}));
    let found = output(engine.ask("openapi", call("find", json!({"status": "available"}))).await);
    assert_eq!(found, json!([{"status": "available"}]));
    let mut added = call("add", json!({"name": "Rex"}));
    added["authentication"] = json!({"bearer": {"token": "some-token"}});
    let added = output(engine.ask("openapi", added).await);
    assert_eq!(added, json!({"added": {"name": "Rex"}, "authorized": true}));
    let mut whole = call("get", json!({"id": 2}));
    whole["output"] = json!("response");
    assert_eq!(output(engine.ask("openapi", whole).await)["statusCode"], json!(200));
    let missing = fault(engine.ask("openapi", call("get", json!({"id": "x"}))).await);
    assert_eq!((missing.kind.as_deref(), missing.status), (Some("communication"), Some(404)));
    let nothing = fault(engine.ask("openapi", call("get", json!({"id": null}))).await);
    assert_eq!(nothing.kind.as_deref(), Some("validation"));
    service.stop().await;
}

/// A connection to the broker, and the arguments of a call that goes there.
async fn bus(url: String) -> (Connection, impl Fn(Value) -> Value) {
    let host = url.trim_start_matches("nats://").to_owned();
    let addresses = vec![host.parse().expect("an address")];
    let within = Duration::from_secs(5);
    let options = Options { addresses, tls: None, login: None, within };
    let with = move |more: Value| {
        let channel = json!({"protocol": "nats", "server": "nats://{host}", "address": "pets.new"});
        let mut all = json!({"channel": channel, "variables": {"host": host}});
        all.as_object_mut().expect("an object").extend(more.as_object().expect("one").clone());
        all
    };
    (Connection::connect(options).await.expect("a connection"), with)
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_go_over_nats() {
    let Some(mut engine) = Engine::start().await else { return };
    let service = Service::start(&engine, config()).await;
    let (bus, with) = bus(engine.url()).await;
    let mut heard = bus.subscribe("pets.new", Duration::from_secs(5)).await.expect("it listens");
    let message = json!({"message": {"payload": {"id": 1}, "headers": {"kind": "dog"}}});
    let sent = output(engine.ask("asyncapi", with(message.clone())).await);
    assert_eq!(sent, message["message"]);
    let got = within(heard.next()).await.expect("it comes");
    assert_eq!(
        (got.payload.as_slice(), got.headers["kind"].as_str()),
        (&br#"{"id":1}"#[..], "dog")
    );
    assert!(got.headers["Nats-Msg-Id"].starts_with("run-"), "repeats can be told: {got:?}");
    let mut nobody = with(message);
    nobody["variables"]["host"] = json!("127.0.0.1:1");
    assert!(!fault(engine.ask("asyncapi", nobody).await).fatal);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_taken_as_long_as_they_are_wanted() {
    let Some(mut engine) = Engine::start().await else { return };
    let service = Service::start(&engine, config()).await;
    let (bus, with) = bus(engine.url()).await;
    let code = |at: &str, expression: &str| {
        let at = format!("/subscription/{at}");
        json!([{"at": at, "expression": expression, "variables": {"context": {"most": 2}}}])
    };
    let cases = [
        (json!({"amount": 2}), code("filter", ".payload.id > 1"), json!([2, 3])),
        (json!({}), code("while", "length < $context.most"), json!([0, 1])),
        (json!({}), code("until", "length == $context.most"), json!([0, 1])),
        (json!({"amount": 9, "for_ms": 2_500}), json!([]), json!([0, 1, 2, 3])),
    ];
    for (subscription, deferred, expected) in cases {
        let listens = with(json!({"subscription": subscription, "deferred": deferred}));
        engine.give(&engine.task("asyncapi", listens)).await;
        // From its first second on it is known to run, and so to listen.
        assert!(matches!(engine.said().await.input, Input::Started { .. }));
        for id in 0..4 {
            let payload = json!({"id": id}).to_string().into_bytes();
            let headers = BTreeMap::from([("correlationId".to_owned(), "c".to_owned())]);
            let sent = bus.publish("pets.new", &headers, payload, Duration::from_secs(5)).await;
            sent.expect("it is sent");
        }
        let taken = output(engine.said().await.input);
        assert_eq!(ids(&taken), expected);
        assert_eq!(taken[0]["correlationId"], "c");
    }
    let short = with(json!({"subscription": {"amount": 5, "for_ms": 100}}));
    assert_eq!(output(engine.ask("asyncapi", short).await), json!([]));
    service.stop().await;
}

fn ids(taken: &Value) -> Value {
    taken.as_array().expect("messages").iter().map(|one| one["payload"]["id"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn private_servers_are_refused_by_default() {
    let Some(mut engine) = Engine::start().await else { return };
    let service = Service::start(&engine, Config::default()).await;
    let channel = json!({"protocol": "nats", "server": engine.url(), "address": "pets.new"});
    let message = json!({"channel": channel, "message": {"payload": {}}});
    let refused = fault(engine.ask("asyncapi", message).await);
    assert_eq!((refused.kind.as_deref(), refused.fatal), (Some("authorization"), true));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_are_asked_by_json_rpc() {
    let Some(mut engine) = Engine::start().await else { return };
    let (url, service) = (serve().await, Service::start(&engine, config()).await);
    let call = |method: &str| json!({"server": format!("{url}/agent"), "method": method, "parameters": {"message": {"role": "user"}}});
    let answer = output(engine.ask("a2a", call("message/send")).await);
    assert_eq!(answer["echo"]["message"]["role"], "user");
    assert!(answer["echo"]["message"]["messageId"].as_str().expect("an id").starts_with("run-"));
    let answer = output(engine.ask("a2a", call("message/stream")).await);
    assert_eq!(answer, json!([{"n": 1}, {"n": 2}]));
    let refused = fault(engine.ask("a2a", call("tasks/get")).await);
    assert!(refused.fatal && refused.message.contains("-32601"), "{refused:?}");
    service.stop().await;
}
