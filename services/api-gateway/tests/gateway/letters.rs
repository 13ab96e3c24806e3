//! Groups of dead letters and discards, through both doors.

use serde_json::{Value, json};

use crate::{
    door::ask,
    engine::Engine,
    rig::{Rig, eventually},
};

async fn open(rig: &Rig) -> Vec<Value> {
    rig.get("/v1/dead-letters?status=open").await.json["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_grouped_discarded_and_taken_back() {
    let Some(rig) = Rig::start(|_| {}).await else { return };
    rig.define("frail", &["fail"]).await;
    rig.define("other", &["fail"]).await;
    Engine::spawn(&rig).await;
    for (name, count) in [("frail", 3), ("other", 1)] {
        for n in 0..count {
            let id = format!("{name}-{n}");
            let body = json!({ "definition": format!("test/{name}:1.0.0"), "id": id });
            assert_eq!(rig.post("/v1/runs", &body).await.status, 201);
        }
    }
    eventually("all are dead", async || open(&rig).await.len() == 4).await;

    let groups = rig.get("/v1/dead-letters/groups").await.json["items"].clone();
    assert_eq!(groups.as_array().unwrap().len(), 2, "{groups}");
    let of = |name: &str| {
        let name = format!("test/{name}");
        groups.as_array().unwrap().iter().find(|it| it["definition"] == name).unwrap().clone()
    };
    let group = of("frail");
    assert_eq!((&group["open"], &group["type"]), (&json!(3), &json!("fail")));
    assert_eq!((&group["versions"], &group["workers"]), (&json!(["1.0.0"]), &json!(["w1"])));
    assert_eq!(group["error"]["detail"], "broken");
    let mark = group["fingerprint"].as_str().unwrap();
    let path = format!("/v1/dead-letters?fingerprint={mark}&definition=test/frail");
    let items = rig.get(&path).await.json["items"].clone();
    assert_eq!(items.as_array().unwrap().len(), 3);
    assert_eq!(items[0]["fingerprint"], mark);
    let over_nats = ask(&rig, "kintsugi.api.dead-letters.groups", "", &[]).await.unwrap();
    assert_eq!(over_nats["items"], groups);

    for (body, code) in [
        (json!({ "letters": {}, "reason": "x" }), "invalid_body"),
        (json!({ "letters": { "type": "fail" }, "reason": " " }), "invalid_body"),
        (json!({ "letters": { "kind": "fail" }, "reason": "x" }), "invalid_body"),
    ] {
        rig.post("/v1/discards", &body).await.is_problem(422, code);
    }
    let body = json!({ "letters": { "fingerprint": mark }, "reason": "sold", "by": "ada" });
    let discard = rig.post("/v1/discards", &body).await;
    assert_eq!((discard.status, &discard.json["discarded"]), (201, &json!(3)), "{}", discard.text);
    assert_eq!((&discard.json["by"], &discard.json["reason"]), (&json!("ada"), &json!("sold")));
    rig.post("/v1/discards", &body).await.is_problem(409, "not_open");
    assert_eq!(open(&rig).await.len(), 1);
    let id = discard.json["id"].as_str().unwrap();
    let letter = group["example"].as_str().unwrap();
    let shown = rig.get(&format!("/v1/dead-letters/{letter}")).await.json;
    assert_eq!((&shown["status"], &shown["discard"]), (&json!("discarded"), &json!(id)));
    rig.post(&format!("/v1/dead-letters/{letter}/redrive"), &json!({}))
        .await
        .is_problem(409, "not_open");

    let undo = format!("/v1/discards/{id}/undo");
    let undone = rig.post(&undo, &json!({ "by": "bob" })).await;
    assert_eq!((undone.status, &undone.json["undone_by"]), (200, &json!("bob")), "{}", undone.text);
    assert_eq!(open(&rig).await.len(), 4);
    rig.post(&undo, &json!({})).await.is_problem(409, "undone_already");
    rig.post("/v1/discards/none/undo", &json!({})).await.is_problem(404, "discard_not_found");
    let listed = rig.get("/v1/discards").await.json["items"].clone();
    assert_eq!(listed, json!([undone.json]));

    // The other door.
    let body = json!({ "letters": { "id": letter }, "reason": "sold" }).to_string();
    let one = ask(&rig, "kintsugi.api.discard.put", body, &[]).await.unwrap();
    assert_eq!(one["discarded"], 1);
    let listed = ask(&rig, "kintsugi.api.dead-letters.list", "{\"status\":\"discarded\"}", &[]);
    assert_eq!(listed.await.unwrap()["items"][0]["id"], letter);
    let id = one["id"].as_str().unwrap();
    assert!(
        ask(&rig, "kintsugi.api.discard.undo", id, &[]).await.unwrap()["undone_at"].is_string()
    );
    let listed = ask(&rig, "kintsugi.api.discard.list", "", &[]).await.unwrap();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    let odd = ask(&rig, "kintsugi.api.discard.all", "", &[]).await.unwrap_err();
    assert_eq!(odd, (400, "malformed_subject".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discard_stays_when_it_is_too_late() {
    let Some(rig) = Rig::start(|config| config.undo_window = std::time::Duration::ZERO).await
    else {
        return;
    };
    rig.define("frail", &["fail"]).await;
    Engine::spawn(&rig).await;
    rig.post("/v1/runs", &json!({ "definition": "test/frail:1.0.0", "id": "r" })).await;
    eventually("it is dead", async || open(&rig).await.len() == 1).await;
    let body = json!({ "letters": { "run": "r" }, "reason": "sold" });
    let discard = rig.post("/v1/discards", &body).await.json;
    let undo = format!("/v1/discards/{}/undo", discard["id"].as_str().unwrap());
    let until = discard["undo_until"].as_str().unwrap();
    eventually("time has passed", async || kintsugi_runtime::now().to_rfc3339().as_str() > until)
        .await;
    rig.post(&undo, &json!({})).await.is_problem(409, "too_late");
    assert_eq!(open(&rig).await.len(), 0);
}
