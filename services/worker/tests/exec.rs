//! Any program as a worker.

mod harness;

use harness::{Engine, Running, eventually, fault, output, run};
use kintsugi_core::Input;
use kintsugi_nats::{Cancel, Options};
use kintsugi_worker::exec::{self, ExecOptions};
use serde_json::json;

fn options(nats_url: &str, program: &[&str]) -> ExecOptions {
    ExecOptions {
        nats: Options { url: nats_url.to_owned(), ..Options::default() },
        task_type: "sh".to_owned(),
        queue: "default".to_owned(),
        concurrency: 4,
        env: Vec::new(),
        program: program.iter().map(|one| (*one).to_owned()).collect(),
    }
}

async fn serve(engine: &Engine, script: &str) -> Running {
    let options = options(&engine.url(), &["sh", "-c", script]);
    run(exec::worker(options).await.expect("a worker"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_a_worker() {
    let Some(mut engine) = Engine::start().await else { return };
    let script = r#"
        read -r input
        case "$input" in
            *echo*) echo "$input" ;;
            *env*) env | cut -d= -f1 | sort | tr '\n' ' ' ;;
            *who*) echo "$KINTSUGI_TASK $KINTSUGI_RUN $KINTSUGI_EPOCH $KINTSUGI_IDEMPOTENCY_KEY" ;;
            *again*) echo "not yet" >&2; exit 1 ;;
            *never*) echo "bad data" >&2; exit 65 ;;
            *large*) head -c 70000000 /dev/zero | tr '\0' 'x' ;;
            *behind*) sleep 600 & echo '"done"' ;;
            *deaf*) exec <&-; exit 0 ;;
        esac"#;
    let worker = serve(&engine, script).await;
    assert_eq!(output(engine.ask("sh", json!({"echo": 1})).await), json!({"echo": 1}));
    let names = output(engine.ask("sh", json!("env")).await);
    let names = names.as_str().unwrap();
    let known = ["PATH", "HOME", "LANG", "PWD", "OLDPWD", "SHLVL", "_", "TRACEPARENT"];
    for name in names.split_whitespace() {
        assert!(known.contains(&name) || name.starts_with("KINTSUGI_"), "{name}");
    }
    assert!(names.contains("TRACEPARENT"));
    assert_eq!(output(engine.ask("sh", json!("who")).await), json!("run-3:1 run-3 1 run-3:1"));
    let again = fault(engine.ask("sh", json!("again")).await);
    assert_eq!((again.fatal, &*again.message), (false, "the program exited with 1: not yet"));
    assert!(fault(engine.ask("sh", json!("never")).await).fatal);
    assert!(fault(engine.ask("sh", json!("large")).await).message.contains("67108864 bytes"));
    assert_eq!(output(engine.ask("sh", json!("behind")).await), json!("done"));
    let long = json!(["deaf", "x".repeat(300_000)]);
    assert_eq!(output(engine.ask("sh", long).await), json!(null));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_ends_with_its_attempt_and_all_it_started() {
    let Some(mut engine) = Engine::start().await else { return };
    let pids = engine.folder.0.join("pids");
    // The first process ignores SIGTERM; its child does not know of it.
    let script = format!(
        "trap '' TERM; sleep 600 & echo $$ $! > {0}.new; mv {0}.new {0}; wait; sleep 600",
        pids.display()
    );
    let worker = serve(&engine, &script).await;
    let task = engine.task("sh", json!({}));
    engine.give(&task).await;
    eventually("the program runs", || pids.exists()).await;
    let started: Vec<String> =
        std::fs::read_to_string(&pids).unwrap().split_whitespace().map(str::to_owned).collect();
    assert_eq!(started.len(), 2);
    engine.bus.cancel(&[Cancel { task: task.task, epoch: 1 }]).await.unwrap();
    while matches!(engine.said().await.input, Input::Started { .. }) {}
    let is_gone = |pid: &String| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // A zombie is gone, but for whoever should wait for it.
        stat.is_empty() || stat.contains(") Z ")
    };
    eventually("both processes are gone", || started.iter().all(is_gone)).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_program_that_is_not_there_is_refused_at_once() {
    let options = options("nats://127.0.0.1:1", &["no-such-program"]);
    let refused = exec::worker(options).await;
    assert!(matches!(refused, Err(kintsugi_worker::Error::NoProgram(_))));
}
