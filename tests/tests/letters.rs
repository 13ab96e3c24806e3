//! Many dead letters of one cause are redriven together: a few first, then all, each once, whatever is killed
//! meanwhile; and no further than a cause that is not mended.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::{path::Path, time::Duration};

use kintsugi_tests::{Engine, Shape, Tool, check_promises, eventually, tool};
use serde_json::{Value, json};
use tokio::time::Instant;

const SOON: Duration = Duration::from_secs(90);

const DEFINITION: &str = r#"
document: {dsl: '1.0.3', namespace: test, name: frail, version: '1.0.0'}
do:
  - charge: {call: charge, with: {card: '${ .card }', amount: '${ .amount }'},
      metadata: {kintsugi: {retry: {initial_interval: 10ms, maximum_attempts: 1}}}}
"#;

/// Letters of the large group. More by hand: `LETTERS=2000`.
const LETTERS: usize = 200;

/// Gives back its input, and fails while the file `down` is there.
fn program(folder: &Path) -> String {
    format!("if test -e {}/down; then exit 1; fi; cat", folder.display())
}

struct Rig {
    engine: Engine,
    folder: tempfile::TempDir,
    accepted: Vec<String>,
}

impl Rig {
    async fn start(shape: Shape) -> Option<Self> {
        // A type that fails everywhere is given out hardly ever, by its circuit: not what is tested here.
        let flags = ["--set", "failure_detector.circuits=false"];
        let mut engine = Engine::start(shape, &flags).await?;
        let kintsugi = tool(Tool::Kintsugi)?;
        engine.client.define(DEFINITION).await;
        let folder = tempfile::tempdir().unwrap();
        let url = engine.nats_url();
        let args = ["worker", "exec", "charge", "--concurrency", "16", "--nats-url", &url, "--"];
        let mut args: Vec<String> = args.map(str::to_owned).to_vec();
        args.extend(["sh".to_owned(), "-c".to_owned(), program(folder.path())]);
        engine.spawn_program("charge", &kintsugi, &args);
        Some(Self { engine, folder, accepted: Vec::new() })
    }

    fn down(&self) -> std::path::PathBuf {
        self.folder.path().join("down")
    }

    /// Starts so many runs, all of which die at their task.
    async fn die(&mut self, count: usize) -> Vec<String> {
        std::fs::write(self.down(), "").unwrap();
        let mut runs = Vec::new();
        for amount in 0..count {
            let input = json!({ "card": { "id": "old", "limit": 5 }, "amount": amount });
            runs.push(self.engine.client.start("test/frail:1.0.0", input).await);
        }
        for run in &runs {
            let ended = self.engine.client.ended(run, SOON).await;
            assert_eq!(ended["status"], "faulted", "{ended}");
        }
        self.accepted.extend(runs.iter().cloned());
        runs
    }

    /// The only group of open letters.
    async fn group(&self) -> Value {
        let (_, page) = self.engine.client.get("/v1/dead-letters/groups").await;
        assert_eq!(page["items"].as_array().unwrap().len(), 1, "{page}");
        page["items"][0].clone()
    }

