//! Authentication and secrets, against a service that asks who is there.

#[path = "../../worker/tests/harness/mod.rs"]
mod harness;
mod service;

use std::{collections::BTreeMap, sync::atomic::Ordering};

use harness::{Engine, fault, output};
use kintsugi_task_worker::{Allow, Config, HttpConfig, SecretsConfig};
use serde_json::{Value, json};

use service::{
    Service,
    authority::{Authority, MARKER},
};

/// A service and a worker that has the marker under several names.
async fn start(engine: &Engine) -> (Authority, Service) {
    let authority = Authority::start().await;
    let http = HttpConfig { allow: Some(Allow::Any), ..HttpConfig::default() };
    let namespaces = BTreeMap::from([("guarded".to_owned(), vec!["payments".to_owned()])]);
    let secrets = SecretsConfig { directory: None, namespaces };
    let config = Config { http, secrets, ..Config::default() };
    let login = json!({"username": "user", "password": MARKER}).to_string();
    let oauth = json!({
        "authority": authority.url(""), "grant": "client_credentials",
        "client": {"id": "me", "secret": MARKER},
    });
    let environment = [
        ("MARKER", MARKER.to_owned()),
        ("LOGIN", login),
        ("OAUTH", oauth.to_string()),
        ("GUARDED", MARKER.to_owned()),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value)).into();
    (authority, Service::start_with(engine, config, environment).await)
}

