//! From the start of `kintsugi dev` to the result of its first run.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use kintsugi_tests::{Client, Tool, signal, tool};
use serde_json::{Value, json};

use crate::{row::Row, work};

const PATIENCE: Duration = Duration::from_secs(60);

/// Starts the engine `times` times in a folder that has been used before, and in empty ones. The
/// files of program and libraries are in the kernel's memory: it was started before.
pub(crate) async fn startup(times: usize) -> Vec<Row> {
    let (kintsugi, nats) = (tool(Tool::Kintsugi).unwrap(), tool(Tool::NatsServer).unwrap());
    let start = async |folder: &Path| first_run(&kintsugi, &nats, folder).await;
    let used = tempfile::tempdir().unwrap();
    start(used.path()).await;
    let (mut warm, mut cold) = (Vec::new(), Vec::new());
    for _ in 0..times {
        warm.push(start(used.path()).await);
        cold.push(start(tempfile::tempdir().unwrap().path()).await);
    }
    let row = |what: &str, of: Vec<(Duration, Duration)>| {
        let (ready, taken): (Vec<_>, Vec<_>) = of.into_iter().unzip();
        let slowest = ready.iter().max().copied().unwrap_or_default();
        let note = format!(
            "`kintsugi dev`, {what}: from its start to the first run's result; ready after {slowest:.0?} at most"
        );
        let work = format!("start, {what}");
        Row { note, ..Row::new(work, "sqlite") }.with_durations(taken)
    };
    vec![row("files there", warm), row("empty folder", cold)]
}

/// How long it took until the ready file was there, and until the first run's result was.
async fn first_run(kintsugi: &Path, nats: &Path, folder: &Path) -> (Duration, Duration) {
    let ready = folder.join("ready.json");
    let log = fs::File::create(folder.join("dev.log")).unwrap();
    let began = Instant::now();
    let child = Command::new(kintsugi)
        .args(["dev", "--http", "127.0.0.1:0", "--nats", "127.0.0.1:0"])
        .arg("--data")
        .arg(folder.join("data"))
        .arg("--ready-file")
        .arg(&ready)
        .args(["--set", &format!("nats.server_binary={}", nats.display())])
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let engine = Running(child);
    let http = loop {
        // It appears whole, by a rename.
        if let Ok(text) = fs::read(&ready) {
            let ready: Value = serde_json::from_slice(&text).unwrap();
            break ready["http"].as_str().unwrap().to_owned();
        }
        assert!(began.elapsed() < PATIENCE, "`kintsugi dev` is not ready");
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    let is_ready = began.elapsed();
    let client = Client::new(&http);
    // A folder that was used before knows it; registering it again changes nothing.
    client.define(&work::built_in("first")).await;
    let run = client.start("bench/first:1.0.0", json!({})).await;
    let (status, answer) = client.get(&format!("/v1/runs/{run}/result?wait=30s")).await;
    let taken = began.elapsed();
    assert_eq!(status, 200, "the first run does not end: {answer}");
    drop(engine);
    (is_ready, taken)
}

/// An engine that is stopped in good order.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        signal(self.0.id(), "TERM");
        let deadline = Instant::now() + Duration::from_secs(20);
        while matches!(self.0.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