    /// Redrives the only group.
    async fn redrive(&self, more: Value) -> Value {
        let mark = self.group().await["fingerprint"].clone();
        let mut body =
            json!({ "letters": { "fingerprint": mark }, "reason": "mended", "by": "ada" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, job) = self.engine.client.post("/v1/redrives", &body).await;
        assert!(status == 201 || status == 200, "{status}: {job}");
        job
    }

    async fn until(&self, job: &Value, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let path = format!("/v1/redrives/{}", job["id"].as_str().unwrap());
        let mut last = Value::Null;
        let began = Instant::now();
        while began.elapsed() < SOON {
            if let Some((_, job)) = self.engine.client.try_get(&path).await {
                if wanted(&job) {
                    return job;
                }
                last = job;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{what}: {last}");
    }

    async fn order(&self, job: &Value, order: &str) -> Value {
        let path = format!("/v1/redrives/{}/{order}", job["id"].as_str().unwrap());
        let (status, job) = self.engine.client.post(&path, &json!({ "by": "bob" })).await;
        assert_eq!(status, 200, "{job}");
        job
    }

    /// How often a run's history says that a task was redriven.
    async fn redriven(&self, run: &str) -> usize {
        let (_, page) = self.engine.client.get(&format!("/v1/runs/{run}/history?limit=200")).await;
        page.to_string().matches("task_redriven").count()
    }

    async fn redriven_all(&self, runs: &[String]) -> usize {
        let mut all = 0;
        for run in runs {
            all += self.redriven(run).await;
        }
        all
    }
}

async fn a_dry_run_changes_nothing(rig: &Rig, letters: usize) {
    let patch = json!({ "card": { "id": "new", "limit": null } });
    let preview = rig.redrive(json!({ "dry_run": true, "reason": null, "input": patch })).await;
    assert_eq!(preview["letters"], letters, "{preview}");
    assert_eq!(preview["kinds"].as_array().unwrap().len(), 1, "{preview}");
    let kind = &preview["kinds"][0];
    assert_eq!(
        (&kind["definition"], &kind["type"]),
        (&json!("test/frail:1.0.0"), &json!("charge"))
    );
    let example = &preview["examples"][0];
    assert_eq!(example["input"]["card"], json!({ "id": "old", "limit": 5 }), "{example}");
    assert_eq!(example["edited"]["card"], json!({ "id": "new" }), "{example}");
    let (_, page) = rig.engine.client.get("/v1/redrives").await;
    assert_eq!(page["items"], json!([]));
    assert_eq!(rig.group().await["open"], letters);
}

/// A cause that is not mended: one letter is tried, and the others are left alone.
async fn a_canary_that_dies_again_stops(rig: &Rig, runs: &[String]) {
    let job = rig.redrive(json!({ "rate": 1000 })).await;
    let job = rig.until(&job, "it stops", |job| job["status"] == "stopped").await;
    let counts = (&job["asked"], &job["failed"], &job["succeeded"], &job["total"]);
    assert_eq!(counts, (&json!(1), &json!(1), &json!(0), &json!(runs.len())), "{job}");
    assert!(job["why"].as_str().unwrap().contains("1 of 1 letters failed again"), "{job}");
    assert_eq!(rig.redriven_all(runs).await, 1, "the rest is untouched");
}

/// All are redriven with another input, each once, though the retry engine is killed again and again.
async fn each_is_asked_once_whatever_is_killed(rig: &mut Rig, runs: &[String]) {
    std::fs::remove_file(rig.down()).unwrap();
    let patch = json!({ "card": { "id": "new", "limit": null } });
    let before = rig.redriven_all(runs).await;
    let began = Instant::now();
    let job = rig.redrive(json!({ "rate": 40, "input": patch })).await;
    let victim = if rig.engine.shape == Shape::Dev { "dev" } else { "retry" };
    for part in 1..=5 {
        let wanted = u64::try_from(part * runs.len() / 6).unwrap();
        let what = format!("{wanted} are asked");
        rig.until(&job, &what, |job| job["asked"].as_u64().unwrap_or(0) >= wanted).await;
        rig.engine.kill_and_restart(victim);
        rig.engine.ready().await;
    }
    let job = rig.until(&job, "it completes", |job| job["status"] == "completed").await;
    println!(
        "{:?}: {} letters redriven in {:?}, with 5 kills",
        rig.engine.shape,
        runs.len(),
        began.elapsed()
    );
    let counts = (&job["asked"], &job["succeeded"], &job["failed"], &job["skipped"]);
    let all = json!(runs.len());
    assert_eq!(counts, (&all, &all, &json!(0), &json!(0)), "{job}");
    let stages: Vec<_> =
        job["changes"].as_array().unwrap().iter().map(|it| it["what"].as_str().unwrap()).collect();
    assert_eq!(stages, ["created", "stage ten", "stage all", "completed"]);
    for run in runs {
        let ended = rig.engine.client.ended(run, SOON).await;
        assert_eq!(ended["status"], "completed", "{ended}");
        assert_eq!(ended["output"]["card"], json!({ "id": "new" }), "{ended}");
    }
    assert_eq!(rig.redriven_all(runs).await, before + runs.len(), "each once");
    let (_, page) = rig.engine.client.get("/v1/dead-letters?status=open").await;
    assert_eq!(page["items"], json!([]));
}

/// A pause holds, a discard takes what is not asked yet, and what is asked is not discarded.
async fn pauses_and_discards_hold(rig: &mut Rig) {
    let runs = rig.die(60).await;
    std::fs::remove_file(rig.down()).unwrap();
    let job = rig.redrive(json!({ "rate": 10, "canary": false })).await;
    rig.until(&job, "some are asked", |job| job["asked"].as_u64().unwrap_or(0) >= 10).await;
    let paused = rig.order(&job, "pause").await;
    assert_eq!(paused["status"], "paused", "{paused}");
    let idle = rig.until(&job, "what was asked is decided", |job| job["undecided"] == 0).await;
    let asked = idle["asked"].as_u64().unwrap();
    // A second is ten letters.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let later = rig.until(&job, "it is there", |job| job["status"] == "paused").await;
    assert_eq!(later["asked"], asked, "{later}");
    let resumed = rig.order(&job, "resume").await;
    assert_eq!(resumed["status"], "running");
    rig.until(&job, "more are asked", |job| job["asked"].as_u64().unwrap_or(0) > asked).await;
    let mark = rig.group().await["fingerprint"].clone();
    let body = json!({ "letters": { "fingerprint": mark }, "reason": "sold" });
    let (status, discard) = rig.engine.client.post("/v1/discards", &body).await;
    assert_eq!(status, 201, "{discard}");
    let job = rig.until(&job, "it completes", |job| job["status"] == "completed").await;
    let discarded = discard["discarded"].as_u64().unwrap();
    println!("{:?}: {discarded} of 60 discarded while they were redriven", rig.engine.shape);
    assert_eq!(job["skipped"], discarded, "{job}");
    assert_eq!(job["succeeded"].as_u64().unwrap() + discarded, 60, "{job}");
    assert_eq!(rig.redriven_all(&runs).await as u64, job["succeeded"].as_u64().unwrap());
    let who: Vec<_> =
        job["changes"].as_array().unwrap().iter().map(|it| it["by"].clone()).collect();
    assert_eq!(who[1..3], [json!("bob"), json!("bob")], "{job}");
    let path = format!("/v1/redrives/{}/cancel", job["id"].as_str().unwrap());
    let (status, problem) = rig.engine.client.post(&path, &json!({})).await;
    assert_eq!((status.as_u16(), &problem["code"]), (409, &json!("redrive_over")));
}

async fn suite(shape: Shape) {
    let Some(mut rig) = Rig::start(shape).await else { return };
    #[expect(clippy::disallowed_methods, reason = "more letters are asked for by hand")]
    let letters = std::env::var("LETTERS").ok().and_then(|text| text.parse().ok());
    let letters = letters.unwrap_or(LETTERS);
    let runs = rig.die(letters).await;
    eventually("all letters are there", SOON, || async {
        let (_, page) = rig.engine.client.get("/v1/dead-letters/groups").await;
        (page["items"][0]["open"] == letters).then_some(())
    })
    .await;
    a_dry_run_changes_nothing(&rig, letters).await;
    a_canary_that_dies_again_stops(&rig, &runs).await;
    each_is_asked_once_whatever_is_killed(&mut rig, &runs).await;
    pauses_and_discards_hold(&mut rig).await;
    check_promises(&rig.engine, &rig.accepted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_letters_are_redriven_together_in_one_process() {
    suite(Shape::Dev).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_letters_are_redriven_together_in_seven_processes() {
    suite(Shape::Services).await;
}
