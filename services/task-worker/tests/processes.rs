//! Shells and scripts, as a workflow would run them.

#[path = "../../worker/tests/harness/mod.rs"]
mod harness;
mod service;

use std::{path::Path, time::Duration};

use harness::{Engine, eventually, fault, output};
use kintsugi_core::{Ability, Input, LossCause};
use kintsugi_nats::Cancel;
use kintsugi_task_worker::{Config, ProcessConfig};
use serde_json::{Value, json};

use service::Service;

fn config() -> Config {
    let processes = ProcessConfig {
        output_max: 10_000,
        memory_max: 200 << 20,
        grace: Duration::from_millis(300),
        ..ProcessConfig::default()
    };
    Config { abilities: Ability::ALL.into(), processes, ..Config::default() }
}

fn shell(command: &str) -> Value {
    json!({"process": {"command": command}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_has_its_arguments_and_nothing_of_the_workers() {
    let Some(mut engine) = Engine::start().await else { return };
    let service = Service::start(&engine, config()).await;
    let all = json!({
        "process": {
            "command": "input=$(cat); echo \"STDIN was: $input\"; echo \"ARGS are $1 $2\"; echo $FOO >&2; exit 3",
            "stdin": "Hello World", "arguments": ["Foo", 5], "environment": {"FOO": "bar"},
        },
        "return": "all",
    });
    let given = output(engine.ask("run-shell", all).await);
    let expected =
        json!({"code": 3, "stdout": "STDIN was: Hello World\nARGS are Foo 5", "stderr": "bar"});
    assert_eq!(given, expected);

    let environment = output(engine.ask("run-shell", shell("env | cut -d= -f1 | sort")).await);
    let own = "HOME KINTSUGI_EPOCH KINTSUGI_IDEMPOTENCY_KEY KINTSUGI_RUN KINTSUGI_TASK LANG PATH PWD TMPDIR TRACEPARENT";
    let names: Vec<&str> = environment
        .as_str()
        .unwrap()
        .lines()
        .filter(|name| !["OLDPWD", "SHLVL", "_"].contains(name))
        .collect();
    assert_eq!(names.join(" "), own);
    let place = output(engine.ask("run-shell", shell("echo x > file; pwd; ls")).await);
    let (folder, files) = place.as_str().unwrap().split_once('\n').unwrap();
    assert_eq!(files, "file");
    assert!(!Path::new(folder).exists(), "the folder is gone");

    let failed = fault(engine.ask("run-shell", shell("echo no >&2; exit 4")).await);
    assert_eq!((failed.message.as_str(), failed.fatal), ("the process exited with 4: no", false));
    let silent = json!({"process": {"command": "echo out; exit 5"}, "return": "code"});
    assert_eq!(output(engine.ask("run-shell", silent).await), json!(5));
    let none = json!({"process": {"command": "echo out"}, "return": "none"});
    assert_eq!(output(engine.ask("run-shell", none).await), Value::Null);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_run_in_their_language() {
    let Some(mut engine) = Engine::start().await else { return };
    let service = Service::start(&engine, config()).await;
    let example = r#"
        import { readFileSync } from 'node:fs';
        const stdin = readFileSync(process.stdin.fd, 'utf8');
        const [_, __, arg] = process.argv;
        console.log('stdin > ', stdin, arg, process.env.foo);
    "#;
    let script = |language: &str, code: &str| {
        json!({"process": {
            "language": language, "code": code, "stdin": "Hello", "arguments": ["hello"],
            "environment": {"foo": "bar"},
        }})
    };
    let given = output(engine.ask("run-script", script("javascript", example)).await);
    assert_eq!(given, json!("stdin >  Hello hello bar"));
    let common = "const fs = require('fs'); console.log(fs.existsSync(__filename))";
    assert_eq!(output(engine.ask("run-script", script("javascript", common)).await), json!("true"));
    let python = "import os, sys\nprint(sys.stdin.read(), sys.argv[1], os.environ['foo'])";
    let given = output(engine.ask("run-script", script("python", python)).await);
    assert_eq!(given, json!("Hello hello bar"));
    let raises = fault(engine.ask("run-script", script("python", "raise ValueError('odd')")).await);
    assert!(raises.message.contains("ValueError: odd"), "{}", raises.message);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_hold() {
    let Some(mut engine) = Engine::start().await else { return };
    let service = Service::start(&engine, config()).await;
    let talks = fault(engine.ask("run-shell", shell("yes")).await);
    assert!(talks.fatal && talks.message.contains("more than 10000 bytes"), "{talks:?}");
    let eats = json!({"process": {
        "language": "python", "code": "import time\nx = bytearray(400 << 20)\ntime.sleep(60)"}});
    let eats = fault(engine.ask("run-script", eats).await);
    assert!(eats.fatal && eats.message.contains("bytes of memory"), "{eats:?}");

    let folder = tempfile::tempdir().unwrap();
    let pids = folder.path().join("pids");
    let slow = format!("sleep 600 & echo $! > {0}; trap '' TERM; sleep 601", pids.display());
    let mut task = engine.task("run-shell", shell(&slow));
    task.start_to_close_ms = 1_500;
    engine.give(&task).await;
    let late = loop {
        match engine.said().await.input {
            Input::Started { .. } => {}
            other => break fault(other),
        }
    };
    assert_eq!(late.kind.as_deref(), Some("timeout"));
    gone(&pids).await;
    service.stop().await;
}

/// The process whose number stands in a file is gone.
async fn gone(file: &Path) {
    let pid = std::fs::read_to_string(file).expect("its number");
    let place = Path::new("/proc").join(pid.trim());
    eventually("the process is gone", || !is_alive(&place)).await;
}

fn is_alive(place: &Path) -> bool {
    let stat = std::fs::read_to_string(place.join("stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_ends_with_its_attempt() {
    let Some(mut engine) = Engine::start().await else { return };
    let service = Service::start(&engine, config()).await;
    let folder = tempfile::tempdir().unwrap();
    let pids = folder.path().join("pids");
    let slow = format!("sleep 600 & echo $! > {}; wait", pids.display());
    let task = engine.task("run-shell", shell(&slow));
    engine.give(&task).await;
    assert!(matches!(engine.said().await.input, Input::Started { .. }));
    eventually("it runs", || pids.exists()).await;
    engine.bus.cancel(&[Cancel { task: task.task, epoch: 1 }]).await.unwrap();
    let ended = engine.said().await.input;
    assert!(matches!(ended, Input::Lost { cause: LossCause::LeaseDropped, .. }), "{ended:?}");
    gone(&pids).await;

    // With nobody waiting, the task is done at once and the process goes on.
    let flag = folder.path().join("flag");
    let later = json!({
        "process": {"command": format!("sleep 0.5; touch {}", flag.display())},
        "await": false, "return": "none",
    });
    assert_eq!(output(engine.ask("run-shell", later).await), Value::Null);
    assert!(!flag.exists());
    eventually("it goes on", || flag.exists()).await;
    service.stop().await;
}

/// Killed with SIGKILL, a worker can do nothing for its processes; their guard does.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_ends_with_its_worker() {
    let Some(engine) = Engine::start().await else { return };
    let worker = service::Process::start(&engine);
    let folder = tempfile::tempdir().unwrap();
    let pids = folder.path().join("pids");
    let slow = format!("sleep 600 & echo $! > {}; wait", pids.display());
    engine.give(&engine.task("run-shell", shell(&slow))).await;
    eventually("it runs", || pids.exists() && std::fs::metadata(&pids).is_ok_and(|m| m.len() > 1))
        .await;
    drop(worker);
    gone(&pids).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_started_where_it_is_not_allowed() {
    let Some(mut engine) = Engine::start().await else { return };
    let service = Service::start(&engine, Config { abilities: [].into(), ..config() }).await;
    engine.give(&engine.task("run-shell", shell("true"))).await;
    let word = tokio::time::timeout(Duration::from_secs(1), engine.said()).await;
    assert!(word.is_err(), "nobody takes it: {word:?}");
    service.stop().await;
}

/// Not a test: the process that a test above starts.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a worker process for another test"]
async fn worker_process() {
    service::run_as_process(config()).await;
}
