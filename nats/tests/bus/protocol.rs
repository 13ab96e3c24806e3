//! The documented protocol is the one that is spoken.

use std::{path::PathBuf, process::Stdio};

use kintsugi_core::{
    DeadLetterOutcome, Error, ErrorKind, FailedAttempt, Fault, Input, LossCause, RunId, Timestamp,
};
use kintsugi_nats::{
    Cancel, DeadLetterMessage, Heartbeat, Lease, LifeEvent, Limit, RunInput, Served, TargetCalls,
    TargetLimit, TypeLimit,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::support::{Dir, World, soon, task, world};

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/protocol");
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn schema(name: &str) -> jsonschema::Validator {
    let text = std::fs::read_to_string(format!("{DOCS}/{name}.schema.json")).unwrap();
    jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
}

/// The message fits the schema, and what the schema demands the reader demands.
fn fits<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(name: &str, message: &T) {
    let (schema, value) = (schema(name), serde_json::to_value(message).unwrap());
    let problems: Vec<_> = schema.iter_errors(&value).map(|error| error.to_string()).collect();
    assert!(problems.is_empty(), "{name}: {problems:?}");
    assert_eq!(&serde_json::from_value::<T>(value.clone()).unwrap(), message);
    for key in value.as_object().into_iter().flat_map(|fields| fields.keys()) {
        let mut less = value.clone();
        less.as_object_mut().unwrap().remove(key);
        if serde_json::from_value::<T>(less.clone()).is_err() {
            assert!(!schema.is_valid(&less), "{name}: the schema should demand {key}");
        }
    }
}

fn told(input: Input) -> RunInput {
    RunInput { run: RunId::parse("r").unwrap(), input }
}

#[test]
fn inputs_fit_their_schema() {
    let (task, epoch, worker, at) = (1, 2, "w".to_owned(), Timestamp(3));
    let (kind, status) = (Some("https://example.com/e".to_owned()), Some(503));
    let fault =
        Fault { message: "m".to_owned(), kind, status, fatal: true, retry_after_ms: Some(5) };
    let all = [
        Input::Start,
        Input::Tick,
        Input::Cancel { reason: Some("r".to_owned()) },
        Input::Redrive { task, epoch, input: Some(json!({})) },
        Input::Started { task, epoch, worker: worker.clone(), at },
        Input::Completed {
            task,
            epoch,
            output: json!([1]),
            worker: worker.clone(),
            started_at: Some(at),
        },
        Input::Failed { task, epoch, fault, worker: worker.clone(), started_at: None },
        Input::Failed {
            task,
            epoch,
            fault: Fault::default(),
            worker: worker.clone(),
            started_at: None,
        },
        Input::Deferred {
            task,
            epoch,
            for_ms: 8_000,
            reason: "down".to_owned(),
            fault: Some(Fault::default()),
            by_hand: true,
            worker,
        },
        Input::Lost {
            task,
            epoch,
            cause: LossCause::Redelivered,
            worker: None,
            seen_at: at,
            blamed: None,
        },
        Input::Lost {
            task,
            epoch,
            cause: LossCause::MessageLost,
            worker: None,
            seen_at: at,
            blamed: None,
        },
    ];
    for input in all.clone() {
        fits("event", &told(input));
    }
    fits("event", &all.map(told).to_vec());
    let schema = schema("event");
    for bad in [json!({}), json!({ "run": "a.b", "input": { "kind": "tick" } }), json!("x")] {
        assert!(!schema.is_valid(&bad), "{bad}");
    }
}

#[test]
fn signs_fit_their_schemas() {
    let at = Timestamp(5);
    let limit = TypeLimit {
        task_type: "greet".to_owned(),
        slots: 1,
        once: Some(7),
        reason: "r".to_owned(),
    };
    let target = TargetLimit {
        target: "shop.example:443".to_owned(),
        slots: 0,
        once: Some(7),
        for_ms: Some(60_000),
        by_hand: true,
        reason: "r".to_owned(),
    };
    fits("limit", &Limit { for_ms: 5_000, types: vec![limit], targets: vec![target] });
    fits("cancel", &Cancel { task: "r:1".to_owned(), epoch: 1 });
    let progress = Some(json!(0.5));
    let heartbeat = Heartbeat {
        worker: "w".to_owned(),
        incarnation: "i".to_owned(),
        pid: 1,
        host: "h".to_owned(),
        version: "0.1.0".to_owned(),
        types: vec![Served::new("default", "greet")],
        concurrency: 4,
        started_at: at,
        at,
        targets: vec![TargetCalls {
            target: "shop.example:443".to_owned(),
            well: 7,
            badly: 1,
            fresh: 1,
            busy_until: Some(at),
            limit: Some(0),
            limit_reason: Some("r".to_owned()),
        }],
        leases: vec![Lease {
            task: "r:1".to_owned(),
            epoch: 1,
            since: at,
            crashes: 0,
            progress,
            progress_at: Some(at),
        }],
        stopping: false,
    };
    fits("heartbeat", &heartbeat);
}

#[test]
fn messages_fit_their_schemas() {
    let (run, at) = (RunId::parse("r").unwrap(), Timestamp(5));
    let mut message = task("r", 1, 1);
    fits("task", &message);
    message.traceparent = Some(TRACE.to_owned());
    fits("task", &message);
    let error = Error::new(ErrorKind::Communication, "/do/0/a", "no answer");
    let lost = Some(LossCause::WorkerDead);
    let attempts = vec![
        FailedAttempt { epoch: 1, worker: None, started_at: None, ended_at: at, error: None, lost },
        FailedAttempt {
            epoch: 2,
            worker: Some("w".to_owned()),
            started_at: Some(at),
            ended_at: at,
            error: Some(error.clone()),
            lost: None,
        },
    ];
    let letter = DeadLetterMessage {
        id: "r:1:2".to_owned(),
        run: run.clone(),
        task: 1,
        epoch: 2,
        definition: "shop/order:1.0.0".to_owned(),
        pointer: "/do/0/a".to_owned(),
        task_type: "greet".to_owned(),
        queue: "default".to_owned(),
        input: Value::Null,
        error,
        failures: 1,
        crashes: 1,
        at,
        outcome: DeadLetterOutcome::Park,
        attempts,
        traceparent: Some(TRACE.to_owned()),
    };
    fits("dead-letter", &letter);
    let definition = kintsugi_core::DefinitionRef::parse("shop/order:1.0.0").unwrap();
    let id = "r/1".to_owned();
    fits("life-event", &LifeEvent::new(&definition, &run, "task.retried", id, at, json!({})));
}

#[expect(clippy::disallowed_methods, reason = "tests are told where programs are")]
fn nats_cli() -> Option<PathBuf> {
    let tools = concat!(env!("CARGO_MANIFEST_DIR"), "/../.cache/tools");
    let cached = std::fs::read_dir(tools).into_iter().flatten().flatten();
    let mut cached = cached.map(|entry| entry.path().join("nats"));
    let named = std::env::var("NATS_CLI_BIN").ok().map(PathBuf::from);
    let found = named.or_else(|| cached.find(|path| path.is_file()));
    if found.is_none() {
        assert!(std::env::var("CI").is_err(), "there is no nats command");
        eprintln!("SKIPPED: there is no nats command (set NATS_CLI_BIN)");
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worked_example_works() {
    let (Some(cli), Some(world)) = (nats_cli(), world().await) else { return };
    let World { bus, server, .. } = &world;
    let mut message = task("run-1", 3, 2);
    message.task_type = "greet".to_owned();
    bus.publish_tasks(&[vec![&(message, 1)]]).await.unwrap();

    let text = std::fs::read_to_string(format!("{DOCS}/README.md")).unwrap();
    let script = text.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let dir = Dir::new();
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", cli.parent().unwrap().display());
    let mut shell = tokio::process::Command::new("sh");
    shell.args(["-euc", script]).current_dir(&dir.0).stdin(Stdio::null()).env_clear();
    shell.env("PATH", path).env("HOME", &dir.0).env("NATS_URL", server.url());
    let ran = soon(shell.output()).await.unwrap();
    let said = [ran.stdout, ran.stderr].concat();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&said));

    let mut reader = bus.read_events(&[0], 1).await.unwrap();
    let delivery = soon(reader.next_batch(1)).await.unwrap().remove(0);
    let input = delivery.inputs.unwrap().remove(0);
    assert_eq!(input.run.as_str(), "run-1");
    let Input::Completed { task, epoch, output, .. } = input.input else { panic!("{input:?}") };
    assert_eq!((task, epoch, output), (3, 2, json!({ "greeting": "hello" })));
    let state = bus.queue_state("default", "greet").await.unwrap().unwrap();
    assert_eq!((state.pending, state.ack_pending), (0, 0));
    // A worker of ours goes on with the consumer that was made by hand.
    bus.task_consumer("default", "greet").await.unwrap();
}
