//! Trials, as they are asked for through both doors. A script stands in for `kintsugi chaos`.

use std::{fs, path::Path, process::Command, time::Duration};

use kintsugi_api_gateway::{ChaosConfig, Config};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    door::{ask, registered},
    rig::{Answer, Rig, answer, eventually},
};

/// Notes what it was given, says something, and is there until its input ends.
const STAYS: &str = r#"echo "seed 7; everything is in nowhere"
echo "  1.00 s  kill dev"
read -r _
echo ended >"$dir/ended""#;

/// Leaves a report and the exit code of a trial in which a promise was broken.
const REPORTS: &str = r#"cat "$dir/report" >"$json"
exit 1"#;

/// Cannot do it.
const FAILS: &str = r#"echo "kintsugi: no nats-server" >&2
exit 1"#;

struct Stand {
    dir: TempDir,
}

impl Stand {
    fn new(script: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let beginning = format!(
            "#!/bin/sh\ndir='{}'\necho \"$@\" >\"$dir/args\"\n\
             while [ $# -gt 0 ]; do case $1 in --json) json=$2 ;; --workflows) cp -r \"$2\" \"$dir/workflows\" ;; \
             esac; shift; done\n",
            dir.path().display()
        );
        // Written by another process: one that is forked here meanwhile would keep it from being run.
        let written = Command::new("sh")
            .args(["-c", "printf %s \"$1\" >\"$0\" && chmod +x \"$0\""])
            .arg(dir.path().join("program"))
            .arg(beginning + script)
            .status();
        assert!(written.unwrap().success());
        Self { dir }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn config(&self) -> impl FnOnce(&mut Config) + use<> {
        let chaos = ChaosConfig {
            program: self.path("program"),
            flags: vec!["--set".into(), "nats.server_binary=mine".into()],
            folder: self.path("chaos"),
            for_max: Duration::from_secs(3_600),
        };
        move |config| config.chaos = Some(chaos)
    }
}

async fn delete(rig: &Rig, path: &str) -> Answer {
    answer(rig.request(Method::DELETE, path).send().await.unwrap()).await
}

async fn ended(rig: &Rig, id: &str) -> Value {
    let path = format!("/v1/chaos/{id}");
    eventually("it is over", async || rig.get(&path).await.json["status"] != "running").await;
    rig.get(&path).await.json
}

fn files(folder: &Path) -> Vec<String> {
    let names =
        fs::read_dir(folder).unwrap().flatten().map(|it| it.file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn off_it_says_which_setting_turns_it_on() {
    let Some(rig) = Rig::start(|_| {}).await else { return };
    let id = "0".repeat(32);
    let path = format!("/v1/chaos/{id}");
    for refused in [
        rig.post("/v1/chaos", &json!({ "for": "10s" })).await,
        rig.get("/v1/chaos").await,
        rig.get(&path).await,
        delete(&rig, &path).await,
    ] {
        refused.is_problem(403, "chaos_off");
        assert!(refused.json["detail"].as_str().unwrap().contains("chaos.enabled = true"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_had_is_refused_by_name() {
    let stand = Stand::new(STAYS);
    let Some(rig) = Rig::start(stand.config()).await else { return };
    for (more, word) in [
        (json!({ "faults": ["kil"] }), "kil"),
        (json!({ "faults": ["kill", "cut-database"] }), "cut-database"),
        (json!({ "shape": "moon" }), "moon"),
        (json!({ "for": "1s" }), "5s"),
        (json!({ "for": "2h" }), "chaos.for_max"),
        (json!({ "rate": 0 }), "rate"),
        (json!({ "workflows": "/etc" }), "workflows"),
        (json!({ "database_url": "postgres://a@b/c" }), "database_url"),
        (json!({ "keep": true }), "keep"),
    ] {
        let mut body = json!({ "for": "10s" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let refused = rig.post("/v1/chaos", &body).await;
        refused.is_problem(422, "invalid_body");
        assert!(refused.text.contains(word), "{} has no {word}", refused.text);
    }
    rig.post("/v1/chaos", &json!({})).await.is_problem(422, "invalid_body");
    let none = json!({ "for": "10s", "definitions": ["test/none"] });
    rig.post("/v1/chaos", &none).await.is_problem(404, "definition_not_found");
    let odd = json!({ "for": "10s", "definitions": ["../../etc"] });
    rig.post("/v1/chaos", &odd).await.is_problem(422, "invalid_id");
    rig.get("/v1/chaos/none").await.is_problem(404, "trial_not_found");
    rig.get("/v1/chaos/..%2F..%2Fx").await.is_problem(404, "trial_not_found");
    rig.get("/v1/chaos?cursor=x").await.is_problem(400, "invalid_parameter");
    assert_eq!(rig.get("/v1/chaos").await.json["items"], json!([]));
    assert!(!stand.path("args").exists(), "nothing was started");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_runs_at_a_time_and_is_stopped_through_both_doors() {
    let stand = Stand::new(STAYS);
    let Some(rig) = Rig::start(stand.config()).await else { return };
    registered(&rig).await;
    rig.define("order", &["echo"]).await;
    let body = json!({
        "for": "90s", "seed": 7, "faults": ["kill", "freeze"], "rate": 2.5, "definitions": ["test/order"],
    });
    let started = rig.post("/v1/chaos", &body).await;
    assert_eq!(
        (started.status, &started.json["status"]),
        (202, &json!("running")),
        "{}",
        started.text
    );
    let id = started.json["id"].as_str().unwrap();
    let path = format!("/v1/chaos/{id}");
    assert_eq!(started.headers["location"], path);
    assert_eq!(started.json["definitions"], json!(["test/order:1.0.0"]));

    let second = rig.post("/v1/chaos", &body).await;
    second.is_problem(409, "chaos_running");
    assert!(second.text.contains(id), "{}", second.text);
    let over_nats =
        ask(&rig, "kintsugi.api.chaos.put", "{\"for\":\"10s\"}", &[]).await.unwrap_err();
    assert_eq!(over_nats, (409, "chaos_running".into()));
    eventually("what it says is shown", async || {
        rig.get(&path).await.json["said"][1] == "  1.00 s  kill dev"
    })
    .await;
    let list = rig.get("/v1/chaos").await.json;
    assert_eq!((&list["items"][0]["id"], &list["items"][0]["said"]), (&json!(id), &Value::Null));
    let args = fs::read_to_string(stand.path("args")).unwrap();
    for given in [
        "chaos --stop-with-stdin --shape dev --for 1m30s --seed 7 --rate 2.5 --faults kill,freeze --json",
        "--set nats.server_binary=mine",
    ] {
        assert!(args.contains(given), "{args}");
    }
    let document = fs::read_to_string(stand.path("workflows/000.yaml")).unwrap();
    assert!(document.contains("name: order"), "{document}");

    let stopped = delete(&rig, &path).await;
    assert_eq!(
        (stopped.status, &stopped.json["status"]),
        (200, &json!("stopped")),
        "{}",
        stopped.text
    );
    assert!(stand.path("ended").exists(), "its input has ended");
    assert_eq!(files(&stand.path("chaos")), [format!("{id}.json"), "lock".to_owned()]);
    assert_eq!(delete(&rig, &path).await.json, stopped.json, "what is over stays as it is");

    let next = ask(&rig, "kintsugi.api.chaos.put", "{\"for\":\"10s\"}", &[]).await.unwrap();
    let next = next["id"].as_str().unwrap();
    let page = ask(&rig, "kintsugi.api.chaos.list", "{\"limit\":1}", &[]).await.unwrap();
    assert_eq!(
        (&page["items"][0]["id"], &page["next"]),
        (&json!(next), &json!(next)),
        "newest first"
    );
    let page = rig.get(&format!("/v1/chaos?cursor={next}")).await.json;
    assert_eq!((&page["items"][0]["id"], page.get("next")), (&json!(id), None));
    let stopped = ask(&rig, "kintsugi.api.chaos.stop", next, &[]).await.unwrap();
    assert_eq!(stopped["status"], "stopped");
    let odd = ask(&rig, "kintsugi.api.chaos.break", "", &[]).await.unwrap_err();
    assert_eq!(odd, (400, "malformed_subject".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_of_it_is_kept() {
    let stand = Stand::new(REPORTS);
    let recovery = json!({ "p50_ms": 250, "p99_ms": 4_540, "max_ms": 4_600, "never": 0 });
    let report = json!({
        "seed": 7, "shape": "dev", "windows": 1, "under_load_seconds": 10.0, "faults": [], "kinds": {},
        "recovery": recovery, "revived": 0, "messages_harmed": 0, "broken": { "1": 2 },
        "verdict": {
            "accepted": 9, "definitions": { "a/b:1.0.0": { "completed": 7 } }, "lost": 2, "run_twice": 0,
            "results_twice": 0, "over_policy": 0, "both": 0, "wrong": 0,
            "breaches": [{ "promise": 1, "what": "r is gone" }],
        },
    });
    fs::write(stand.path("report"), report.to_string()).unwrap();
    let Some(rig) = Rig::start(stand.config()).await else { return };
    let started = rig.post("/v1/chaos", &json!({ "for": "10s" })).await;
    let trial = ended(&rig, started.json["id"].as_str().unwrap()).await;
    let verdict = &trial["verdict"];
    assert_eq!(
        (&trial["status"], &verdict["kept"]),
        (&json!("completed"), &json!(false)),
        "{trial}"
    );
    assert_eq!((&verdict["lost"], &verdict["completed"]), (&json!(2), &json!(7)));
    assert_eq!(verdict["recovery"], recovery);
    assert_eq!(verdict["broken"], json!([{ "promise": 1, "times": 2 }]));
    assert_eq!(trial["seed"], started.json["seed"], "a new one, which is said at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn why_there_is_no_verdict_is_said() {
    let stand = Stand::new(FAILS);
    let Some(rig) = Rig::start(stand.config()).await else { return };
    let started = rig.post("/v1/chaos", &json!({ "for": "10s" })).await;
    let trial = ended(&rig, started.json["id"].as_str().unwrap()).await;
    assert_eq!(
        (&trial["status"], &trial["why"]),
        (&json!("failed"), &json!("kintsugi: no nats-server")),
        "{trial}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_ends_with_its_gateway_and_the_next_one_tells_of_it() {
    let stand = Stand::new(STAYS);
    let Some(rig) = Rig::start(stand.config()).await else { return };
    let started = rig.post("/v1/chaos", &json!({ "for": "10s" })).await;
    let id = started.json["id"].as_str().unwrap();
    eventually("it runs", async || stand.path("args").exists()).await;
    rig.shutdown.cancel();
    rig.gateway.await.unwrap();
    assert!(stand.path("ended").exists(), "its input has ended");
    // One of a gateway that had no time to say so.
    let killed = "0190".to_owned() + &"a".repeat(28);
    let mut record = started.json.clone();
    record["id"] = json!(killed);
    fs::write(stand.path(&format!("chaos/{killed}.json")), record.to_string()).unwrap();
    fs::create_dir(stand.path(&format!("chaos/{killed}"))).unwrap();
    let Some(rig) = Rig::start(stand.config()).await else { return };
    for (id, word) in [(id, "stopped"), (&killed, "ended")] {
        let trial = rig.get(&format!("/v1/chaos/{id}")).await.json;
        assert_eq!(trial["status"], "interrupted", "{trial}");
        assert!(trial["why"].as_str().unwrap().contains(word), "{trial}");
    }
    assert!(!stand.path(&format!("chaos/{killed}")).exists());
}
