//! Who may come in.

use reqwest::Method;
use serde_json::json;

use crate::rig::{Rig, answer};

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_cannot_use_the_loopback() {
    let Some(rig) = Rig::start(|_| {}).await else { return };
    let with = |name: &'static str, value: String| {
        let request = rig.request(Method::GET, "/v1/runs").header(name, value);
        async move { answer(request.send().await.unwrap()).await }
    };
    with("host", "evil.example".into()).await.is_problem(403, "forbidden_host");
    with("origin", "http://evil.example".into()).await.is_problem(403, "forbidden_origin");
    with("origin", "null".into()).await.is_problem(403, "forbidden_origin");
    assert_eq!(with("host", "localhost:1".into()).await.status, 200);
    assert_eq!(with("origin", format!("http://{}", rig.address)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_token_nothing_is_done_without_it() {
    let secret = || Some(serde_json::from_value(json!("s3cret")).unwrap());
    let Some(rig) = Rig::start(|config| config.token = secret()).await else { return };
    let bare = rig.get("/v1/runs").await;
    bare.is_problem(401, "unauthorized");
    assert!(bare.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
    rig.get("/").await.is_problem(401, "unauthorized");
    assert_eq!(rig.get("/health/live").await.status, 200, "for whoever watches the process");
    let with = |token: &'static str| {
        let request = rig.request(Method::GET, "/v1/runs").bearer_auth(token);
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!((with("s3cret").await, with("s3cre").await, with("").await), (200, 401, 401));
    let basic = rig.request(Method::GET, "/v1/runs").basic_auth("me", Some("s3cret"));
    assert_eq!(basic.send().await.unwrap().status().as_u16(), 200);
    let named = rig.request(Method::GET, "/v1/runs").bearer_auth("s3cret");
    let named = named.header("host", "kintsugi.example").send().await.unwrap();
    assert_eq!(named.status().as_u16(), 200, "with the token any name will do");
}

#[test]
fn the_token_is_never_shown() {
    let token = Some(serde_json::from_value(json!("s3cret")).unwrap());
    let config = kintsugi_api_gateway::Config { token, ..Default::default() };
    assert!(!format!("{config:?}").contains("s3cret"));
    assert!(!serde_json::to_string(&config).unwrap().contains("s3cret"));
}

#[test]
fn an_unknown_setting_is_refused() {
    let read = serde_json::from_value::<kintsugi_api_gateway::Config>;
    assert!(read(json!({ "input_bytes_max": 5 })).is_ok());
    assert!(read(json!({ "input_byte_max": 5 })).is_err());
}