fn call(endpoint: String, authentication: Value) -> Value {
    json!({"method": "get", "endpoint": endpoint, "authentication": authentication})
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scheme_is_taken_and_nothing_comes_out() {
    let Some(mut engine) = Engine::start().await else { return };
    let (authority, service) = start(&engine).await;
    for policy in [
        json!({"basic": {"secret": "login"}}),
        json!({"basic": {"username": "user", "password": MARKER}}),
    ] {
        let given = output(engine.ask("http", call(authority.url("/basic"), policy)).await);
        assert_eq!(given, json!({"user": "user", "leak": "Basic ***", "plain": "***"}));
    }
    let wrong = json!({"basic": {"username": "user", "password": "wrong-password"}});
    let refused = fault(engine.ask("http", call(authority.url("/basic"), wrong)).await);
    assert_eq!((refused.status, refused.fatal), (Some(401), true));
    assert!(refused.message.contains("not with Some(\"Basic ***\")"), "{}", refused.message);

    let digest = json!({"digest": {"secret": "login"}});
    let given = output(engine.ask("http", call(authority.url("/digest?q=1"), digest)).await);
    assert_eq!(given, json!({"digest": true}));

    let bearer = json!({"bearer": {"secret": "marker"}});
    let given = output(engine.ask("http", call(authority.url("/echo"), bearer)).await);
    assert_eq!(given["headers"]["authorization"], "Bearer ***");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_kept_and_fetched_anew_once_when_they_are_refused() {
    let Some(mut engine) = Engine::start().await else { return };
    let (authority, service) = start(&engine).await;
    let policy = json!({"oauth2": {"secret": "oauth"}});
    for _ in 0..3 {
        let given = output(engine.ask("http", call(authority.url("/api"), policy.clone())).await);
        assert_eq!(given, json!({"token": 1}));
    }
    authority.seen.valid_from.store(2, Ordering::SeqCst);
    let given = output(engine.ask("http", call(authority.url("/api"), policy.clone())).await);
    assert_eq!(given, json!({"token": 2}));
    authority.seen.valid_from.store(100, Ordering::SeqCst);
    let refused = fault(engine.ask("http", call(authority.url("/api"), policy)).await);
    assert_eq!((refused.kind.as_deref(), refused.status), (Some("communication"), Some(401)));
    assert_eq!(authority.seen.tokens.load(Ordering::SeqCst), 3, "one new token per refusal");

    let oidc = json!({"oidc": {"secret": "oauth"}});
    authority.seen.valid_from.store(0, Ordering::SeqCst);
    let given = output(engine.ask("http", call(authority.url("/api"), oidc)).await);
    assert_eq!(given, json!({"token": 4}), "by the endpoint that discovery tells");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_grant_asks_as_the_standard_has_it() {
    let Some(mut engine) = Engine::start().await else { return };
    let (authority, service) = start(&engine).await;
    let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    let subject = json!({"token": MARKER, "type": "urn:ietf:params:oauth:token-type:jwt"});
    let client = |way: &str| json!({"id": "me", "secret": MARKER, "authentication": way});
    let cases = [
        (
            json!({"grant": "password", "username": "u", "password": MARKER, "scopes": ["a", "b"]}),
            "scope",
            "a b",
        ),
        (json!({"grant": "refresh_token", "subject": subject}), "refresh_token", MARKER),
        (json!({"grant": exchange, "subject": subject, "audiences": ["x"]}), "audience", "x"),
        (
            json!({"grant": "client_credentials", "client": client("client_secret_post")}),
            "client_id",
            "me",
        ),
        (
            json!({"grant": "client_credentials", "client": client("client_secret_basic")}),
            "grant_type",
            "client_credentials",
        ),
        (
            json!({"grant": "client_credentials", "client": client("client_secret_jwt")}),
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        ),
        (
            json!({"grant": "client_credentials", "client": client("client_secret_post"),
                "endpoints": {"token": "/json/token"}, "request": {"encoding": "application/json"}}),
            "client_secret",
            MARKER,
        ),
        (
            json!({"grant": "client_credentials", "client": client("client_secret_post"), "issuers": [authority.url("")]}),
            "client_id",
            "me",
        ),
    ];
    for (mut policy, key, value) in cases {
        policy["authority"] = json!(authority.url(""));
        let call = call(authority.url("/api"), json!({"oauth2": policy}));
        output(engine.ask("http", call).await);
        let form = authority.seen.forms.lock().unwrap().pop().unwrap();
        assert_eq!(form.get(key).map(String::as_str), Some(value), "{form:?}");
    }
    let bad = |policy: Value| {
        let mut policy = policy;
        policy["authority"] = json!(authority.url(""));
        policy["client"] = json!({"id": "me", "secret": MARKER});
        call(authority.url("/api"), json!({"oauth2": policy}))
    };
    for policy in [
        json!({"grant": "client_credentials", "issuers": ["http://somebody-else"]}),
        json!({"grant": "authorization_code"}),
        json!({"grant": "password", "username": "u"}),
    ] {
        let refused = fault(engine.ask("http", bad(policy)).await);
        assert_eq!((refused.kind.as_deref(), refused.status), (Some("authentication"), Some(401)));
        assert!(refused.fatal && !refused.message.contains(MARKER), "{}", refused.message);
    }
    let mut unknown = bad(json!({"grant": "client_credentials"}));
    unknown["authentication"]["oauth2"]["client"]["secret"] = json!("not-the-secret");
    let refused = fault(engine.ask("http", unknown).await);
    assert_eq!(refused.kind.as_deref(), Some("authentication"));
    assert!(refused.message.contains("invalid_client"), "{}", refused.message);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_to_the_worker_is_filled_in_and_masked() {
    let Some(mut engine) = Engine::start().await else { return };
    let (authority, service) = start(&engine).await;
    let deferred = |at: &str, expression: &str, secret: &str| json!({"at": at, "expression": expression, "input": {"n": 7}, "variables": {"context": {"c": "C"}}, "secrets": [secret]});
    let call = json!({
        "method": "post", "endpoint": authority.url("/echo"), "output": "response",
        "headers": {"x-key": null, "x-plain": "plain"}, "query": {"key": null}, "body": {"in": null},
        "deferred": [
            deferred("/headers/x-key", "\"k \" + $secrets.marker + (.n | tostring) + $context.c", "marker"),
            deferred("/query/key", "$secrets.marker", "marker"),
            deferred("/body/in", "$secrets.marker | @base64", "marker"),
        ],
    });
    let whole = output(engine.ask("http", call.clone()).await);
    let text = whole.to_string();
    assert!(!text.contains(MARKER) && !text.contains("a2ludHN1Z2k"), "{text}");
    assert_eq!(whole["content"]["headers"]["x-key"], "***", "the service got it: {text}");
    assert_eq!(whole["content"]["query"]["key"], "***");
    assert_eq!(whole["content"]["body"], "{\"in\":\"***\"}");
    assert_eq!(whole["content"]["headers"]["x-plain"], "plain");

    let mut raw = call.clone();
    raw["output"] = json!("raw");
    use base64::Engine as _;
    let raw = output(engine.ask("http", raw).await);
    let raw = base64::engine::general_purpose::STANDARD.decode(raw.as_str().unwrap()).unwrap();
    assert!(!String::from_utf8(raw).unwrap().contains(MARKER));

    // Another origin is not told: the redirect is followed without the secrets.
    let away = json!({
        "method": "get", "endpoint": authority.url("/away"), "redirect": true,
        "headers": {"x-key": null, "x-plain": "plain"}, "authentication": {"bearer": {"secret": "marker"}},
        "deferred": [deferred("/headers/x-key", "$secrets.marker", "marker")],
    });
    let there = output(engine.ask("http", away).await);
    assert_eq!(there["headers"]["x-plain"], "plain");
    assert_eq!(
        (&there["headers"]["x-key"], &there["headers"]["authorization"]),
        (&Value::Null, &Value::Null)
    );

    for (secret, expression) in [("nobody", "$secrets.nobody"), ("guarded", "$secrets.guarded")] {
        let mut call = call.clone();
        call["deferred"] = json!([deferred("/query/key", expression, secret)]);
        let refused = fault(engine.ask("http", call).await);
        assert_eq!((refused.kind.as_deref(), refused.status), (Some("authorization"), Some(403)));
        assert!(refused.fatal && refused.message.contains(secret), "{}", refused.message);
    }
    service.stop().await;
}
