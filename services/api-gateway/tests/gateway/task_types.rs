//! The registry of task types, through both doors.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    door::{ask, registered},
    engine::Engine,
    rig::{Answer, Rig, answer, eventually},
};

async fn put(rig: &Rig, name: &str, body: &str) -> Answer {
    let path = format!("/v1/task-types/{name}");
    answer(rig.request(Method::PUT, &path).body(body.to_owned()).send().await.unwrap()).await
}

async fn define(rig: &Rig, version: &str, tasks: &str) -> Answer {
    let text = format!(
        "document: {{dsl: 1.0.3, namespace: test, name: order, version: {version}}}\ndo: [{tasks}]"
    );
    rig.post_text("/v1/definitions", "application/yaml", text).await
}

/// The result of a run.
async fn run(rig: &Rig, version: &str, input: Value) -> Value {
    let body = json!({"definition": format!("test/order:{version}"), "input": input});
    let started = rig.post("/v1/runs", &body).await;
    let id = started.json["id"].as_str().unwrap();
    eventually("it ends", async || {
        rig.get(&format!("/v1/runs/{id}/result?wait=5s")).await.status == 200
    })
    .await;
    rig.get(&format!("/v1/runs/{id}/result")).await.json
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_keeps_what_it_found_in_the_registry() {
    let Some(rig) = Rig::start(|_| {}).await else { return };
    Engine::spawn(&rig).await;
    assert_eq!(define(&rig, "1.0.0", "{a: {call: echo}}").await.status, 201);

    let entry = "description: Gives back what it gets\ninput: {type: object, required: [n]}\n\
        output: {properties: {n: {type: integer}}}\nqueue: own";
    let made = put(&rig, "echo", entry).await;
    assert_eq!((made.status, &made.json["body"]["queue"]), (201, &json!("own")), "{}", made.text);
    let again = put(&rig, "echo", &made.json["body"].to_string()).await;
    assert_eq!((again.status, &again.json), (200, &made.json), "the same changes nothing");

    // The same document again is the definition that was registered, whatever the registry says now.
    assert_eq!(define(&rig, "1.0.0", "{a: {call: echo}}").await.status, 200);
    assert_eq!(run(&rig, "1.0.0", json!(7)).await["output"], 7);
    // Another version finds it.
    let answer = define(&rig, "2.0.0", "{a: {call: echo}}").await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let shown = rig.get("/v1/definitions/test/order/2.0.0").await.json;
    let pinned = &shown["resources"][0];
    assert_eq!(pinned["uri"], "kintsugi:task-types/echo");
    assert_eq!(pinned["digest"], made.json["digest"]);
    assert_eq!(run(&rig, "2.0.0", json!({"n": 7})).await["output"]["n"], 7);
    let refused = run(&rig, "2.0.0", json!(7)).await;
    assert_eq!(refused["error"]["instance"], "/do/0/a", "{refused}");
    let unfit = run(&rig, "2.0.0", json!({"n": "seven"})).await;
    assert!(unfit["error"]["detail"].as_str().unwrap().starts_with("the output"), "{unfit}");
    // Whoever redrives with another input is told at once that it does not fit.
    let letters = rig.get("/v1/dead-letters").await.json;
    let letter = letters["items"][0]["id"].as_str().unwrap();
    let path = format!("/v1/dead-letters/{letter}/redrive");
    rig.post(&path, &json!({"input": 7})).await.is_problem(422, "unfit_input");
    assert_eq!(rig.post(&path, &json!({"input": {"n": 8}})).await.status, 202);

    // Arguments that cannot fit, and a slip.
    let bad = define(&rig, "3.0.0", "{a: {call: echo, with: {m: 1}}}").await;
    bad.is_problem(422, "invalid_definition");
    assert_eq!(bad.json["problems"][0]["code"], "invalid-arguments");
    let slip = define(&rig, "3.0.0", "{a: {call: ehco}}").await;
    assert_eq!(
        (slip.status, &slip.json["warnings"][0]["hint"]),
        (201, &json!("did you mean `echo`?"))
    );

    let gone = answer_to(&rig, Method::DELETE, "echo").await;
    assert_eq!((gone.status, &gone.json["name"]), (200, &json!("echo")));
    assert_eq!(run(&rig, "2.0.0", json!({"n": 9})).await["output"]["n"], 9);
    let program = rig.get("/v1/definitions/test/order/2.0.0").await.json;
    assert_eq!(program["resources"][0]["digest"], made.json["digest"]);
}

async fn answer_to(rig: &Rig, method: Method, name: &str) -> Answer {
    let path = format!("/v1/task-types/{name}");
    answer(rig.request(method, &path).send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registry_is_kept_through_both_doors() {
    let Some(rig) = Rig::start(|_| {}).await else { return };
    registered(&rig).await;
    let body = json!({"id": "pay", "body": {"retry": {"maximum_attempts": 3}}}).to_string();
    let made = ask(&rig, "kintsugi.api.task-type.put", body, &[]).await.unwrap();
    assert_eq!(answer_to(&rig, Method::GET, "pay").await.json, made);
    assert_eq!(ask(&rig, "kintsugi.api.task-type.get", "pay", &[]).await.unwrap(), made);
    assert_eq!(put(&rig, "ship", "{}").await.status, 201);
    let page = rig.get("/v1/task-types?limit=1").await.json;
    assert_eq!((&page["items"][0]["name"], &page["next"]), (&json!("pay"), &json!("pay")));
    let rest = ask(&rig, "kintsugi.api.task-types", "{\"cursor\":\"pay\"}", &[]).await.unwrap();
    assert_eq!(rest["items"][0]["name"], "ship");

    let bad = put(&rig, "pay", "retry: {tries: 3}\nqueue: X").await;
    bad.is_problem(422, "invalid_task_type");
    let problems = bad.json["problems"].as_array().unwrap();
    assert_eq!(
        (problems.len(), &problems[0]["line"], &problems[1]["line"]),
        (2, &json!(1), &json!(2))
    );
    put(&rig, "http", "{}").await.is_problem(422, "invalid_task_type");
    put(&rig, "pay", &format!("description: {}", "x".repeat(70_000)))
        .await
        .is_problem(413, "too_large");
    answer_to(&rig, Method::GET, "none").await.is_problem(404, "task_type_not_found");
    for (subject, payload, expected) in [
        ("kintsugi.api.task-type.get", "none", (404, "task_type_not_found")),
        ("kintsugi.api.task-type.drop", "pay", (400, "malformed_subject")),
        ("kintsugi.api.task-type.put", "pay", (400, "malformed_json")),
        ("kintsugi.api.task-type.put", "{\"id\":\"pay\"}", (422, "invalid_body")),
        ("kintsugi.api.task-types", "{\"namespace\":\"x\"}", (422, "invalid_body")),
    ] {
        let (status, code) = ask(&rig, subject, payload, &[]).await.unwrap_err();
        assert_eq!((status, code.as_str()), expected, "{subject} {payload}");
    }
    ask(&rig, "kintsugi.api.task-type.delete", "pay", &[]).await.unwrap();
    answer_to(&rig, Method::DELETE, "pay").await.is_problem(404, "task_type_not_found");
}
