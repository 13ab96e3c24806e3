//! `kintsugi worker exec`: what the end of a program means, and what mends the death of either.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic")]

use std::{path::Path, process::Command, time::Duration};

use kintsugi_tests::{Engine, Shape, Tool, eventually, signal, tool};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);

const SCRIPT: &str = r#"
document: {dsl: '1.0.3', namespace: test, name: script, version: '1.0.0'}
do:
  - run: {call: script, with: {script: '${ .script }'},
      metadata: {kintsugi: {retry: {initial_interval: 50ms, maximum_attempts: 3}}}}
"#;

/// Executes the shell script in the input. Scripts have neither quotation marks nor backslashes.
const PROGRAM: &str = r#"sed -n 's/.*"script":"\([^"]*\)".*/\1/p' | sh"#;

struct Suite {
    engine: Engine,
}

impl Suite {
    async fn begin() -> Option<Self> {
        let mut engine = Engine::start(Shape::Dev, &[]).await?;
        engine.client.define(SCRIPT).await;
        let program = tool(Tool::Kintsugi)?;
        let args = ["worker", "exec", "script", "--concurrency", "2", "--nats-url"];
        let mut args: Vec<String> = args.map(str::to_owned).to_vec();
        args.extend([engine.nats_url(), "--".to_owned(), "sh".to_owned(), "-c".to_owned()]);
        args.push(PROGRAM.to_owned());
        for name in ["exec-1", "exec-2"] {
            engine.spawn_program(name, &program, &args);
        }
        Some(Self { engine })
    }

    async fn start(&self, script: &str) -> String {
        self.engine.client.start("test/script:1.0.0", json!({ "script": script })).await
    }

    async fn run(&self, script: &str) -> Value {
        self.engine.client.ended(&self.start(script).await, SOON).await
    }
}

fn attempts(run: &Value) -> usize {
    run["tasks"][0]["attempts"].as_array().map_or(0, Vec::len)
}

/// What a script writes into a file, once it has.
async fn written(file: &Path) -> u32 {
    eventually("the program runs", SOON, || async {
        std::fs::read_to_string(file).ok()?.trim().parse().ok()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_program_decides() {
    let Some(suite) = Suite::begin().await else { return };
    for (script, output) in [
        ("echo [1,2]", json!([1, 2])),
        ("echo plain text", json!("plain text")),
        ("true", json!(null)),
        ("echo 1; echo 2", json!("1\n2")),
        ("echo $KINTSUGI_EPOCH", json!(1)),
        // A program need not read its input, and what it leaves behind ends with it.
        ("exec < /dev/null; sleep 60 & echo fine", json!("fine")),
    ] {
        let ended = suite.run(script).await;
        assert_eq!(
            (&ended["status"], &ended["output"]),
            (&json!("completed"), &output),
            "{script}: {ended}"
        );
        assert_eq!(attempts(&ended), 1, "{script}");
    }
    // What does not fit a message goes as a payload.
    let large = suite.run("yes | head -c 3000000").await;
    assert_eq!(large["status"], "completed", "{large}");
    assert_eq!(large["output"]["$payload"]["bytes"], 4_500_000, "{large}");
    for (script, count, text) in [
        ("exit 3", 3, "exited with 3"),
        ("exit 65", 1, "exited with 65"),
        ("exit 78", 1, "exited with 78"),
        ("echo no money >&2; exit 1", 3, "no money"),
        ("kill -9 $$", 3, "137"),
        ("kill -9 $PPID", 3, "killed by signal 9"),
        ("yes | head -c 70000000", 1, "more than"),
        ("head -c 200 /dev/urandom", 1, "neither JSON nor UTF-8"),
    ] {
        let ended = suite.run(script).await;
        assert_eq!(ended["status"], "faulted", "{script}: {ended}");
        assert_eq!(attempts(&ended), count, "{script}: {ended}");
        let detail = ended["error"]["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(text), "{script}: {detail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_death_of_a_program_or_of_its_worker_is_mended() {
    let Some(mut suite) = Suite::begin().await else { return };
    let folder = tempfile::tempdir().unwrap();
    // The first attempt says who it is and hangs; the second finds that and is done.
    let script = |file: &Path| {
        let file = file.display();
        format!("if test -s {file}; then echo mended; else echo $$ > {file}; sleep 60; fi")
    };
    let file = folder.path().join("program");
    let run = suite.start(&script(&file)).await;
    signal(written(&file).await, "KILL");
    let ended = suite.engine.client.ended(&run, SOON).await;
    assert_eq!((&ended["output"], attempts(&ended)), (&json!("mended"), 2), "{ended}");

    let file = folder.path().join("worker");
    let run = suite.start(&script(&file)).await;
    let program = written(&file).await;
    let pid = eventually("a worker holds the task", SOON, || async {
        let (_, found) = suite.engine.client.try_get("/v1/workers").await?;
        let holds = |worker: &&Value| worker["leases"].to_string().contains(&run);
        u32::try_from(found["items"].as_array()?.iter().find(holds)?["pid"].as_u64()?).ok()
    })
    .await;
    let victim = ["exec-1", "exec-2"].into_iter().find(|name| suite.engine.pid(name) == pid);
    suite.engine.kill(victim.unwrap());
    let ended = suite.engine.client.ended(&run, SOON).await;
    assert_eq!((&ended["output"], attempts(&ended)), (&json!("mended"), 2), "{ended}");
    let (_, recoveries) = suite.engine.client.get(&format!("/v1/recoveries?run={run}")).await;
    assert!(recoveries.to_string().contains("worker_dead"), "{recoveries}");
    // As docs/workers.md says, the program of the dead worker goes on by itself; its group ends here.
    let _ = Command::new("pkill").args(["-KILL", "-P", &program.to_string()]).status();
    let _ = Command::new("kill").args(["-KILL", &program.to_string()]).status();
}
