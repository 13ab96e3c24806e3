//! Redrives of many dead letters, as they are asked for through both doors. Their steps are the retry engine's.

use serde_json::{Value, json};

use crate::{
    door::ask,
    engine::Engine,
    rig::{Rig, eventually},
};

async fn dead(count: usize) -> Option<Rig> {
    let rig = Rig::start(|_| {}).await?;
    rig.define("frail", &["fail"]).await;
    Engine::spawn(&rig).await;
    for n in 0..count {
        let body = json!({ "definition": "test/frail:1.0.0", "id": format!("r{n}") });
        assert_eq!(rig.post("/v1/runs", &body).await.status, 201);
    }
    let open = async || {
        let page = rig.get("/v1/dead-letters?status=open").await.json;
        page["items"].as_array().unwrap().len() == count
    };
    eventually("all are dead", open).await;
    Some(rig)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused() {
    let Some(rig) = dead(1).await else { return };
    let body = |more: Value| {
        let mut body = json!({ "letters": { "type": "fail" }, "reason": "mended" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for more in [
        json!({ "letters": {} }),
        json!({ "reason": null }),
        json!({ "reason": " " }),
        json!({ "rate": 0 }),
        json!({ "stop_at": 2 }),
        json!({ "wait": "soon" }),
        json!({ "wait": "0s" }),
        json!({ "input": [1] }),
        json!({ "speed": 1 }),
    ] {
        rig.post("/v1/redrives", &body(more)).await.is_problem(422, "invalid_body");
    }
    let none = json!({ "letters": { "type": "other" }, "reason": "mended" });
    rig.post("/v1/redrives", &none).await.is_problem(409, "not_open");
    assert_eq!(rig.get("/v1/redrives").await.json["items"], json!([]));
    rig.get("/v1/redrives/none").await.is_problem(404, "redrive_not_found");
    rig.post("/v1/redrives/none/pause", &json!({})).await.is_problem(404, "redrive_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_is_kept_and_ordered_through_both_doors() {
    let Some(rig) = dead(3).await else { return };
    let patch = json!({ "card": "new" });
    let body = json!({ "letters": { "type": "fail" }, "dry_run": true, "input": patch });
    let preview = rig.post("/v1/redrives", &body).await;
    assert_eq!((preview.status, &preview.json["letters"]), (200, &json!(3)), "{}", preview.text);
    assert_eq!(preview.json["examples"][0]["edited"]["card"], "new", "{}", preview.text);
    assert_eq!(rig.get("/v1/redrives").await.json["items"], json!([]), "nothing is kept");

    let body = json!({ "letters": { "type": "fail" }, "reason": "mended", "by": "ada", "rate": 7 });
    let job = rig.post("/v1/redrives", &body).await;
    assert_eq!((job.status, &job.json["status"]), (201, &json!("running")), "{}", job.text);
    assert_eq!((&job.json["total"], &job.json["rate"]), (&json!(3), &json!(7)));
    let id = job.json["id"].as_str().unwrap();
    let path = format!("/v1/redrives/{id}");
    assert_eq!(rig.get(&path).await.json, job.json);
    let paused =
        rig.post(&format!("{path}/pause"), &json!({ "by": "bob", "reason": "busy" })).await;
    assert_eq!((&paused.json["status"], &paused.json["why"]), (&json!("paused"), &json!("busy")));
    let again = rig.post(&format!("{path}/pause"), &json!({})).await;
    assert_eq!(again.json, paused.json, "it is paused already");
    let order = json!({ "id": id, "by": "eve" }).to_string();
    let resumed = ask(&rig, "kintsugi.api.redrives.resume", order, &[]).await.unwrap();
    assert_eq!((&resumed["status"], resumed.get("why")), (&json!("running"), None));
    let cancelled = ask(&rig, "kintsugi.api.redrives.cancel", id, &[]).await.unwrap();
    assert_eq!(cancelled["status"], "cancelled");
    let whats: Vec<&Value> =
        cancelled["changes"].as_array().unwrap().iter().map(|it| &it["what"]).collect();
    assert_eq!(whats, ["created", "paused", "resumed", "cancelled"]);
    assert_eq!(
        (&cancelled["changes"][0]["by"], &cancelled["changes"][1]["by"]),
        (&json!("ada"), &json!("bob"))
    );
    rig.post(&format!("{path}/resume"), &json!({})).await.is_problem(409, "redrive_over");
    let listed = ask(&rig, "kintsugi.api.redrives.list", "", &[]).await.unwrap();
    assert_eq!(listed["items"], json!([cancelled]));
    let put = ask(&rig, "kintsugi.api.redrives.put", body.to_string(), &[]).await.unwrap();
    let got = ask(&rig, "kintsugi.api.redrives.get", put["id"].as_str().unwrap(), &[]).await;
    assert_eq!(got.unwrap(), put);
    let odd = ask(&rig, "kintsugi.api.redrives.all", "", &[]).await.unwrap_err();
    assert_eq!(odd, (400, "malformed_subject".into()));
}
